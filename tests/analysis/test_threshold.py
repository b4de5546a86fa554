"""Inputs needed for fixed performance: closed forms, ceilings, trade-offs."""

import jax
import numpy as np
import pytest
from scipy.special import logit

import progressfit as pf


@pytest.fixture(scope="module")
def model():
    numbers = {
        "compute.const": 0.889338,
        "compute.progress.rate": 0.158895,
        "compute.scaling.slope": 0.154499,
        "data.const": 1.782682,
        "data.progress.rate": 0.019822,
        "data.scaling.slope": 0.063199,
        "noise.log_scale": -2.160454,
    }
    return pf.params.bind(pf.laws.erdil_besiroglu(), numbers)


def closed_form(level, year, images):
    """ln compute from s(C) = level / s(D)."""
    data = 1.782682 + 0.019822 * (year - 2012) + 0.063199 * np.log(images / 1e6)
    index = logit(level * (1 + np.exp(-data)))
    return np.log(4.7e17) + (index - 0.889338 - 0.158895 * (year - 2012)) / 0.154499


@pytest.mark.parametrize(
    ("level", "year", "images"), [(0.6, 2012.0, 1.28e6), (0.8, 2018.5, 3e8), (0.84, 2012.0, 1.28e6)]
)
def test_closed_form(model, level, year, images):
    record = pf.Record.of(date=year, data=images)
    found = pf.required_input(model, level, record)
    np.testing.assert_allclose(np.log(found), closed_form(level, year, images), rtol=1e-11)
    # And the other way round: that much compute gives that accuracy.
    np.testing.assert_allclose(model.mean.value(record.replace(compute=found)), level, rtol=1e-11)


def test_above_the_ceiling_is_infinite_and_trivial_is_one(model):
    assert np.isinf(pf.required_input(model, 0.87, pf.Record.of(date=2012.0, data=1.28e6)))
    assert pf.required_input(model, 1e-4, pf.Record.of(date=2012.0, data=1.28e6)) == 1.0


def test_under_jit_and_vmap(model):
    dates = np.array([2012.0, 2016.0, 2020.0])
    needed = jax.jit(jax.vmap(lambda t: pf.required_input(model, 0.7, pf.Record({"date": t, "data": 1.28e6}, {}, {}))))
    np.testing.assert_allclose(np.log(needed(dates)), [closed_form(0.7, t, 1.28e6) for t in dates], rtol=1e-11)


@pytest.mark.parametrize(("level", "exact"), [(0.60, 7.68), (0.70, 7.46), (0.80, 6.70)])
def test_published_readings(model, level, exact):
    found = pf.threshold_reading(model, level, pf.Record.of(data=1.28e6), np.arange(2012.0, 2023.0))
    assert abs(found.halving - exact) < 0.005
    assert "halves every" in found.text


@pytest.mark.parametrize(("level", "span"), [(0.87, "2012-2017"), (0.88, "2012-2021")])
def test_a_ceiling_makes_the_reading_infinite_and_names_the_years(model, level, span):
    found = pf.threshold_reading(model, level, pf.Record.of(data=1.28e6), np.arange(2012.0, 2023.0))
    assert np.isinf(found.halving)
    assert found.text == f"infinite: above the data-limited ceiling in {span}"


def test_frontier_trades_data_for_compute(model):
    images = np.geomspace(1e5, 1e10, 20)
    needed = np.asarray(pf.pareto_frontier(model, 0.8, 2015.0, images))
    np.testing.assert_allclose(np.log(needed), [closed_form(0.8, 2015.0, d) for d in images], rtol=1e-11)
    assert (np.diff(needed) < 0).all()
    later = np.asarray(pf.pareto_frontier(model, 0.8, 2018.0, images))
    assert (later < needed).all()
