"""Situations in which a confident number would be wrong: each has to be called by its name."""

import cases
import jax
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest

import progressfit as pf
from progressfit import RESULTS
from progressfit.dataset import Record
from progressfit.infer.curvature import is_definite
from progressfit.noise import Gaussian, LogScale
from progressfit.terms import Constant, ExponentialProgress, Function, GroupEffect, Logistic, LogSlope


def law(scale=None):
    """Constant, trend and slope, with proper priors."""
    mean = (
        Constant(dist.Normal(0.0, 5.0))
        + ExponentialProgress(dist.Normal(0.0, 1.0), origin=2015.0, channel="algorithms", augments="compute")
        + LogSlope("compute", dist.Normal(0.0, 1.0), reference=1e20)
    )
    return pf.Model(mean, pf.links.Identity(), Gaussian(scale or LogScale(dist.Normal(0.0, 2.0))))


def table(n=40, seed=0, noise=0.2, slope=0.2):
    rng = np.random.default_rng(seed)
    t, c = rng.uniform(2012, 2022, n), rng.uniform(18, 24, n)
    y = 1.0 + slope * (0.45 * (t - 2015) + (c - 20) * np.log(10)) + noise * rng.standard_normal(n)
    frame = pd.DataFrame({"t": t, "c": 10**c, "y": y})
    return pf.Dataset.from_frame(frame, "y", {"compute": "c"}, date="t")


def test_as_many_parameters_as_rows():
    """The mean passes through every row, the noise shrinks to what its prior allows: nothing is determined."""
    data = table(n=3)
    found = pf.fit(law(), data, key=jax.random.key(0), starts=8)
    assert found.result is RESULTS.NOT_IDENTIFIED and found.certificate.identification.saturated
    assert "as many directions as there are rows" in str(found)
    row = pf.summary({"fit": found}, of=pf.growth_rate).iloc[0]
    assert np.isnan(row["estimate"]) and not row["certified"]
    with pytest.raises(pf.TableError, match=r"3 rows for 4 free parameters.*maximum-likelihood"):
        pf.fit(law(), data, key=jax.random.key(0), starts=8, objective="mle")


def test_rows_of_weight_zero_do_not_count_as_rows():
    weights = np.r_[np.ones(3), np.zeros(37)]
    found = pf.fit(law(), table(), key=jax.random.key(0), starts=8, weights=weights)
    assert found.result is RESULTS.NOT_IDENTIFIED and found.certificate.identification.saturated


def test_summary_marks_what_is_not_certified():
    data = table()
    stopped = pf.fit(law(), data, key=jax.random.key(0), starts=8, max_steps=2)
    assert not stopped.converged
    point = pf.fit(law(), data, key=jax.random.key(0), starts=8)
    result = pf.summary({"stopped": stopped, "fit": point}, of=pf.growth_rate)
    assert result["certified"].tolist() == [False, True]
    assert "not certified" in result["doubling"].iloc[0] and "not certified" not in result["doubling"].iloc[1]


def test_replicates_at_a_bound_are_not_ok():
    """A pure noise table and a slope that must be positive: in many replicates it runs to zero."""
    bounded = pf.free(law(), {"compute.slope": dist.HalfNormal(1.0)})
    data = table(slope=0.0, noise=1.0, seed=3)
    point = pf.fit(bounded, data, key=jax.random.key(0), starts=16)
    draws = pf.bootstrap(point, data, key=jax.random.key(1), replicates=200)
    slopes = np.asarray(draws.values["compute.slope"])
    assert draws.stats["at_bound"] > 2
    assert not draws.ok[slopes < 1e-8].any()
    assert draws.result is not RESULTS.CONVERGED


def test_resamples_of_what_is_not_determined_are_not_certified():
    """One width only: level and gain cannot be told apart, and rounding alone decides whether a Hessian is definite."""
    data = cases.small_table()
    same = pf.Dataset(Record({"width": np.full(12, 0.7)}, {}, {}), data.response, data.clusters, data.labels)
    point = pf.fit(cases.small_law(), same, key=jax.random.key(0), starts=4, objective="mle")
    assert point.result is RESULTS.NOT_IDENTIFIED
    assert not is_definite(point.optima[0].hessian) and not point.certificate.positive_definite
    draws = pf.bootstrap(point, same, key=jax.random.key(1), replicates=20)
    assert draws.failed == 20 and draws.result is RESULTS.REPLICATES_FAILED


