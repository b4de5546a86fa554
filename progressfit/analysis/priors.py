"""How far an answer hangs on the priors: derivatives, sweeps, and power scaling of the posterior."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from progressfit._x64 import require_x64
from progressfit.dataset import Dataset
from progressfit.hyper import WIDTH, hyper_parameters, with_hyper
from progressfit.infer.bootstrap import nearest_optimum
from progressfit.infer.implicit import derivatives_at
from progressfit.infer.optimise import check_key, fitted_weights
from progressfit.infer.points import map_values
from progressfit.infer.pointwise import log_likelihood, log_prior_by_leaf
from progressfit.infer.prepare import prepare
from progressfit.infer.programs import draw_starts
from progressfit.infer.quantity import measured
from progressfit.infer.refit import Changes, Refitted, known_optima, refit_around, stack_specs
from progressfit.infer.result import Draws, Fit
from progressfit.model import Model
from progressfit.params import free, improper, priors

_STARTS = 16
# Power scaling as Kallioinen et al. 2024 (arXiv 2107.14054) define it, and their threshold.
_ALPHAS = (0.99, 1.01)
SENSITIVE = 0.05
"""Above this power-scaling sensitivity a prior (or the likelihood) counts as informative."""


class HyperDerivative(NamedTuple):
    """How a quantity moves with one number inside a prior, the parameters refitted.

    Attributes
    ----------
    path, name
        The parameter, and the argument of its prior's family ("loc", "scale", "rate", ...).
    value
        The number, or the mean of the numbers where the prior has several.
    derivative
        Of the quantity, per unit of that number; all entries moved together where there are several.
    """

    path: str
    name: str
    value: float
    derivative: float


def prior_derivatives(point: Fit, data: Dataset, of: Any) -> tuple[HyperDerivative, ...]:
    """Exact derivative of a quantity with respect to every prior hyper-parameter, by implicit differentiation.

    Parameters
    ----------
    point
        A fit by ``objective="map"``; its best optimum is differentiated.
    data
        The table that was fitted.
    of
        A function of one model that returns one number, or the dotted path of a parameter.

    Returns
    -------
    One entry for each number inside each prior, in the order of the spec. Flat priors have none.

    Raises
    ------
    ValueError
        If the fit leaves the priors out, or its optimum has no derivatives.
    """
    require_x64()
    if point.stats["objective"] != "map":
        raise ValueError("this fit leaves the priors out (objective='mle'), so it does not depend on them")
    found = derivatives_at(point, data, of).hyper
    return tuple(
        HyperDerivative(path, name, float(np.mean(number)), float(np.sum(found[path][name])))
        for path, prior in priors(point.spec).items()
        for name, number in hyper_parameters(prior).items()
    )


def rescaled_priors(spec: Model, factor: float, paths: tuple[str, ...] = ()) -> Model:
    """The same spec with the priors of some parameters, all by default, wider by a factor.

    Families without a scale (uniform, gamma, beta) and flat priors stay as they are.
    """
    found = priors(spec)
    wider = {
        path: with_hyper(found[path], {WIDTH: np.asarray(hyper_parameters(found[path])[WIDTH]) * factor})
        for path in paths or found
        if WIDTH in hyper_parameters(found[path])
    }
    return free(spec, wider)


@dataclasses.dataclass(frozen=True)
class PriorSweep:
    """A quantity under several priors.

    Attributes
    ----------
    names
        Of the priors, ``m`` of them.
    value
        The quantity at the best fit under each, ``(m,)``; NaN where the fit is not certified.
    log_likelihood
        Weighted log likelihood of the linked response there, ``(m,)``.
    held_out
        Log density of the left-out row under the refit without it, mean over the rows, ``(m,)``; NaN if not asked for.
    ok
        Whether each fit, and each of its refits without a row, reached an optimum, ``(m,)``.
    mode
        Which optimum of the original fit each lies nearest to, ``(m,)``.
    """

    names: tuple[str, ...]
    value: np.ndarray
    log_likelihood: np.ndarray
    held_out: np.ndarray
    ok: np.ndarray
    mode: np.ndarray


def prior_sweep(
    point: Fit, data: Dataset, of: Any, specs: Mapping[str, Model], *, key: jax.Array, held_out: bool = True
) -> PriorSweep:
    """Refit under other priors of the same families: one compiled program for all of them.

    Parameters
    ----------
    point, data
        A fit and its table; the fit's optima are starts, besides draws of its prior.
    of
        A function of one model that returns one number, or the dotted path of a parameter.
    specs
        Name -> spec that differs from the fitted one in numbers only, such as the same law with another ``slope_sd``.
    key
        A JAX random key.
    held_out
        Whether to refit without each row under each prior too, which says what prior the data would choose.

    Raises
    ------
    ValueError
        If a spec differs in more than numbers, or the fit leaves the priors out.
    """
    require_x64()
    if point.stats["objective"] != "map":
        raise ValueError("this fit leaves the priors out (objective='mle'), so it does not depend on them")
    _, measure = measured(of, point)
    known = known_optima(point)
    drawn = known[:0] if improper(point.spec) else np.asarray(draw_starts(point.spec, check_key(key), _STARTS))
    prepared = [prepare(spec, data) for spec in specs.values()]
    found = refit_around(point, data, Changes(spec=stack_specs(prepared)), np.concatenate([known, drawn]))
    weights = np.asarray(fitted_weights(point, data))
    densities = log_likelihood(point.spec, found.values, data)
    score, ok = np.full(len(prepared), np.nan), found.ok
    if held_out:
        score, certified = _held_out(point, data, prepared, found, weights)
        ok = ok & certified
    return PriorSweep(
        tuple(specs),
        np.where(found.ok, map_values(measure, point.spec, found.values), np.nan),
        np.where(weights > 0, weights * densities, 0.0).sum(axis=1),
        score,
        ok,
        nearest_optimum(point, found.z),
    )


def _held_out(
    point: Fit, data: Dataset, specs: list[Model], found: Refitted, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean log density of left-out rows under each prior, and whether all refits reached an optimum, ``(m,)``."""
    count, rows = len(specs), np.flatnonzero(weights > 0)
    members = [spec for spec in specs for _ in rows]
    without = np.tile(weights * ~(np.arange(len(weights)) == rows[:, None]), (count, 1))
    known = np.broadcast_to(known_optima(point), (count, *known_optima(point).shape))
    starts = np.repeat(np.concatenate([found.z[:, None], known], axis=1), len(rows), axis=0)
    ends = refit_around(point, data, Changes(weights=without, spec=stack_specs(members), starts=starts))
    densities = log_likelihood(point.spec, ends.values, data).reshape(count, len(rows), -1)
    held = densities[:, np.arange(len(rows)), rows]
    return held.mean(axis=1), ends.ok.reshape(count, len(rows)).all(axis=1)


