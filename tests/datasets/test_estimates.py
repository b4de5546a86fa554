"""Published rates of progress."""

import numpy as np

from progressfit.datasets import estimates


def test_rates_and_times_agree():
    table = estimates()
    assert len(table) == 30
    known = table["doubling_months"].notna()
    np.testing.assert_allclose(np.exp(table["rate"][known] * table["doubling_months"][known] / 12), 2.0)
    bounded = table["low_rate"].notna()
    assert (table["low_rate"][bounded] <= table["high_rate"][bounded]).all()
    ours = table[table["study"] == "Erdil & Besiroglu 2022"].iloc[0]
    assert (ours["doubling_months"], ours["low_months"], ours["high_months"]) == (8.71, 3.55, 25.4)


def test_an_interval_of_times_through_zero_gives_no_rates():
    through = estimates().query("low_months < 0")
    assert len(through) == 1 and through[["low_rate", "high_rate"]].isna().all(axis=None)
