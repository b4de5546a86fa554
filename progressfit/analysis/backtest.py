"""Back-tests: a law fitted to the rows before a date, judged by the rows after it."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.analysis.predict import extrapolation
from progressfit.analysis.refits import blind_starts, posteriors_without, settled
from progressfit.compiled import compiled
from progressfit.dataset import Dataset
from progressfit.density import check_weights
from progressfit.features import decimal_year
from progressfit.frame import columns_frame, rows_frame
from progressfit.infer.devices import Plan, batched, gather, plan_batch, share
from progressfit.infer.optimise import check_key
from progressfit.infer.prepare import prepare
from progressfit.model import Model
from progressfit.params import bind, constrain, dimension, improper

if TYPE_CHECKING:
    import pandas as pd

_CHAINS, _DRAWS = 4, 250
_FEWEST_AFTER, _MOST_CUTS = 5, 5
_HALF = 0.5


class _Seen(NamedTuple):
    """For each cut and row, ``(cuts, n)``: quantiles of the prediction, and its log density at what came."""

    quantiles: Any
    log_density: Any


@dataclasses.dataclass(frozen=True)
class Backtest:
    """What a law said before each date about what came after it.

    Attributes
    ----------
    cuts
        The dates, decimal years.
    frame
        A row for each cut and row of the table after it: ``cut``, ``row``, ``years_after`` the cut, ``observed``,
        predicted ``median``, ``low`` and ``high`` of a new model, ``half_low`` and ``half_high`` (its central half),
        ``log_density``, and the ``distance`` outside the range of the rows before (see :class:`Extrapolation`).
    ok
        Whether the posterior of each cut can be trusted, ``(cuts,)``.
    level
        Coverage that ``low`` and ``high`` claim.
    """

    cuts: np.ndarray
    frame: "pd.DataFrame"
    ok: np.ndarray
    level: float

    @property
    def scores(self) -> "pd.DataFrame":
        """A row for each cut: rows scored, how many lay inside the intervals, mean and mean absolute error."""
        found = []
        for cut, ok in zip(self.cuts, self.ok, strict=True):
            own: Any = self.frame[self.frame["cut"] == cut]
            error = own["observed"] - own["median"]
            found.append(
                {
                    "cut": cut,
                    "scored": len(own),
                    "inside": float(np.mean(own["observed"].between(own["low"], own["high"]))),
                    "inside_half": float(np.mean(own["observed"].between(own["half_low"], own["half_high"]))),
                    "mean_error": float(error.mean()),
                    "mean_absolute_error": float(error.abs().mean()),
                    "log_density": float(own["log_density"].mean()),
                    "distance": float(own["distance"].mean()),
                    "certified": bool(ok),
                }
            )
        return rows_frame(found)

    def __str__(self) -> str:
        lines = [
            f"Fitted to the rows before {row['cut']:.1f}, the law put {row['inside']:.0%} of the {row['scored']} rows "
            f"after it into its {self.level:.0%} interval and {row['inside_half']:.0%} into its central half; "
            f"mean error {row['mean_error']:+.3g}{'' if row['certified'] else ' (its chains did not settle)'}."
            for row in self.scores.to_dict("records")
        ]
        return "\n".join(lines)


def usual_cuts(data: Dataset, parameters: int) -> tuple[float, ...]:
    """Whole years that leave three rows a parameter before them and five after, the last five of them.

    Raises
    ------
    ValueError
        If the table has no dates.
    """
    if "date" not in data.records.columns:
        raise ValueError("a back-test needs dates, and this table has none; name them with date=COLUMN")
    year = np.asarray(data.records.columns["date"], np.float64)
    years = np.arange(np.ceil(year.min()), np.floor(year.max()) + 1)
    enough = [
        float(cut) for cut in years if (year < cut).sum() >= 3 * parameters and (year >= cut).sum() >= _FEWEST_AFTER
    ]
    return tuple(enough[-_MOST_CUTS:])


def backtest(
    spec: Model,
    data: Dataset,
    *,
    key: jax.Array,
    cuts: Sequence[Any] | None = None,
    level: float = 0.95,
    weights: Any = None,
) -> Backtest:
    """Sample the posterior of the rows before each date and predict every row after it; one compiled program.

    Parameters
    ----------
    spec
        A law with proper priors.
    data
        The table, with dates.
    key
        A JAX random key.
    cuts
        Dates (ISO or decimal years); by default whole years with enough rows on both sides.
    level
        Coverage of the predictive intervals.
    weights
        Weight of each row's log likelihood, ``(n,)``; rows of weight 0 are neither fitted nor scored.

    Raises
    ------
    ValueError
        If a prior is flat, the table has no dates, or a cut leaves nothing on one of its sides.
    """
    require_x64()
    if improper(spec):
        raise ValueError(f"the prior of '{improper(spec)[0]}' is flat, and a back-test draws from posteriors")
    spec = prepare(spec, data)
    own = np.asarray(check_weights(weights, data))
    counted = own > 0
    usual = usual_cuts(data.take(counted), dimension(spec)) if cuts is None else ()
    found = usual if cuts is None else sorted(decimal_year(cut) for cut in cuts)
    years = np.asarray(found, np.float64)
    if len(years) == 0:
        raise ValueError("no date has enough rows on both sides for a back-test; give cuts=")
    date = np.asarray(data.records.columns["date"], np.float64)
    before, after = (date < years[:, None]) & counted, (date >= years[:, None]) & counted
    short = (before.sum(axis=1) < 2) | ~after.any(axis=1)
    if short.any():
        raise ValueError(f"the cut {years[short][0]:.2f} leaves fewer than two rows before it, or none after it")
    start, run, simulate = jax.random.split(check_key(key), 3)
    posteriors = posteriors_without(spec, blind_starts(spec, start), data, before * own, run, _CHAINS, _DRAWS)
    z = posteriors.z.reshape(len(years), _CHAINS * _DRAWS, -1)
    tails = jnp.asarray([(1 - level) / 2, (1 - _HALF) / 2, 0.5, (1 + _HALF) / 2, (1 + level) / 2])
    keys = jax.random.split(simulate, len(years))
    plan = plan_batch(len(data), dimension(spec))
    seen = gather(_predicted(spec, share(jnp.asarray(z)), share(keys), data.bare(), tails, plan=plan), len(years))
    return Backtest(years, _frame(data, years, before, after, seen), settled(posteriors.z, posteriors.diverging), level)


@compiled("plan")
def _predicted(spec: Model, z: jax.Array, keys: jax.Array, data: Dataset, tails: jax.Array, plan: Plan) -> _Seen:
    def one(own: tuple[jax.Array, jax.Array]) -> _Seen:
        def draw(pair: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            model = bind(spec, constrain(spec, pair[0])[0])
            return model.simulate(data.records, pair[1]), model.log_lik(data, on="response")

        places, key = own
        simulated, density = jax.lax.map(draw, (places, jax.random.split(key, len(places))))
        mean = jax.scipy.special.logsumexp(density, axis=0) - jnp.log(len(places))
        return _Seen(jnp.quantile(simulated, tails, axis=0), mean)

    return batched(one, (z, keys), plan)


def _frame(data: Dataset, years: np.ndarray, before: np.ndarray, later: np.ndarray, seen: _Seen) -> "pd.DataFrame":
    parts, date = [], np.asarray(data.records.columns["date"], np.float64)
    names = np.asarray(data.row_names)
    response = np.asarray(data.response, np.float64)
    for k, cut in enumerate(years):
        after = later[k]
        low, half_low, median, half_high, high = np.asarray(seen.quantiles)[k][:, after]
        found = {
            "cut": np.full(after.sum(), cut),
            "row": names[after],
            "years_after": date[after] - cut,
            "observed": response[after],
        }
        found |= {"median": median, "low": low, "high": high, "half_low": half_low, "half_high": half_high}
        found["log_density"] = np.asarray(seen.log_density)[k][after]
        found["distance"] = extrapolation(data.take(before[k]), data.take(after).records).distance
        parts.append(found)
    return columns_frame({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
