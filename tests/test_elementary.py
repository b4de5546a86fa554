"""The logarithm, against long doubles and against JAX's own at the edges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from progressfit import _x64 as _x64
from progressfit.elementary import exp_below_one, log

RNG = np.random.default_rng(31)
RANGES = {
    "everywhere": np.exp(RNG.uniform(-708, 709, 100_000)),
    "around one": 1 + RNG.uniform(-0.3, 0.45, 100_000),
    "next to one": 1 + RNG.uniform(-1e-9, 1e-9, 100_000),
    "where the exponent changes": 2.0 ** RNG.integers(-9, 9, 10_000)
    * np.sqrt(0.5)
    * (1 + RNG.uniform(-4e-16, 4e-16, 10_000)),
}


@pytest.mark.parametrize("where", RANGES)
def test_it_is_right_to_the_last_place(where):
    x = RANGES[where]
    exact = np.log(x.astype(np.longdouble))
    off = np.abs(np.asarray(jax.jit(log)(x)).astype(np.longdouble) - exact)
    assert np.max(off / np.spacing(np.abs(exact).astype(float))) <= 1.0


def test_edges_are_those_of_jax():
    edges = np.array([0.0, -0.0, -1.0, -np.inf, np.inf, np.nan, 2.3e-308, 1.7e308, 1.0])
    np.testing.assert_array_equal(np.asarray(log(edges)), np.asarray(jnp.log(edges)))


def test_derivatives_in_both_directions():
    x = jnp.asarray(0.37)
    np.testing.assert_allclose(jax.grad(log)(x), 1 / x, rtol=1e-15)
    np.testing.assert_allclose(jax.jacfwd(jax.jacrev(log))(x), -1 / x**2, rtol=1e-15)
    rows = jnp.asarray([0.5, 2.0])
    np.testing.assert_allclose(jax.vmap(jax.grad(log))(rows), 1 / rows, rtol=1e-15)


@pytest.mark.parametrize("low", [-708.0, -40.0, -1.0, -1e-9])
def test_exponentials_are_right_to_the_last_place(low):
    x = RNG.uniform(low, 0.0, 100_000)
    exact = np.exp(x.astype(np.longdouble))
    off = np.abs(np.asarray(jax.jit(exp_below_one)(x)).astype(np.longdouble) - exact)
    assert np.max(off / np.spacing(exact.astype(float))) <= 1.5


def test_edges_of_the_exponential():
    edges = np.array([0.0, -0.0, -708.1, -1e300, -np.inf, np.inf, 3.0, np.nan])
    np.testing.assert_array_equal(np.asarray(exp_below_one(edges)), [1.0, 1.0, 0.0, 0.0, 0.0, np.inf, np.inf, np.nan])
    np.testing.assert_allclose(exp_below_one(np.array([1e-16, 1e-9, 0.5])), np.exp([1e-16, 1e-9, 0.5]), rtol=1e-15)


def test_derivatives_of_the_exponential():
    x = jnp.asarray(-0.37)
    for derivative in (jax.grad(exp_below_one), jax.jacfwd(jax.jacrev(exp_below_one))):
        np.testing.assert_allclose(derivative(x), np.exp(x), rtol=1e-15)
