"""Irreducible error: what no amount of compute, data or progress removes.

Labels are wrong for a percent or two of most benchmarks, and text has an entropy. Inside the range of a table a law
with such a floor is hard to tell from one without; outside it the two part. Both are shown.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Final, Literal

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import Beta, Distribution

from progressfit._x64 import require_x64
from progressfit.analysis.limits import CEILING, FLOOR, with_ceiling, with_irreducible_loss
from progressfit.analysis.outlook import best_row, outlook
from progressfit.analysis.predict import Extrapolation, Prediction, extrapolation, predict_intervals
from progressfit.analysis.selection import better
from progressfit.compiled import compiled
from progressfit.dataset import Dataset, Record
from progressfit.infer.bootstrap import nearest_optimum
from progressfit.infer.optimise import check_key, fit, fitted_weights, prior_weight_of
from progressfit.infer.prepare import prepare
from progressfit.infer.quantity import measured
from progressfit.infer.refit import Changes, known_optima, refit, stack_specs
from progressfit.infer.result import Draws, Fit
from progressfit.infer.sample import Method, sample
from progressfit.links import Log, Logit, Probit
from progressfit.model import Model
from progressfit.params import bind
from progressfit.terms import PositiveConstant, Product

Kind = Literal["ceiling", "loss"]

FRACTIONS: Final = tuple(np.round(np.linspace(0.0, 0.05, 11), 10))
"""Irreducible errors that are tried where the response is a fraction."""
SCENARIOS: Final = ("inputs held", "inputs growing")
"""What becomes of the inputs after the last date: nothing, or they grow on like those of the state of the art."""
SHARES: Final = tuple(np.round(np.linspace(0.0, 0.6, 7), 10))
"""Irreducible losses that are tried, as shares of the lowest loss of the table."""
_PRIOR_DRAWS = 20_000


@dataclasses.dataclass(frozen=True)
class FreeError:
    """The irreducible error as a parameter with a prior.

    Attributes
    ----------
    point, draws
        The fit and its posterior.
    prior
        ``(low, median, high)`` of the prior of the error, central interval of ``level``.
    error, value
        Of each draw: the irreducible error (as :attr:`IrreducibleError.errors`) and the quantity, ``(draws,)``.
    forecast
        Predictions with intervals, shapes ``(2, k)`` as in :attr:`IrreducibleError.forecast`.
    level
        Coverage of the intervals.
    """

    point: Fit
    draws: Draws
    prior: tuple[float, float, float]
    error: np.ndarray
    value: np.ndarray
    forecast: Prediction
    level: float

    def interval(self, values: np.ndarray) -> tuple[float, float, float]:
        """Lower end, median and upper end of draws, those that are not finite left out; NaN if none is left."""
        tail = (1 - self.level) / 2
        finite = values[np.isfinite(values)]
        if len(finite) == 0:
            return np.nan, np.nan, np.nan
        low, median, high = np.quantile(finite, [tail, 0.5, 1 - tail])
        return float(low), float(median), float(high)


@dataclasses.dataclass(frozen=True)
class IrreducibleError:
    """A quantity and its extrapolation under fixed irreducible errors.

    Attributes
    ----------
    kind
        "ceiling": the error lowers what the response can reach. "loss": it is added to it.
    errors
        Fixed irreducible errors, ``(m,)``.
    fraction
        Whether they are fractions of the response's own range; they are shares of ``lowest`` otherwise.
    lowest
        The lowest loss of the rows that count; 1 for fractions.
    value, log_likelihood
        The quantity, and the log likelihood of the response, at each best fit, ``(m,)``; NaN where not certified.
    ok, mode
        Whether each refit reached an optimum, and which optimum of the original fit it lies nearest to, ``(m,)``.
    fitted
        Predictions for the rows of the table, ``(m, n)``.
    dates, forecast
        Half-yearly dates ``(k,)`` to ``horizon`` years after the last of the table, and predictions there for the row
        that is predicted best, ``(m, 2, k)``: with its inputs held, and growing (:data:`SCENARIOS`).
    where
        Whether each of them lies in the fitted range, and how far outside, ``(2, k)``.
    best
        Index of that row.
    growth
        Of each input where inputs grow, natural log units a year.
    horizon
        In years.
    """

    kind: Kind
    errors: np.ndarray
    fraction: bool
    lowest: float
    value: np.ndarray
    log_likelihood: np.ndarray
    ok: np.ndarray
    mode: np.ndarray
    fitted: np.ndarray
    dates: np.ndarray
    forecast: np.ndarray
    where: Extrapolation
    best: int
    growth: dict[str, float]
    horizon: float

    @property
    def last(self) -> int:
        """Index among :attr:`dates` of the last date of the table."""
        return len(self.dates) - 1 - int(np.sum(self.dates > self.dates[-1] - self.horizon + 1e-9))


def irreducible_error(
    point: Fit,
    data: Dataset,
    of: Any,
    errors: Sequence[float] | None = None,
    *,
    input: str = "compute",
    spec: Model | None = None,
    horizon: float = 10.0,
) -> IrreducibleError:
    """Refit a law with irreducible errors fixed on a grid; one compiled program.

    Where the response is a fraction that rises with the input, the mean is multiplied by a ceiling
    (:func:`with_ceiling`). Where it falls, an irreducible loss is added (:func:`with_irreducible_loss`): for error
    rates in the same fractions, for losses as a share of the lowest of the table.

    Parameters
    ----------
    point, data
        A fit of the law without, and its table.
    of
        A function of one model that returns one number, or the dotted path of a parameter.
    errors
        The grid; :data:`FRACTIONS` or :data:`SHARES` by default.
    input
        An input that improves performance, which tells accuracies from losses.
    spec
        The law as written; by default the prepared one of the fit.
    horizon
        Years after the last date of the table to which predictions are extrapolated.

    Raises
    ------
    ValueError
        If the law has an irreducible error already, its response has no bound, or the table has no dates.
    """
    require_x64()
    base = point.spec if spec is None else spec
    weights, weight = np.asarray(fitted_weights(point, data)), prior_weight_of(point.stats["objective"])
    counted = data.take(weights > 0)
    direction = better(point.model, counted, input)
    kind, fraction, lowest = _kind(base, counted, direction)
    ahead = _both(point, counted, horizon, direction)
    grid = np.asarray((FRACTIONS if fraction else SHARES) if errors is None else errors, np.float64)
    forms = [prepare(_fixed(base, kind, float(error), lowest), data) for error in grid]
    specs = stack_specs(forms)
    found = refit(forms[0], known_optima(point), data, weights, Changes(spec=specs), weight)
    measure = measured(of, point)[1]
    value, rows, fitted, forecast = _answers(specs, found.values, data.bare(), _plain(ahead), of=measure)
    total = np.sum(np.where(weights > 0, weights * np.asarray(rows), 0.0), axis=1)
    return IrreducibleError(
        kind=kind,
        errors=grid,
        fraction=fraction,
        lowest=lowest,
        value=np.where(found.ok, np.asarray(value), np.nan),
        log_likelihood=np.where(found.ok, total, np.nan),
        ok=found.ok,
        mode=nearest_optimum(point, found.z),
        fitted=np.asarray(fitted),
        dates=np.asarray(ahead.columns["date"]).reshape(2, -1)[0],
        forecast=np.asarray(forecast).reshape(len(grid), 2, -1),
        where=Extrapolation(*(part.reshape(2, -1) for part in extrapolation(counted, ahead))),
        best=int(np.flatnonzero(weights > 0)[best_row(point.model, counted, direction)]),
        growth=_growth(ahead, horizon),
        horizon=horizon,
    )


def free_irreducible_error(
    point: Fit,
    data: Dataset,
    of: Any,
    prior: Distribution | None = None,
    *,
    key: jax.Array,
    input: str = "compute",
    spec: Model | None = None,
    horizon: float = 10.0,
    draws: int = 1000,
    method: Method = "nuts",
    starts: int = 64,
    level: float = 0.95,
) -> FreeError:
    """The posterior of a law with the irreducible error of :func:`irreducible_error` as a parameter.

    Parameters
    ----------
    prior
        Of the error: ``Beta(3, 197)``, centred on 1.5%, or for losses ``Beta(2, 2)``, by default.
    key
        A JAX random key.
    draws, method, starts, level
        Draws of each chain, how to draw (see :func:`progressfit.sample`), starts of the fit, coverage of intervals.

    Raises
    ------
    ValueError
        As :func:`irreducible_error`; or if a prior is flat, or no draw is certified.
    """
    require_x64()
    base = point.spec if spec is None else spec
    weights = np.asarray(fitted_weights(point, data))
    counted = data.take(weights > 0)
    direction = better(point.model, counted, input)
    kind, fraction, lowest = _kind(base, counted, direction)
    ahead = _both(point, counted, horizon, direction)
    believed = prior or (Beta(3.0, 197.0) if fraction else Beta(2.0, 2.0))
    fit_key, sample_key, new_key, prior_key = jax.random.split(check_key(key), 4)
    form = _freed(base, kind, believed, lowest)
    own = fit(form, data, key=fit_key, starts=starts, weights=weights)
    drawn = sample(form, data, key=sample_key, point=own, draws=draws, method=method, target_accept=0.95)
    amount = np.asarray(drawn.values[CEILING if kind == "ceiling" else f"{FLOOR}.share"])[drawn.ok]
    # numpyro has no quantiles of a Beta distribution.
    before = np.quantile(believed.sample(prior_key, (_PRIOR_DRAWS,)), [(1 - level) / 2, 0.5, (1 + level) / 2])
    return FreeError(
        point=own,
        draws=drawn,
        prior=(float(before[0]), float(before[1]), float(before[2])),
        error=1.0 - amount if kind == "ceiling" else amount,
        value=np.asarray(drawn.map(measured(of, own)[1]))[drawn.ok],
        forecast=_folded(predict_intervals(drawn, ahead, counted, key=new_key, level=level)),
        level=level,
    )


def _kind(spec: Model, data: Dataset, direction: float) -> tuple[Kind, bool, float]:
    """What an irreducible error is in this law, whether it is a fraction, and the unit in which it is counted."""
    fraction = isinstance(spec.link, Logit | Probit)
    response = np.asarray(data.response, np.float64)
    if direction > 0 and fraction:
        with_ceiling(spec, 1.0)
        return "ceiling", True, 1.0
    if direction > 0 or not (isinstance(spec.link, Log) or (response > 0).all()):
        raise ValueError("its response is neither a fraction nor a positive loss, so nothing bounds it")
    with_irreducible_loss(spec, 0.0)
    return "loss", fraction, 1.0 if fraction else float(response.min())


def _fixed(spec: Model, kind: Kind, error: float, lowest: float) -> Model:
    return with_ceiling(spec, 1.0 - error) if kind == "ceiling" else with_irreducible_loss(spec, error * lowest)


def _freed(spec: Model, kind: Kind, prior: Distribution, lowest: float) -> Model:
    if kind == "loss":
        share = Product(share=PositiveConstant(prior), lowest=PositiveConstant(lowest))
        return with_irreducible_loss(spec, share)
    if not isinstance(prior, Beta):
        raise ValueError("the prior of an irreducible error below a ceiling has to be a Beta distribution")
    return with_ceiling(spec, Beta(prior.concentration0, prior.concentration1))


def _both(point: Fit, data: Dataset, horizon: float, direction: float) -> Record:
    """The outlook with inputs held and then with inputs growing, end to end, ``(2 k,)``."""
    parts = [outlook(point.model, data, horizon, direction, growing=growing) for growing in (False, True)]
    return jax.tree.map(lambda *columns: jnp.concatenate([jnp.asarray(column) for column in columns]), *parts)


def _growth(ahead: Record, horizon: float) -> dict[str, float]:
    """Growth of each input from the first record to the last, which lies ``horizon`` years of growth later."""
    ends = {name: (float(column[0]), float(column[-1])) for name, column in ahead.columns.items() if name != "date"}
    return {name: float(np.log(last / first)) / horizon for name, (first, last) in ends.items() if last != first}


def _folded(found: Prediction) -> Prediction:
    return found._replace(**{name: np.reshape(getattr(found, name), (2, -1)) for name in found._fields[:-1]})


def _plain(records: Record) -> Record:
    """Records without the names of levels, so that programs are keyed by structure only."""
    return Record(jax.tree.map(jnp.asarray, records.columns), jax.tree.map(jnp.asarray, records.codes), {})


@compiled("of")
def _answers(specs: Model, values: dict[str, Any], data: Dataset, ahead: Record, of: Any) -> tuple[jax.Array, ...]:
    """The quantity, log likelihoods of the response, predictions for the rows and ahead, for each spec of a stack."""

    def one(spec: Model, own: dict[str, Any]) -> tuple[jax.Array, ...]:
        model = bind(spec, own)
        return of(model), model.log_lik(data, on="response"), model.predict(data.records), model.predict(ahead)

    return jax.vmap(one)(specs, values)
