"""Complementarity: closed forms, the published probe, and simulations with a known coefficient."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import progressfit as pf
from progressfit.analysis.complementarity import rates_by_row
from progressfit.dataset import Dataset, Record
from progressfit.noise import Gaussian, LogScale
from progressfit.params import bind
from progressfit.terms import CES, Constant, EffectiveInput, ExponentialProgress, LogSlope, PowerLaw, Sum

KEY = jax.random.key(0)


def line():
    prior = dist.Normal(0.0, 1.0)
    index = Sum(
        level=Constant(prior),
        progress=ExponentialProgress(prior, origin=2018.0, channel="algorithms", augments="compute"),
        scaling=LogSlope("compute", prior, reference=1.0),
    )
    return pf.Model(index, pf.links.Identity(), Gaussian(LogScale(dist.Normal(-1.0, 1.0))))


def table(coefficient, rows=60):
    rng = np.random.default_rng(4)
    years, logs = rng.uniform(-4, 4, rows), rng.normal(0, 1, rows)
    response = 1.0 + 0.2 * years + 0.5 * logs + coefficient * years * logs + rng.normal(0, 0.1, rows)
    record = Record({"date": 2018.0 + years, "compute": np.exp(logs)}, {}, {})
    return Dataset(record, response, np.arange(rows))


def pair(substitution, x, y):
    record = Record.of(a=np.exp(x), b=np.exp(y))
    return CES(substitution, a=LogSlope("a", 1.0, reference=1.0), b=LogSlope("b", 1.0, reference=1.0)), record


@pytest.mark.parametrize("substitution", [-40.0, -1.0, -1e-2, 1e-9, 0.7, 3.0])
@pytest.mark.parametrize(("x", "y"), [(0.3, -1.2), (2.0, 2.0), (5.0, 1.0)])
def test_ces_is_its_formula(substitution, x, y):
    term, record = pair(substitution, x, y)
    exact = 2 / substitution * np.log((np.exp(substitution * x) + np.exp(substitution * y)) / 2)
    # The formula itself loses digits as 1 / substitution; the term does not.
    rounding = 4096 * np.finfo(float).eps * max(1.0, 1 / abs(substitution))
    assert abs(float(term.value(record)) - exact) <= rounding * max(abs(exact), 1.0)


def test_ces_at_and_far_from_zero():
    term, record = pair(0.0, 2.0, 1.0)
    assert float(term.value(record)) == pytest.approx(3.0, rel=1e-14)  # Cobb-Douglas
    slope = jax.grad(lambda rho: pair(rho, 2.0, 1.0)[0].value(record))(0.0)
    np.testing.assert_allclose(slope, 0.25, rtol=1e-12)  # (x - y)^2 / 4
    far, _ = pair(-1e6, 2.0, 1.0)
    np.testing.assert_allclose(far.value(record), 2.0, atol=1e-5)  # the scarcer factor alone, twice
    with pytest.raises(ValueError, match="two named terms"):
        CES(0.0, a=Constant(1.0))


def test_the_published_probe():
    """Interaction with prior sd .02 on the ImageNet table: log likelihood 268.72 and coefficient .021."""
    data, spec = pf.datasets.imagenet(), pf.with_interaction(pf.laws.erdil_besiroglu())
    point = pf.fit(spec, data, key=KEY, starts=32)
    assert point.converged
    found = point.parameters
    assert abs(float(found["compute.interaction.scaling.slope"]) - 0.021) < 5e-4
    assert abs(float(point.model.log_lik(data, on="response").sum()) - 268.72) < 5e-3
    years, logs = data.records.columns["date"] - 2012.0, np.log(data.records.columns["compute"] / 4.7e17)
    k = found["compute.interaction.scaling.slope"]
    exact = (found["compute.progress.rate"] + k * logs) / (found["compute.scaling.slope"] + k * years)
    np.testing.assert_allclose(rates_by_row(point.model, data, "compute"), exact, rtol=1e-10)


def test_forms_without_the_term_are_the_law_itself():
    data = table(0.0)
    base = bind(line(), {"level": 0.4, "progress.rate": 0.2, "scaling.slope": 0.5, "noise.log_scale": -1.0})
    expected = base.predict(data.bare().records)
    for form in (pf.with_interaction(base, prior=0.0), pf.with_substitution(base, prior=0.0)):
        np.testing.assert_allclose(form.predict(data.bare().records), expected, rtol=1e-12, atol=1e-12)


def test_an_effective_input_is_a_place_too():
    progress = ExponentialProgress(0.5, origin=2018.0, channel="algorithms", augments="compute")
    law = PowerLaw(2.0, 0.3, EffectiveInput("compute", progress, reference=2.0))
    model = pf.with_interaction(pf.Model(law, pf.links.Log(), Gaussian(0.1)), prior=0.1)
    at = Record.of(date=2020.0, compute=5.0)
    logs = np.log(5.0 / 2.0)
    np.testing.assert_allclose(model.mean.value(at), 2.0 * np.exp(-0.3 * (logs + 1.0 + 0.1 * 2.0 * logs)), rtol=1e-12)
    np.testing.assert_allclose(pf.growth_rate(model, at=at), (0.5 + 0.1 * logs) / (1 + 0.2), rtol=1e-10)
    swapped = pf.with_substitution(pf.Model(law, pf.links.Log(), Gaussian(0.1)), prior=-1.0)
    x, y = 1.0, logs
    expected = -2 * np.log((np.exp(-x) + np.exp(-y)) / 2)
    np.testing.assert_allclose(swapped.mean.value(at), 2.0 * np.exp(-0.3 * expected), rtol=1e-12)


@pytest.mark.parametrize("truth", [0.05, 0.0])
def test_a_known_coefficient_is_recovered(truth):
    """Sixty rows determine it to about .006: .05 stands out, 0 does not."""
    data = table(truth)
    point = pf.fit(line(), data, key=KEY, starts=8)
    found, ces = pf.complementarity(point, data, key=KEY, method="importance", draws=500, starts=8)
    assert found.low < truth < found.high and found.high - found.low < 0.04
    assert found.data_say == "identified" and found.contraction > 0.5
    gains = found.held_out.value / found.held_out.error
    assert (gains > 2 and found.gain > 10) if truth else gains < 2
    assert (found.low > 0) == bool(truth) and ces.path == "combined.substitution"


def test_flat_priors_have_no_posterior_and_some_laws_no_place():
    law, data = line(), table(0.05)
    flat = pf.params.free(law, {"level": dist.ImproperUniform(dist.constraints.real, (), ())})
    starts = {"level": [0.5], "progress.rate": [0.1], "scaling.slope": [0.3], "noise.log_scale": [-1.0]}
    point = pf.fit(flat, data, starts=starts)
    place = pf.Model(Constant(dist.Normal(0.0, 1.0)), pf.links.Identity(), Gaussian(0.1))
    with pytest.raises(ValueError, match="no place for a complementarity"):
        pf.with_interaction(place)
    with pytest.raises(ValueError, match="'data'"):
        pf.complementarity(point, data, "data", key=KEY)
    assert jnp.isfinite(point.objective)
