"""Growth of every effective input, at a fit or over draws, with intervals: what results say first when printed."""

from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.compiled import compiled
from progressfit.growth import growth_rate
from progressfit.infer.curvature import hessian_covariance, normal_quantile
from progressfit.infer.verdicts import verdicts
from progressfit.model import Model, channels, mean_terms, reference_record
from progressfit.params import Values, bind, constrain
from progressfit.terms import AbstractInputTerm, AbstractTrend

if TYPE_CHECKING:
    from progressfit.infer.result import Draws, Fit


class Growth(NamedTuple):
    """Growth of one effective input, in natural log units a year.

    Attributes
    ----------
    input
        The input.
    rate
        At the best fit, or the median of certified draws.
    low, high
        Ends of the interval; NaN where there is none.
    not_positive
        Probability that the rate is not above 0; NaN without an interval.
    verdict
        Whether the data determine it: "identified", "weak" or "not identified".
    draws
        Number of draws behind it; 0 at a fit.
    """

    input: str
    rate: float
    low: float
    high: float
    not_positive: float
    verdict: str
    draws: int = 0


def growing_inputs(model: Model) -> tuple[str, ...]:
    """Inputs whose effective amount grows with the date: those that a trend augments, or all, if none is named."""
    if not channels(model):
        return ()
    terms = list(mean_terms(model))
    inputs = tuple(dict.fromkeys(term.input for term in terms if isinstance(term, AbstractInputTerm)))
    named = [term.augments for term in terms if isinstance(term, AbstractTrend)]
    return tuple(name for name in inputs if name in named) or inputs


def counts_one_progress(model: Model) -> bool:
    """Whether the growth of each input is the same progress, counted in that input, because no trend names its own."""
    return not any(term.augments for term in mean_terms(model) if isinstance(term, AbstractTrend))


def why_no_growth(model: Model) -> str | None:
    """Why growth is not taken at the law's references, if it has a trend; ``None`` if it is, or nothing grows."""
    if not growing_inputs(model):
        return None
    try:
        reference_record(model)
    except ValueError as error:
        return str(error)
    return None


@compiled("inputs")
def _at(spec: Model, z: jax.Array, inputs: tuple[str, ...]) -> tuple[jax.Array, jax.Array]:
    """Rates ``(k,)`` at an unconstrained vector and their derivatives ``(k, d)``."""

    def rates(z: jax.Array) -> jax.Array:
        model = bind(spec, constrain(spec, z)[0])
        return jnp.stack([growth_rate(model, name) for name in inputs])

    return rates(z), jax.jacfwd(rates)(z)


@compiled("inputs")
def _of_draws(spec: Model, values: Values, inputs: tuple[str, ...]) -> jax.Array:
    """Rates of every draw, ``(draws, k)``."""

    def rates(own: Values) -> jax.Array:
        model = bind(spec, own)
        return jnp.stack([growth_rate(model, name) for name in inputs])

    return jax.vmap(rates)(values)


def growth_of_fit(fit: "Fit", smooth: bool, level: float = 0.95) -> tuple[Growth, ...]:
    """Growth at the best optimum; the interval is that of a normal rate with the curvature's standard error.

    Parameters
    ----------
    fit
        A fit.
    smooth
        Whether its curvature says anything about spread; if not, there are no intervals.
    level
        Coverage.
    """
    require_x64()
    inputs = _usable_inputs(fit.model)
    if not inputs:
        return ()
    best = fit.optima[0]
    rates, slopes = (np.asarray(found) for found in _at(fit.spec, jnp.asarray(best.z), inputs=inputs))
    covariance = hessian_covariance(best.hessian) if smooth else np.full_like(best.hessian, np.nan)
    error = np.sqrt(np.einsum("ki,ij,kj->k", slopes, covariance, slopes))
    reach = normal_quantile((1 + level) / 2) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        below = np.asarray(jax.scipy.stats.norm.cdf(-rates / error))
    said = np.atleast_1d(verdicts(slopes, fit.certificate.identification))
    return tuple(
        Growth(
            name,
            float(rates[k]),
            float(rates[k] - reach[k]),
            float(rates[k] + reach[k]),
            float(below[k]),
            str(said[k]),
        )
        for k, name in enumerate(inputs)
    )


def growth_of_draws(draws: "Draws", level: float = 0.95) -> tuple[Growth, ...]:
    """Growth over certified draws: median, central interval, and the share of draws that do not grow."""
    require_x64()
    fit = draws.origin
    inputs = _usable_inputs(fit.model)
    if not inputs or not draws.ok.any():
        return ()
    rates = np.asarray(_of_draws(draws.spec, dict(draws.values), inputs=inputs))[draws.ok]
    _, slopes = _at(fit.spec, jnp.asarray(fit.optima[0].z), inputs=inputs)
    said = np.atleast_1d(verdicts(np.asarray(slopes), fit.certificate.identification))
    return tuple(_spread(name, rates[:, k], str(said[k]), level) for k, name in enumerate(inputs))


def _spread(name: str, rates: np.ndarray, verdict: str, level: float) -> Growth:
    finite = rates[np.isfinite(rates)]
    if len(finite) == 0:
        return Growth(name, np.nan, np.nan, np.nan, np.nan, verdict, len(rates))
    low, middle, high = np.quantile(finite, [(1 - level) / 2, 0.5, (1 + level) / 2])
    return Growth(name, float(middle), float(low), float(high), float(np.mean(~(rates > 0))), verdict, len(rates))


def _usable_inputs(model: Model) -> tuple[str, ...]:
    return () if why_no_growth(model) is not None else growing_inputs(model)
