"""Irreducible error: the published probe, closed forms, and simulations with a known floor."""

import jax
import numpy as np
import numpyro.distributions as dist
import pytest

import progressfit as pf
from progressfit.analysis.irreducible import SHARES
from progressfit.analysis.outlook import input_growth
from progressfit.dataset import Dataset, Record
from progressfit.noise import Gaussian, LogScale
from progressfit.params import bind
from progressfit.terms import Constant, Exp, ExponentialProgress, Logistic, LogSlope, Sum

KEY = jax.random.key(0)
ROWS = 60


def index(sign=1.0):
    prior = dist.Normal(0.0, 1.0)
    return Sum(
        level=Constant(prior),
        progress=ExponentialProgress(prior, origin=2018.0, channel="algorithms", augments="compute"),
        scaling=LogSlope("compute", prior, reference=1.0),
    )


def accuracy():
    return pf.Model(Logistic(index()), pf.links.Logit(), Gaussian(LogScale(dist.Normal(-2.0, 1.0))))


def loss():
    return pf.Model(Exp(-index()), pf.links.Log(), Gaussian(LogScale(dist.Normal(-3.0, 1.0))))


def columns():
    rng = np.random.default_rng(4)
    years, logs = np.sort(rng.uniform(-4, 4, ROWS)), rng.normal(2, 2, ROWS)
    return (
        Record({"date": 2018.0 + years, "compute": np.exp(logs)}, {}, {}),
        0.3 * years + 0.6 * logs,
        rng.normal(0, 1, ROWS),
    )


@pytest.fixture(scope="module")
def published():
    data, spec = pf.datasets.imagenet(), pf.laws.erdil_besiroglu()
    point = pf.fit(spec, data, key=KEY, starts=16)
    found = pf.irreducible_error(point, data, pf.growth_rate, spec=spec)
    return data, point, found


def test_the_published_probe(published):
    """Ceilings of .99, .98, .95: log likelihood 267.11, 267.17, 267.42 and halving in 8.32, 8.61, 10.05 months."""
    _, point, found = published
    assert found.ok.all() and found.kind == "ceiling"
    at = [int(np.argmin(abs(found.errors - error))) for error in (0.0, 0.01, 0.02, 0.05)]
    np.testing.assert_allclose(found.log_likelihood[at], [267.06, 267.11, 267.17, 267.42], atol=0.0051)
    np.testing.assert_allclose(pf.doubling_time(found.value[at]), [8.09, 8.32, 8.61, 10.05], atol=0.0081)
    np.testing.assert_allclose(found.value[0], point.map(pf.growth_rate), rtol=1e-6)


def test_the_effect_is_small_inside_and_larger_outside(published):
    data, _, found = published
    inside = np.abs(found.fitted[-1] - found.fitted[0]).max()
    assert inside < 0.005 < 0.015 < found.forecast[0, 1, -1] - found.forecast[-1, 1, -1]
    assert found.dates[found.last] == data.records.columns["date"].max() and found.where.inside[:, found.last].all()
    assert found.dates[-1] == found.dates[found.last] + 10 and not found.where.inside[:, -1].any()
    assert (found.forecast.max(axis=(1, 2)) < 1 - found.errors).all()
    assert found.growth.keys() == {"compute", "data"}


def test_a_known_floor_is_recovered():
    records, inside, scatter = columns()
    response = (0.3 + np.exp(-inside)) * np.exp(0.03 * scatter)
    data = Dataset(records, response, np.arange(ROWS))
    point = pf.fit(loss(), data, key=KEY, starts=8)
    free = pf.free_irreducible_error(point, data, pf.growth_rate, key=KEY, draws=300, method="importance", starts=8)
    low, _, high = (end * response.min() for end in free.interval(free.error))
    assert low < 0.3 < high and high - low < 0.05
    rate_low, _, rate_high = free.interval(free.value)
    assert rate_low < 0.5 < rate_high and free.forecast.median.shape == (2, 36)


