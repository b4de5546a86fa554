"""Inputs needed for fixed performance: closed forms, ceilings, trade-offs."""

import jax
import numpy as np
import pytest
from scipy.special import expit, logit

import progressfit as pf
from progressfit.analysis.threshold import ceiling, reduction_rate, threshold_readings
from progressfit.terms import Constant, EffectiveInput, ExponentialProgress, Logistic, LogSlope, PowerLaw


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


def test_above_the_ceiling_is_infinite_and_below_the_floor_nothing_is_needed(model):
    assert np.isinf(pf.required_input(model, 0.87, pf.Record.of(date=2012.0, data=1.28e6)))
    floored = pf.Model(
        0.1 + 0.8 * Logistic(LogSlope("compute", 0.5, reference=1e18)), pf.links.Identity(), pf.noise.Gaussian(0.1)
    )
    assert pf.required_input(floored, 0.05, pf.Record.of()) == 0.0
    np.testing.assert_allclose(pf.required_input(floored, 0.5, pf.Record.of()), 1e18, rtol=1e-11)
    law = pf.Model(floored.mean + ExponentialProgress(0.0, origin=2012, channel="a"), floored.link, floored.noise)
    reading = pf.threshold_reading(law, 0.05, pf.Record.of(), [2012, 2014])
    assert np.isnan(reading.halving) and "met without any compute" in reading.text


def test_a_loss_falls_with_the_input():
    """``1.5 + 40 C^-0.2`` in units of 1e15 FLOP, improving by 0.3 a year."""
    trend = ExponentialProgress(0.3, origin=2015.0, channel="algorithms", augments="compute")
    law = pf.Model(
        Constant(1.5) + PowerLaw(40.0, 0.2, EffectiveInput("compute", trend, reference=1e15)),
        pf.links.Log(),
        pf.noise.Gaussian(0.1),
    )
    at = pf.Record.of(date=2015.0)
    for level in (2.0, 2.5, 10.0):
        expected = 1e15 * (40.0 / (level - 1.5)) ** 5
        np.testing.assert_allclose(pf.required_input(law, level, at), expected, rtol=1e-10)
    assert np.isinf(pf.required_input(law, 1.4, at))
    reading = pf.threshold_reading(law, 2.5, pf.Record.of(), ["2015-01-01", "2020-01-01"])
    np.testing.assert_allclose(reading.halving, 12 * np.log(2) / 0.3, rtol=1e-9)
    with pytest.raises(ValueError, match="at least two years"):
        pf.threshold_reading(law, 2.5, pf.Record.of(), [2015])


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


def test_readings_at_many_levels_and_their_ceilings(model):
    """Many levels in one program are the readings one by one; the ceiling is where data alone stop accuracy."""
    levels, years, record = [0.6, 0.7, 0.8, 0.87], np.arange(2012.0, 2023.0), pf.Record.of(data=1.28e6)
    many = threshold_readings(model, levels, record, years)
    assert [reading.level for reading in many] == levels
    assert many == tuple(pf.threshold_reading(model, level, record, years) for level in levels)
    for reading in many[:3]:
        rate = reduction_rate(model, reading.level, record, 2012.0, 2022.0)
        np.testing.assert_allclose(pf.doubling_time(rate), reading.halving, rtol=1e-10)
    assert np.isposinf(reduction_rate(model, 0.87, record, 2012.0, 2022.0))
    assert np.isnan(reduction_rate(model, 0.87, record, 2012.0, 2016.0))
    for year in (2012.0, 2022.0):
        data = 1.782682 + 0.019822 * (year - 2012) + 0.063199 * np.log(1.28)
        np.testing.assert_allclose(ceiling(model, record.replace(date=year)), expit(data), rtol=1e-12)
