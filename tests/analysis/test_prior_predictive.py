"""The prior predictive check, against a closed form, and what it says of priors that are off."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats

import progressfit as pf
from progressfit.noise import Gaussian
from progressfit.params import bind
from progressfit.report.plots import make_figure
from progressfit.terms import Function, Slope, Sum

DRAWS = 4000


def linear(level_sd=1.0, slope_sd=0.5):
    mean = Sum(level=dist.Normal(0.5, level_sd), gain=Slope("width", dist.Normal(0.0, slope_sd), reference=0.0))
    return pf.Model(mean, pf.links.Identity(), Gaussian(0.3))


@pytest.fixture(scope="module")
def found():
    return pf.prior_predictive(linear(), cases.small_table(), key=jax.random.key(3), draws=DRAWS)


def test_responses_have_the_distribution_of_the_closed_form(found):
    width = np.asarray(found.data.records.columns["width"])
    sd = np.sqrt(1.0 + 0.25 * width**2 + 0.09)
    assert found.responses.shape == (DRAWS, len(width)) and len(found) == DRAWS
    for row in range(len(width)):
        p = stats.kstest(found.responses[:, row], stats.norm(0.5, sd[row]).cdf).pvalue
        assert p > cases.FALSE_ALARM / len(width)


def test_shares_and_intervals_are_those_of_the_responses(found):
    observed = np.asarray(found.data.response)
    low, median, high = np.quantile(found.responses, [0.025, 0.5, 0.975], axis=0)
    np.testing.assert_allclose([found.low, found.median, found.high], [low, median, high], rtol=cases.ROUNDING)
    assert found.missed == np.mean((observed < low) | (observed > high)) == 0.0
    outside = (found.responses < observed.min()) | (found.responses > observed.max())
    assert found.beyond == np.mean(outside) and found.impossible == 0.0
    assert len(found.sentences) == 2 and f"{found.overall[0]:.4g} and {found.overall[1]:.4g}" in str(found)


def test_derived_quantities_follow(found):
    gains = found.map(lambda model: model.mean(found.data.records)[0])
    width = float(found.data.records.columns["width"][0])
    np.testing.assert_allclose(gains, found.values["level"] + width * found.values["gain.slope"], rtol=cases.ROUNDING)


def test_the_key_decides(found):
    again = pf.prior_predictive(linear(), cases.small_table(), key=jax.random.key(3), draws=DRAWS)
    np.testing.assert_array_equal(again.responses, found.responses)
    other = pf.prior_predictive(linear(), cases.small_table(), key=jax.random.key(4), draws=DRAWS)
    assert not np.array_equal(other.responses, found.responses)


def test_responses_out_of_bounds_are_counted():
    bounded = pf.prior_predictive(
        linear(), cases.small_table(), key=jax.random.key(3), draws=DRAWS, possible=(0.0, 1.0)
    )
    assert bounded.impossible == np.mean((bounded.responses < 0) | (bounded.responses > 1)) > 0.4
    assert "Narrow the priors, or choose a link" in str(bounded)


def test_a_prior_against_the_data_is_told():
    narrow = pf.prior_predictive(linear(0.01, 0.01), _shifted(5.0), key=jax.random.key(3), draws=DRAWS)
    assert narrow.missed == 1.0 and "rule out much of what is observed" in narrow.sentences[-1]


def test_a_prior_that_says_nothing_is_told():
    wide = pf.prior_predictive(linear(1e4), cases.small_table(), key=jax.random.key(3), draws=DRAWS)
    assert "times as wide as the observed one" in wide.sentences[-1]


def test_responses_that_are_not_finite_are_left_out_of_intervals():
    """A mean of NaN in every second draw, and in all draws of one row."""

    spec = pf.Model(Sum(half=Function(_broken, share=dist.Uniform(0.0, 1.0))), pf.links.Identity(), Gaussian(0.3))
    found = pf.prior_predictive(spec, cases.small_table(), key=jax.random.key(3), draws=DRAWS)
    width = np.asarray(found.data.records.columns["width"])
    first = width == width.min()
    np.testing.assert_array_equal(np.isnan(found.low), first)
    assert np.isfinite(found.overall).all()
    assert found.impossible == np.mean(np.isnan(found.responses)) > 0.5
    assert "not finite" in str(found)


def _broken(record, share):
    lost = (share < 0.5) | (record["width"] < -1.3)
    return jnp.where(lost, jnp.nan, share)


def _shifted(by):
    data = cases.small_table()
    return data.with_response(np.asarray(data.response) + by)


def test_group_effects_are_drawn_for_every_level():
    spec, data = cases.MODELS["groups"], cases.table()
    found = pf.prior_predictive(spec, data, key=jax.random.key(0), draws=20)
    assert found.values["lab.effects"].shape == (20, 3)
    one = bind(found.spec, {path: value[7] for path, value in found.values.items()})
    np.testing.assert_allclose(found.map(lambda m: m.predict(data.records))[7], one.predict(data.records), rtol=1e-12)


def test_flat_priors_are_refused_with_the_remedy():
    flat = pf.free(linear(), {"level": dist.ImproperUniform(dist.constraints.real, (), ())})
    with pytest.raises(ValueError, match="prior of 'level' is flat, so it predicts nothing; give it a proper prior"):
        pf.prior_predictive(flat, cases.small_table(), key=jax.random.key(0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"draws": 0}, "at least one"),
        ({"level": 1.0}, "strictly between"),
        ({"possible": (1.0, 0.0)}, "in this order"),
        ({"key": 3}, "not a random key"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(ValueError, match=message):
        pf.prior_predictive(linear(), cases.small_table(), **{"key": jax.random.key(0), **settings})


def test_the_picture_shows_band_and_points(found, tmp_path):
    picture = pf.report.prior_picture(found)
    (curve,) = picture.curves
    assert (np.diff(curve.y) >= 0).all() and (curve.low < curve.y).all() and (curve.y < curve.high).all()
    assert sorted(picture.y) == sorted(np.asarray(found.data.response))
    axis = make_figure(picture).axes[0]
    assert axis.get_ylabel() == "response" and len(axis.collections) == 2
    pf.report.draw(picture, tmp_path / "prior.png")
    assert (tmp_path / "prior.png").stat().st_size > 10_000
