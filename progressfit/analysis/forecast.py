"""Forecasts: predictive intervals for scenarios, marked by how far these lie outside the table, beside a back-test."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from progressfit._x64 import require_x64
from progressfit.analysis.backtest import Backtest, backtest
from progressfit.analysis.predict import Prediction, predict_intervals, simulated
from progressfit.dataset import Dataset, Record
from progressfit.frame import columns_frame
from progressfit.infer.optimise import check_key, fitted_weights
from progressfit.infer.result import Draws
from progressfit.params import improper

if TYPE_CHECKING:
    import pandas as pd


@dataclasses.dataclass(frozen=True)
class Forecast:
    """Predictions for scenarios, with what is known of how well such predictions did before.

    Attributes
    ----------
    scenarios
        As given.
    prediction
        Intervals and distances, an entry for each scenario.
    draws
        Simulated performance of a new model in each scenario, certified draws only, ``(draws, scenarios)``.
    kind
        What the draws are, in words.
    tested
        The back-test; ``None`` where it could not be made, or was not wanted.
    why_not
        Why there is no back-test.
    """

    scenarios: "pd.DataFrame"
    prediction: Prediction
    draws: np.ndarray
    kind: str
    tested: Backtest | None
    why_not: str

    @property
    def frame(self) -> "pd.DataFrame":
        """The scenarios with the fields of their :class:`Prediction` beside them."""
        found = self.prediction._asdict()
        found.pop("level")
        return self.scenarios.reset_index(drop=True).assign(**found)

    def __str__(self) -> str:
        outside = int(np.sum(~self.prediction.inside))
        lines = [
            f"Predictive intervals ({self.prediction.level:.0%}, {self.kind}) for {len(self.scenarios)} scenarios, "
            f"{outside} of them outside the range of the table. `low` and `high` bound the expected performance, "
            "`new_low` and `new_high` that of a new model; `distance` counts ranges of the table.",
            self.frame.to_string(index=False, float_format=lambda x: f"{x:.4g}"),
            "How such forecasts did before:" if self.tested else f"No back-test: {self.why_not}",
        ]
        return "\n".join([*lines, str(self.tested)] if self.tested else lines)


def forecast(
    draws: Draws,
    data: Dataset,
    scenarios: "pd.DataFrame | Mapping[str, Any]",
    *,
    key: jax.Array,
    level: float = 0.95,
    cuts: Sequence[Any] | None = None,
    test: bool = True,
) -> Forecast:
    """Predict scenarios, mark those outside the fitted range, and back-test the law on its own table.

    Parameters
    ----------
    draws
        A posterior or bootstrap; a point fit will not do.
    data
        The fitted table.
    scenarios
        A column for each input the law reads, and for the date and groups where it reads these, by the names of the
        table.
    key
        A JAX random key.
    level
        Coverage of the intervals.
    cuts
        Dates at which the back-test splits the table; see :func:`progressfit.analysis.backtest.backtest`.
    test
        Whether to make the back-test (posteriors of the rows before each cut).

    Raises
    ------
    ValueError
        If a scenario lacks a column or has an unknown level, or no draw is certified.
    """
    require_x64()
    if not isinstance(draws, Draws):
        raise ValueError("a forecast needs draws (a posterior or a bootstrap): point fits mislead")
    frame = columns_frame(scenarios)
    records = _records(frame, data)
    first, second = jax.random.split(check_key(key))
    prediction = predict_intervals(draws, records, data, key=first, level=level)
    new = simulated(draws, records, first)[1]
    tested, why_not = None, "it was not wanted."
    if test:
        tested, why_not = _tested(draws, data, second, cuts, level)
    return Forecast(frame, prediction, new[draws.ok], draws.kind, tested, why_not)


def _tested(
    draws: Draws, data: Dataset, key: jax.Array, cuts: Sequence[Any] | None, level: float
) -> tuple[Backtest | None, str]:
    if improper(draws.spec):
        return None, f"the prior of '{improper(draws.spec)[0]}' is flat, so there are no posteriors of earlier rows."
    try:
        weights = fitted_weights(draws.origin, data)
        return backtest(draws.spec, data, key=key, cuts=cuts, level=level, weights=weights), ""
    except ValueError as error:
        if cuts is not None:
            raise
        return None, f"{error}."


def _records(frame: "pd.DataFrame", data: Dataset) -> Record:
    if frame.empty:
        raise ValueError("there are no scenarios; give a table with a row for each")
    known = [*data.records.columns, *data.records.codes]
    unknown = [str(name) for name in frame.columns if name not in known]
    if unknown:
        raise ValueError(f"nothing reads the scenarios' column '{unknown[0]}'; the table has: {', '.join(known)}")
    # A column that the law reads and that is not here is named by the record itself.
    columns = {name: frame[name].to_numpy(np.float64) for name in data.records.columns if name in frame.columns}
    codes = {}
    for group, levels in data.labels.levels:
        if group not in frame.columns:
            continue
        strange = [(k, v) for k, v in enumerate(frame[group]) if v not in levels]
        if strange:
            raise ValueError(f"scenario {strange[0][0]}: the group '{group}' has no level '{strange[0][1]}'")
        codes[group] = np.array([levels.index(v) for v in frame[group]], np.int64)
    return Record(columns, codes, {}, data.labels.levels)
