"""The one log density against its numpyro view, against scipy, and under weights.

The view goes through numpyro's own handlers, bijections and sums, so that it shares only priors, terms and noise with
:func:`progressfit.log_density`; the published law is also written out in scipy, which shares nothing.
"""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.infer.util
import pytest
import scipy.special
import scipy.stats

import progressfit as pf
from progressfit import params

DATA = cases.table()
WEIGHTS = np.array([1.0, 2.0, 0.0, 0.5, 1.0, 3.0, 1.0, 0.25, 1.0])

every_model = pytest.mark.parametrize("name", cases.MODELS)


def prior_vector(spec, seed: int) -> jax.Array:
    return params.unconstrain(spec, params.sample_prior(spec, jax.random.key(seed)))


def close(found, expected) -> None:
    """Equal but for rounding of a sum whose parts are as large as the largest entry."""
    expected = np.asarray(expected)
    np.testing.assert_allclose(found, expected, rtol=0, atol=cases.ROUNDING * max(1.0, np.abs(expected).max()))


@every_model
def test_value_and_gradient_agree_with_the_numpyro_view(name):
    spec = cases.MODELS[name]
    view = pf.numpyro_model(spec)

    @jax.jit
    def ours(z):
        return jax.value_and_grad(lambda v: pf.log_density(spec, v, DATA, jnp.asarray(WEIGHTS), jacobian=True))(z)

    @jax.jit
    def theirs(z):
        def density(v):
            sites = cases.stacked_sites(spec, v)
            return -numpyro.infer.util.potential_energy(view, (DATA, jnp.asarray(WEIGHTS)), {}, sites)

        return jax.value_and_grad(density)(z)

    for seed in (71, 72):
        z = prior_vector(spec, seed)
        for found, expected in zip(ours(z), theirs(z), strict=True):
            assert np.isfinite(expected).all()
            close(found, expected)


@pytest.mark.parametrize("name", [*cases.LAWS, "constrained", "groups"])
def test_without_jacobian_it_is_the_density_of_the_leaves(name):
    spec = cases.MODELS[name]
    z = prior_vector(spec, 73)
    values, log_det = params.constrain(spec, z)
    expected, sites = numpyro.infer.util.log_density(pf.numpyro_model(spec), (DATA,), {}, values)
    close(pf.log_density(spec, z, DATA), expected)
    close(pf.log_density(spec, z, DATA, jacobian=True), expected + log_det)
    assert set(sites) == {*params.priors(spec), "linked_response"}


def test_the_published_posterior_written_out_in_scipy():
    spec = pf.laws.erdil_besiroglu(slope_sd=0.11, constant_sd=1.2)
    z = np.array([0.9, 0.16, 0.15, 1.8, 0.06, 0.02, -2.2])
    x, (a, rate, slope, b, data_rate, data_slope, log_scale) = DATA.records.columns, z
    compute = a + rate * (x["date"] - 2012) + slope * np.log(x["compute"] / 4.7e17)
    data = b + data_rate * (x["date"] - 2012) + data_slope * np.log(x["data"] / 1e6)
    linked = scipy.special.logit(scipy.special.expit(compute) * scipy.special.expit(data))
    log_lik = scipy.stats.norm.logpdf(scipy.special.logit(DATA.response), linked, np.exp(log_scale))
    log_prior = scipy.stats.norm.logpdf(z, scale=[1.2, 0.11, 0.11, 1.2, 0.11, 0.11, 1.2]).sum()
    found = pf.log_density(spec, jnp.asarray(z), DATA)
    # Residuals are 30 scales long and enter squared, with the rounding of a logit at 0.99.
    np.testing.assert_allclose(found, log_prior + log_lik.sum(), rtol=100 * cases.ROUNDING)


def test_prior_weight_scales_the_prior_alone():
    spec, z = cases.LAWS["linear"], prior_vector(cases.LAWS["linear"], 74)
    values, _ = params.constrain(spec, z)
    log_lik = jnp.sum(params.bind(spec, values).log_lik(DATA))
    log_prior = params.log_prior(spec, values)
    for factor in (0.0, 0.5, 1.0, 2.0):
        close(pf.log_density(spec, z, DATA, prior_weight=factor), factor * log_prior + log_lik)


