"""Laplace priors: minima on the faces of absolute values, against closed forms and coordinate descent."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import progressfit as pf
from progressfit.infer.minimise import CONVERGED
from progressfit.infer.objective import smooth_objective
from progressfit.infer.sparse import Kinks, minimise_sparse
from progressfit.laws.ho2024 import ho2024
from progressfit.studies.ho_2024 import published


def coordinate_descent(hessian, slope, kinks, weights, sweeps=4000):
    """Minimum of ``z'Hz/2 - slope z + sum w |z - c|`` for a positive definite Hessian."""
    z = kinks.copy()
    for _ in range(sweeps):
        for i in range(len(z)):
            pull = slope[i] - hessian[i] @ z + hessian[i, i] * z[i] - hessian[i, i] * kinks[i]
            z[i] = kinks[i] + np.sign(pull) * max(abs(pull) - weights[i], 0.0) / hessian[i, i]
    return z


@jax.jit
def solve(hessian, slope, kinks, starts):
    objective = smooth_objective(lambda z: 0.5 * z @ hessian @ z - slope @ z)
    return jax.vmap(lambda z: minimise_sparse(objective, kinks, z, jnp.ones(z.shape)))(starts)


@pytest.mark.parametrize("seed", range(6))
def test_quadratics_like_coordinate_descent(seed):
    rng = np.random.default_rng(seed)
    d = 8
    root = rng.normal(size=(d + 3, d)) * 10 ** rng.uniform(-1, 1, d)
    hessian, slope = root.T @ root + 0.1 * np.eye(d), rng.normal(0, 5, d)
    centre, weight = rng.normal(0, 1, d), np.where(rng.uniform(size=d) < 0.3, 0.0, rng.uniform(1, 100, d))
    expected = coordinate_descent(hessian, slope, centre, weight)
    found = solve(
        hessian, slope, Kinks(jnp.asarray(centre), jnp.asarray(weight)), jnp.asarray(rng.normal(0, 5, (4, d)))
    )
    assert (np.asarray(found.status) == CONVERGED).all()
    on_kink = (expected == centre) & (weight > 0)
    assert on_kink.any(), "a case without a kink would show nothing"
    for end in np.asarray(found.z):
        assert (end[on_kink] == centre[on_kink]).all(), "on a kink means exactly"
        np.testing.assert_allclose(end, expected, rtol=1e-7, atol=1e-9)


@pytest.fixture(scope="module")
def core():
    return pf.fit(ho2024(7), pf.datasets.language(), key=jax.random.key(3), starts=64)


def test_both_optima_of_the_language_table_are_found(core):
    assert core.converged
    assert core.certificate.unfinished == 0
    for optimum, (value, _), zeros in zip(core.optima, published.CONVERGED, (3, 3), strict=True):
        penalty = published.DELTA * np.sum(np.abs(optimum.z))
        assert optimum.loss / 231 + penalty == pytest.approx(value, abs=5e-8)
        assert np.sum(optimum.z == 0) >= zeros
        assert optimum.gradient_norm < 1e-9


def test_optimality_conditions_hold_at_every_optimum(core):
    """The slope of the sum of squares equals the penalty's, or does not exceed it where a parameter is zero."""
    data = pf.datasets.language()
    from progressfit.params import bind, constrain

    def squares(z):
        model = bind(core.spec, constrain(core.spec, z)[0])
        return jnp.mean((model.predict(data.records) - data.response) ** 2)

    for optimum in core.optima:
        slope = np.asarray(jax.grad(squares)(jnp.asarray(optimum.z)))
        away = optimum.z != 0
        np.testing.assert_allclose(slope[away], -published.DELTA * np.sign(optimum.z[away]), atol=1e-11)
        assert (np.abs(slope[~away]) <= published.DELTA).all()
