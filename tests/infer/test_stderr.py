"""Standard errors of a fit: classical least squares against SciPy and closed forms, weights, refusals."""

import dataclasses

import jax
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest
from scipy.optimize import curve_fit

import progressfit as pf
from progressfit.infer.least_squares import LeastSquares, least_squares_covariance, reduced
from progressfit.noise import Gaussian, LogScale, StudentT
from progressfit.terms import Exp, LogSlope, PowerLaw, Slope, Sum

# Both sides converge to the same point to 1e-8 relative or better, and SciPy differentiates analytically here.
AGREE = 1e-6


def table(n=30, repeat=None):
    rng = np.random.default_rng(5)
    x = rng.uniform(1.0, 50.0, n)
    y = 0.7 + 2.0 * x**-0.6 + 0.02 * rng.standard_normal(n)
    frame = pd.DataFrame({"x": x, "y": y})
    frame = frame if repeat is None else frame.loc[frame.index.repeat(repeat)].reset_index(drop=True)
    return pf.Dataset.from_frame(frame, "y", {"x": "x"})


def law(noise=None):
    """``offset + coefficient x^-exponent``; the coefficient is positive, so its coordinate is its logarithm."""
    curve = PowerLaw(dist.LogNormal(0.0, 2.0), dist.Normal(0.0, 2.0), LogSlope("x", 1.0, reference=1.0))
    return pf.Model(
        Sum(offset=dist.Normal(0.0, 5.0), curve=curve),
        pf.links.Identity(),
        noise or Gaussian(LogScale(dist.Normal(0.0, 5.0))),
    )


STARTS = {"offset": [1.0], "curve.coefficient": [1.0], "curve.exponent": [0.5], "noise.log_scale": [-2.0]}
MEAN = ("offset", "curve.coefficient", "curve.exponent")


def fitted(data, weights=None):
    found = pf.fit(law(), data, starts=STARTS, weights=weights, objective="mle")
    assert found.converged, found
    return found


@pytest.fixture(scope="module")
def point():
    return fitted(table())


def scipy_errors(data, sigma=None):
    def curve(x, offset, coefficient, exponent):
        return offset + coefficient * x**-exponent

    def slopes(x, offset, coefficient, exponent):
        return np.stack([np.ones_like(x), x**-exponent, -coefficient * np.log(x) * x**-exponent], axis=1)

    x, y = np.asarray(data.records.columns["x"]), np.asarray(data.response)
    _, covariance = curve_fit(curve, x, y, [1.0, 1.0, 0.5], jac=slopes, sigma=sigma, xtol=1e-14, ftol=1e-14)
    return np.sqrt(np.diag(covariance))


def mean_errors(found, ddof):
    errors = found.stderr(kind="gauss-newton", ddof=ddof)
    return np.array([float(errors[path]) for path in MEAN])


def test_scipy_agrees_and_the_noise_has_none(point):
    np.testing.assert_allclose(mean_errors(point, 3), scipy_errors(table()), rtol=AGREE)
    assert np.isnan(point.stderr(kind="gauss-newton")["noise.log_scale"])
    assert np.isfinite(point.stderr()["noise.log_scale"])


def test_degrees_of_freedom_scale_the_errors(point):
    np.testing.assert_allclose(mean_errors(point, 3) / mean_errors(point, 0), np.sqrt(30 / 27), rtol=1e-12)


def test_weights_count_rows():
    """A weight of two is the row seen twice; a weight of zero is no row at all."""
    repeat = np.arange(30) % 3
    weighted, repeated = fitted(table(), repeat), fitted(table(repeat=repeat))
    np.testing.assert_allclose(mean_errors(weighted, 3), mean_errors(repeated, 3), rtol=AGREE)
    np.testing.assert_allclose(mean_errors(repeated, 3), scipy_errors(table(repeat=repeat)), rtol=AGREE)


