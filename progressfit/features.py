"""Dates as decimal years."""

import calendar
import datetime as dt
import numbers
from typing import Any

import numpy as np

EARLIEST, LATEST = 1900.0, 2200.0


def decimal_year(date: Any) -> float:
    """Turn one date into a decimal year.

    Parameters
    ----------
    date
        An ISO date ("2019-05-28"), a :class:`datetime.date`, datetime or ``numpy.datetime64``, or a number, taken as
        a decimal year already; as text only with its decimal point ("2019.4"), since "2019" alone names no day.

    Returns
    -------
    ``year + (day of year - 1) / days in that year``; numbers are returned as they are.

    Raises
    ------
    ValueError
        If text is neither an ISO date nor a decimal year, or a number is no year between 1900 and 2200.
    """
    if isinstance(date, str):
        date = float(date) if "." in date else dt.datetime.fromisoformat(date.strip())
    if isinstance(date, np.datetime64):
        date = date.astype("datetime64[D]").astype(dt.date)
    if isinstance(date, numbers.Real):
        year = float(date)
        if not EARLIEST <= year <= LATEST:
            raise ValueError(f"{year:g} is no decimal year between {EARLIEST:.0f} and {LATEST:.0f}")
        return year
    days = 366 if calendar.isleap(date.year) else 365
    return date.year + (date.timetuple().tm_yday - 1) / days
