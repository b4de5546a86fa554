"""The verb fit: the published optimum, both modes, honest outcomes, clear refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest

import progressfit as pf
from progressfit import RESULTS
from progressfit.infer.optimise import FitError
from progressfit.noise import Gaussian, LogScale
from progressfit.terms import GroupEffect, Logistic, LogSlope, Sum

PUBLISHED = {
    "compute.const": 0.889338,
    "compute.progress.rate": 0.158895,
    "compute.scaling.slope": 0.154499,
    "data.const": 1.782682,
    "data.scaling.slope": 0.063199,
    "data.progress.rate": 0.019822,
    "noise.log_scale": -2.160454,
}


@pytest.fixture(scope="module")
def runs():
    return pf.datasets.imagenet()


@pytest.fixture(scope="module")
def point(runs):
    return pf.fit(pf.laws.erdil_besiroglu(), runs, key=jax.random.key(0))


def line(noise=None, flat=False):
    """A straight line in ln x with generous priors."""
    prior = dist.ImproperUniform(dist.constraints.real, (), ()) if flat else dist.Normal(0.0, 10.0)
    mean = Sum(offset=prior, trend=LogSlope("x", prior, reference=1.0))
    return pf.Model(mean, pf.links.Identity(), noise or Gaussian(LogScale(dist.Normal(0.0, 2.0))))


def line_data(n=40, seed=0, x=None):
    rng = np.random.default_rng(seed)
    x = rng.uniform(1.0, 100.0, n) if x is None else x
    y = 1.0 + 0.5 * np.log(x) + 0.1 * rng.standard_normal(n)
    return pf.Dataset.from_frame(pd.DataFrame({"x": x, "y": y}), "y", {"x": "x"})


def test_published_optimum(point, runs):
    assert point.result is RESULTS.CONVERGED
    for path, value in PUBLISHED.items():
        assert abs(float(point.parameters[path]) - value) < 1e-4, path
    assert abs(float(jnp.sum(point.model.log_lik(runs, on="response"))) - 267.063) < 0.005


def test_both_modes_found_for_20_of_20_keys(runs):
    spec = pf.laws.erdil_besiroglu()
    for seed in range(20):
        found = pf.fit(spec, runs, key=jax.random.key(100 + seed), starts=64).optima
        assert len(found) == 2
        np.testing.assert_allclose([-o.objective for o in found], [68.586, 64.038], atol=0.02)
        assert sum(o.starts for o in found) == 64
        assert np.isclose(sum(o.share for o in found), 1.0)


def test_log_posterior_is_likelihood_plus_normalised_priors(point, runs):
    """The objective from its parts, with scipy's densities instead of the package's."""
    from scipy.special import expit, logit
    from scipy.stats import norm

    p = {name: float(value) for name, value in point.parameters.items()}
    year, flop, images = (np.asarray(runs.records.columns[c]) for c in ("date", "compute", "data"))
    index = p["compute.const"] + p["compute.progress.rate"] * (year - 2012)
    index = index + p["compute.scaling.slope"] * np.log(flop / 4.7e17)
    data = p["data.const"] + p["data.progress.rate"] * (year - 2012) + p["data.scaling.slope"] * np.log(images / 1e6)
    residual = logit(np.asarray(runs.response)) - logit(expit(index) * expit(data))
    total = norm.logpdf(residual, scale=np.exp(p["noise.log_scale"])).sum()
    for path, value in p.items():
        sd = 1.0 if path in ("compute.const", "data.const", "noise.log_scale") else 0.09
        total += norm.logpdf(value, scale=sd)
    # Two sums of a hundred terms of order one: agreement to rounding.
    assert abs(-point.objective - total) < 1e-10


def test_real_table_is_weak_not_unidentified(point):
    found = point.certificate.identification
    assert found.verdict == "weak"
    assert abs(found.eigenvalues[0] - 0.64) < 0.01
    assert "weakly identified" in str(point).lower()


def collinear(runs):
    """The table with compute a function of the year."""
    columns = dict(runs.records.columns)
    columns["compute"] = np.exp(40.0 + 1.5 * (np.asarray(columns["date"]) - 2012.0))
    return pf.Dataset(pf.Record(columns, runs.records.codes, {}), runs.response, runs.clusters, runs.labels)


def test_collinear_table_is_not_identified_and_the_direction_is_named(runs):
    table = collinear(runs)
    found = pf.fit(pf.laws.erdil_besiroglu(), table, key=jax.random.key(0))
    assert found.result is RESULTS.NOT_IDENTIFIED
    assert not found.converged
    direction = found.certificate.identification.direction()
    assert "compute.progress.rate" in direction and "compute.scaling.slope" in direction
    assert "Not identified" in str(found)
    # The direction is the one along which the index does not change: d rate = -1.5 d slope, in equal prior units.
    vector = found.certificate.identification.directions[:, 0]
    names = found.certificate.identification.names
    ratio = vector[names.index("compute.progress.rate")] / vector[names.index("compute.scaling.slope")]
    assert abs(ratio + 1.5) < 1e-5
    summary = pf.summary({"fit": found}, of=pf.growth_rate)
    assert summary["data_say"].tolist() == ["not identified"]
    assert np.isnan(summary["estimate"].iloc[0])


def test_bootstrap_of_an_unidentified_fit_gives_no_number(runs):
    table = collinear(runs)
    found = pf.fit(pf.laws.erdil_besiroglu(), table, key=jax.random.key(0), starts=8)
    draws = pf.bootstrap(found, table, key=jax.random.key(1), replicates=20)
    assert draws.result is RESULTS.NOT_IDENTIFIED
    row = pf.summary({"rows": draws}, of=pf.growth_rate).iloc[0]
    assert np.isnan([row["estimate"], row["low"], row["high"]]).all()
    assert row["doubling"] == "not identified"


def test_maximum_likelihood_is_least_squares():
    data = line_data()
    found = pf.fit(line(), data, key=jax.random.key(1), starts=8, objective="mle")
    design = np.c_[np.ones(len(data)), np.log(np.asarray(data.records.columns["x"]))]
    coefficients, residual, *_ = np.linalg.lstsq(design, np.asarray(data.response))
    assert found.converged
    np.testing.assert_allclose([found.parameters["offset"], found.parameters["trend.slope"]], coefficients, rtol=1e-9)
    np.testing.assert_allclose(np.exp(found.parameters["noise.log_scale"]) ** 2, residual[0] / len(data), rtol=1e-9)


def test_step_limit_is_not_success():
    found = pf.fit(line(), line_data(), key=jax.random.key(1), starts=4, max_steps=1)
    assert found.result is RESULTS.STEP_LIMIT
    assert found.certificate.unfinished == 4


def test_runaway_is_not_success():
    """Responses above a logistic's ceiling push its argument to infinity, and a flat prior does not hold it back."""
    flat = dist.ImproperUniform(dist.constraints.real, (), ())
    law = pf.Model(
        Logistic(Sum(offset=flat, trend=LogSlope("x", 0.0, reference=1.0))), pf.links.Identity(), Gaussian(0.1)
    )
    table = pd.DataFrame({"x": np.arange(1.0, 11.0), "y": np.full(10, 1.5)})
    data = pf.Dataset.from_frame(table, "y", {"x": "x"})
    found = pf.fit(law, data, starts={"offset": [0.0, 1.0, -1.0]})
    assert found.result is RESULTS.AT_BOUND and found.certificate.at_bound == ("offset",)
    # Stopped on the way, they are listed as running off; they run to a mean of 1, half a unit below every response.
    found = pf.fit(law, data, starts={"offset": [0.0, 1.0, -1.0]}, max_steps=8)
    (runaway,) = found.certificate.runaways
    assert runaway.paths == ("offset",) and runaway.starts == found.certificate.unfinished > 0
    limit = 10 * 0.5 * (0.5 / 0.1) ** 2
    assert limit < runaway.loss < 1.2 * limit
    assert f"At infinity, not an optimum: {runaway.starts} starts ran off in offset" in str(found)


