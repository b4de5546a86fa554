"""Decimal years, against the calendar of the standard library and of pandas."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from progressfit.features import decimal_year


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ("2012-01-01", 2012.0),
        ("2013-07-02", 2013 + 182 / 365),
        ("2012-07-01", 2012 + 182 / 366),
        ("2011-12-31", 2011 + 364 / 365),
        ("2012-12-31", 2012 + 365 / 366),
        (" 2019-05-28 ", 2019 + 147 / 365),
        ("2019-05-28T23:59:59", 2019 + 147 / 365),
        (dt.date(2019, 5, 28), 2019 + 147 / 365),
        (dt.datetime(2019, 5, 28, 12), 2019 + 147 / 365),
        (pd.Timestamp("2019-05-28"), 2019 + 147 / 365),
        (2012.75, 2012.75),
        (2012, 2012.0),
        (np.float64(2012.75), 2012.75),
        (np.int64(2012), 2012.0),
        (np.datetime64("2019-05-28"), 2019 + 147 / 365),
        ("2012.75", 2012.75),
    ],
)
def test_decimal_year(date, year):
    found = decimal_year(date)
    assert isinstance(found, float)
    # One division and one sum.
    assert abs(found - year) <= 2 * np.spacing(year)


def test_every_day_advances_and_no_year_overlaps_the_next():
    days = [dt.date(2011, 1, 1) + dt.timedelta(i) for i in range(3 * 365 + 2)]
    years = np.array([decimal_year(day) for day in days])
    steps = np.diff(years)
    assert (steps > 0).all()
    np.testing.assert_allclose(sorted(set(np.round(steps, 9))), [1 / 366, 1 / 365], atol=1e-9)
    assert [int(y) for y in years] == [day.year for day in days]


@pytest.mark.parametrize(
    "text", ["May 2019", "2019", "2019-02-30", "28/05/2019", "", "2019-05-28garbage", "2019-05-281", "2019.5.1"]
)
def test_other_strings_are_refused(text):
    with pytest.raises(ValueError, match=r"isoformat|day|month|convert"):
        decimal_year(text)


@pytest.mark.parametrize("number", [112.4, -1, np.nan, np.inf, 20190528])
def test_numbers_that_are_no_years_are_refused(number):
    with pytest.raises(ValueError, match="no decimal year between 1900 and 2200"):
        decimal_year(number)
