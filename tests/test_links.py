"""Universal laws of links, and scipy as outside oracle."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

every_link = pytest.mark.parametrize("name", cases.LINKS)

# Responses in every domain: the middle, and both edges of the unit interval down to a millionth.
INSIDE = np.array([1e-6, 1e-3, 0.05, 0.3, 0.5, 0.62, 0.9, 0.999, 1 - 1e-6])
BEYOND = {"identity": [-7.5, 0.0, 1.0, 300.0], "log": [1e-250, 1.0, 7.0, 1e250], "logit": [], "probit": []}
OUTSIDE = {
    "identity": [np.nan, np.inf, -np.inf],
    "log": [0.0, -1.0, np.inf, np.nan],
    "logit": [0.0, 1.0, 76.3, -0.1, np.nan],
    "probit": [0.0, 1.0, 76.3, -0.1, np.nan],
}
ORACLE = {
    "identity": lambda y: y,
    "log": np.log,
    "logit": scipy.special.logit,
    "probit": scipy.special.ndtri,
}


def logit_of_log(log_y):
    """Log odds from log y: of the complement, ``1 - y = -expm1(log y)``, scipy keeps all digits."""
    return log_y - np.log(-scipy.special.expm1(log_y))


LOG_ORACLE = {"identity": np.exp, "log": lambda v: v, "logit": logit_of_log, "probit": scipy.special.ndtri_exp}


def domain(name: str) -> jax.Array:
    return jnp.asarray(np.concatenate([INSIDE, BEYOND[name]]))


@every_link
def test_forward_is_the_named_function_and_inverse_undoes_it(name):
    link, y = cases.LINKS[name], domain(name)
    eta = link.forward(y)
    # At 1 - 1e-6 the response itself has lost six digits of its complement; nothing else is lost.
    np.testing.assert_allclose(eta, ORACLE[name](np.asarray(y)), rtol=cases.ROUNDING, atol=cases.ROUNDING)
    # exp(log(1e250)) magnifies the rounding of a logarithm of 576 by that factor.
    np.testing.assert_allclose(link.inverse(eta), y, rtol=600 * cases.EPS if name == "log" else cases.ROUNDING)


@every_link
def test_log_jacobian_is_that_of_autodiff_and_increasing(name):
    link, y = cases.LINKS[name], domain(name)
    slope = jax.vmap(jax.grad(link.forward))(y)
    assert (slope > 0).all()
    np.testing.assert_allclose(link.log_jacobian(y), jnp.log(slope), rtol=cases.ROUNDING, atol=cases.ROUNDING)


@every_link
def test_from_log_is_forward_of_exp(name):
    link = cases.LINKS[name]
    log_y = jnp.log(jnp.asarray(INSIDE))
    # exp(log y) moves y by an ulp, which forward magnifies by up to slope * y / |eta| = 1e6 / 14 at 1 - 1e-6.
    allowed = cases.EPS * 1e6
    np.testing.assert_allclose(link.from_log(log_y), link.forward(jnp.exp(log_y)), rtol=allowed, atol=allowed)


@every_link
def test_from_log_keeps_its_digits_where_exp_rounds_to_one(name):
    link = cases.LINKS[name]
    log_y = -(10.0 ** np.arange(-300.0, 3.0, 3.0))
    found = np.asarray(link.from_log(jnp.asarray(log_y)))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, LOG_ORACLE[name](log_y), rtol=cases.ROUNDING)
    gradient = jax.vmap(jax.grad(link.from_log))(jnp.asarray(log_y))
    assert np.isfinite(gradient).all()
    assert (gradient > 0).all()


@every_link
def test_from_log_keeps_its_digits_near_zero(name):
    log_y = -np.array([1.5, 3.0, 10.0, 40.0, 200.0, 650.0])
    found = np.asarray(cases.LINKS[name].from_log(jnp.asarray(log_y)))
    # exp(-650) carries the rounding of its argument, 650 ulp; as a linked value it is not magnified further.
    np.testing.assert_allclose(found, LOG_ORACLE[name](log_y), rtol=max(cases.ROUNDING, 650 * cases.EPS))


def test_naive_links_do_fail_there():
    """The guard above can fail: the plain composition is infinite at log y = -1e-18."""
    for name in ("logit", "probit"):
        assert np.isposinf(cases.LINKS[name].forward(jnp.exp(jnp.asarray(-1e-18))))
        assert np.isfinite(cases.LINKS[name].from_log(jnp.asarray(-1e-18)))


@every_link
def test_contains_exactly_the_domain(name):
    link = cases.LINKS[name]
    assert np.asarray(link.contains(domain(name))).all()
    assert not np.asarray(link.contains(jnp.asarray(OUTSIDE[name]))).any()
    assert np.asarray(link.contains(np.asarray(domain(name)))).all(), "tables are checked as NumPy arrays"
    assert "number" in link.domain() or "fraction" in link.domain()


@every_link
def test_links_compile_batch_and_differentiate(name):
    link, y = cases.LINKS[name], domain(name)

    def everything(v):
        eta = link.forward(v)
        return jnp.stack([eta, link.inverse(eta), link.log_jacobian(v)])

    eager = np.stack([everything(v) for v in y])
    np.testing.assert_allclose(jax.jit(jax.vmap(everything))(y), eager, rtol=cases.ROUNDING, atol=cases.ROUNDING)
    assert np.isfinite(jax.vmap(jax.jacfwd(everything))(y)).all()


@every_link
def test_links_are_pytrees_without_leaves(name):
    leaves, treedef = jax.tree.flatten(cases.LINKS[name])
    assert leaves == []
    assert type(jax.tree.unflatten(treedef, leaves)) is type(cases.LINKS[name])


@every_link
def test_log_jacobian_turns_linked_densities_into_densities_of_the_response(name):
    """A linked standard normal, carried to the response, integrates to one there (checked by quadrature)."""
    link = cases.LINKS[name]
    # Cells equally spaced in the linked space, out to 9 standard deviations; each is integrated in the response.
    edges = np.asarray(link.inverse(jnp.linspace(-9.0, 8.0, 171)))
    nodes, weights = np.polynomial.legendre.leggauss(8)
    width = np.diff(edges)[:, None] / 2
    y = jnp.asarray(edges[:-1, None] + width * (1 + nodes))
    density = jnp.exp(-0.5 * link.forward(y) ** 2 - 0.5 * jnp.log(2 * jnp.pi) + link.log_jacobian(y))
    # Towards 8 a probit response is so close to 1 that it has few digits left, but the mass there is below 1e-13, and
    # beyond 8 it is 6e-16. The rule itself is exact to rounding on cells a tenth of a standard deviation wide.
    np.testing.assert_allclose(np.sum(density * weights * width), 1.0, rtol=0, atol=cases.ROUNDING)