def test_losses_in_units_of_the_lowest_and_rows_that_do_not_count():
    """The lowest loss of the rows that count is 1, as it is for fractions; a row of weight 0 has the lowest of all."""
    records, inside, scatter = columns()
    response = (0.3 + np.exp(-inside)) * np.exp(0.03 * scatter)
    best, out = int(np.argmax(inside)), int(np.argmin(response))
    weights = np.ones(ROWS)
    weights[[best, out]] = 0.0
    data = Dataset(records, response / response[weights > 0].min(), np.arange(ROWS))
    point = pf.fit(loss(), data, key=KEY, starts=8, weights=weights)
    found = pf.irreducible_error(point, data, pf.growth_rate)
    assert not found.fraction and found.lowest == 1.0 and tuple(found.errors) == SHARES
    assert weights[found.best] == 1
    assert data.records.columns["compute"][found.best] == found_input(found, point, data)
    # The planted share lies beyond the grid, so the end of it fits best.
    assert 0.3 / response[weights > 0].min() > SHARES[-1] and (np.diff(found.log_likelihood) > 0).all()


def found_input(found, point, data):
    """Compute of the row of weight 1 with the lowest predicted loss, by brute force."""
    predicted = np.asarray(point.model.predict(data.records))
    return min((predicted[i], data.records.columns["compute"][i]) for i in range(ROWS) if point.weights[i] > 0)[1]


def test_forms():
    values = {"level": 0.4, "progress.rate": 0.2, "scaling.slope": 0.5, "noise.log_scale": -1.0}
    at = Record.of(date=2020.0, compute=5.0)
    base, lower = bind(accuracy(), values), bind(loss(), values)
    np.testing.assert_allclose(pf.with_ceiling(base, 0.9).mean.value(at), 0.9 * base.mean.value(at), rtol=1e-12)
    np.testing.assert_allclose(pf.with_ceiling(base, 1.0).linked(at), base.linked(at), rtol=1e-12)
    np.testing.assert_allclose(
        pf.with_irreducible_loss(lower, 0.7).mean.value(at), 0.7 + lower.mean.value(at), rtol=1e-12
    )
    np.testing.assert_allclose(pf.growth_rate(pf.with_ceiling(base, 0.9)), 0.4, rtol=1e-10)
    law = pf.with_ceiling(pf.laws.erdil_besiroglu(), 0.98)
    published = pf.laws.erdil_besiroglu(ceiling=0.98)
    assert list(pf.params.leaves(law)) == list(pf.params.leaves(published))


def test_refusals():
    with pytest.raises(ValueError, match="a ceiling of its own"):
        pf.with_ceiling(pf.laws.erdil_besiroglu(ceiling=0.98), 0.99)
    with pytest.raises(ValueError, match="an irreducible loss of its own"):
        pf.with_irreducible_loss(pf.laws.chinchilla(), 0.1)
    with pytest.raises(ValueError, match="no upper bound"):
        pf.with_ceiling(loss(), 0.9)
    with pytest.raises(ValueError, match="up to 1"):
        pf.with_ceiling(accuracy(), 1.2)
    with pytest.raises(ValueError, match="zero or positive"):
        pf.with_irreducible_loss(loss(), -1.0)


def test_the_outlook_is_the_best_row_with_inputs_that_grow():
    records, inside, scatter = columns()
    data = Dataset(records, 1 / (1 + np.exp(-inside - 0.1 * scatter)), np.arange(ROWS))
    model = bind(accuracy(), {"level": 0.0, "progress.rate": 0.3, "scaling.slope": 0.6, "noise.log_scale": -1.0})
    held, grown = (pf.outlook(model, data, 4.0, growing=growing) for growing in (False, True))
    best = int(np.argmax(inside))
    assert (held.columns["compute"] == records.columns["compute"][best]).all()
    after = np.maximum(np.asarray(held.columns["date"]) - records.columns["date"].max(), 0)
    found = np.log(grown.columns["compute"] / held.columns["compute"])
    np.testing.assert_allclose(found, input_growth(data, "compute") * after, atol=1e-10)
    assert after[-1] == 4.0 and (np.diff(held.columns["date"]) == 0.5).all()
