"""Numbers and dates as people write them: read where they mean one thing, refused where they could mean two."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from progressfit.features import decimal_year
from progressfit.intake.cells import dates, numbers
from progressfit.intake.dates import read_date
from progressfit.intake.numbers import CellError, read_number

QUIET = settings(max_examples=60, deadline=None, derandomize=True)
TOKENS = frozenset({"tokens"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.2e24 ", 1.2e24),
        ("1,200,000", 1.2e6),
        ("1 200 000", 1.2e6),
        ("1.2 \u00d7 10^24", 1.2e24),
        ("1.2x10**24", 1.2e24),
        ("3 \u00b7 10\u00b2\u2074", 3e24),
        ("10^21", 1e21),
        ("175B", 175e9),
        ("1.4T", 1.4e12),
        ("1.4 trillion", 1.4e12),
        ("15T tokens", 15e12),
        ("300000 tokens", 3e5),
        ("\u22123", -3.0),
        ("0.5", 0.5),
    ],
)
def test_numbers_that_mean_one_thing(text, value):
    found = read_number(text, TOKENS)
    # A written mantissa is the double that Python reads; a product with a power of ten rounds once more.
    assert found is not None and abs(found.value - value) <= np.spacing(abs(value)) and not found.remark


@pytest.mark.parametrize(("text", "value"), [("~3e23", 3e23), ("\u22483e23", 3e23), ("1,200", 1200.0)])
def test_readings_that_rest_on_something_are_remarked(text, value):
    found = read_number(text)
    assert found is not None and found.value == value and text in found.remark


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0,763", "decimal mark"),
        ("1,5", "decimal mark"),
        (">1e24", "a bound"),
        ("1e23-3e23", "a range"),
        ("1.2x1024", "no number"),
        ("8.5 EFLOP", "no number|flop"),
        ("many", "'many'"),
        ("1e400", "too large"),
        ("1_000", "no number"),
        ("=1+1", "'=1\\+1'"),
        ("300 images", "not the unit"),
        ("\u0661\u0662", "no number"),
        ("9" * 10_000, "10,000 characters"),
        ("10^9999", "too large"),
    ],
)
def test_other_numbers_are_refused(text, said):
    with pytest.raises(CellError, match=said):
        read_number(text, TOKENS)


@pytest.mark.parametrize("text", ["", " ", "n/a", "NA", "-", "\u2014", "unknown", "None"])
def test_words_for_nothing_are_no_value(text):
    assert read_number(text) is None


def test_percentages_are_fractions():
    found = read_number("76.3%")
    assert found is not None and found.percent and found.value == 76.3 / 100


def test_flags_and_dates_are_no_numbers():
    for column in ([True, False], [dt.date(2020, 1, 1)] * 2, pd.to_datetime(["2020-01-01"] * 2)):
        assert set(numbers(pd.Series(column)).wrong) == {0, 1}


PERIODS = {
    "2019": ("year", "2019-01-01", "2020-01-01"),
    "2019-05": ("month", "2019-05-01", "2019-06-01"),
    "2019/12": ("month", "2019-12-01", "2020-01-01"),
    "May 2019": ("month", "2019-05-01", "2019-06-01"),
    "Sept 2014": ("month", "2014-09-01", "2014-10-01"),
    "2019-Q2": ("quarter", "2019-04-01", "2019-07-01"),
    "Q4 2019": ("quarter", "2019-10-01", "2020-01-01"),
}


@pytest.mark.parametrize("text", PERIODS)
def test_partial_dates_are_the_middle_of_their_period(text):
    known, start, end = PERIODS[text]
    found = read_date(text)
    assert found is not None and found.known == known
    low, high = decimal_year(start), decimal_year(end)
    np.testing.assert_allclose([found.middle, found.half_width], [(low + high) / 2, (high - low) / 2], rtol=1e-12)
    # The standard deviation of a uniform variable, from its variance width**2 / 12.
    assert found.sd == pytest.approx(np.sqrt((high - low) ** 2 / 12), rel=1e-9)


@pytest.mark.parametrize("text", ["2019-05-07", "7 May 2019", "May 7, 2019", "2019/05/07", "2019-05-07 00:00:00"])
def test_days_are_exact(text):
    found = read_date(text)
    assert found is not None and (found.middle, found.sd) == (decimal_year("2019-05-07"), 0.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("03/04/2019", "day or the month first; write YYYY-MM-DD"),
        ("28/05/2019", "day or the month first"),
        ("2015-02-30", "no such day"),
        ("2019-13", "no month"),
        ("2019.05", "decimal year or a month"),
        ("0012-01-01", "outside 1900"),
        ("Smarch 2019", "no month"),
        ("soon", "no date"),
        ("x" * 1000, "1,000 characters"),
    ],
)
def test_other_dates_are_refused(text, said):
    with pytest.raises(CellError, match=said):
        read_date(text)


def test_whole_numbers_alone_are_years_and_others_decimal_years():
    assert list(dates(pd.Series([2019, 2020])).years) == [2019.5, 2020.5]
    assert list(dates(pd.Series([2019.0, 2020.25])).years) == [2019.0, 2020.25]
    assert dates(pd.Series([112.75, 2019.0])).wrong.keys() == {0}


@QUIET
@given(st.dates(dt.date(1900, 1, 1), dt.date(2199, 12, 31)))
def test_a_day_lies_inside_its_partial_dates(day):
    """All precisions of a date enclose the day, and nested periods are nested."""
    exact = decimal_year(day)
    quarter = f"{day.year}-Q{(day.month + 2) // 3}"
    widths = []
    for text in (str(day.year), quarter, f"{day:%Y-%m}", day.isoformat()):
        found = read_date(text)
        assert found is not None and abs(exact - found.middle) <= found.half_width + 1e-9
        widths.append(found.half_width)
    assert widths == sorted(widths, reverse=True) and widths[-1] == 0


@QUIET
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_python_prints_is_read_exactly(value):
    found = read_number(repr(value))
    assert found is not None and found.value == value


@QUIET
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    for read in (read_number, read_date):
        try:
            found = read(text)
        except CellError as error:
            assert str(error).startswith("holds")
        else:
            assert found is None or np.isfinite(found[0])
