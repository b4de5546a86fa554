"""The verb ``identify``: what a table says of each parameter and derived quantity, and what only the priors say."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import biject_to
from numpyro.distributions.transforms import ExpTransform, IndependentTransform

from progressfit._x64 import require_x64
from progressfit.analysis.identification_result import (
    DERIVED,
    ITSELF,
    LOGARITHM,
    PARAMETER,
    TRANSFORMED,
    Identifiability,
    Judged,
    Trade,
    verdict_of,
)
from progressfit.analysis.inputs import input_table
from progressfit.analysis.roles import roles
from progressfit.dataset import Dataset
from progressfit.growth import growth_rate
from progressfit.hyper import without_kinks
from progressfit.infer.constrained import Measure
from progressfit.infer.curvature import is_definite
from progressfit.infer.identification import NOT_IDENTIFIED, Identification
from progressfit.infer.kinks import has_kinks
from progressfit.infer.optimise import fit, fitted_weights
from progressfit.infer.points import map_values, stack_values
from progressfit.infer.profile import profile
from progressfit.infer.profile_result import Profile
from progressfit.infer.programs import draw_starts, prior_ranges
from progressfit.infer.quantity import measured, quantity_and_gradient
from progressfit.infer.result import Draws, Fit
from progressfit.infer.verdicts import likelihood_ratio
from progressfit.model import Model
from progressfit.noise import Laplace
from progressfit.params import coordinate_names, free_leaves, improper, unconstrain
from progressfit.prior_range import is_unbounded

_LEVEL, _PRIOR_DRAWS, _MOST_TRADES, _APART = 0.95, 4096, 3, 0.5
_NORMAL = 1.959963984540054


class _Known(NamedTuple):
    """Posterior of several quantities: spread, centre, and interval, each ``(k,)``."""

    spread: np.ndarray
    centre: np.ndarray
    low: np.ndarray
    high: np.ndarray


def identify(
    law: Fit | Model,
    data: Dataset,
    draws: Draws | None = None,
    *,
    of: Any = growth_rate,
    key: jax.Array | None = None,
    starts: int = 64,
    profiled: bool = True,
) -> Identifiability:
    """Say of every parameter and derived quantity whether the data or the prior determine it.

    Four views of one question: whether the inputs can be told apart in this table at all; the Fisher information of
    the likelihood in prior standard deviations and its weak directions; how far the posterior has contracted from the
    prior; and the profile likelihood.

    Parameters
    ----------
    law
        A fit, or a spec to be fitted first, for which ``key`` is needed.
    data
        The table.
    draws
        Draws from the posterior. Without them, or if none of them is certified, posterior variances are those of the
        normal approximation at the best optimum, which knows no other optimum.
    of
        Derived quantities: a function of one model that returns one number; a list of them; or words -> function.
    key, starts
        For the fit of a spec.
    profiled
        Whether to profile the first derived quantity (the longest part).

    Returns
    -------
    :class:`Identifiability`. Verdicts: "not at all" if it changes along a direction of which the likelihood says
    nothing (information below 1e-6 of the prior's); "prior only" if posterior and prior variance agree to 10% and
    their centres to half a prior standard deviation; "weakly" if the likelihood alone leaves it a larger variance than
    the prior does, or the posterior more than 10% of the prior's; else "identified".

    Raises
    ------
    ValueError
        If the table is not the one that was fitted, the draws are of another law, or a quantity is not one number.
    """
    require_x64()
    point = law if isinstance(law, Fit) else fit(law, data, key=key, starts=starts)
    weights = np.asarray(fitted_weights(point, data))
    inputs = input_table(point.spec, data, weights)
    if draws is not None and coordinate_names(draws.spec) != coordinate_names(point.spec):
        raise ValueError("these draws are of a law with other parameters; give draws of the law that was fitted")
    if draws is not None and draws.are_refits:
        raise ValueError(
            "these draws are bootstrap replicates, which say nothing of a prior's contraction; give draws of the "
            "posterior (pf.sample, pf.laplace), or leave them out"
        )
    quantities = _quantities(of, point)
    found, words = point.certificate.identification, roles(point.spec)
    covariance, source = _covariance(point)
    if draws is not None and not np.any(draws.ok):
        draws, source = None, f"{source} (none of {len(draws.ok)} draws is certified)"
    entries = _parameters(point, draws, words, covariance)
    entries += [_derived(point, draws, name, fn, covariance) for name, fn in quantities.items()]
    curve, refusal = None, ""
    if profiled and quantities:
        curve, refusal = _profile(point, data, *next(iter(quantities.items())), weights)
    return Identifiability(
        point=point,
        inputs=inputs,
        identification=found,
        roles=words,
        entries=tuple(entries),
        trades=_trades(found, words),
        source=source if draws is None else draws.kind,
        profile=curve,
        no_profile=refusal,
    )


def _quantities(of: Any, point: Fit) -> dict[str, Measure]:
    """Functions of a model by name, or by the words that the caller has for them."""
    if isinstance(of, Mapping):
        return {str(words): measured(fn, point)[1] for words, fn in of.items()}
    return dict(measured(fn, point) for fn in (of if isinstance(of, list | tuple) else [of]))


def _covariance(point: Fit) -> tuple[np.ndarray, str]:
    """Covariance of the unconstrained vector about the best optimum ``(d, d)``, and what it is in words."""
    hessian = point.optima[0].hessian
    if not has_kinks(point.spec) and is_definite(hessian):
        return np.linalg.inv(hessian), "normal approximation at the best fit"
    # A kink has no curvature: the prior's variance stands in for it.
    found, prior = point.certificate.identification, np.asarray(prior_ranges(point.spec).scale)
    own = np.where(np.isfinite(prior) & (point.stats["objective"] == "map"), 1.0, 0.0)
    precision = (found.directions * np.maximum(found.eigenvalues, 0.0)) @ found.directions.T + np.diag(own)
    words = "information at the best fit and the prior's variances"
    if not (np.isfinite(precision).all() and np.linalg.eigvalsh(precision)[0] > 0):
        return np.full_like(precision, np.inf), words
    return np.linalg.inv(precision) * np.outer(found.scale, found.scale), words


def _parameters(point: Fit, draws: Draws | None, words: tuple[str, ...], covariance: np.ndarray) -> list[Judged]:
    z, ranges = point.optima[0].z, prior_ranges(point.spec)
    prior, centre = np.asarray(ranges.scale), np.asarray(ranges.centre)
    if draws is None:
        known = _normal(z, np.sqrt(np.diag(covariance)))
        prior = np.where(point.stats["objective"] == "map", prior, np.nan)
    else:
        values = {path: np.asarray(value)[draws.ok] for path, value in draws.values.items()}
        drawn = np.asarray(jax.vmap(lambda one: unconstrain(draws.spec, one))(values))
        known = _drawn(drawn)._replace(spread=np.std(drawn, axis=0))
    found = _judged(coordinate_names(point.spec), words, PARAMETER, z, known, prior, centre, np.eye(len(z)), point)
    return [one._replace(coordinate=what) for one, what in zip(found, _coordinates(point.spec), strict=True)]


def _coordinates(spec: Model) -> list[str]:
    """What each entry of the unconstrained vector is of its parameter, ``(d,)``."""
    found = []
    for leaf in free_leaves(spec):
        transform = biject_to(leaf.prior.support)
        while isinstance(transform, IndependentTransform):
            transform = transform.base_transform
        bounded = LOGARITHM if isinstance(transform, ExpTransform) else TRANSFORMED
        found += [ITSELF if is_unbounded(leaf) else bounded] * leaf.size
    return found


def _derived(point: Fit, draws: Draws | None, name: str, fn: Measure, covariance: np.ndarray) -> Judged:
    at, gradient = quantity_and_gradient(point.spec, point.optima[0].z[None], np.zeros(len(point.optima[0].z)), fn)
    value, slope = np.asarray(at), np.asarray(gradient)
    if draws is None:
        known = _normal(value, np.sqrt(np.einsum("ij,jk,ik->i", slope, covariance, slope)))
    else:
        known = _drawn(np.asarray(draws.map(fn))[draws.ok][:, None])
    prior, centre = np.full(1, np.nan), np.full(1, np.nan)
    if not improper(point.spec) and (draws is not None or point.stats["objective"] == "map"):
        # Always the same draws: the range of a prior belongs to the law, as in prior_range.py.
        z = draw_starts(point.spec, jax.random.key(0), _PRIOR_DRAWS)
        of_prior = _drawn(np.asarray(map_values(fn, point.spec, stack_values(point.spec, z)))[:, None])
        prior, centre = of_prior.spread, of_prior.centre
    return _judged((name,), (name.replace("_", " "),), DERIVED, value, known, prior, centre, slope, point)[0]


def _normal(centre: np.ndarray, spread: np.ndarray) -> _Known:
    return _Known(spread, centre, centre - _NORMAL * spread, centre + _NORMAL * spread)


def _drawn(values: np.ndarray) -> _Known:
    """From draws ``(draws, k)``: half the central 68% range, the median and the central interval; NaN without any."""
    at = [(1 - _LEVEL) / 2, 0.158655, 0.5, 0.841345, (1 + _LEVEL) / 2]
    kept = np.where(np.isfinite(values), values, np.nan)
    points = np.full((len(at), kept.shape[1]), np.nan)
    some = np.isfinite(kept).any(axis=0)
    if some.any():
        points[:, some] = np.nanquantile(kept[:, some], at, axis=0)
    lowest, low, middle, high, highest = points
    return _Known((high - low) / 2, middle, lowest, highest)


def _judged(
    names: tuple[str, ...],
    words: tuple[str, ...],
    kind: str,
    value: np.ndarray,
    known: _Known,
    prior: np.ndarray,
    centre: np.ndarray,
    gradient: np.ndarray,
    point: Fit,
) -> list[Judged]:
    ratio, says = likelihood_ratio(gradient, point.certificate.identification)
    contraction = 1 - known.spread**2 / prior**2
    distance = np.abs(known.centre - centre) / prior
    return [
        Judged(
            name=names[k],
            words=words[k],
            kind=kind,
            coordinate=ITSELF,
            value=float(value[k]),
            error=float(known.spread[k]),
            low=float(known.low[k]),
            high=float(known.high[k]),
            prior=float(prior[k]),
            contraction=float(contraction[k]),
            likelihood_ratio=float(ratio[k]),
            verdict=verdict_of(str(says[k]), float(contraction[k]), float(distance[k])),
        )
        for k in range(len(names))
    ]


def _trades(found: Identification, words: tuple[str, ...]) -> tuple[Trade, ...]:
    """Correlations of estimates by the likelihood alone: the strongest, and those between trends."""
    if not np.isfinite(found.eigenvalues).all():
        return ()
    covariance = (found.directions / np.maximum(found.eigenvalues, NOT_IDENTIFIED)) @ found.directions.T
    root = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(root, root)
    pairs = [(i, j) for i in range(len(words)) for j in range(i)]
    trends = [all("progress" in words[k] for k in pair) for pair in pairs]
    listed = [Trade(words[j], words[i], float(correlation[i, j]), t) for (i, j), t in zip(pairs, trends, strict=True)]
    plain = sorted((t for t in listed if not t.trends), key=lambda t: -abs(t.correlation))
    return (*(t for t in listed if t.trends), *plain[:_MOST_TRADES])


def _profile(point: Fit, data: Dataset, name: str, fn: Measure, weights: np.ndarray) -> tuple[Profile | None, str]:
    """The profile likelihood, or why there is none: the fit without priors has to be certified first."""
    head = f"There is no profile likelihood of the {name.replace('_', ' ')}: "
    if isinstance(point.spec.noise, Laplace):
        return None, head + "Laplace noise has kinks."
    alone = point
    if point.stats["objective"] == "map":
        # Priors only supply starts here, so one with a kink may be exchanged for one without.
        spec = without_kinks(point.spec)
        alone = fit(spec, data, starts=_starts_about(point), weights=weights, objective="mle")
    if not alone.converged:
        return None, f"{head}by the likelihood alone the fit is not certified. {alone.result.value}"
    try:
        return profile(alone, data, fn, level=_LEVEL), ""
    except ValueError as error:
        return None, f"{head}{error}."


def _starts_about(point: Fit) -> dict[str, Any]:
    """All known optima, and half a prior standard deviation either way along each coordinate."""
    scale = prior_ranges(point.spec).finite_scale
    steps = _APART * np.concatenate([np.zeros((1, len(scale))), np.diag(scale), -np.diag(scale)])
    z = np.concatenate([optimum.z + steps for optimum in point.optima])
    return {path: np.asarray(value) for path, value in stack_values(point.spec, jnp.asarray(z)).items()}
