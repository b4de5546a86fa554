"""Growth of effective compute in two inputs against the closed forms and figures of Ho et al. 2024."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from language_models import MODEL_7, TABLE, WT103, bound

import progressfit as pf
from progressfit.terms import Exp, ExponentialProgress, LogSlope, Sum

AT = TABLE.record(date=2023.0, parameters=1e9, data=1e10, **WT103)
BUDGET = 1e25
# The best size is found to 1e-15 of its logarithm, about 30, and the loss there read through exponentials.
CLOSE = 1e-11


@pytest.fixture(scope="module")
def core() -> pf.Model:
    return bound(pf.laws.ho2024(7), MODEL_7)


def closed_form(a_year, a_param, b_year, b_data):
    return a_year / a_param + b_year / b_data


def test_the_published_doubling_time_three_ways(core):
    exact = closed_form(0.003938, 0.067982, 0.035620, 0.039587)
    assert round(12 * np.log(2) / exact, 3) == 8.685
    np.testing.assert_allclose(pf.effective_compute_growth(core, at=AT), exact, rtol=CLOSE)
    np.testing.assert_allclose(pf.optimal_growth(core, BUDGET, AT), exact, rtol=CLOSE)
    np.testing.assert_allclose(pf.optimal_doubling_time(core, BUDGET, AT), pf.doubling_time(exact), rtol=CLOSE)


@pytest.mark.parametrize("benchmark", ["ptb", "wt2"])
def test_growth_is_the_same_on_every_benchmark(core, benchmark):
    at = TABLE.record(date=2014.0, parameters=1e7, data=1e6, benchmark=benchmark, transformer="yes")
    np.testing.assert_allclose(
        pf.effective_compute_growth(core, at=at), pf.effective_compute_growth(core, at=AT), rtol=CLOSE
    )


def test_progress_on_the_whole_law_counts_once_in_each_input():
    """Hicks-neutral, form 12; published as a_year (1 / a_param + 1 / b_data)."""
    model = bound(pf.laws.ho2024(12), (0.03, 0.9, 0.0, 0.06, 0.08, 0.8, 0.17, 0.1, 0.04))
    exact = 0.03 * (1 / 0.08 + 1 / 0.04)
    # Second derivatives of a sum of exponentials: a few digits fewer.
    np.testing.assert_allclose(pf.effective_compute_growth(model, at=AT), exact, rtol=1e-10)
    np.testing.assert_allclose(pf.optimal_growth(model, BUDGET, AT), exact, rtol=CLOSE)
    np.testing.assert_allclose(pf.optimal_doubling_time(model, BUDGET, AT), pf.doubling_time(exact), rtol=CLOSE)
    alone = pf.growth_rate(model, "parameters", at=AT) + pf.growth_rate(model, "data", at=AT)
    assert float(alone) > 1.5 * exact, "one input alone has to make up for both terms"


def test_an_input_that_nothing_augments_does_not_grow():
    """Form 8: progress in data only."""
    model = bound(pf.laws.ho2024(8), (0.9, 0.0, 0.06, 0.07, 0.8, 0.17, 0.1, 0.03, 0.04))
    np.testing.assert_allclose(pf.effective_compute_growth(model, at=AT), 0.03 / 0.04, rtol=CLOSE)
    # Form 16: no progress at all.
    still = bound(pf.laws.ho2024(16), (0.9, 0.0, 0.06, 0.07, 0.8, 0.17, 0.1, 0.04))
    assert float(pf.effective_compute_growth(still, at=AT)) == 0.0
    assert float(pf.optimal_growth(still, BUDGET, AT)) == 0.0
    assert np.isinf(pf.optimal_doubling_time(still, BUDGET, AT))


def test_drifting_exponents_are_read_where_one_stands():
    """Form 15: the finite doubling time is no longer that of the rate, but that of the loss along the path."""
    # Exponents of .062 and .037 in 2023, each rising by more than .001 a year.
    values = (0.9, 0.0, 0.06, 0.004, -38.0, 5.0, 0.8, 0.17, 0.1, 0.03, -22.8, 3.0)
    model = bound(pf.laws.ho2024(15), values)
    months = float(pf.optimal_doubling_time(model, BUDGET, AT))
    later = AT.replace(date=2023.0 + months / 12)
    waited = pf.optimal_allocation(model, BUDGET, at=later).loss
    np.testing.assert_allclose(waited, pf.optimal_allocation(model, 2 * BUDGET, at=AT).loss, rtol=CLOSE)

    def path(date, log_compute):
        return pf.optimal_allocation(model, jnp.exp(log_compute), at=AT.replace(date=date)).loss

    by_year, by_compute = jax.grad(path, argnums=(0, 1))(2023.0, jnp.log(BUDGET))
    rate = pf.optimal_growth(model, BUDGET, AT)
    np.testing.assert_allclose(rate, by_year / by_compute, rtol=1e-9)
    assert abs(months * float(rate) / (12 * np.log(2)) - 1) > 1e5 * CLOSE, "the rate itself moves in those months"


def test_derivatives_and_batches_are_those_of_the_closed_form(core):
    spec = pf.prepare(pf.laws.ho2024(7), TABLE)
    vectors = jnp.asarray(MODEL_7) * jnp.asarray([[1.0], [1.05], [1.1]])
    vectors = vectors.at[1, 8].set(-0.02)

    def ours(z):
        model = pf.params.bind(spec, pf.params.constrain(spec, z)[0])
        return jnp.stack([pf.effective_compute_growth(model, at=AT), pf.optimal_growth(model, BUDGET, AT)])

    def months(z):
        return pf.optimal_doubling_time(pf.params.bind(spec, pf.params.constrain(spec, z)[0]), BUDGET, AT)

    exact = jax.vmap(lambda z: closed_form(z[3], z[4], z[8], z[9]))(vectors)
    np.testing.assert_allclose(jax.vmap(ours)(vectors), jnp.stack([exact, exact], axis=1), rtol=CLOSE)
    np.testing.assert_allclose(jax.vmap(months)(vectors), pf.doubling_time(exact), rtol=CLOSE)
    assert float(exact[1]) < 0, "one of them goes backwards"
    slope = jax.grad(lambda z: pf.doubling_time(closed_form(z[3], z[4], z[8], z[9])))(vectors[0])
    np.testing.assert_allclose(jax.grad(months)(vectors[0]), slope, rtol=1e-8, atol=1e-8 * np.abs(slope).max())


def test_where_no_split_is_best_nothing_is_claimed(core):
    # Exponents so unequal that all but everything belongs into one input.
    lopsided = bound(pf.laws.ho2024(7), (*MODEL_7[:4], -0.05, *MODEL_7[5:]))
    assert np.isnan(pf.optimal_growth(lopsided, BUDGET, AT))
    assert np.isnan(pf.optimal_doubling_time(lopsided, BUDGET, AT))


def test_many_trade_offs_make_no_rate():
    index = Sum(
        progress=ExponentialProgress(0.1, origin=2012.0, channel="algorithms"),
        size=LogSlope("parameters", 0.1, reference=1e6),
        data=LogSlope("data", 0.05, reference=1e6),
    )
    model = pf.Model(Exp(-index), pf.links.Log(), cases.NOISES["gaussian"])
    assert np.isnan(pf.effective_compute_growth(model))
    np.testing.assert_allclose(pf.effective_compute_growth(model, ("parameters",), AT), np.nan)


def test_inputs_that_no_law_reads_are_refused(core):
    with pytest.raises(ValueError, match="no term of this model reads the input 'width'"):
        pf.effective_compute_growth(core, ("parameters", "width"), AT)
    with pytest.raises(ValueError, match="needs one input at least"):
        pf.effective_compute_growth(core, (), AT)
    with pytest.raises(ValueError, match="depends on the group 'benchmark'"):
        pf.effective_compute_growth(core)