def test_few_clusters_are_not_certified():
    data = table()
    few = pf.Dataset(data.records, data.response, np.arange(40) % 4, data.labels)
    point = pf.fit(law(), few, key=jax.random.key(0), starts=8)
    draws = pf.bootstrap(point, few, key=jax.random.key(1), replicates=20, kind="clusters")
    assert draws.result is RESULTS.FEW_CLUSTERS


def read_undeclared(record, a):
    return a * (record.date("prog") - 2015.0)


def test_a_function_may_read_only_channels_it_declares():
    hidden = pf.Model(Function(read_undeclared, a=dist.Normal(0.0, 1.0)), pf.links.Identity(), Gaussian(0.1))
    with pytest.raises(ValueError, match=r"reads the channel 'prog' without declaring it.*channels=\('prog',\)"):
        pf.fit(hidden, table(), key=jax.random.key(0), starts=4)
    declared = Function(read_undeclared, channels=("prog",), a=dist.Normal(0.0, 1.0))
    model = pf.Model(declared, pf.links.Identity(), Gaussian(0.1))
    assert pf.channels(model) == ("prog",)


@pytest.fixture(scope="module")
def grouped():
    rng = np.random.default_rng(0)
    names = np.repeat(["a", "b", "c", "d"], 20)
    c = rng.uniform(18, 24, 80)
    y = 0.1 * (c - 20) + np.repeat([0.0, 1.0, 2.0, 3.0], 20) + 0.1 * rng.standard_normal(80)
    frame = pd.DataFrame({"arch": names, "c": 10**c, "y": y})
    data = pf.Dataset.from_frame(frame, "y", {"compute": "c"}, groups={"arch": "arch"})
    spec = pf.Model(
        GroupEffect("arch", dist.Normal(0.0, 10.0)) + LogSlope("compute", dist.Normal(0.0, 1.0), reference=1e20),
        pf.links.Identity(),
        Gaussian(LogScale(dist.Normal(0.0, 2.0))),
    )
    return frame, data, pf.fit(spec, data, key=jax.random.key(0), starts=8)


def test_groups_are_players(grouped):
    _, data, point = grouped
    start, end = data.record(compute=1e19, arch="a"), data.record(compute=1e22, arch="d")
    found = pf.shapley(point.model, start, end)
    assert set(found.shares) == {"compute", "arch"}
    change = point.model.mean.value(end) - point.model.mean.value(start)
    np.testing.assert_allclose(found.total, change)
    assert abs(float(found.residual)) < 1e-10
    with pytest.raises(ValueError, match=r"'arch' differs.*belongs to no player"):
        pf.shapley(point.model, start, end, players=("compute",))


def test_codes_of_another_table_are_refused(grouped):
    frame, data, point = grouped
    part = frame[frame["arch"].isin(["c", "d"])].reset_index(drop=True)
    other = pf.Dataset.from_frame(part, "y", {"compute": "c"}, groups={"arch": "arch"})
    with pytest.raises(ValueError, match=r"levels of the group 'arch' are c, d here, but a, b, c, d in the fitted"):
        pf.predict(point.model, other.records)
    records = data.record(compute=[1e20, 1e21], arch="d")
    np.testing.assert_allclose(pf.predict(point.model, records)[0], 3.0, atol=0.2)
    single = data.record(compute=1e20, arch="d")
    np.testing.assert_allclose(pf.predict(point.model, single), pf.predict(point.model, records)[0])
    with pytest.raises(ValueError, match=r"depends on the group 'arch'.*at=data\.record"):
        pf.growth_rate(point.model)


