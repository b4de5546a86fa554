"""Summary tables."""

import functools

import jax
import numpy as np
import pytest

import progressfit as pf


@pytest.fixture(scope="module")
def results():
    runs = pf.datasets.imagenet()
    point = pf.fit(pf.laws.erdil_besiroglu(), runs, key=jax.random.key(0))
    return {"map": point, "rows": pf.bootstrap(point, runs, key=jax.random.key(1), replicates=200)}


def test_growth_rate_summary_applies_the_doubling_rule(results):
    table = pf.summary(results, of=pf.growth_rate)
    point, rows = table.loc[("map", "growth_rate")], table.loc[("rows", "growth_rate")]
    assert np.isclose(point["estimate"], 1.02845, atol=1e-4) and np.isnan(point["low"])
    assert point["doubling"] == "8.1 months"
    assert np.isclose(point["x_per_year"], np.exp(point["estimate"]))
    rates = np.asarray(results["rows"].map(pf.growth_rate))
    np.testing.assert_allclose([rows["low"], rows["high"]], np.quantile(rates, [0.025, 0.975]))
    assert rows["low"] < 0 and "or no progress" in rows["doubling"]
    assert rows["not_positive"] == np.mean(rates <= 0)
    assert (rows["level"], rows["interval"], rows["draws"], rows["failed"]) == (0.95, "row bootstrap", 200, 0)


def test_partial_and_level(results):
    data = functools.partial(pf.growth_rate, input="data")
    table = pf.summary(results, of=data, level=0.5)
    rates = np.asarray(results["rows"].map(data))
    np.testing.assert_allclose(table.loc[("rows", "growth_rate"), "high"], np.quantile(rates, 0.75))
    assert "doubling" in table


def test_nested_dictionaries_become_rows(results):
    table = pf.summary(results, of=lambda m: {"b": {"y": m.predict(RECORD)[1]}, "a": {"x": m.predict(RECORD)[0]}})
    for name in results:
        assert list(table.loc[name].index) == ["b/y", "a/x"]
    assert table.loc[("map", "b/y"), "estimate"] > table.loc[("map", "a/x"), "estimate"]
    assert "doubling" not in table
    assert (table["data_say"] == "identified").all()


RECORD = pf.Record.of(date=[2013.0, 2020.0], compute=[1e18, 1e21], data=[1.28e6, 3e8])


def test_refusals(results):
    with pytest.raises(ValueError, match="level=95"):
        pf.summary(results, of=pf.growth_rate, level=95)
    with pytest.raises(ValueError, match="one number or a dictionary"):
        pf.summary(results, of=lambda m: [m.predict(RECORD)[0], m.predict(RECORD)[1]])
