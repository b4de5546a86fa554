"""Dates as people write them: a day, or the middle of a month, quarter or year, with an uncertainty."""

import datetime as dt
import re
from typing import Any, Final, NamedTuple

import numpy as np

from progressfit.features import EARLIEST, LATEST, decimal_year
from progressfit.intake.numbers import MISSING, CellError


class Period(NamedTuple):
    """When something was published, as precisely as it is known.

    Attributes
    ----------
    middle
        Decimal year: of the day where the day is known, else of the middle of the period.
    half_width
        Half the length of the period, in years; 0 for a day and for a decimal year.
    known
        What is known: "day", "month", "quarter", "year" or "decimal year".
    """

    middle: float
    half_width: float
    known: str

    @property
    def sd(self) -> float:
        """Standard deviation of a date that may be anywhere in the period, in years."""
        return self.half_width / 3**0.5


_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FULL: Final = (
    "january february march april may june july august september october november december".split()  # noqa: SIM905
)
_NAME = r"([a-z]{3,9})\.?"
_YEAR = re.compile(r"(\d{4})", re.ASCII)
_MONTH = re.compile(r"(\d{4})[-/](\d{1,2})", re.ASCII)
_DAY = re.compile(r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})(?:[T ]\d{1,2}:\d{2}.{0,24})?", re.ASCII)
_QUARTER = re.compile(r"(\d{4})[- ]?q([1-4])|q([1-4])[- ](\d{4})", re.ASCII | re.IGNORECASE)
_NAMED_MONTH = re.compile(rf"{_NAME},? (\d{{4}})", re.ASCII | re.IGNORECASE)
_NAMED_DAY = re.compile(
    rf"(\d{{1,2}})\.? {_NAME},? (\d{{4}})|{_NAME} (\d{{1,2}}),? (\d{{4}})", re.ASCII | re.IGNORECASE
)
_DECIMAL = re.compile(r"\d{4}\.\d+", re.ASCII)
_EITHER_WAY = re.compile(r"\d{1,2}[-/. ]\d{1,2}[-/. ]\d{2,4}", re.ASCII)
_LONGEST = 40
_ISO = "write YYYY-MM-DD"


def read_date(cell: Any) -> Period | None:
    """One cell as a period, or ``None`` where there is no value.

    A number is a decimal year; text is a day ("2019-05-07", "7 May 2019"), a month ("2019-05", "May 2019"), a quarter
    ("2019-Q2"), a year ("2019") or a decimal year ("2019.345"; not "2019.05", which could be a month).

    Raises
    ------
    CellError
        If the cell is no date, names no day that exists, or could be two days ("03/04/2019").
    """
    if cell is None or cell is np.nan or (isinstance(cell, float) and np.isnan(cell)):
        return None
    if not isinstance(cell, str):
        return _from_object(cell)
    text = " ".join(cell[: 2 * _LONGEST].split())
    if text.lower() in MISSING:
        return None
    if len(text) > _LONGEST:
        raise CellError(f"holds text of {len(cell):,} characters, which is no date; {_ISO}")
    return _within(_from_text(text), text)


def year_only(year: float) -> Period:
    """A whole year that stands for no more than itself."""
    return _within(_span(int(year), 1, 12, "year", f"{year:g}"), f"{year:g}")


def _within(period: Period, text: str) -> Period:
    if not EARLIEST <= period.middle <= LATEST:
        raise CellError(f"holds '{text}', a date outside {EARLIEST:.0f} to {LATEST:.0f}; {_ISO}")
    return period


def _from_object(cell: Any) -> Period | None:
    try:
        known = "decimal year" if isinstance(cell, int | float | np.number) else "day"
        return Period(decimal_year(cell), 0.0, known)
    except (ValueError, AttributeError, TypeError, OverflowError):
        if str(cell) in ("NaT", "<NA>"):
            return None
        raise CellError(f"holds '{cell}', which is no date between {EARLIEST:.0f} and {LATEST:.0f}; {_ISO}") from None


def _from_text(text: str) -> Period:
    if found := _YEAR.fullmatch(text):
        return _span(int(found[1]), 1, 12, "year", text)
    if found := _QUARTER.fullmatch(text):
        quarter, year = int(found[2] or found[3]), int(found[1] or found[4])
        return _span(year, 3 * quarter - 2, 3 * quarter, "quarter", text)
    if found := _DAY.fullmatch(text):
        return _day(int(found[1]), int(found[3]), int(found[4]), text)
    if found := _MONTH.fullmatch(text):
        return _span(int(found[1]), int(found[2]), int(found[2]), "month", text)
    if found := _NAMED_MONTH.fullmatch(text):
        month = _month(found[1], text)
        return _span(int(found[2]), month, month, "month", text)
    if found := _NAMED_DAY.fullmatch(text):
        day, name, year = (found[1], found[2], found[3]) if found[1] else (found[5], found[4], found[6])
        return _day(int(year), _month(name, text), int(day), text)
    if _DECIMAL.fullmatch(text):
        return _decimal(text)
    if _EITHER_WAY.fullmatch(text):
        raise CellError(f"holds '{text}', which may name the day or the month first; {_ISO}")
    raise CellError(f"holds '{text}', which is no date; {_ISO}, or YYYY-MM or YYYY where no more is known")


def _decimal(text: str) -> Period:
    decimals = text.partition(".")[2]
    if len(decimals) == 2 and 1 <= int(decimals) <= 12:
        raise CellError(f"holds '{text}', which may be a decimal year or a month; write YYYY-MM, or three decimals")
    return Period(float(text), 0.0, "decimal year")


def _month(name: str, text: str) -> int:
    short = name.lower()[:3]
    if short not in _MONTHS or not (name.lower() in _FULL or len(name) == 3 or name.lower() == "sept"):
        raise CellError(f"holds '{text}', which names no month; {_ISO}")
    return _MONTHS.index(short) + 1


def _day(year: int, month: int, day: int, text: str) -> Period:
    try:
        return Period(decimal_year(dt.date(year, month, day)), 0.0, "day")
    except ValueError:
        raise CellError(f"holds '{text}', and there is no such day; {_ISO}") from None


def _span(year: int, first: int, last: int, known: str, text: str) -> Period:
    """From the first day of one month to the last of another."""
    if not (1 <= first <= last <= 12 and EARLIEST <= year < LATEST):
        raise CellError(f"holds '{text}', which is no month between {EARLIEST:.0f} and {LATEST:.0f}; {_ISO}")
    start = decimal_year(dt.date(year, first, 1))
    end = decimal_year(dt.date(year + last // 12, last % 12 + 1, 1))
    return Period((start + end) / 2, (end - start) / 2, known)