def test_a_single_agreeing_start_is_not_certified(runs):
    """Started once near each optimum, the best one has one witness only."""
    optima = pf.fit(pf.laws.erdil_besiroglu(), runs, key=jax.random.key(0)).optima
    starts = {path: np.stack([o.values[path] for o in optima]) for path in optima[0].values}
    found = pf.fit(pf.laws.erdil_besiroglu(), runs, starts=starts)
    assert found.result is RESULTS.STARTS_DISAGREE


def test_throw_raises_the_sentence():
    with pytest.raises(FitError, match="step limit"):
        pf.fit(line(), line_data(), key=jax.random.key(1), starts=4, max_steps=1, throw=True)


def test_given_starts_and_grid_reach_the_same_optimum():
    data = line_data()
    grid = pf.start_grid({"offset": [-5.0, 5.0], "trend.slope": [-1.0, 1.0], "noise.log_scale": [0.0]})
    assert {len(values) for values in grid.values()} == {4}
    a = pf.fit(line(), data, starts=grid)
    b = pf.fit(line(), data, key=jax.random.key(3), starts=4)
    assert a.converged and b.converged
    assert abs(a.objective - b.objective) < 1e-9 * abs(b.objective)


def test_flat_priors_need_starts_and_enough_rows():
    with pytest.raises(ValueError, match="flat"):
        pf.fit(line(flat=True), line_data(), key=jax.random.key(0))
    starts = {"offset": [0.0, 1.0], "trend.slope": [0.0, 1.0], "noise.log_scale": [0.0, 0.0]}
    assert pf.fit(line(flat=True), line_data(), starts=starts).converged
    with pytest.raises(pf.TableError, match=r"2 rows for 3 free parameters.*flat"):
        pf.fit(line(flat=True), line_data(n=2), starts=starts)


