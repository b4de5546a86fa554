"""Noise: densities that integrate to one, scipy as outside oracle, samples that follow the density."""

import itertools

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from progressfit.noise import Gaussian, Huber, HuberDistribution, Laplace, LogScale, Scale, StudentT
from progressfit.terms import Exp, Slope

SCALE, LOCATION = 0.7, -1.3
DELTA, DF = 0.8, 3.5

FIXED = {
    "gaussian": Gaussian(SCALE),
    "student_t": StudentT(SCALE, df=DF),
    "laplace": Laplace(SCALE),
    "huber": Huber(SCALE, delta=DELTA),
    "huber_sharp": Huber(SCALE, delta=1e-3),
    "huber_wide": Huber(SCALE, delta=40.0),
}
every_fixed = pytest.mark.parametrize("name", FIXED)
every_noise = pytest.mark.parametrize("name", cases.NOISES)


def distribution(name: str):
    """The distribution of one row with the location and scale above."""
    return FIXED[name].distribution(jnp.asarray(LOCATION), jnp.asarray(SCALE))


def density(name: str):
    """Density as a function of NumPy arrays, compiled once for each family."""
    return jax.jit(lambda y: jnp.exp(distribution(name).log_prob(y)))


def knees(name: str) -> np.ndarray:
    """Where the density is not smooth."""
    delta = {"laplace": 0.0, "huber": DELTA, "huber_sharp": 1e-3, "huber_wide": 40.0}.get(name, 1.0)
    return LOCATION + SCALE * np.array([-delta, 0.0, delta])


@every_fixed
def test_density_integrates_to_one(name):
    f = density(name)
    total, error = 0.0, 0.0
    cuts = [-np.inf, *np.unique(knees(name)), np.inf]
    for low, high in itertools.pairwise(cuts):
        part, estimate = scipy.integrate.quad(lambda y: float(f(y)), low, high, epsabs=1e-11, epsrel=1e-11, limit=200)
        total, error = total + part, error + estimate
    assert error < 1e-8
    np.testing.assert_allclose(total, 1.0, rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("gaussian", scipy.stats.norm(LOCATION, SCALE)),
        ("student_t", scipy.stats.t(DF, LOCATION, SCALE)),
        ("laplace", scipy.stats.laplace(LOCATION, SCALE)),
        # Huber's limit for a wide knee is least squares; for a sharp one see below.
        ("huber_wide", scipy.stats.norm(LOCATION, SCALE)),
    ],
)
def test_density_against_scipy(name, oracle):
    y = LOCATION + SCALE * np.array([-30.0, -4.0, -1.0, -0.1, 0.0, 0.5, 3.0, 12.0])
    np.testing.assert_allclose(distribution(name).log_prob(y), oracle.logpdf(y), rtol=cases.ROUNDING)


def huber_loss(z: np.ndarray, delta: float) -> np.ndarray:
    """Huber 1964, equation for rho, as printed."""
    return np.where(np.abs(z) <= delta, z**2 / 2, delta * np.abs(z) - delta**2 / 2)


@pytest.mark.parametrize("delta", [1e-3, 0.5, 1.345, 6.0])
def test_huber_density_is_exp_of_minus_hubers_loss(delta):
    z = np.array([-50.0, -2.0, -delta, -delta / 2, 0.0, delta / 3, delta, 1.5 * delta, 7.0, 1e4])
    log_prob = HuberDistribution(LOCATION, SCALE, delta).log_prob(jnp.asarray(LOCATION + SCALE * z))
    steps = np.asarray(log_prob[4] - log_prob)
    # z is recovered from location + scale * z with an absolute error of an ulp of the location.
    loss = huber_loss(z, delta)
    np.testing.assert_allclose(steps, loss, rtol=cases.ROUNDING, atol=cases.ROUNDING)
    inside = scipy.integrate.quad(lambda v: np.exp(-v * v / 2), -delta, delta, epsabs=1e-13)[0]
    outside = 2 * np.exp(-delta * delta / 2) / delta
    np.testing.assert_allclose(log_prob[4], -np.log(SCALE * (inside + outside)), rtol=0, atol=1e-12)


def test_huber_with_a_sharp_knee_is_nearly_laplace():
    """At delta = 1e-3 the loss differs from delta |z| by at most delta**2 / 2, and so does the log of the constant."""
    y = LOCATION + SCALE * np.array([-300.0, -2.0, 0.0, 0.1, 900.0])
    laplace = scipy.stats.laplace(LOCATION, SCALE / 1e-3)
    np.testing.assert_allclose(distribution("huber_sharp").log_prob(y), laplace.logpdf(y), rtol=0, atol=1e-6)


