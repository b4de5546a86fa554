"""Compute-equivalent gains against published figures and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from language_models import TABLE, WITH_TRANSFORMERS, WT103, bound, chinchilla, kaplan

import progressfit as pf
from progressfit.terms import LogSlope, PowerLaw

AT = TABLE.record(date=2023.0, parameters=1e9, data=1e10, **WT103)
CHANGE = {"transformer": "yes"}
# Bisection to 1e-14 of a logarithm of some tens, read through an exponential.
CLOSE = 1e-12


def power(coefficient: float, exponent: float) -> pf.Model:
    law = PowerLaw(coefficient, exponent, LogSlope("compute", 1.0, reference=1.0))
    return pf.Model(law, pf.links.Log(), pf.noise.Gaussian(0.1))


@pytest.fixture(scope="module")
def transformers() -> pf.Model:
    return bound(pf.laws.ho2024(7, transformer_multiplier=True), WITH_TRANSFORMERS)


def test_the_transformer_at_the_published_vector(transformers):
    found = pf.innovation_curve(transformers, [1e25, 1e22], AT, CHANGE)
    np.testing.assert_array_equal(np.round(found, 2), [7.38, 6.79])


def test_the_unchanged_law_does_as_well_with_more(transformers):
    found = pf.innovation_gain(transformers, AT, CHANGE)
    more = AT.replace(parameters=1e9 * found.factor, data=1e10 * found.factor)
    changed = TABLE.record(date=2023.0, parameters=1e9, data=1e10, benchmark="wt103", transformer="yes")
    np.testing.assert_allclose(transformers.linked(more), transformers.linked(changed), rtol=CLOSE)
    np.testing.assert_allclose(found.compute, found.factor**2, rtol=CLOSE)
    back = pf.innovation_gain(transformers, changed, {"transformer": "no"})
    assert float(back.compute) < 1


def test_a_later_date_is_worth_the_growth_of_effective_compute():
    """With one rate in both inputs the factor on both is that of progress alone."""
    a, b = 0.068, 0.040
    model = bound(pf.laws.ho2024(7), (0.9, 0.0, 0.06, 0.5 * a, a, 0.77, 0.18, 0.1, 0.5 * b, b))
    found = pf.innovation_gain(model, AT, {"date": 2025.0})
    np.testing.assert_allclose(found.factor, np.exp(0.5 * 2), rtol=1e-10)


def test_gains_map_over_draws_and_differentiate(transformers):
    spec = pf.prepare(pf.laws.ho2024(7, transformer_multiplier=True), TABLE)
    vectors = jnp.asarray(WITH_TRANSFORMERS) + jnp.asarray([[0.0], [1e-4], [-1e-4]])

    def gain(z):
        model = pf.params.bind(spec, pf.params.constrain(spec, z)[0])
        return jnp.log(pf.innovation_gain(model, AT, CHANGE).compute)

    found = jax.vmap(gain)(vectors)
    slope = jnp.sum(jax.grad(gain)(vectors[0]))
    # Central differences of 1e-4 are good to the square of that.
    np.testing.assert_allclose((found[1] - found[2]) / 2e-4, slope, rtol=1e-4)


def test_chinchilla_against_kaplan():
    judge, planner = chinchilla(), kaplan()
    budgets = jnp.asarray([1e19, 1.5e21, 2.53e24, 1.49e21, 10.0])
    found = np.asarray(jax.vmap(lambda c: pf.allocation_gain(judge, planner, c))(budgets))
    # The figure quoted for 1.49e21, 1.620, is that of 1.5e21 to its last digit.
    np.testing.assert_array_equal(np.round(found[:3], 3), [1.141, 1.620, 3.826])
    np.testing.assert_allclose(found[3], 1.620, rtol=0.01)
    assert np.isnan(found[4]), "a budget too small for any split"


def test_the_judges_own_plan_gains_nothing_and_its_slope_is_implicit():
    judge, planner = chinchilla(), kaplan()
    np.testing.assert_allclose(pf.allocation_gain(judge, judge, 1e22), 1.0, rtol=1e-10)

    def gain(log_compute):
        return pf.allocation_gain(judge, planner, jnp.exp(log_compute))

    middle, step = jnp.log(1e22), 1e-3
    difference = (gain(middle + step) - gain(middle - step)) / (2 * step)
    np.testing.assert_allclose(jax.grad(gain)(middle), difference, rtol=1e-5)


def test_laws_of_one_input_follow_the_closed_form():
    old, new = power(36.3, 0.065), power(88.0, 0.094)
    compute = np.asarray([[1e15, 1e18], [1e21, 1e24]])
    exact = (36.3 / (88.0 * compute**-0.094)) ** (1 / 0.065) / compute
    np.testing.assert_allclose(pf.law_gain(old, new, compute), exact, rtol=CLOSE * 10)
    share = pf.scale_dependence(lambda c: pf.law_gain(old, new, c), 1e15, 1e24)
    np.testing.assert_allclose(share.share, 1 - np.log(exact[0, 0]) / np.log(exact[1, 1]), rtol=CLOSE * 10)


def test_equal_exponents_have_a_gain_of_no_scale():
    old, new = power(36.3, 0.09), power(30.0, 0.09)
    found = pf.scale_dependence(lambda c: pf.law_gain(old, new, c), 1e15, 1e24)
    np.testing.assert_allclose(found.share, 0.0, atol=1e-10)
    np.testing.assert_allclose(found.start, (36.3 / 30.0) ** (1 / 0.09), rtol=1e-10)


def test_what_cannot_be_reached_is_infinite():
    floor = pf.Model(
        pf.terms.Sum(floor=pf.terms.PositiveConstant(2.0), compute=power(36.3, 0.065).mean),
        pf.links.Log(),
        pf.noise.Gaussian(0.1),
    )
    assert np.isinf(pf.law_gain(floor, power(88.0, 0.094), 1e24))


def test_bad_changes_are_refused(transformers):
    with pytest.raises(ValueError, match="no level 'maybe'; it has: no, yes"):
        pf.innovation_gain(transformers, AT, {"transformer": "maybe"})
    with pytest.raises(ValueError, match="no 'width' that could change"):
        pf.innovation_gain(transformers, AT, {"width": 1.0})
    with pytest.raises(ValueError, match="'data' is set by the budget"):
        pf.innovation_curve(transformers, 1e22, AT, {"data": 1.0})
    with pytest.raises(ValueError, match="between two inputs"):
        pf.innovation_curve(transformers, 1e22, AT, CHANGE, inputs=("parameters", "data", "epochs"))
    with pytest.raises(ValueError, match="no term of this model reads the input 'width'"):
        pf.innovation_gain(transformers, AT, CHANGE, inputs=("width",))
