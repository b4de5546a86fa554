"""The objective that minimisers see: its parts against plain differentiation, for every kind of law and noise."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from progressfit.density import log_density
from progressfit.infer.objective import constants_of, objective_of
from progressfit.infer.prepare import prepare
from progressfit.params import dimension

DATA = cases.table()
# The last two rows dropped, the others counted unequally.
WEIGHTS = np.append(np.linspace(0.4, 1.6, cases.ROWS - 2), [0.0, 0.0])
# Laws whose parameters differ in kind (positive, by group, tied, shares of a whole), and noises fixed, free and by row.
NAMES = ["chinchilla", "groups", "tied", "constrained", "noise_gaussian_by_row", "noise_student_t", "noise_huber"]


@pytest.mark.parametrize("name", NAMES)
def test_value_gradient_and_hessian_are_those_of_the_density(name):
    spec = prepare(cases.MODELS[name], DATA)
    z = 0.3 * jax.random.normal(jax.random.key(4), (dimension(spec),))

    @jax.jit
    def both(z):
        def plain(v):
            return -log_density(spec, v, DATA.bare(), jnp.asarray(WEIGHTS))

        objective = objective_of(spec, DATA.bare(), jnp.asarray(WEIGHTS), 1.0)
        constant = constants_of(spec, DATA.bare(), jnp.asarray(WEIGHTS))
        exact, tame = objective.local(z, jnp.asarray(True)), objective.local(z, jnp.asarray(False))
        return (objective.value(z) + constant, exact, tame), (plain(z), jax.grad(plain)(z), jax.hessian(plain)(z))

    (value, exact, tame), (expected, gradient, hessian) = both(z)
    size = np.max(np.abs(hessian)) + np.max(np.abs(gradient)) + abs(float(expected))
    np.testing.assert_allclose(value, expected, rtol=1e-11)
    for found in (exact, tame):
        np.testing.assert_allclose(found.gradient, gradient, rtol=1e-10, atol=1e-11 * size)
        assert float(found.value) == pytest.approx(float(value - constants(spec)), rel=1e-11, abs=1e-11 * size)
    np.testing.assert_allclose(exact.curvature, hessian, rtol=1e-9, atol=1e-11 * size)


def constants(spec) -> float:
    return float(constants_of(spec, DATA.bare(), jnp.asarray(WEIGHTS)))


def test_without_priors_an_impossible_one_plays_no_part():
    """Minus infinity times zero would be no number."""
    spec = prepare(cases.small_law(), cases.small_table())
    far = jnp.asarray([1e200, 0.0])
    bare, weights = cases.small_table().bare(), jnp.ones(12)
    assert np.isinf(float(objective_of(spec, bare, weights, 1.0).value(far)))
    assert np.isfinite(float(objective_of(spec, bare, weights, 0.0).value(far)))
