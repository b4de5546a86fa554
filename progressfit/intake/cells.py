"""Whole columns read cell by cell, as numbers or dates, with what is blank, wrong, or read with a remark."""

from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from pandas.api import types

from progressfit.intake.dates import Period, read_date, year_only
from progressfit.intake.numbers import CellError, read_number
from progressfit.printable import printable

# What the natural unit of an input may be called behind a number.
UNITS: Final = {
    "compute": frozenset({"flop", "flops"}),
    "data": frozenset({"tokens", "images", "datapoints", "gradients"}),
    "parameters": frozenset({"parameters", "params"}),
}


class Numbers(NamedTuple):
    """A column as numbers ``(n,)``, NaN where there is none; masks ``(n,)``; words by row."""

    values: np.ndarray
    signed: np.ndarray
    wrong: dict[int, str]
    remarks: dict[int, str]


class Dates(NamedTuple):
    """A column as decimal years and standard deviations in years, both ``(n,)``; what is known, and what is wrong."""

    years: np.ndarray
    sd: np.ndarray
    known: tuple[str, ...]
    wrong: dict[int, str]


def numbers(series: Any, units: frozenset[str] = frozenset()) -> Numbers:
    """A column as numbers; cells may be written in any of the ways :mod:`progressfit.intake.numbers` knows."""
    if _plain_numbers(series):
        values = np.asarray(pd.to_numeric(series, errors="coerce"), np.float64)
        wrong = {int(i): "holds a number that is infinite or too large" for i in np.flatnonzero(np.isinf(values))}
        return Numbers(np.where(np.isinf(values), np.nan, values), np.zeros(len(series), bool), wrong, {})
    values, signed = np.full(len(series), np.nan), np.zeros(len(series), bool)
    wrong: dict[int, str] = {}
    remarks: dict[int, str] = {}
    for i, cell in enumerate(series):
        try:
            found = None if _blank(cell) else read_number(_text(cell), units)
        except CellError as error:
            wrong[i] = printable(" ".join(str(error).split()))
            continue
        if found is not None:
            values[i], signed[i] = found.value, found.percent
            remarks |= {i: found.remark} if found.remark else {}
    return Numbers(values, signed, wrong, remarks)


def dates(series: Any) -> Dates:
    """A column as dates; whole numbers alone are years of which no more is known."""
    whole = False
    if _plain_numbers(series):
        known = np.asarray(pd.to_numeric(series, errors="coerce"), np.float64)
        known = known[np.isfinite(known)]
        whole = bool((known == np.floor(known)).all())
    periods: list[Period | None] = []
    wrong: dict[int, str] = {}
    for i, cell in enumerate(series):
        try:
            blank = _blank(cell)
            periods.append(None if blank else year_only(float(cell)) if whole else read_date(cell))
        except (CellError, OverflowError) as error:
            periods.append(None)
            wrong[i] = printable(" ".join(str(error).split()))
    return Dates(
        np.array([np.nan if period is None else period.middle for period in periods], np.float64),
        np.array([0.0 if period is None else period.sd for period in periods], np.float64),
        tuple("" if period is None else period.known for period in periods),
        wrong,
    )


def filled(series: Any) -> np.ndarray:
    """Rows that have any value, boolean ``(n,)``."""
    return ~np.array([_blank(cell) for cell in series], bool)


def _plain_numbers(series: Any) -> bool:
    return types.is_numeric_dtype(series) and not (types.is_bool_dtype(series) or types.is_complex_dtype(series))


def _blank(cell: Any) -> bool:
    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float) and np.isnan(cell))


def _text(cell: Any) -> str:
    """A cell as text; flags and dates stay what they are, and are no numbers."""
    return cell if isinstance(cell, str) else repr(cell) if isinstance(cell, float) else str(cell).lower()
