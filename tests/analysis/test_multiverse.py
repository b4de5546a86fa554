"""The multiverse against single fits, and the same numbers from wherever it runs."""

from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import numpyro.distributions as dist
import pytest
from distributed import Client, LocalCluster

import progressfit as pf
from progressfit.dataset import Dataset, Record
from progressfit.noise import Gaussian, Laplace, LogScale, StudentT
from progressfit.terms import Constant, ExponentialProgress, LogSlope, Sum

ROWS = 30
CHOICES = {"sd": ("0.1", "1.0"), "noise": ("Gaussian", "Student-t"), "kept": ("all", "early")}
RNG = np.random.default_rng(1)
YEAR, LOGS = np.linspace(2012, 2022, ROWS), RNG.normal(0, 1, ROWS)
TABLE = Dataset(
    Record({"date": YEAR, "compute": np.exp(LOGS)}, {}, {}),
    0.2 * (YEAR - 2016) + 0.4 * LOGS + RNG.normal(0, 0.2, ROWS),
    np.arange(ROWS),
)


def universe(sd, noise, kept):
    prior, scale = dist.Normal(0.0, float(sd)), LogScale(dist.Normal(0.0, 1.0))
    mean = Sum(
        level=Constant(dist.Normal(0.0, 1.0)),
        progress=ExponentialProgress(prior, origin=2016.0, channel="algorithms", augments="compute"),
        scaling=LogSlope("compute", prior, reference=1.0),
    )
    spec = pf.Model(mean, pf.links.Identity(), Gaussian(scale) if noise == "Gaussian" else StudentT(scale, df=4.0))
    return pf.Universe(spec, TABLE, np.where((kept == "all") | (YEAR < 2018), 1.0, 0.0))


@pytest.fixture(scope="module")
def found():
    return pf.multiverse(CHOICES, universe, key=jax.random.key(0))


def test_every_combination_is_its_own_fit(found):
    assert found.structures == 2 and len(found.frame) == 8
    # One structure, so that one program of fits serves all.
    for row in found.frame[found.frame["noise"] == "Student-t"].to_dict("records"):
        own = universe(**{name: row[name] for name in CHOICES})
        point = pf.fit(own.spec, own.data, key=jax.random.key(1), weights=own.weights)
        assert row["certified"]
        assert row["value"] == pytest.approx(float(pf.growth_rate(point.model)), rel=1e-6)
        density = np.asarray(point.model.log_lik(TABLE, on="response"))
        assert row["log_likelihood"] == pytest.approx(float(np.sum(own.weights * density)), rel=1e-8)
        assert row["weight"] == own.weights.sum()


def test_intervals_are_those_of_the_curvature(found):
    row = found.frame.iloc[0]
    own = universe(**{name: row[name] for name in CHOICES})
    point = pf.fit(own.spec, own.data, key=jax.random.key(1), weights=own.weights)

    def rate(z):
        return float(pf.growth_rate(pf.params.bind(point.spec, pf.params.constrain(point.spec, z)[0])))

    z, step = np.asarray(point.optima[0].z), 1e-5
    slope = np.array([(rate(z + step * e) - rate(z - step * e)) / (2 * step) for e in np.eye(len(z))])
    error = np.sqrt(slope @ np.linalg.solve(point.optima[0].hessian, slope))
    assert row["high"] - row["low"] == pytest.approx(2 * 1.959964 * error, rel=1e-4)


def test_threads_give_the_same_numbers(found):
    with ThreadPoolExecutor(2) as pool:
        again = pf.multiverse(CHOICES, universe, key=jax.random.key(0), executor=pool)
    np.testing.assert_allclose(again.frame["value"], found.frame["value"], rtol=1e-9)


def test_a_dask_cluster_gives_the_same_numbers(found):
    # Workers in this process, so that nothing is compiled again; benchmarks/multiverse_cluster.py has processes.
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        again = pf.multiverse(CHOICES, universe, key=jax.random.key(0), executor=client.get_executor())
    np.testing.assert_allclose(again.frame["value"], found.frame["value"], rtol=1e-9)
    assert (again.frame["certified"] == found.frame["certified"]).all()


def test_it_says_which_choice_matters(found):
    text = str(found)
    assert "8 combinations" in text and all(name in text for name in CHOICES)
    top = max(zip(found.effects.total, found.effects.names, strict=True))[1]
    assert text.index(top) == min(text.index(name) for name in CHOICES)


def test_refusals():
    key = jax.random.key(0)
    with pytest.raises(ValueError, match="'sd' has no options"):
        pf.multiverse({"sd": ()}, universe, key=key)
    with pytest.raises(ValueError, match="at least one choice"):
        pf.multiverse({}, universe, key=key)
    with pytest.raises(ValueError, match="'weight' names a result"):
        pf.multiverse({"weight": ("a",)}, universe, key=key)

    def sharp(sd):
        own = universe(sd, "Gaussian", "all")
        return own._replace(spec=pf.Model(own.spec.mean, own.spec.link, Laplace(LogScale(dist.Normal(0.0, 1.0)))))

    with pytest.raises(ValueError, match="Laplace noise"):
        pf.multiverse({"sd": ("1.0",)}, sharp, key=key)

    def flat(sd):
        own = universe(sd, "Gaussian", "all")
        wide = pf.free(own.spec, {"level": dist.ImproperUniform(dist.constraints.real, (), ())})
        return own._replace(spec=wide)

    with pytest.raises(ValueError, match="prior of 'level' is flat"):
        pf.multiverse({"sd": ("1.0",)}, flat, key=key)