def test_linear_mean_has_the_errors_of_the_hessian():
    """For a linear mean and a free scale the likelihood's curvature is that of least squares with ddof=0."""
    prior = dist.Normal(0.0, 10.0)
    mean = Sum(offset=prior, trend=LogSlope("x", prior, reference=1.0))
    spec = pf.Model(mean, pf.links.Identity(), Gaussian(LogScale(prior)))
    starts = {"offset": [0.0], "trend.slope": [0.0], "noise.log_scale": [0.0]}
    found = pf.fit(spec, table(), starts=starts, objective="mle")
    hessian, classical = found.stderr(), found.stderr(kind="gauss-newton")
    for path in ("offset", "trend.slope"):
        np.testing.assert_allclose(classical[path], hessian[path], rtol=AGREE)


def test_reduction_is_a_factorisation_whatever_the_number_of_rows(point):
    """More rows than a block holds, the last block not full: the triangle is that of all rows at once."""
    data, z = table(2500), point.optima[0].z
    weights = np.linspace(0.0, 2.0, 2500)
    found = jax.jit(reduced)(point.spec, z, data.bare(), weights).as_numbers()
    x, y = np.asarray(data.records.columns["x"]), np.asarray(data.response)
    offset, coefficient, exponent = (float(point.parameters[path]) for path in MEAN)
    curve = coefficient * x**-exponent
    slopes = np.stack([np.ones_like(x), curve, -np.log(x) * curve, np.zeros_like(x)], axis=1)
    expected = slopes.T @ (weights[:, None] * slopes)
    np.testing.assert_allclose(found.root.T @ found.root, expected, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(found.sum_of_squares, weights @ (y - offset - curve) ** 2, rtol=1e-11)
    np.testing.assert_allclose(found.rows, weights.sum(), rtol=1e-13)
    assert found.common_scale


def test_collinear_columns_have_no_errors():
    root = np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    found = LeastSquares(root, 1.0, 10.0, (1.0, 1.0))
    assert np.isnan(least_squares_covariance(found, 0)).all()
    apart = dataclasses.replace(found, root=np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 2.0]]))
    expected = np.full((3, 3), np.nan)
    expected[np.ix_([0, 2], [0, 2])] = np.diag([0.1, 0.025])
    np.testing.assert_allclose(least_squares_covariance(apart, 0), expected, rtol=1e-14)


def test_collinear_columns_of_unequal_size_are_kept_apart():
    """Columns 1e-9 apart in direction and 1e12 apart in size: J'J could not tell them apart, its root can."""
    rng = np.random.default_rng(0)
    first, other = rng.standard_normal((2, 40))
    slopes = np.stack([first, 1e12 * (first + 1e-9 * other)], axis=1)
    found = LeastSquares(np.linalg.qr(slopes, mode="r"), 1.0, 1.0, (1.0, 1.0))
    basis = np.stack([first, other], axis=1)
    mix = np.array([[1.0, -1e9], [0.0, 1e-3]])  # inverse of the map from (first, other) to the columns
    expected = mix @ np.linalg.inv(basis.T @ basis) @ mix.T
    # Rounding in the columns moves their difference by eps / 1e-9.
    np.testing.assert_allclose(least_squares_covariance(found, 0), expected, rtol=1e-5)


def test_refusals(point):
    with pytest.raises(ValueError, match="choose 'hessian' or 'gauss-newton'"):
        point.stderr(kind="jackknife")
    with pytest.raises(ValueError, match="belongs to kind='gauss-newton'"):
        point.stderr(ddof=3)
    for ddof in (-1, 30):
        with pytest.raises(ValueError, match="excluded"):
            point.stderr(kind="gauss-newton", ddof=ddof)


@pytest.mark.parametrize(
    ("noise", "name"),
    [
        (StudentT(LogScale(dist.Normal(0.0, 5.0)), df=4.0), "StudentT"),
        (Gaussian(Exp(Sum(base=dist.Normal(0.0, 5.0), trend=Slope("x", 0.01, reference=1.0)))), "differs between rows"),
    ],
)
def test_only_for_gaussian_noise_of_one_scale(point, noise, name):
    spec = law(noise)
    path = next(path for path in pf.params.priors(spec) if path.startswith("noise"))
    starts = {**{k: STARTS[k] for k in MEAN}, path: STARTS["noise.log_scale"]}
    found = pf.fit(spec, table(), starts=starts, objective="mle", max_steps=5)
    with pytest.raises(ValueError, match=f"{name}.*use kind='hessian', or a bootstrap"):
        found.stderr(kind="gauss-newton")
