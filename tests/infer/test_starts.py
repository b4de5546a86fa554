"""Starts in dead regions: a parameter without an effect on the mean, from which no optimiser can leave."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import progressfit as pf
from progressfit.dataset import Dataset, Record
from progressfit.infer.prepare import prepare
from progressfit.infer.starts import revived, sensitivity_of
from progressfit.laws.chinchilla import START_GRID
from progressfit.links import Identity
from progressfit.model import Model
from progressfit.noise import Gaussian, LogScale
from progressfit.params import dimension, unconstrain
from progressfit.prior_range import ranges_of
from progressfit.terms import Function

KEY = jax.random.key(7)
EVERY = 25  # of the 4,500 published starts


def decays(record, fast, slow, share):
    """Two exponential decays; at large rates both have died before the first observation."""
    x = record["x"]
    return share * jnp.exp(-jnp.exp(fast) * x) + (1 - share) * jnp.exp(-jnp.exp(slow) * x)


def decay_law() -> Model:
    mean = Function(decays, fast=dist.Normal(1.0, 3.0), slow=dist.Normal(-1.0, 3.0), share=dist.Normal(0.5, 0.5))
    return Model(mean, Identity(), Gaussian(LogScale(dist.Normal(-3.0, 2.0))))


def decay_data() -> Dataset:
    x = np.linspace(0.5, 10.0, 40)
    truth = 0.7 * np.exp(-2.0 * x) + 0.3 * np.exp(-0.2 * x)
    noise = 0.003 * np.random.default_rng(5).normal(size=40)
    return Dataset(Record({"x": x}, {}, {}), truth + noise, np.arange(40))


def test_more_decay_starts_arrive_once_dead_ones_are_moved():
    """A law that is no power law: the share of starts that reach the best optimum rises, and no start is dropped."""
    shares = {}
    for revive in (True, False):
        found = pf.fit(decay_law(), decay_data(), key=KEY, starts=200, objective="mle", revive=revive)
        assert found.certificate.starts == 200
        shares[revive] = sum(o.share for o in found.optima if o.objective < found.objective + 1e-6)
        assert (found.certificate.moved > 0) == revive
    assert shares[True] > shares[False] + 0.05, shares


@pytest.fixture(scope="module")
def grid() -> dict[bool, pf.Fit]:
    starts = {path: values[::EVERY] for path, values in pf.start_grid(START_GRID).items()}
    return {
        revive: pf.fit(pf.laws.chinchilla(), pf.datasets.chinchilla(), starts=starts, objective="mle", revive=revive)
        for revive in (True, False)
    }


@pytest.mark.parametrize(("revive", "share"), [(True, 0.95), (False, 0.85)])
def test_starts_of_the_published_grid_reach_the_optimum(grid, revive, share):
    """Best objective and the share of starts within 1e-6 relative of it: 7% for SciPy's L-BFGS-B."""
    point = grid[revive]
    assert point.loss <= 0.00101827402
    assert sum(o.share for o in point.optima if o.loss <= point.loss * (1 + 1e-6)) >= share


def test_the_certificate_counts_moved_starts(grid):
    assert 0.3 < grid[True].certificate.moved / grid[True].certificate.starts < 0.8
    assert grid[False].certificate.moved == 0


def test_sensitivity_is_the_derivative_in_spreads_of_the_response():
    """Against finite differences of the prediction; the noise has none."""
    data = decay_data()
    spec = prepare(decay_law(), data)
    z = unconstrain(spec, {"fast": 0.6, "slow": -1.5, "share": 0.6, "noise.log_scale": -5.0})
    scale = ranges_of(spec).scale
    found = sensitivity_of(spec, data, jnp.ones(40), scale)(z)

    def mean(point):
        model = pf.params.bind(spec, pf.params.constrain(spec, point)[0])
        return np.asarray(model.predict(data.records))

    step = 1e-6
    for j in range(dimension(spec)):
        shift = np.zeros(dimension(spec))
        shift[j] = step
        slope = (mean(z + shift) - mean(z - shift)) / (2 * step) * scale[j]
        expected = np.sqrt(np.mean(slope**2)) / np.std(data.response)
        # Central differences err by step**2 and by rounding over step.
        np.testing.assert_allclose(found[j], expected, rtol=1e-8, atol=1e-9)


def test_live_starts_stay_and_flat_priors_have_no_centre():
    spec = prepare(decay_law(), decay_data())
    sensitivity = sensitivity_of(spec, decay_data(), jnp.ones(40), ranges_of(spec).scale)
    alive, dead = jnp.array([0.6, -1.5, 0.6, -5.0]), jnp.array([9.0, 8.0, 0.6, -5.0])
    centre = ranges_of(spec).centre
    np.testing.assert_array_equal(revived(sensitivity, alive, centre, True)[0], alive)
    moved, halvings = revived(sensitivity, dead, centre, True)
    assert 0 < halvings < 10
    np.testing.assert_allclose(moved, centre + 0.5**halvings * (dead - centre), rtol=1e-12)
    np.testing.assert_array_equal(revived(sensitivity, dead, centre, False)[0], dead)
    np.testing.assert_array_equal(revived(sensitivity, dead, jnp.full(4, jnp.nan), True)[0], dead)
