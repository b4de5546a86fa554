"""Selection: omitted variables in closed form, a simulation with a known truth, and filters row by row."""

import jax
import numpy as np
import numpyro.distributions as dist
import pytest

import progressfit as pf
from progressfit.analysis.selection import best_of_cluster, better, cluster_weights, state_of_the_art
from progressfit.dataset import Dataset, Record
from progressfit.noise import Gaussian, LogScale
from progressfit.terms import Constant, ExponentialProgress, LogSlope, Sum

KEY = jax.random.key(0)


def line(sign=1.0):
    prior = dist.Normal(0.0, 5.0)
    index = Sum(
        level=Constant(prior),
        progress=ExponentialProgress(prior, origin=2018.0, channel="algorithms"),
        scaling=LogSlope("compute", prior, reference=1.0),
    )
    return pf.Model(sign * index, pf.links.Identity(), Gaussian(LogScale(dist.Normal(-1.0, 2.0))))


def table(rows, seed, quality=0.0, sign=1.0):
    """Compute rises with the date; quality has its correlations with log compute and with the date, and its share."""
    rng = np.random.default_rng(seed)
    years = rng.normal(0, 2, rows)
    logs = 0.5 * years + rng.normal(0, 1.5, rows)
    q = quality * (logs - 0.2 * years) + rng.normal(0, 0.3, rows)
    response = sign * (1.0 + 0.2 * years + 0.5 * logs + q)
    record = Record({"date": 2018.0 + years, "compute": np.exp(logs)}, {}, {})
    return Dataset(record, response, np.arange(rows) // 3), q, years, logs


def ordinary(data, response, years, logs):
    design = np.stack([np.ones(len(years)), years, logs], axis=1)
    return np.linalg.lstsq(design, response, rcond=None)[0]


def slope_of_compute(model):
    return model.mean.terms[1].terms[2].slope


def test_omitted_variables_of_a_linear_law_in_closed_form():
    """Least squares on ``y - E[q | x]`` is least squares minus the regression of quality on both."""
    data, _, years, logs = table(50, 1)
    point = pf.fit(line(), data, key=KEY, starts=4, objective="mle")
    path, r, share = next(p for p in point.parameters if p.endswith("scaling.slope")), np.array([0.3, -0.2]), 0.7
    found = pf.selection(point, data, path, *r, share=share)
    plain = ordinary(data, np.asarray(data.response), years, logs)
    left = np.asarray(data.response) - np.stack([np.ones(50), years, logs], axis=1) @ plain
    between = np.corrcoef(years, logs)[0, 1]
    slopes = np.linalg.solve([[1.0, between], [between, 1.0]], r)
    size = left.std() * np.sqrt(share / (1 - r @ slopes))
    np.testing.assert_allclose(found.scatter, left.std(), rtol=1e-6)
    np.testing.assert_allclose(found.value[0], plain[2] - size * slopes[0] / logs.std(), rtol=1e-6)
    rate = pf.selection(point, data, pf.growth_rate, *r, share=share).value[0]
    exact = (plain[1] - size * slopes[1] / years.std()) / (plain[2] - size * slopes[0] / logs.std())
    np.testing.assert_allclose(rate, exact, rtol=1e-6)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_truth_is_recovered_where_the_correlations_are_known(sign):
    """Quality that goes with compute makes the slope of compute 0.62 instead of 0.5, and the rate too low."""
    rows = 4000
    data, q, years, logs = table(rows, 2, quality=0.15, sign=sign)
    point = pf.fit(line(sign), data, key=KEY, starts=4)
    assert better(point.model, data, "compute") == sign
    r = [np.corrcoef(q, logs)[0, 1], np.corrcoef(q, years)[0, 1]]
    found = pf.selection(point, data, pf.growth_rate, [0.0, r[0]], [0.0, r[1]])
    # Five standard errors of the ratio 0.2 / 0.5: at most those of both slopes, over 0.5.
    apart = np.sqrt(1 - found.input_date**2)
    by_date, by_compute = (0.3 / np.sqrt(rows) / (x.std() * apart) for x in (years, logs))
    error = 5 * (by_date + 0.4 * by_compute) / 0.5
    assert found.ok.all() and abs(found.value[1] - 0.4) < error
    assert abs(found.value[0] - found.naive) < 1e-6 and found.naive < 0.4 - 2 * error


def test_needed_correlations_and_impossible_ones():
    data, _, _, _ = table(50, 1)
    point = pf.fit(line(), data, key=KEY, starts=4)
    grid = np.linspace(-0.8, 0.8, 17)
    first, second = (axis.ravel() for axis in np.meshgrid(grid, grid))
    found = pf.selection(point, data, pf.growth_rate, first, second)
    assert not found.possible.all() and found.ok[found.possible].all()
    assert np.isnan(found.value[~found.possible]).all()
    at, value = found.along("input")
    assert (np.diff(at) > 0).all() and (np.diff(value) > 0).all() and found.needed("input", found.naive) == 0
    middle = np.interp(0.15, at, value)
    assert found.needed("input", float(middle)) == pytest.approx(0.15)
    assert np.isnan(found.needed("date", 1e6))


def test_a_pole_and_a_change_of_optimum_are_no_crossing():
    """On ImageNet a strong correlation takes the slope of compute through 0, and the rate from +8 to below 0."""
    data = pf.datasets.imagenet()
    point, grid = pf.fit(pf.laws.erdil_besiroglu(), data, key=KEY, starts=32), np.linspace(-0.8, 0.8, 17)
    found = pf.selection(point, data, pf.growth_rate, [*grid, *(0 * grid)], [*(0 * grid), *grid])
    assert found.value[15] < 0 < found.value[14] and found.mode[15] == 1
    at, value = found.along("input")
    assert at[-1] == pytest.approx(0.6) and (value > 0).all() and np.isnan(found.needed("input", 0.0))
    assert 0.7 < found.needed("date", 0.0) < 0.8  # a steady way down to 0, unlike the jump at -0.8


def test_where_compute_is_a_function_of_the_date_nothing_is_said():
    data, _, years, _ = table(50, 1)
    tied = Dataset(data.records.replace(compute=np.exp(0.5 * years)), data.response, data.clusters)
    point = pf.fit(line(), tied, key=KEY, starts=4)
    found = pf.selection(point, tied, pf.growth_rate, 0.1, 0.0)
    assert not found.possible.any() and np.isnan(found.value).all()


def test_filters_row_by_row():
    record = Record({"date": np.array([2012.0, 2013.0, 2013.0, 2014.0, 2015.0]), "compute": np.ones(5)}, {}, {})
    data = Dataset(record, np.array([0.5, 0.6, 0.7, 0.65, 0.8]), np.array([0, 1, 1, 1, 2]))
    assert state_of_the_art(data).tolist() == [True, False, True, False, True]
    assert state_of_the_art(data, -1.0).tolist() == [True, False, False, False, False]
    assert best_of_cluster(data, 2).tolist() == [True, False, True, True, True]
    assert best_of_cluster(data, 1, -1.0).tolist() == [True, True, False, False, True]
    np.testing.assert_allclose(cluster_weights(data, 1), [1, 1 / 3, 1 / 3, 1 / 3, 1])


def test_filtered_refits_are_fits_of_the_filtered_table():
    data, _, _, _ = table(50, 1)
    point = pf.fit(line(), data, key=KEY, starts=4)
    filters = {"best": best_of_cluster(data, 1), "weighted": cluster_weights(data, 1)}
    found = pf.filtered(point, data, pf.growth_rate, filters)
    alone = pf.fit(line(), data.take(filters["best"]), key=KEY, starts=4)
    weighted = pf.fit(line(), data, key=KEY, starts=4, weights=filters["weighted"])
    expected = [float(fit.map(pf.growth_rate)) for fit in (alone, weighted)]
    np.testing.assert_allclose(found.value, expected, rtol=1e-7)
    np.testing.assert_allclose(found.rows, [17, 17], rtol=1e-12)


def test_refusals():
    data, _, _, _ = table(50, 1)
    point = pf.fit(line(), data, key=KEY, starts=4)
    with pytest.raises(ValueError, match="share=0"):
        pf.selection(point, data, pf.growth_rate, 0.1, 0.0, share=0.0)
    with pytest.raises(ValueError, match="no column 'data'"):
        pf.selection(point, data, pf.growth_rate, 0.1, 0.0, input="data")
    with pytest.raises(ValueError, match="leaves 1 rows"):
        pf.filtered(point, data, pf.growth_rate, {"one": np.arange(50) == 3})
