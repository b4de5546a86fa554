"""What depends on no argument is computed once, and nothing else changes."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from progressfit.hoist import hoisted

X, KNOWN = jnp.asarray([0.3, -0.7, 1.1]), jnp.asarray([2.0, 5.0, 9.0])


def _looped(x):
    return jax.lax.fori_loop(0, 3, lambda _, total: total * jnp.log(KNOWN) + x, x)


def _branched(x):
    return jax.lax.cond(x[0] > 0, lambda: x * jnp.log(KNOWN), lambda: -x)


def _widened(x):
    # One number, known, in two widths.
    two = jnp.asarray(2.0)
    return x * two + jnp.sum(jnp.outer(x, x) * two)


FUNCTIONS = {
    "product": lambda x: x * jnp.log(KNOWN),
    "nested jit": lambda x: jax.jit(lambda a, b: a * jnp.log(b))(x, KNOWN),
    "loop": _looped,
    "branch": _branched,
    "widths": _widened,
    "own derivative": lambda x: jax.nn.softplus(x) + jnp.logaddexp(x, KNOWN),
    "mapped": lambda x: jax.vmap(lambda a, b: a**2 * jnp.log(b))(x, KNOWN),
    "known only": lambda x: {"sum": jnp.sum(jnp.log(KNOWN)), "x": x, "number": jnp.zeros(3)},
}


def trees_agree(found, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=cases.ROUNDING), found, expected)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives_stay(name):
    fn = FUNCTIONS[name]
    later = hoisted(fn, X)
    for x in (X, 2 * X + 0.1):
        trees_agree(later(x), fn(x))
        trees_agree(jax.jit(later)(x), fn(x))
        trees_agree(jax.jacfwd(later)(x), jax.jacfwd(fn)(x))
        if name != "loop":  # whose length reverse mode would have to know
            trees_agree(jax.jacrev(later)(x), jax.jacrev(fn)(x))
    trees_agree(jax.vmap(later)(jnp.stack([X, -X])), jax.vmap(fn)(jnp.stack([X, -X])))


def test_under_a_trace_the_known_is_done_before():
    """Traced values that a function closes over count as known too."""

    @jax.jit
    def program(x, table):
        later = hoisted(lambda v: v * jnp.log(table), x)
        return jax.lax.fori_loop(0, 4, lambda _, v: later(v), x)

    np.testing.assert_allclose(program(X, KNOWN), X * np.log(KNOWN) ** 4, rtol=cases.ROUNDING)
    (loop,) = [
        one
        for one in jax.make_jaxpr(program.__wrapped__)(X, KNOWN).jaxpr.eqns
        if one.primitive.name in ("while", "scan")
    ]
    assert " log " not in str(loop) and " mul " in str(loop)


def primitives(fn, *arguments) -> list[str]:
    return [one.primitive.name for one in jax.make_jaxpr(fn)(*arguments).jaxpr.eqns]


@pytest.mark.parametrize("name", ["product", "nested jit", "mapped"])
def test_only_what_depends_is_left(name):
    assert "log" in str(jax.make_jaxpr(FUNCTIONS[name])(X))
    assert "log" not in primitives(hoisted(FUNCTIONS[name], X), X)


def test_what_is_large_for_its_origin_is_done_again():
    left = hoisted(lambda x: jnp.where(x[:, None] > 0, jnp.broadcast_to(3.0, (3, 1000)), 0.0), X)
    held = jax.make_jaxpr(left)(X).consts
    assert all(np.size(one) <= 1 for one in held) and "broadcast_in_dim" in primitives(left, X)


def test_a_logarithm_of_an_exponential_is_none():
    left = hoisted(lambda x: KNOWN * jnp.log(jnp.exp(x)) + jnp.exp(x), X)
    np.testing.assert_allclose(left(X), KNOWN * X + np.exp(X), rtol=cases.ROUNDING)
    assert "log" not in primitives(left, X)
    np.testing.assert_array_equal(left(jnp.full(3, -800.0)), -800.0 * KNOWN)
