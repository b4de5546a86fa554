"""The Laplace approximation: exact for a Gaussian posterior, and the mass of the second mode."""

import jax
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

import progressfit as pf
from progressfit.noise import Gaussian
from progressfit.terms import LogSlope, Sum


def test_mass_of_the_second_mode():
    runs = pf.datasets.imagenet()
    point = pf.fit(pf.laws.erdil_besiroglu(), runs, key=jax.random.key(0))
    found = pf.laplace(point, runs, key=jax.random.key(1), draws=4000)
    weights = found.stats["mode_weights"]
    assert len(weights) == 2 and np.isclose(sum(weights), 1.0)
    assert abs(weights[1] - 0.0247) < 0.003
    # The draws' mean is the mixture's, within five standard errors (false alarms below 1e-6).
    drawn = np.asarray(found.values["data.progress.rate"])
    centres = [float(optimum.values["data.progress.rate"]) for optimum in point.optima]
    assert abs(drawn.mean() - np.dot(weights, centres)) < 5 * drawn.std() / np.sqrt(len(drawn))


@pytest.fixture(scope="module")
def gaussian():
    """A linear model with known noise and normal priors: the posterior is normal, in closed form."""
    rng = np.random.default_rng(0)
    x = rng.uniform(1.0, 50.0, 30)
    y = 0.3 + 0.7 * np.log(x) + 0.2 * rng.standard_normal(30)
    data = pf.Dataset.from_frame(pd.DataFrame({"x": x, "y": y}), "y", {"x": "x"})
    prior = dist.Normal(0.0, 2.0)
    law = pf.Model(Sum(a=prior, b=LogSlope("x", prior, reference=1.0)), pf.links.Identity(), Gaussian(0.2))
    design = np.c_[np.ones(30), np.log(x)]
    covariance = np.linalg.inv(design.T @ design / 0.04 + np.eye(2) / 4.0)
    mean = covariance @ design.T @ y / 0.04
    evidence = multivariate_normal.logpdf(y, np.zeros(30), 0.04 * np.eye(30) + 4.0 * design @ design.T)
    return law, data, mean, covariance, evidence


def test_exact_for_a_gaussian_posterior(gaussian):
    law, data, mean, covariance, evidence = gaussian
    point = pf.fit(law, data, key=jax.random.key(0), starts=4)
    found = pf.laplace(point, data, key=jax.random.key(1), draws=20000)
    assert abs(found.stats["log_evidence"] - evidence) < 1e-8
    draws = np.c_[found.values["a"], found.values["b.slope"]]
    # Means within five standard errors, covariances within five standard errors of a Wishart's entries.
    assert (np.abs(draws.mean(axis=0) - mean) < 5 * np.sqrt(np.diag(covariance) / 20000)).all()
    scale = np.sqrt((np.outer(np.diag(covariance), np.diag(covariance)) + covariance**2) / 20000)
    assert (np.abs(np.cov(draws.T) - covariance) < 5 * scale).all()


def test_standard_errors_are_the_posterior_sds(gaussian):
    law, data, _, covariance, _ = gaussian
    errors = pf.fit(law, data, key=jax.random.key(0), starts=4).stderr()
    np.testing.assert_allclose([errors["a"], errors["b.slope"]], np.sqrt(np.diag(covariance)), rtol=1e-8)


def test_a_constrained_leaf_is_approximated_in_unconstrained_space():
    """All draws of a positive scale are positive, and the evidence agrees with quadrature to the method's accuracy."""
    rng = np.random.default_rng(1)
    y = 2.0 + 0.5 * rng.standard_normal(50)
    data = pf.Dataset.from_frame(pd.DataFrame({"x": np.ones(50), "y": y}), "y", {"x": "x"})
    law = pf.Model(Sum(a=2.0, b=LogSlope("x", 0.0, reference=1.0)), pf.links.Identity(), Gaussian(dist.HalfNormal(1.0)))
    point = pf.fit(law, data, key=jax.random.key(0), starts=8)
    found = pf.laplace(point, data, key=jax.random.key(1))
    assert (np.asarray(found.values["noise.scale"]) > 0).all()
    grid = np.linspace(0.2, 1.5, 20001)
    log_prior = dist.HalfNormal(1.0).log_prob(grid)
    log_lik = -0.5 * np.sum((y - 2.0) ** 2) / grid**2 - 50 * np.log(grid) - 25 * np.log(2 * np.pi)
    total = np.asarray(log_prior) + log_lik
    exact = total.max() + np.log(np.trapezoid(np.exp(total - total.max()), grid))
    # Laplace's relative error is of order 1 / n.
    assert abs(found.stats["log_evidence"] - exact) < 0.05


def test_refuses_a_likelihood_fit():
    runs = pf.datasets.imagenet()
    references = {"compute": 1.0}
    point = pf.fit(pf.laws.linear(references), runs, key=jax.random.key(0), starts=4, objective="mle")
    with pytest.raises(ValueError, match="objective='map'"):
        pf.laplace(point, runs, key=jax.random.key(1))
