"""Dates as decimal years."""

import calendar
import datetime as dt

DateLike = str | float | int | dt.date


def decimal_year(date: DateLike) -> float:
    """Turn one date into a decimal year.

    Parameters
    ----------
    date
        An ISO date ("2019-05-28"), a :class:`datetime.date` or datetime, or a number, taken as a decimal year already.

    Returns
    -------
    ``year + (day of year - 1) / days in that year``; numbers are returned as they are.

    Raises
    ------
    ValueError
        If a string is not an ISO date.
    """
    if isinstance(date, int | float):
        return float(date)
    if isinstance(date, str):
        date = dt.date.fromisoformat(date.strip()[:10])
    days = 366 if calendar.isleap(date.year) else 365
    return date.year + (date.timetuple().tm_yday - 1) / days