def test_refusals_say_what_to_do(runs):
    spec = pf.laws.erdil_besiroglu()
    with pytest.raises(ValueError, match=r"key=jax\.random\.key"):
        pf.fit(spec, runs)
    with pytest.raises(ValueError, match=r"no start for 'compute.const'"):
        pf.fit(spec, runs, starts={"data.const": [0.0]})
    with pytest.raises(ValueError, match="97 finite"):
        pf.fit(spec, runs, key=jax.random.key(0), weights=[1.0])
    with pytest.raises(ValueError, match="choose 'map' or 'mle'"):
        pf.fit(spec, runs, key=jax.random.key(0), objective="least squares")
    with pytest.raises(ValueError, match="chunk"):
        pf.fit(spec, runs, key=jax.random.key(0), chunk=0)
    with pytest.raises(ValueError, match="nothing to fit"):
        fixed = pf.fix(line(), {"offset": 0.0, "trend.slope": 1.0, "noise.log_scale": 0.0})
        pf.fit(fixed, line_data(), key=jax.random.key(0))
    with pytest.raises(pf.TableError, match=r"reads 'tokens'.*inputs=\{'tokens': COLUMN\}"):
        law = pf.Model(Logistic(LogSlope("tokens", dist.Normal(0, 1), reference=1.0)), pf.links.Logit(), Gaussian(0.1))
        pf.fit(law, runs, key=jax.random.key(0))


def test_accuracy_in_per_cent_is_refused():
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [0.5, 76.3, 0.8]})
    law = pf.Model(Logistic(LogSlope("x", dist.Normal(0, 1), reference=1.0)), pf.links.Logit(), Gaussian(0.1))
    with pytest.raises(pf.TableError, match=r"Column 'y'.*row 1.*0\.763, not 76\.3"):
        pf.fit(law, pf.Dataset.from_frame(table, "y", {"x": "x"}), key=jax.random.key(0))


def test_group_effects_are_recovered():
    """Balanced groups, nearly flat priors: each effect is its group's mean."""
    rng = np.random.default_rng(3)
    level = np.repeat(["a", "b", "c"], 30)
    x = rng.uniform(1.0, 10.0, 90)
    y = np.repeat([0.0, 1.0, -2.0], 30) + 0.1 * rng.standard_normal(90)
    data = pf.Dataset.from_frame(pd.DataFrame({"x": x, "g": level, "y": y}), "y", {"x": "x"}, groups={"kind": "g"})
    law = pf.Model(Sum(kind=GroupEffect("kind", dist.Normal(0.0, 1e4))), pf.links.Identity(), Gaussian(0.1))
    found = pf.fit(law, data, key=jax.random.key(0), starts=4)
    assert found.converged
    means = [y[level == name].mean() for name in data.levels("kind")]
    # The prior with sd 1e4 pulls each mean by a share of 1e-2 / 30 / 1e8.
    np.testing.assert_allclose(found.parameters["kind.effects"], means, atol=1e-10)


def test_tied_parameters_move_together(runs):
    spec = pf.tie(pf.laws.erdil_besiroglu(), {"data.const": "compute.const"})
    found = pf.fit(spec, runs, key=jax.random.key(0), starts=16)
    assert "data.const" not in found.parameters
    values = pf.params.leaves(found.model)
    assert float(values["data.const"]) == float(values["compute.const"])


def test_large_values_are_not_runaways():
    """A flat prior with a large answer, and a positive scale whose logarithm is large: both converge."""
    rng = np.random.default_rng(0)
    x = rng.uniform(1.0, 100.0, 40)
    y = 5e4 + 3e3 * np.log(x) + 1e2 * rng.standard_normal(40)
    data = pf.Dataset.from_frame(pd.DataFrame({"x": x, "y": y}), "y", {"x": "x"})
    noise = Gaussian(dist.LogNormal(25.0, 10.0))
    starts = {"offset": [0.0, 1e4], "trend.slope": [0.0, 1e3], "noise.scale": [1e3, 1e5]}
    found = pf.fit(line(noise, flat=True), data, starts=starts)
    assert found.converged and found.certificate.at_bound == ()
    assert abs(float(found.parameters["offset"]) - 5e4) < 500


def test_a_scale_driven_to_zero_is_at_its_bound():
    """A perfect fit: the likelihood rises without end as the noise scale shrinks."""
    x = np.arange(1.0, 21.0)
    table = pd.DataFrame({"x": x, "y": 2.0 + np.log(x)})
    data = pf.Dataset.from_frame(table, "y", {"x": "x"})
    found = pf.fit(line(Gaussian(dist.HalfNormal(1.0))), data, key=jax.random.key(0), starts=8)
    assert not found.converged