def test_huber_gradient_is_the_clipped_residual():
    z = np.array([-5.0, -0.9, -0.5, 0.0, 0.79, 0.81, 30.0])
    score = jax.vmap(jax.grad(lambda loc, y: HuberDistribution(loc, SCALE, DELTA).log_prob(y)), (None, 0))
    found = score(jnp.asarray(LOCATION), jnp.asarray(LOCATION + SCALE * z))
    np.testing.assert_allclose(found, np.clip(z, -DELTA, DELTA) / SCALE, rtol=cases.ROUNDING, atol=cases.ROUNDING)


@every_fixed
def test_samples_follow_the_density(name):
    """Kolmogorov-Smirnov on 4000 draws, against the integral of the density itself; false alarms one in a million."""
    draws = np.sort(np.asarray(jax.jit(lambda k: distribution(name).sample(k, (4000,)))(jax.random.key(21))))
    t, step = np.linspace(-np.arcsinh(1e7), np.arcsinh(1e7), 40001, retstep=True)
    y = LOCATION + SCALE * np.sinh(t)
    masses = np.asarray(density(name)(y)) * SCALE * np.cosh(t) * step
    cdf = np.cumsum(masses) - masses / 2
    # Steps of 1.7e-3 resolve all but the tails of heavy densities: the integral is right far below the KS distance.
    np.testing.assert_allclose(masses.sum(), 1.0, rtol=0, atol=1e-6)
    assert scipy.stats.kstest(draws, lambda x: np.interp(x, y, cdf)).pvalue > cases.FALSE_ALARM


@every_fixed
def test_median_of_the_noise_is_its_location(name):
    """Predictions are medians of the response, because links are increasing and every family is symmetric."""
    offsets = SCALE * np.array([0.1, 1.0, 7.0])
    right, left = (distribution(name).log_prob(LOCATION + sign * offsets) for sign in (1.0, -1.0))
    np.testing.assert_allclose(right, left, rtol=cases.ROUNDING)


@every_noise
def test_log_density_and_gradients_are_finite_at_prior_draws(name):
    spec, record = cases.NOISES[name], cases.records()
    residual = jnp.linspace(-2.0, 2.0, cases.ROWS)

    def total(noise, mean):
        return jnp.sum(noise(mean, record).log_prob(residual))

    both = jax.jit(jax.value_and_grad(total, argnums=(0, 1)))
    for seed in (22, 23, 24):
        value, gradients = both(cases.draw(spec, seed), jnp.zeros(cases.ROWS))
        assert np.isfinite(value)
        assert all(np.isfinite(g).all() for g in jax.tree.leaves(gradients))


@every_noise
def test_rows_compile_and_batch_like_a_loop(name):
    noise, record = cases.draw(cases.NOISES[name], 25), cases.records()
    mean = jnp.linspace(-1.0, 1.0, cases.ROWS)
    y = mean + 0.3
    together = jax.jit(lambda n, m: n(m, record).log_prob(y))(noise, mean)
    assert together.shape == (cases.ROWS,)
    for i in range(cases.ROWS):
        one = noise.distribution(mean[i], noise.scale.value(record.row(i)))
        np.testing.assert_allclose(together[i], one.log_prob(y[i]), rtol=cases.ROUNDING)


@every_noise
def test_noise_is_a_pytree_that_keeps_its_class(name):
    noise = cases.draw(cases.NOISES[name], 26)
    leaves, treedef = jax.tree.flatten(noise)
    again = jax.tree.unflatten(treedef, leaves)
    assert type(again) is type(noise)
    batched = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), noise)
    scales = jax.vmap(lambda n: n.scale(cases.records()))(batched)
    np.testing.assert_allclose(scales[1], noise.scale(cases.records()), rtol=cases.ROUNDING)


def test_huber_distribution_is_a_pytree():
    made = HuberDistribution(jnp.zeros(3), 1.0, 0.5)
    leaves, treedef = jax.tree.flatten(made)
    again = jax.tree.unflatten(treedef, leaves)
    assert len(leaves) == 3
    np.testing.assert_array_equal(again.log_prob(jnp.ones(3)), made.log_prob(jnp.ones(3)))
    assert again.batch_shape == (3,)


def test_scale_and_log_scale_state_the_same_noise():
    record = cases.records()
    plain, logged = Gaussian(0.25), Gaussian(LogScale(np.log(0.25)))
    assert isinstance(plain.scale, Scale)
    np.testing.assert_allclose(plain.scale(record), logged.scale(record), rtol=4 * cases.EPS)
    by_row = Gaussian(Exp(Slope("width", 0.5, reference=0.0)))
    np.testing.assert_allclose(by_row.scale(record), np.exp(0.5 * record["width"]), rtol=4 * cases.EPS)
