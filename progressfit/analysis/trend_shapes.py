"""The shape of progress over time: exponential, with a break, saturating, or a random walk.

Each shape takes the place of every exponential trend that augments the subject's input, with priors made from that
trend's own: the other yearly rates have the prior of its rate.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import Distribution, HalfNormal, LogNormal, Normal, Uniform

from progressfit._x64 import require_x64
from progressfit.analysis.outlook import best_row, require_dates
from progressfit.analysis.selection import better
from progressfit.compiled import compiled
from progressfit.dataset import Dataset, Record
from progressfit.growth import growth_rate
from progressfit.infer.optimise import check_key, fitted_weights, prior_weight_of
from progressfit.infer.prepare import prepare
from progressfit.infer.programs import draw_starts
from progressfit.infer.refit import Changes, refit, stack_specs
from progressfit.infer.result import Fit
from progressfit.model import Model, mean_terms
from progressfit.params import bind, improper, priors, unconstrain
from progressfit.terms import (
    AbstractTrend,
    ExponentialProgress,
    PiecewiseProgress,
    RandomWalkProgress,
    SaturatingProgress,
)

EXPONENTIAL: Final = "exponential"
_WIDTH = 0.25  # years over which a break takes place
_TIMESCALE = 10.0  # median of the prior of a saturating trend's timescale, years
_STARTS = 8
_CLEAR = 12 * _WIDTH  # years from a break at which its rates are those far from it, to 1e-5
Shape = Callable[[ExponentialProgress], AbstractTrend]


def with_trend(spec: Model, input: str, shape: Shape) -> Model:
    """The same law with another shape in place of every exponential trend that augments an input.

    Parameters
    ----------
    spec
        A spec with such a trend.
    input
        The input.
    shape
        From the exponential trend, whose rate has a prior, to what takes its place.

    Raises
    ------
    ValueError
        If no trend augments the input, or one that does is not exponential with a prior on its rate.
    """
    trends = [term for term in mean_terms(spec) if isinstance(term, AbstractTrend) and term.augments == input]
    if not trends:
        raise ValueError(f"no trend of this law augments '{input}'")
    for trend in trends:
        if not isinstance(trend, ExponentialProgress) or not isinstance(trend.rate, Distribution):
            raise ValueError(f"the trend that augments '{input}' is not exponential with a prior on its rate")

    def is_trend(node: Any) -> bool:
        return isinstance(node, ExponentialProgress) and node.augments == input

    return jax.tree.map(lambda node: shape(node) if is_trend(node) else node, spec, is_leaf=is_trend)


def broken(change: Distribution | float) -> Shape:
    """Two yearly rates, before and after a date; see :class:`progressfit.terms.PiecewiseProgress`."""
    return lambda trend: PiecewiseProgress(trend.rate, trend.rate, change, width=_WIDTH, **_place(trend))


def saturating(timescale: Distribution | float | None = None, first: float | None = None) -> Shape:
    """A rate that falls towards 0; see :class:`progressfit.terms.SaturatingProgress`.

    Parameters
    ----------
    timescale
        Years in which the rate falls by a factor e, or a prior of them; ``LogNormal(ln 10, 1)`` by default.
    first
        The origin, a decimal year, at which the rate has its prior: that of the first row, as before its origin such a
        trend is steeper without limit. By default the trend's own. Moving it shifts all rows alike, which a constant
        of the law takes up.
    """
    prior = LogNormal(np.log(_TIMESCALE), 1.0) if timescale is None else timescale
    return lambda trend: SaturatingProgress(trend.rate, prior, **_place(trend, first))


def random_walk(first_year: int, years: int) -> Shape:
    """A drift with the prior of the rate, and innovations whose standard deviation is half-normal on its scale."""

    def shape(trend: ExponentialProgress) -> RandomWalkProgress:
        scale = HalfNormal(np.sqrt(np.asarray(trend.rate.variance, np.float64)))
        steps = Normal(0.0, 1.0).expand([years])
        return RandomWalkProgress(trend.rate, scale, steps, first_year=first_year, **_place(trend))

    return shape


def _place(trend: ExponentialProgress, origin: float | None = None) -> dict[str, Any]:
    return {
        "origin": trend.origin if origin is None else float(origin),
        "channel": trend.channel,
        "augments": trend.augments,
    }


def trend_forms(spec: Model, data: Dataset, input: str = "compute", horizon: float = 5.0) -> dict[str, Model]:
    """A law under four shapes of progress: as it is, with one break, saturating, and as a random walk.

    Parameters
    ----------
    spec, data
        The law as written, and the table, whose dates say where a break may be and which years need innovations.
    input
        The input whose exponential trends are replaced; see :func:`with_trend`.
    horizon
        Years after the last date that innovations of the random walk cover.

    Raises
    ------
    ValueError
        If the table has no dates; as :func:`with_trend`.
    """
    require_dates(data, "a comparison of trends")
    date = np.asarray(data.records.columns["date"], np.float64)
    first, last = int(np.floor(date.min())), int(np.floor(date.max() + horizon))
    return {
        EXPONENTIAL: with_trend(spec, input, lambda trend: trend),
        "one break": with_trend(spec, input, broken(Uniform(date.min(), date.max()))),
        "saturating": with_trend(spec, input, saturating(first=date.min())),
        "random walk": with_trend(spec, input, random_walk(first, last - first + 1)),
    }


@dataclasses.dataclass(frozen=True)
class Breaks:
    """A trend with one break at each of several dates.

    Attributes
    ----------
    dates
        Of the break, ``(m,)``.
    gain
        Log likelihood of the linked response above that of the law without a break, ``(m,)``; NaN where not certified.
    before, after
        Growth rate of the effective input long before and long after the break, ``(m,)``.
    ok
        Whether each refit reached an optimum, ``(m,)``.
    """

    dates: np.ndarray
    gain: np.ndarray
    before: np.ndarray
    after: np.ndarray
    ok: np.ndarray


def trend_breaks(
    point: Fit,
    data: Dataset,
    dates: Sequence[float],
    input: str = "compute",
    *,
    key: jax.Array,
    spec: Model | None = None,
) -> Breaks:
    """Refit with a break at each of several dates, in one compiled program, from the fit's optima and prior draws.

    Parameters
    ----------
    point, data
        A fit of the law without a break, and its table.
    dates
        Of the break, decimal years, ``(m,)``.
    input
        The input whose exponential trends are broken.
    key
        A JAX random key.
    spec
        The law as written; by default the prepared one of the fit.

    Raises
    ------
    ValueError
        If there is no date to try, or the table has none; as :func:`with_trend`.
    """
    require_x64()
    require_dates(data, "a break in a trend")
    if len(dates) == 0:
        raise ValueError("dates= is empty: give one date of a break at least")
    base = point.spec if spec is None else spec
    forms = [prepare(with_trend(base, input, broken(float(date))), data) for date in dates]
    weights, weight = np.asarray(fitted_weights(point, data)), prior_weight_of(point.stats["objective"])
    starts = np.stack([np.asarray(_lifted(forms[0], optimum.values)) for optimum in point.optima])
    if not improper(base):
        starts = np.concatenate([starts, np.asarray(draw_starts(forms[0], check_key(key), _STARTS))])
    specs = stack_specs(forms)
    found = refit(forms[0], starts, data, weights, Changes(spec=specs), weight)
    record = row_at(point.model, data.take(weights > 0), input)
    rows, before, after = _around(specs, found.values, data.bare(), record, jnp.asarray(dates, float), input=input)
    without = np.asarray(point.model.log_lik(data.bare()))
    gain = np.sum(np.where(weights > 0, weights * (np.asarray(rows) - without), 0.0), axis=1)
    gain, before, after = (np.where(found.ok, np.asarray(part), np.nan) for part in (gain, before, after))
    return Breaks(np.asarray(dates, np.float64), gain, before, after, found.ok)


def row_at(model: Model, data: Dataset, input: str) -> Record:
    """The row that a model predicts best, without names of levels, for rates as a function of the date."""
    record = data.bare().records
    return record.row(best_row(model, data, better(model, data, input)))


def _lifted(form: Model, values: dict[str, Any]) -> jax.Array:
    """An optimum of the law without a break in the coordinates of the law with one: both rates alike."""
    own = {path: values.get(path, values.get(path.replace(".later_rate", ".rate"))) for path in priors(form)}
    return unconstrain(form, own)


@compiled("input")
def _around(
    specs: Model, values: dict[str, Any], data: Dataset, record: Record, dates: jax.Array, input: str
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Log likelihoods ``(m, n)`` and growth rates before and after the break ``(m,)`` of a stack of specs."""

    def one(spec: Model, own: dict[str, Any], date: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        model = bind(spec, own)
        ends = [growth_rate(model, input, at=record.replace(date=date + years)) for years in (-_CLEAR, _CLEAR)]
        return model.log_lik(data), ends[0], ends[1]

    return jax.vmap(one)(specs, values, dates)
