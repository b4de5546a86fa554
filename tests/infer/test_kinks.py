"""Objectives with kinks: least absolute deviations and L1 penalties, against independent solvers."""

import jax
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest
from scipy.optimize import linprog

import progressfit as pf
from progressfit import RESULTS
from progressfit.noise import Gaussian, Laplace, LogScale
from progressfit.terms import Constant, Slope, Sum

FEATURES = ("a", "b", "c", "d")


def table(n=60, seed=0, repeat=False):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    y = 1.0 + x @ [2.0, -1.0, 0.05, 0.0] + 0.3 * rng.standard_t(2, n)
    if repeat:
        x, y = np.repeat(x, 2, axis=0), np.repeat(y, 2)
    frame = pd.DataFrame(dict(zip(FEATURES, x.T, strict=True)) | {"y": y})
    return pf.Dataset.from_frame(frame, "y", covariates={name: name for name in FEATURES}), x, y


def law(prior, noise):
    slopes = {name: Slope(name, prior, reference=0.0) for name in FEATURES}
    return pf.Model(Sum(offset=Constant(dist.Normal(0.0, 1e6)), **slopes), pf.links.Identity(), noise)


def least_absolute_deviations(x, y, weights):
    """Linear program: minimise the weighted sum of |y - X beta|."""
    n, design = len(y), np.c_[np.ones(len(y)), x]
    k = design.shape[1]
    cost = np.r_[np.zeros(k), weights, weights]
    equal = np.c_[design, np.eye(n), -np.eye(n)]
    found = linprog(cost, A_eq=equal, b_eq=y, bounds=[(None, None)] * k + [(0, None)] * (2 * n))
    assert found.status == 0
    return found.x[:k], found.fun


@pytest.mark.parametrize("repeat", [False, True], ids=["distinct rows", "repeated rows"])
def test_least_absolute_deviations(repeat):
    data, x, y = table(repeat=repeat)
    spec = law(dist.Normal(0.0, 1e6), Laplace(0.5))
    found = pf.fit(
        spec, data, starts=pf.start_grid({"offset": [0.0, 3.0]} | {f"{n}.slope": [0.0, 1.0] for n in FEATURES})
    )
    coefficients, total = least_absolute_deviations(x, y, np.ones(len(y)))
    assert found.result is RESULTS.CONVERGED
    fitted = np.array([found.parameters["offset"], *(found.parameters[f"{n}.slope"] for n in FEATURES)])
    np.testing.assert_allclose(fitted, coefficients, atol=1e-7)
    residuals = y - np.c_[np.ones(len(y)), x] @ fitted
    assert abs(np.abs(residuals).sum() - total) < 1e-8 * total
    # As many residuals as parameters are exactly zero (each twice where rows are repeated).
    assert np.sum(np.abs(residuals) < 1e-10) == 5 * (2 if repeat else 1)


def test_free_scale_is_the_mean_absolute_deviation():
    data, x, y = table()
    found = pf.fit(law(dist.Normal(0.0, 1e6), Laplace(LogScale(dist.Normal(0.0, 1e3)))), data, key=None, starts=STARTS)
    _, total = least_absolute_deviations(x, y, np.ones(len(y)))
    assert found.converged
    np.testing.assert_allclose(np.exp(found.parameters["noise.log_scale"]), total / len(y), rtol=1e-6)


STARTS = {"offset": [0.0, 1.0], "noise.log_scale": [0.0, -1.0]} | {f"{n}.slope": [0.0, 0.5] for n in FEATURES}


def lasso(x, y, variance, width):
    """Coordinate descent on sum((y - X beta)^2) / 2 variance + sum(|beta|) / width, offset unpenalised."""
    beta, offset = np.zeros(x.shape[1]), 0.0
    for _ in range(5000):
        offset = np.mean(y - x @ beta)
        for j in range(len(beta)):
            partial = x[:, j] @ (y - offset - x @ beta + x[:, j] * beta[j])
            beta[j] = np.sign(partial) * max(abs(partial) - variance / width, 0.0) / (x[:, j] @ x[:, j])
    return offset, beta


def test_l1_penalty_leaves_exact_zeros():
    data, x, y = table(seed=3)
    found = pf.fit(law(dist.Laplace(0.0, 0.02), Gaussian(0.7)), data, key=jax.random.key(0), starts=16)
    offset, beta = lasso(x, y, 0.49, 0.02)
    assert found.result is RESULTS.CONVERGED and found.certificate.starts_agreeing == 16
    fitted = np.array([float(found.parameters[f"{n}.slope"]) for n in FEATURES])
    np.testing.assert_allclose([found.parameters["offset"], *fitted], [offset, *beta], atol=1e-8)
    zeros = beta == 0
    assert zeros.any() and not zeros.all()
    assert (np.abs(fitted[zeros]) < 1e-14).all() and (np.abs(fitted[~zeros]) > 1e-3).all()


def test_bootstrap_replicates_are_weighted_linear_programs():
    data, x, y = table()
    spec = law(dist.Normal(0.0, 1e6), Laplace(0.5))
    starts = {path: values for path, values in STARTS.items() if path != "noise.log_scale"}
    point = pf.fit(spec, data, starts=starts)
    draws = pf.bootstrap(point, data, key=jax.random.key(2), replicates=20)
    from progressfit.infer.programs import resample_weights

    assert draws.failed == 0
    for index, key in enumerate(jax.random.split(jax.random.key(2), 20)):
        weights = np.asarray(resample_weights(key, data.bare(), np.int64(len(y))))
        fitted = np.array([draws.values["offset"][index], *(draws.values[f"{n}.slope"][index] for n in FEATURES)])
        _, total = least_absolute_deviations(x, y, weights)
        reached = weights @ np.abs(y - np.c_[np.ones(len(y)), x] @ fitted)
        assert abs(reached - total) < 1e-8 * total


def test_not_certified_when_stopped_early_and_no_normal_approximation():
    data, _, _ = table()
    spec = law(dist.Normal(0.0, 10.0), Laplace(LogScale(dist.Normal(0.0, 1.0))))
    early = pf.fit(spec, data, key=jax.random.key(0), starts=4, max_steps=1)
    assert early.result is RESULTS.NOT_SMOOTH and not early.converged
    found = pf.fit(spec, data, key=jax.random.key(0), starts=4)
    assert np.isnan(found.stderr()["offset"])
    with pytest.raises(ValueError, match="kinks"):
        pf.laplace(found, data, key=jax.random.key(1))