def test_jacobian_flag_adds_the_jacobian_and_nothing_else():
    spec = cases.MODELS["constrained"]
    z = prior_vector(spec, 75)
    added = pf.log_density(spec, z, DATA, jacobian=True) - pf.log_density(spec, z, DATA, jacobian=False)
    close(added, params.constrain(spec, z)[1])
    line = cases.LAWS["linear"]
    z = prior_vector(line, 75)
    assert pf.log_density(line, z, DATA, jacobian=True) == pf.log_density(line, z, DATA)


value_and_gradient = jax.jit(jax.value_and_grad(pf.log_density, argnums=1))


class TestWeights:
    spec = params.numeric(cases.MODELS["noise_huber"])
    z = jnp.array([0.2, -0.1, 0.1, -0.4, 0.3])

    def density(self, data, weights=None):
        """Value and gradient in one array."""
        both = value_and_gradient(self.spec, self.z, data.bare(), weights)
        return np.concatenate([np.ravel(part) for part in both])

    def test_ones_are_no_weights(self):
        close(self.density(DATA, jnp.ones(cases.ROWS)), self.density(DATA))

    def test_integer_weights_are_repeated_rows(self):
        counts = np.array([1, 3, 1, 0, 2, 1, 0, 1, 4])
        repeated = DATA.take(np.repeat(np.arange(cases.ROWS), counts))
        close(self.density(DATA, jnp.asarray(counts, float)), self.density(repeated, jnp.ones(len(repeated))))

    def test_weights_add_up_the_rows(self):
        model = params.bind(self.spec, params.constrain(self.spec, self.z)[0])
        expected = params.log_prior(self.spec, params.constrain(self.spec, self.z)[0]) + WEIGHTS @ model.log_lik(DATA)
        close(pf.log_density(self.spec, self.z, DATA, jnp.asarray(WEIGHTS)), expected)

    def test_weight_zero_drops_the_row(self):
        weights = np.ones(cases.ROWS)
        weights[[2, 7]] = 0.0
        close(self.density(DATA, jnp.asarray(weights)), self.density(DATA.take(weights > 0), jnp.ones(7)))

    def test_gradient_in_the_weights_is_the_log_likelihood_of_each_row(self):
        """Bootstrap, jackknife and influence all rest on this."""
        model = params.bind(self.spec, params.constrain(self.spec, self.z)[0])
        gradient = jax.grad(lambda w: pf.log_density(self.spec, self.z, DATA, w))(jnp.asarray(WEIGHTS + 0.1))
        close(gradient, model.log_lik(DATA))


@pytest.mark.parametrize("name", ["link_logit", "noise_laplace", "noise_huber", "noise_student_t"])
def test_weight_zero_hides_even_an_infinite_density(name):
    spec = cases.MODELS[name]
    weights = np.ones(cases.ROWS)
    weights[3] = 0.0
    response = np.array(DATA.response)
    response[3] = 1.0
    spoilt = DATA.with_response(response)
    spec, z = params.numeric(spec), prior_vector(spec, 76)
    assert not np.isfinite(value_and_gradient(spec, z, spoilt.bare(), jnp.ones(cases.ROWS))[0])
    found = value_and_gradient(spec, z, spoilt.bare(), jnp.asarray(weights))
    expected = value_and_gradient(spec, z, DATA.take(weights > 0).bare(), jnp.ones(cases.ROWS - 1))
    for one, other in zip(found, expected, strict=True):
        close(one, other)


def test_many_weight_vectors_in_one_batch():
    spec, z = cases.LAWS["linear"], prior_vector(cases.LAWS["linear"], 77)
    weights = jnp.asarray(np.random.default_rng(78).exponential(size=(4, cases.ROWS)))
    together = jax.jit(jax.vmap(lambda w: pf.log_density(spec, z, DATA, w)))(weights)
    close(together, [pf.log_density(spec, z, DATA, w) for w in weights])


def test_the_view_draws_from_the_prior():
    """numpyro's own handlers run the view: prior draws of every leaf, in its support."""
    spec = cases.MODELS["constrained"]
    with numpyro.handlers.seed(rng_seed=79):
        trace = numpyro.handlers.trace(pf.numpyro_model(spec)).get_trace(DATA)
    for path, prior in params.priors(spec).items():
        assert np.all(prior.support(trace[path]["value"]))
    observed = trace["linked_response"]
    assert observed["is_observed"]
    close(observed["value"], spec.link.forward(DATA.response))