class PowerScaling(NamedTuple):
    """Power-scaling sensitivity of one quantity: how fast its posterior moves as a part of the density is powered.

    Attributes
    ----------
    name
        The quantity.
    prior, likelihood
        Gradient of the cumulative Jensen-Shannon distance with respect to log2 of the power; above .05 is informative.
    prior_of
        The same with the prior of one parameter powered alone, by path.
    verdict
        In words, by the threshold of .05 for both.
    """

    name: str
    prior: float
    likelihood: float
    prior_of: dict[str, float]
    verdict: str


def power_scaling(draws: Draws, data: Dataset, of: Any) -> tuple[PowerScaling, ...]:
    """Power-scaling diagnostics (Kallioinen et al. 2024) of a quantity and of every scalar parameter, by ArviZ.

    Parameters
    ----------
    draws
        Posterior draws, from :func:`progressfit.sample`.
    data
        The table that was fitted.
    of
        A function of one model that returns one number, or the dotted path of a parameter: the first entry.

    Raises
    ------
    ValueError
        If the draws are not of a posterior.
    """
    require_x64()
    if not draws.kind.startswith("posterior"):
        raise ValueError(f"power scaling needs draws of a posterior, from pf.sample; these are: {draws.kind}")
    name, measure = measured(of, draws.origin)
    weights = np.asarray(fitted_weights(draws.origin, data))
    rows = log_likelihood(draws.spec, draws.values, data)
    parts = log_prior_by_leaf(draws.spec, draws.values)
    scaled = _scaler(draws.chains)
    likelihood = scaled(np.where(weights > 0, weights * rows, 0.0).sum(axis=1))
    whole, single = scaled(sum(parts.values())), {path: scaled(part) for path, part in parts.items()}
    quantities = {name: np.asarray(draws.map(measure))} | {
        path: np.asarray(value) for path, value in draws.values.items() if np.ndim(value) == 1 and path != name
    }
    found = []
    for own, values in quantities.items():
        by = {path: sense(values) for path, sense in single.items()}
        prior, data_say = whole(values), likelihood(values)
        found.append(PowerScaling(own, prior, data_say, by, _verdict(prior, data_say)))
    return tuple(found)


def _scaler(chains: int) -> Callable[[Any], Callable[[np.ndarray], float]]:
    """From a log density of every draw ``(draws,)`` to the sensitivity of a quantity to its power."""
    from arviz_stats.base import array

    stats: Any = array.array_stats

    def prepared(log_density: Any) -> Callable[[np.ndarray], float]:
        split = np.reshape(np.asarray(log_density), (chains, -1))
        weights = []
        for alpha in _ALPHAS:
            found = np.exp(stats.power_scale_lw(split, alpha=alpha, axis=(0, 1)))
            weights.append(found / found.sum())

        def sense(values: np.ndarray) -> float:
            arrays = (np.reshape(values, (chains, -1)), *weights)
            return float(stats.power_scale_sense(*arrays, *_ALPHAS, chain_axis=0, draw_axis=1))

        return sense

    return prepared


def _verdict(prior: float, likelihood: float) -> str:
    if prior >= SENSITIVE and likelihood >= SENSITIVE:
        return "prior and data both move it, and may disagree"
    if prior >= SENSITIVE:
        return "the prior moves it, the data hardly do"
    return "the data move it" if likelihood >= SENSITIVE else "neither moves it much"