def test_a_mistyped_input_has_no_growth_rate():
    model = pf.params.bind(pf.laws.erdil_besiroglu(), {**dict.fromkeys(PATHS, 0.1)})
    at = pf.Record.of(date=2015.0, compute=1e20, data=1e6, tokens=1e9)
    with pytest.raises(ValueError, match="no term of this model reads the input 'tokens'; it reads: compute, data"):
        pf.growth_rate(model, "tokens", at=at)
    with pytest.raises(ValueError, match="taken at one record"):
        pf.growth_rate(model, at=pf.Record.of(date=[2015.0, 2016.0], compute=1e20, data=1e6))


PATHS = pf.params.priors(pf.laws.erdil_besiroglu())


def test_wrong_kinds_of_arguments_are_sentences():
    data = table()
    with pytest.raises(TypeError, match="fit needs a Model and a Dataset, got function"):
        pf.fit(pf.laws.erdil_besiroglu, data, key=jax.random.key(0))
    with pytest.raises(ValueError, match="is not a random key"):
        pf.fit(law(), data, key=0)
    with pytest.raises(ValueError, match=r"starts=8\.0: give a whole number"):
        pf.fit(law(), data, key=jax.random.key(0), starts=8.0)
    with pytest.raises(ValueError, match="no column 'flops'"):
        pf.extrapolation(data, pf.Record.of(date=[2015.0], flops=[1e99]))
    with pytest.raises(TypeError, match="expected a term"):
        Logistic(Constant(1.0)) + None


def test_sum_difference_and_quotient_of_terms():
    records = pf.Record.of(x=[1.0, 2.0, 5.0])
    a, b = LogSlope("x", 2.0, reference=1.0), Constant(3.0)
    np.testing.assert_allclose(sum([a, b])(records), a(records) + b(records))
    np.testing.assert_allclose((a - b)(records), a(records) - b(records))
    np.testing.assert_allclose((1 - a)(records), 1 - a(records))
    np.testing.assert_allclose((-a / 4)(records), -a(records) / 4)
    assert sum([a, b]).names == ("x", "constant")


def test_zero_weight_rows_do_not_spoil_the_gradient():
    data = table()
    columns = {**data.records.columns, "compute": np.r_[0.0, np.asarray(data.records.columns["compute"])[1:]]}
    broken = pf.Dataset(pf.Record(columns, {}, {}), data.response, data.clusters, data.labels).bare()
    weights = np.r_[0.0, np.ones(39)]
    spec = pf.prepare(law(), data)
    z = np.array([0.5, 0.1, 0.2, -1.0])
    gradient = jax.grad(lambda v: pf.log_density(spec, v, broken, weights))(z)
    expected = jax.grad(lambda v: pf.log_density(spec, v, data.take(np.arange(1, 40)).bare()))(z)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)


def squared_trend(record, rate):
    return (rate * (record.date("algorithms") - 2012.0)) ** 2


def test_optima_that_tie_are_both_listed():
    rng = np.random.default_rng(0)
    t = rng.uniform(2012, 2022, 40)
    frame = pd.DataFrame({"t": t, "y": (0.3 * (t - 2012)) ** 2 + 0.1 * rng.standard_normal(40)})
    data = pf.Dataset.from_frame(frame, "y", date="t")
    term = Function(squared_trend, channels=("algorithms",), rate=dist.Normal(0.0, 1.0))
    found = pf.fit(pf.Model(term, pf.links.Identity(), Gaussian(0.1)), data, key=jax.random.key(0), starts=32)
    rates = sorted(float(optimum.values["rate"]) for optimum in found.optima)
    np.testing.assert_allclose(rates, [-0.3, 0.3], atol=0.01)
    assert sum(optimum.starts for optimum in found.optima) == 32


def test_priors_that_cannot_be_used_say_so():
    transformed = dist.TransformedDistribution(dist.Normal(0.0, 1.0), dist.transforms.AffineTransform(0.0, 2.0))
    odd = pf.free(law(), {"constant": transformed})
    assert pf.fit(odd, table(), key=jax.random.key(0), starts=8).converged
    with pytest.raises(pf.TableError, match="prior of 'constant' is discrete"):
        pf.fit(pf.free(law(), {"constant": dist.Poisson(1.0)}), table(), key=jax.random.key(0))
