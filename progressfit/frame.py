"""The one door for pandas: a table is checked column by column before anything numeric sees it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from progressfit.features import EARLIEST, LATEST, decimal_year

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 5


class TableError(ValueError):
    """Something in a table keeps it from being used: the message names the column, the rows and the remedy."""


class Columns(NamedTuple):
    """Validated columns: float64 arrays of shape ``(n,)``, integer codes, and the names behind the codes."""

    numbers: dict[str, np.ndarray]
    codes: dict[str, np.ndarray]
    levels: dict[str, tuple[str, ...]]
    response: np.ndarray
    clusters: np.ndarray
    rows: tuple[str, ...]


class Roles(NamedTuple):
    """Which column plays which part; see :meth:`progressfit.Dataset.from_frame`."""

    response: str
    inputs: Mapping[str, str]
    covariates: Mapping[str, str]
    date: str | None
    groups: Mapping[str, str]
    cluster: str | None
    label: str | None
    errors: Mapping[str, str]


def validate(frame: "pd.DataFrame", roles: Roles) -> Columns:
    """Check a data frame column by column and turn it into arrays."""
    _require_shape(frame)
    _require_columns(frame, roles)
    rows = tuple(str(v) for v in frame[roles.label]) if roles.label else tuple(f"row {i}" for i in range(len(frame)))
    numbers = {name: _positive(frame, column, rows) for name, column in roles.inputs.items()}
    numbers |= {name: _finite(frame, column, rows) for name, column in roles.covariates.items()}
    numbers |= {name: _standard_error(frame, column, rows) for name, column in roles.errors.items()}
    if roles.date is not None:
        numbers["date"] = _dates(frame, roles.date, rows)
    coded = {name: _codes(frame, column, rows) for name, column in roles.groups.items()}
    return Columns(
        numbers,
        {name: codes for name, (codes, _) in coded.items()},
        {name: levels for name, (_, levels) in coded.items()},
        _finite(frame, roles.response, rows),
        _codes(frame, roles.cluster, rows)[0] if roles.cluster else np.arange(len(frame)),
        rows,
    )


def _require_shape(frame: "pd.DataFrame") -> None:
    if len(frame) == 0:
        raise TableError("The table is empty: it has no rows. Check the file, or the filter that selected the rows.")
    if len(frame) == 1:
        raise TableError(
            "The table has one row (row 0). One row cannot separate a trend from noise; "
            "give at least two, and in practice several times as many rows as free parameters."
        )
    repeated = [str(c) for c in frame.columns[frame.columns.duplicated()]]
    if repeated:
        raise TableError(
            f"The table has more than one column named '{repeated[0]}'. Rename or drop one of them, so that it is "
            "clear which is meant."
        )


def _require_columns(frame: "pd.DataFrame", roles: Roles) -> None:
    wanted = {"response": roles.response, "date": roles.date, "cluster": roles.cluster, "label": roles.label}
    kinds = {"input": roles.inputs, "covariate": roles.covariates, "group": roles.groups, "error": roles.errors}
    wanted |= {f"{kind} '{name}'": column for kind, named in kinds.items() for name, column in named.items()}
    for role, column in wanted.items():
        if column is not None and column not in frame.columns:
            have = ", ".join(map(str, frame.columns))
            raise TableError(f"There is no column '{column}' (wanted as {role}). The table has: {have}.")
    explaining = [*roles.inputs, *roles.covariates, *roles.groups]
    if not explaining and roles.date is None:
        raise TableError(
            f"Only the response '{roles.response}' is named, so there is nothing to explain it with. Name the column "
            "of at least one input, covariate, group or date."
        )
    names = [*explaining, *roles.errors]
    clash = [name for name in names if names.count(name) > 1 or name == "date"]
    if clash:
        raise TableError(
            f"The name '{clash[0]}' is used for more than one column (the name 'date' is kept for the date). "
            "Choose another name on the left of the mapping."
        )


def describe_rows(bad: np.ndarray, rows: tuple[str, ...]) -> str:
    """Name the rows marked in ``bad``: positions counted from 0, with labels, at most five of them."""
    positions = np.flatnonzero(bad)
    named = [f"row {i}" + ("" if rows[i] == f"row {i}" else f" ({rows[i]})") for i in positions[:_SHOWN]]
    more = f" and {len(positions) - _SHOWN} more" if len(positions) > _SHOWN else ""
    return ", ".join(named) + more


def _finite(frame: "pd.DataFrame", column: str, rows: tuple[str, ...]) -> np.ndarray:
    import pandas as pd

    series = frame[column]
    missing = series.isna().to_numpy()
    if missing.any():
        raise TableError(
            f"Column '{column}' has no value in {describe_rows(missing, rows)}. Fill in the value, or drop the row "
            f"before building the data set (frame.dropna(subset=['{column}']))."
        )
    if not _is_numeric(series):
        raise TableError(
            f"Column '{column}' holds {series.dtype} values, not numbers (rows 0 to {len(rows) - 1}). Turn it into "
            "plain numbers in natural units; dates go into date=COLUMN, categories and flags into groups={...}."
        )
    numbers = np.asarray(pd.to_numeric(series, errors="coerce"), np.float64)
    bad = ~np.isfinite(numbers)
    if bad.any():
        first = series.iloc[int(np.flatnonzero(bad)[0])]
        raise TableError(
            f"Column '{column}' holds something that is not a finite number in {describe_rows(bad, rows)} "
            f"(the first is {first!r}). Write plain numbers such as 4.7e17, without units or separators."
        )
    return numbers


def _is_numeric(series: Any) -> bool:
    """Whether a column holds numbers, or text that may: no flags, dates, durations or complex numbers."""
    from pandas.api import types

    wrong = (types.is_bool_dtype, types.is_complex_dtype, types.is_datetime64_any_dtype, types.is_timedelta64_dtype)
    return not any(is_kind(series) for is_kind in wrong)


def _positive(frame: "pd.DataFrame", column: str, rows: tuple[str, ...]) -> np.ndarray:
    numbers = _finite(frame, column, rows)
    bad = numbers <= 0
    if bad.any():
        raise TableError(
            f"Column '{column}' is zero or negative in {describe_rows(bad, rows)} (the first is "
            f"{numbers[bad][0]:g}). An input is used through its logarithm and has to be positive, in natural units "
            "(FLOP, images, tokens), not as a logarithm; correct or drop the row, or pass the column as a covariate."
        )
    return numbers


def _standard_error(frame: "pd.DataFrame", column: str, rows: tuple[str, ...]) -> np.ndarray:
    numbers = _finite(frame, column, rows)
    bad = numbers < 0
    if bad.any():
        raise TableError(
            f"Column '{column}' is negative in {describe_rows(bad, rows)} (the first is {numbers[bad][0]:g}). A known "
            "error is a standard deviation on the link scale, positive, or zero where the row is exact; correct or "
            "drop the row."
        )
    return numbers


def _dates(frame: "pd.DataFrame", column: str, rows: tuple[str, ...]) -> np.ndarray:
    import pandas as pd

    series = frame[column]
    missing = series.isna().to_numpy()
    if missing.any():
        raise TableError(
            f"Column '{column}' has no date in {describe_rows(missing, rows)}. Fill in the date (YYYY-MM-DD) "
            "or drop the row."
        )
    if pd.api.types.is_numeric_dtype(series):
        years, bad = series.to_numpy(np.float64), np.zeros(len(series), bool)
    else:
        parsed = [_parse_date(value) for value in series]
        bad = np.array([value is None for value in parsed])
        years = np.array([np.nan if value is None else value for value in parsed])
    if bad.any():
        first = series.iloc[int(np.flatnonzero(bad)[0])]
        raise TableError(
            f"Column '{column}' holds something that is not a date in {describe_rows(bad, rows)} "
            f"(the first is {first!r}). Write ISO dates (YYYY-MM-DD) or decimal years (2012.75)."
        )
    outside = ~((years >= EARLIEST) & (years <= LATEST))
    if outside.any():
        raise TableError(
            f"Column '{column}' lies outside {EARLIEST:.0f} to {LATEST:.0f} in {describe_rows(outside, rows)} "
            f"(the first is {years[outside][0]:g}). Write ISO dates (YYYY-MM-DD) or decimal years (2012.75), not years "
            "since 1900."
        )
    return years


def _parse_date(value: Any) -> float | None:
    try:
        return decimal_year(value)
    except (ValueError, AttributeError, TypeError):
        return None


def _codes(frame: "pd.DataFrame", column: str, rows: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    series = frame[column]
    missing = series.isna().to_numpy()
    if missing.any():
        raise TableError(
            f"Column '{column}' has no value in {describe_rows(missing, rows)}. Every row needs a group; write one "
            "(for example 'unknown') or drop the row."
        )
    levels, codes = np.unique(series.astype(str).to_numpy(dtype=object).astype(str), return_inverse=True)
    return codes.astype(np.int64), tuple(str(level) for level in levels)


def rows_frame(rows: "Sequence[Mapping[str, Any]]") -> "pd.DataFrame":
    """A data frame of plain rows, for results whose tables are wanted as such."""
    import pandas as pd

    return pd.DataFrame(list(rows))
