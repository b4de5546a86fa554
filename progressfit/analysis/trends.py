"""Shapes of progress compared: forward validation, stacking, growth over time and forecasts."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.analysis.compare import compare
from progressfit.analysis.comparison import Comparison
from progressfit.analysis.heldout import forward_validation
from progressfit.analysis.outlook import outlook
from progressfit.analysis.predict import Prediction, predict_intervals
from progressfit.analysis.selection import better
from progressfit.analysis.stacking import Stacked, stacking_weights
from progressfit.analysis.trend_shapes import row_at, trend_forms
from progressfit.analysis.validation import Validation
from progressfit.dataset import Dataset, Record
from progressfit.growth import growth_rate
from progressfit.infer.optimise import check_key, fit, fitted_weights
from progressfit.infer.result import RESULTS, Draws, Fit
from progressfit.infer.sample import sample
from progressfit.model import Model
from progressfit.params import dimension

_SHARES = (0.25, 0.5, 0.75)
_ACCEPT = 0.99
# Up to so many parameters tempered particles take no longer than chains that are in doubt.
_FEW_PARAMETERS = 12


class RatePath(eqx.Module):
    """Growth rate of an effective input of a model at each of several dates, for one row; a function of one model."""

    record: Record
    dates: Any
    input: str = eqx.field(static=True)

    def __call__(self, model: Model) -> jax.Array:
        """Rates, natural log units a year, ``(k,)``."""
        return jax.vmap(lambda date: growth_rate(model, self.input, at=self.record.replace(date=date)))(self.dates)


class MeanRate(eqx.Module):
    """Mean growth rate over several dates; a function of one model. See :class:`RatePath`."""

    path: RatePath

    def __call__(self, model: Model) -> jax.Array:
        """Natural log units a year, a scalar."""
        return jnp.mean(self.path(model))


@dataclasses.dataclass(frozen=True)
class TrendShape:
    """One shape of progress.

    Attributes
    ----------
    name
        Of the shape.
    draws
        Its posterior.
    forward
        Log densities of later rows under posteriors of earlier ones.
    rates
        Growth rate at each of :attr:`Trends.dates` ``(k,)``: lower end, median and upper end, ``(3, k)``.
    forecast
        Predictions with intervals at these dates for the best row, inputs held.
    """

    name: str
    draws: Draws
    forward: Validation
    rates: np.ndarray
    forecast: Prediction


@dataclasses.dataclass(frozen=True)
class Trends:
    """Shapes of progress compared.

    Attributes
    ----------
    shapes
        By name, exponential first.
    comparison
        Leave-one-out scores, stacking weights, and the mean growth rate over the dates of the table.
    forward
        Stacking weights by the rows scored forward, in the order of ``shapes``.
    dates
        Half-yearly, to ``horizon`` years after the last date of the table, ``(k,)``.
    last
        Index of the last date of the table among them.
    cuts
        Dates before which rows were fitted and after which they were scored.
    dropped
        Number of later rows that none of the forward scores counts, as their density is not a number under some shape.
    horizon, level
        In years; coverage of intervals.
    """

    shapes: Mapping[str, TrendShape]
    comparison: Comparison
    forward: Stacked
    dates: np.ndarray
    last: int
    cuts: tuple[float, ...]
    dropped: int
    horizon: float
    level: float


def trends(
    point: Fit,
    data: Dataset,
    input: str = "compute",
    *,
    key: jax.Array,
    spec: Model | None = None,
    horizon: float = 5.0,
    cuts: Sequence[float] | None = None,
    draws: int = 500,
    starts: int = 32,
    level: float = 0.95,
) -> Trends:
    """Compare four shapes of progress by forward validation and stacking, and forecast with each.

    Parameters
    ----------
    point, data
        A fit of the law as it is, with proper priors, and its table.
    input
        The input whose efficiency the trend is of.
    key
        A JAX random key.
    spec
        The law as written; by default the prepared one of the fit.
    horizon
        How many years the forecasts reach beyond the last date.
    cuts
        Dates for the forward validation; by default those before which a quarter, a half and three quarters of the
        rows lie, as far as :func:`forward_cuts` has them.
    draws, starts
        Draws of each of four chains of each posterior, and starts of each fit.
    level
        Coverage of intervals.

    Raises
    ------
    ValueError
        If the law has no exponential trend for the input (see :func:`with_trend`), the table has no dates or none to
        cut it at, or no draw of some shape's posterior is certified.
    """
    require_x64()
    base = point.spec if spec is None else spec
    weights = np.asarray(fitted_weights(point, data))
    counted = data.take(weights > 0)
    forms = trend_forms(base, counted, input, horizon)
    at = forward_cuts(counted.records.columns["date"]) if cuts is None else tuple(cuts)
    ahead = outlook(point.model, counted, horizon, better(point.model, counted, input))
    dates = np.asarray(ahead.columns["date"])
    last = len(dates) - 1 - int(np.sum(dates > dates[-1] - horizon + 1e-9))
    path = RatePath(row_at(point.model, counted, input), jnp.asarray(dates), input)
    *keys, compare_key = jax.random.split(check_key(key), len(forms) + 1)
    found = {}
    for name, own in zip(forms, keys, strict=True):
        found[name] = _shape(name, forms[name], data, own, weights, at, ahead, path, draws, starts, level)
    within = MeanRate(RatePath(path.record, jnp.asarray(dates[: last + 1]), input))
    compared = compare(
        {name: one.draws for name, one in found.items()}, data, key=compare_key, of=within, level=level, refit=False
    )
    scored = np.stack([one.forward.log_density for one in found.values()], axis=1)
    held_out = next(iter(found.values())).forward.folds.held_out.any(axis=0) & (weights > 0)
    known, stack = stacked_forward(scored)
    for name, one in found.items():
        same = dataclasses.replace(one.forward, log_density=np.where(known, one.forward.log_density, np.nan))
        found[name] = dataclasses.replace(one, forward=same)
    dropped = int(np.sum(held_out & ~known))
    return Trends(found, compared, stack, dates, last, at, dropped, horizon, level)


def forward_cuts(date: Any, shares: Sequence[float] = _SHARES) -> tuple[float, ...]:
    """Quantiles of dates ``(n,)`` that have two rows before them, and a row between them and the next.

    Raises
    ------
    ValueError
        If there is none.
    """
    years = np.asarray(date, np.float64)
    found, end = [], np.inf
    for cut in np.unique(np.quantile(years, shares))[::-1]:
        if np.sum(years < cut) >= 2 and np.any((years >= cut) & (years < end)):
            found.append(float(cut))
            end = cut
    if not found:
        raise ValueError("too few rows, or too few different dates, to fit earlier rows and score later ones")
    return tuple(found[::-1])


def stacked_forward(scored: np.ndarray) -> tuple[np.ndarray, Stacked]:
    """Rows whose log density is a number under every shape ``(n,)``, and stacking weights by them.

    ``scored`` is ``(n, shapes)``. A density of 0 counts against the shape that gives it; under all of them, it says
    nothing about weights.

    Raises
    ------
    ValueError
        If no row is left.
    """
    known = ~np.isnan(scored).any(axis=1)
    telling = scored[known & np.isfinite(scored).any(axis=1)]
    if len(telling) == 0:
        raise ValueError("no later row has a log density under every shape, so forward scores cannot be compared")
    return known, stacking_weights(telling)


def _shape(
    name: str,
    form: Model,
    data: Dataset,
    key: jax.Array,
    weights: np.ndarray,
    cuts: tuple[float, ...],
    ahead: Record,
    path: RatePath,
    draws: int,
    starts: int,
    level: float,
) -> TrendShape:
    fit_key, sample_key, forward_key, new_key = jax.random.split(key, 4)
    counted = data.take(weights > 0)
    own = fit(form, data, key=fit_key, starts=starts, weights=weights)
    drawn = _drawn(own, data, sample_key, draws)
    forward = forward_validation(form, data, cuts, key=forward_key, draws=draws, starts=starts, weights=weights)
    rates = np.asarray(drawn.map(path))[drawn.ok]
    tails = [(1 - level) / 2, 0.5, (1 + level) / 2]
    forecast = predict_intervals(drawn, ahead, counted, key=new_key, level=level)
    return TrendShape(name, drawn, forward, np.nanquantile(rates, tails, axis=0), forecast)


def _drawn(point: Fit, data: Dataset, key: jax.Array, draws: int) -> Draws:
    """The posterior by no-U-turn chains; by tempered particles where these are in doubt and parameters are few."""
    found = sample(point.spec, data, key=key, point=point, draws=draws, target_accept=_ACCEPT)
    if found.result in (RESULTS.CONVERGED, point.result) or dimension(point.spec) > _FEW_PARAMETERS:
        return found
    return sample(point.spec, data, key=key, point=point, draws=draws, method="smc")
