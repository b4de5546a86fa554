"""Simulation-based calibration: its test of ranks by enumeration, a sound sampler, and two planted bugs."""

import itertools

import cases
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from arviz_stats import ecdf_utils

import progressfit as pf
from progressfit.analysis import calibration
from progressfit.analysis.ranks import band, uniformity
from progressfit.noise import Gaussian
from progressfit.params import constrain
from progressfit.report.calibration_picture import draw_calibration
from progressfit.terms import Logistic, Slope, Sum

# Noise so wide that twelve rows leave each posterior close to its prior: what is wrong there shows.
NOISE, SPREAD = 5.0, 0.6
QUICK = {"replicates": 128, "draws": 50, "thin": 2, "care": "quick"}


def law(level_sd=1.0, gain_location=0.0):
    gain = Slope("width", dist.LogNormal(gain_location, SPREAD), reference=0.0)
    return pf.Model(Sum(level=dist.Normal(0.0, level_sd), gain=gain), pf.links.Identity(), Gaussian(NOISE))


def at_one(model):
    return model.predict(pf.Record.of(width=[1.0]))[0]


def run(source=None):
    return pf.calibrate(law(), cases.small_table(), key=jax.random.key(5), of=(at_one,), source=source, **QUICK)


@pytest.fixture(scope="module")
def sound():
    return run()


# --- the test of ranks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "bins"), [(4, 3), (3, 5), (5, 2)])
def test_p_values_and_bands_by_enumeration(count, bins):
    every = [np.array(ranks) for ranks in itertools.product(range(bins), repeat=count)]
    p_values = np.array([uniformity(ranks, bins) for ranks in every])
    # Among all equally probable ranks, as many are as surprising as these as their p-value says.
    shares = np.array([np.mean(p_values <= p * (1 + cases.ROUNDING)) for p in p_values])
    np.testing.assert_allclose(p_values, shares, rtol=cases.ROUNDING)
    for false_alarm in (0.05, 0.3):
        found = band(count, bins, false_alarm)
        shares = np.array([np.cumsum(np.bincount(ranks, minlength=bins))[:-1] / count for ranks in every])
        outside = ((shares < found.low) | (shares > found.high)).any(axis=1)
        np.testing.assert_array_equal(outside, p_values <= false_alarm)


def test_bands_are_those_of_arviz():
    """arviz simulates; its bands may differ by one count where the simulated level falls on the other side."""
    count, bins = 60, 21
    found = band(count, bins, 0.05)
    rng = np.random.default_rng(0)
    level = ecdf_utils.simulate_confidence_bands(count, 1, found.position, 0.95, 4000, rng)
    low, high = ecdf_utils.get_pointwise_confidence_band(level, count, found.position)
    assert np.max(np.abs(np.rint(count * (found.low - low)))) <= 1
    assert np.max(np.abs(np.rint(count * (found.high - high)))) <= 1


def test_nothing_observed_is_nothing_surprising():
    assert uniformity(np.zeros(0, int), 11) == 1.0 and uniformity(np.zeros(9, int), 1) == 1.0
    assert uniformity(np.zeros(200, int), 11) == pytest.approx(1e-15)


# --- the verb ---------------------------------------------------------------------------------------------------------


def test_a_sound_sampler_passes(sound):
    assert sound.ok and sound.failing == ()
    assert sound.names == ("level", "gain.slope", "at_one", "log likelihood")
    assert sound.ranks.shape == (128, 4) and sound.draws == 50 and sound.impossible == 0
    assert sound.ranks.min() >= 0 and sound.ranks.max() <= 50
    assert ": calibrated." in str(sound)
    # Chains mix: of four independent quantities, 48 neighbours each, the largest correlation is about .15 on average.
    assert np.mean(sound.autocorrelation) < 0.3 and np.mean(sound.diverging) < 0.01


def test_a_wrong_prior_is_caught(sound):
    programs = calibration._ranked._cache_size()
    found = run(source=law(level_sd=1.5))
    assert not found.ok and found.failing[0] == "level"
    assert "level: posteriors are too narrow" in str(found)
    assert calibration._ranked._cache_size() == programs, "compiled again"
    assert found.p_values[1] > sound.false_alarm / 4  # the other parameter is as it should be


def test_a_doubled_jacobian_is_caught():
    """LogNormal(m, s) whose log density counts the Jacobian twice is LogNormal(m + s^2, s), whatever the data."""
    once, twice, data = law(gain_location=-(SPREAD**2)), law(), cases.small_table()

    def doubled(z):
        return pf.log_density(once, z, data, jacobian=True) + constrain(once, z)[1]

    z = jax.random.normal(jax.random.key(0), (6, 2))
    gap = jax.vmap(lambda one: doubled(one) - pf.log_density(twice, one, data, jacobian=True))(z)
    np.testing.assert_allclose(gap, gap[0], atol=cases.ROUNDING * 100)
    found = run(source=once)
    assert not found.ok and "gain.slope" in found.failing
    assert "gain.slope: posteriors lie too high" in str(found)


def test_the_key_decides(sound):
    np.testing.assert_array_equal(run().ranks, sound.ranks)


def test_the_picture_shows_bands_and_every_quantity(sound, tmp_path):
    draw_calibration(sound, tmp_path / "ranks.png")
    assert (tmp_path / "ranks.png").stat().st_size > 10_000
    share = np.array([np.mean(sound.ranks <= k, axis=0) for k in range(sound.draws)])
    inside = (share >= sound.band.low[:, None]) & (share <= sound.band.high[:, None])
    assert inside.all()


def test_impossible_tables_are_left_out():
    """With such noise an accuracy is 1 to the last digit in some tables, and its log odds are infinite."""
    spec = pf.Model(Logistic(dist.Normal(0.0, 1.0)), pf.links.Logit(), Gaussian(40.0))
    keys = jax.random.split(jax.random.key(2), 16)
    data = cases.small_table().bare()
    spec = pf.prepare(spec, cases.small_table())
    _, tables, possible, _ = jax.jit(jax.vmap(lambda key: calibration._simulated(spec, spec, data, key, 2)))(keys)
    assert np.sum(~possible) > 0
    np.testing.assert_array_equal(tables.response[~possible], jnp.tile(data.response, (int(np.sum(~possible)), 1)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"replicates": 0}, "replicates=0"),
        ({"thin": 1.5}, "thin=1.5"),
        ({"false_alarm": 1.0}, "false_alarm"),
        ({"care": "none"}, "choose 'full' or 'quick'"),
        ({"source": pf.fix(law(), {"level": 0.0})}, "free parameters of source"),
    ],
)
def test_misuse_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        pf.calibrate(law(), cases.small_table(), key=jax.random.key(0), **changes)


def test_flat_priors_are_refused():
    spec = pf.free(law(), {"level": dist.ImproperUniform(dist.constraints.real, (), ())})
    with pytest.raises(ValueError, match="'level' in the spec is flat"):
        pf.calibrate(spec, cases.small_table(), key=jax.random.key(0))
