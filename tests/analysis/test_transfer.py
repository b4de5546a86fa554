"""Transfer exponents: planted ones are found, the law without is tau = 1, and what cannot be is refused."""

import jax
import numpy as np
import numpyro.distributions as dist
import pytest

import progressfit as pf
from progressfit.dataset import Dataset, Labels, Record
from progressfit.noise import Gaussian
from progressfit.params import bind
from progressfit.terms import Constant, ExponentialProgress, LogSlope, Sum

KEY = jax.random.key(0)
SETS = ("big", "home", "web")
TAU = {"big": 0.4, "web": 0.8}


def law():
    prior = dist.Normal(0.0, 1.0)
    index = Sum(
        level=Constant(prior),
        progress=ExponentialProgress(prior, origin=2018.0, channel="algorithms", augments="data"),
        scaling=LogSlope("data", prior, reference=1e5),
    )
    return pf.Model(index, pf.links.Identity(), Gaussian(0.05))


def table():
    rng = np.random.default_rng(6)
    codes, date = np.arange(60) % 3, rng.uniform(2016, 2020, 60)
    data = np.where(codes == 1, 1e6 * np.exp(rng.normal(0, 0.5, 60)), 1e6 * np.exp(rng.uniform(1, 6, 60)))
    anchor = np.median(data[codes == 1])
    tau = np.array([TAU["big"], 1.0, TAU["web"]])[codes]
    effective = np.log(anchor / 1e5) + tau * np.log(data / anchor)
    response = 0.3 * (date - 2018) + 0.5 * effective + 0.05 * rng.normal(0, 1, 60)
    record = Record({"date": date, "data": data}, {"source": codes}, {}, (("source", SETS),))
    return Dataset(record, response, np.arange(60), Labels(levels=(("source", SETS),)))


def test_planted_exponents_are_found():
    """With mean and spread of the exponents known, the posterior is nearly Gaussian, and its mode an estimate."""
    data = table()
    spec = pf.with_transfer(law(), data, "source", "home", exponent=1.0, spread=0.5)
    point = pf.fit(spec, data, key=KEY, starts=8)
    assert point.converged
    draws = pf.laplace(point, data, key=KEY, draws=1000)
    found = pf.transfer_exponents(draws)
    assert found.keys() == TAU.keys()
    # Independently: least squares on products slope * tau, which are linear, and the delta method for their ratios.
    codes, columns = data.records.codes["source"], data.records.columns
    anchor = np.median(columns["data"][codes == 1])
    beyond = np.log(columns["data"] / anchor)
    amounts = [np.log(anchor / 1e5) + beyond * (codes == 1), beyond * (codes == 0), beyond * (codes == 2)]
    design = np.stack([np.ones(60), columns["date"] - 2018, *amounts], axis=1)
    best, spread = np.linalg.lstsq(design, data.response, rcond=None)[0], 0.05**2 * np.linalg.inv(design.T @ design)
    for k, (level, truth) in enumerate(TAU.items(), 3):
        tau = best[k] / best[2]
        slope = np.zeros(5)
        slope[[2, k]] = -tau / best[2], 1 / best[2]
        sd = np.sqrt(slope @ spread @ slope)
        # The prior, of standard deviation .5, draws the mode by (sd / .5)^2 of its way to 1.
        assert abs(np.mean(found[level]) - tau) < 0.25 * sd and abs(np.std(found[level]) / sd - 1) < 0.2
        assert abs(tau - truth) < 4 * sd
    # At home an image counts in full, and the reference of the growth rate is at home.
    np.testing.assert_allclose(point.map(lambda model: pf.growth_rate(model, "data")), 0.6, atol=0.05)


def test_an_exponent_of_one_is_the_law_itself():
    data = table()
    values = {"level": 0.3, "progress.rate": 0.2, "scaling.slope": 0.4}
    spec = pf.prepare(pf.with_transfer(law(), data, "source", "home", exponent=1.0, spread=0.5), data)
    model = bind(spec, values | {"scaling.departure.effects": np.zeros(2)})
    without = bind(law(), values)
    np.testing.assert_allclose(model.predict(data.records), without.predict(data.records), rtol=1e-12)
    np.testing.assert_allclose(pf.growth_rate(model, "data"), pf.growth_rate(without, "data"), rtol=1e-12)


def test_refusals():
    data = table()
    with pytest.raises(ValueError, match="no term of this law is a slope on the logarithm of 'compute'"):
        pf.with_transfer(law(), data, "source", "home", "compute")
    with pytest.raises(ValueError, match="it takes 'moon' and another one"):
        pf.with_transfer(law(), data, "source", "moon")
    with pytest.raises(ValueError, match="the data have no group 'origin'"):
        pf.with_transfer(law(), data, "origin", "home")
