"""Growth rates by differentiation against closed forms, and the rule for doubling times."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import progressfit as pf
from progressfit import growth
from progressfit.noise import Gaussian
from progressfit.terms import (
    Constant,
    EffectiveInput,
    Exp,
    ExponentialProgress,
    Logistic,
    LogSlope,
    LogSumExp,
    PowerLaw,
    Sum,
)


def erdil_besiroglu(**values):
    """The law with numbers."""
    numbers = {
        "compute.const": 0.9,
        "compute.progress.rate": 0.16,
        "compute.scaling.slope": 0.15,
        "data.const": 1.8,
        "data.progress.rate": 0.02,
        "data.scaling.slope": 0.06,
        "noise.log_scale": -2.0,
    }
    return pf.params.bind(pf.laws.erdil_besiroglu(), {**numbers, **values})


def chinchilla(rate_n=0.3, rate_d=0.4):
    """A law in two inputs with one channel each: log loss is the log of a sum of two power laws and a floor."""
    n = ExponentialProgress(rate_n, origin=2015.0, channel="parameter efficiency", augments="parameters")
    d = ExponentialProgress(rate_d, origin=2015.0, channel="data efficiency", augments="tokens")
    mean = Sum(
        parameters=PowerLaw(400.0, 0.34, EffectiveInput("parameters", n, reference=1.0)),
        tokens=PowerLaw(2000.0, 0.37, EffectiveInput("tokens", d, reference=1.0)),
        floor=Constant(1.8),
    )
    return pf.Model(mean, pf.links.Log(), Gaussian(0.01))


RECORD = pf.Record.of(date=2020.0, parameters=1e9, tokens=2e10)


def test_ratio_of_slopes_in_the_published_law():
    for date, compute in ((2012.0, 4.7e17), (2021.0, 1e23)):
        at = pf.Record.of(date=date, compute=compute, data=1e7)
        np.testing.assert_allclose(pf.growth_rate(erdil_besiroglu(), at=at), 0.16 / 0.15, rtol=1e-12)
    np.testing.assert_allclose(pf.growth_rate(erdil_besiroglu()), 0.16 / 0.15, rtol=1e-12)
    np.testing.assert_allclose(pf.growth_rate(erdil_besiroglu(), "data"), 0.02 / 0.06, rtol=1e-12)


def test_total_moves_every_channel():
    """At a point, the other channel counts by the ratio of sensitivities (1 - s(D)) / (1 - s(C))."""
    model = erdil_besiroglu()
    sigmoid = jax.nn.sigmoid
    expected = (0.16 * (1 - sigmoid(0.9)) + 0.02 * (1 - sigmoid(1.8))) / (0.15 * (1 - sigmoid(0.9)))
    at = pf.Record.of(date=2012.0, compute=4.7e17, data=1e6)
    np.testing.assert_allclose(pf.growth_rate(model, channel="total", at=at), expected, rtol=1e-12)
    parts = [pf.growth_rate(model, channel=name, at=at) for name in ("compute efficiency", "data efficiency")]
    np.testing.assert_allclose(sum(parts), expected, rtol=1e-12)


def test_exponential_progress_in_an_effective_input_is_its_own_rate():
    np.testing.assert_allclose(pf.growth_rate(chinchilla(), "parameters", at=RECORD), 0.3, rtol=1e-12)
    np.testing.assert_allclose(pf.growth_rate(chinchilla(), "tokens", at=RECORD), 0.4, rtol=1e-12)


def test_neutral_progress_counts_in_full_when_no_channel_augments_the_input():
    index = Sum(
        trend=ExponentialProgress(0.2, origin=2012.0, channel="algorithms"), size=LogSlope("size", 0.1, reference=1e6)
    )
    model = pf.Model(Logistic(index), pf.links.Logit(), Gaussian(0.1))
    np.testing.assert_allclose(pf.growth_rate(model, "size"), 2.0, rtol=1e-12)


def test_log_sum_exp_form_agrees_with_the_sum_of_power_laws():
    direct = chinchilla()
    logs = LogSumExp(
        a=Sum(
            c=Constant(np.log(400.0)),
            n=LogSlope("parameters", -0.34, reference=1.0),
            t=ExponentialProgress(-0.34 * 0.3, origin=2015.0, channel="parameter efficiency"),
        ),
        b=Sum(
            c=Constant(np.log(2000.0)),
            n=LogSlope("tokens", -0.37, reference=1.0),
            t=ExponentialProgress(-0.37 * 0.4, origin=2015.0, channel="data efficiency"),
        ),
        e=Constant(np.log(1.8)),
    )
    model = pf.Model(Exp(logs), pf.links.Log(), Gaussian(0.01))
    np.testing.assert_allclose(model.linked(RECORD), direct.linked(RECORD), rtol=1e-12)
    found = pf.growth_rate(model, "tokens", channel="data efficiency", at=RECORD)
    np.testing.assert_allclose(found, 0.4, rtol=1e-10)


def test_finite_difference_of_equal_performance():
    """The definition itself: shrink the input by the rate over a short time, and performance stays put."""
    model = erdil_besiroglu()
    at = pf.Record.of(date=2016.0, compute=1e19, data=3e7)
    rate = pf.growth_rate(model, channel="total", at=at)
    step = 1e-4
    later = at.replace(date=2016.0 + step, compute=1e19 * jnp.exp(-rate * step))
    # Second order in the step.
    assert abs(float(model.linked(later) - model.linked(at))) < 10 * step**2


def test_unknown_channel_is_named():
    with pytest.raises(ValueError, match=r"no channel 'luck'.*compute efficiency, data efficiency"):
        pf.growth_rate(erdil_besiroglu(), channel="luck")


def test_doubling_time_is_the_inverse():
    np.testing.assert_allclose(pf.doubling_time(np.log(2.0)), 12.0)
    np.testing.assert_allclose(pf.doubling_time(0.16 / 0.15), 12 * np.log(2) * 0.15 / 0.16)


@pytest.mark.parametrize(
    ("low", "high", "shortest", "longest", "words"),
    [
        (0.5, 1.0, 12 * np.log(2), 24 * np.log(2), "8.3 months to 16.6 months"),
        (-0.7, 0.33, 12 * np.log(2) / 0.33, np.inf, "more than 2.1 years, or no progress"),
        (0.0, 1.0, 12 * np.log(2), np.inf, "more than 8.3 months, or no progress"),
        (-2.0, -1.0, np.inf, np.inf, "no progress: the whole interval"),
    ],
)
def test_doubling_interval_never_changes_sign(low, high, shortest, longest, words):
    found = pf.doubling_interval(low, high, 0.25)
    np.testing.assert_allclose([found.shortest, found.longest], [shortest, longest])
    assert found.shortest > 0 and words in found.text and "0.25" in found.text


def test_doubling_interval_of_undefined_rates_says_so():
    assert "not defined" in pf.doubling_interval(np.nan, 1.0).text
    assert "not defined" in pf.doubling_interval(-np.inf, 1.0).text


def test_chances_that_draws_cannot_tell_are_bounds():
    assert growth.chance(0.0, 50) == "below 0.02"
    assert growth.chance(1.0, 50) == "above 0.98"
    assert growth.chance(0.02, 50) == "0.020"
    assert growth.chance(1e-9) == "below 0.001"
