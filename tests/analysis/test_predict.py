"""Predictions, their intervals, and the mark of extrapolation."""

import jax
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest
from scipy.stats import norm

import progressfit as pf
from progressfit.noise import Gaussian
from progressfit.terms import LogSlope, Sum


def test_extrapolation_is_distance_in_units_of_the_fitted_range():
    table = pd.DataFrame({"x": [1.0, 10.0, 100.0], "t": [2010.0, 2015.0, 2020.0], "y": [0.1, 0.2, 0.3]})
    data = pf.Dataset.from_frame(table, "y", {"x": "x"}, date="t")
    records = pf.Record.of(date=[2010.0, 2020.0, 2025.0, 2015.0], x=[1.0, 100.0, 10.0, 1e4])
    found = pf.extrapolation(data, records)
    np.testing.assert_array_equal(found.inside, [True, True, False, False])
    # Five years beyond a range of ten; two decades beyond a range of two.
    np.testing.assert_allclose(found.distance, [0.0, 0.0, 0.5, 1.0], atol=1e-12)


def test_intervals_of_a_gaussian_posterior():
    """Linear model, known noise: both intervals have closed forms; quantiles of draws within their own error."""
    rng = np.random.default_rng(0)
    x = rng.uniform(1.0, 50.0, 30)
    y = 0.3 + 0.7 * np.log(x) + 0.2 * rng.standard_normal(30)
    data = pf.Dataset.from_frame(pd.DataFrame({"x": x, "y": y}), "y", {"x": "x"})
    prior = dist.Normal(0.0, 2.0)
    law = pf.Model(Sum(a=prior, b=LogSlope("x", prior, reference=1.0)), pf.links.Identity(), Gaussian(0.2))
    point = pf.fit(law, data, key=jax.random.key(0), starts=4)
    draws = pf.laplace(point, data, key=jax.random.key(1), draws=20000)
    found = pf.predict_intervals(draws, pf.Record.of(x=[5.0, 500.0]), data, key=jax.random.key(2), level=0.9)
    design, new = np.c_[np.ones(30), np.log(x)], np.c_[np.ones(2), np.log([5.0, 500.0])]
    covariance = np.linalg.inv(design.T @ design / 0.04 + np.eye(2) / 4.0)
    mean = new @ covariance @ design.T @ y / 0.04
    for low, high, variance in (
        (found.low, found.high, np.einsum("ij,jk,ik->i", new, covariance, new)),
        (found.new_low, found.new_high, 0.04 + np.einsum("ij,jk,ik->i", new, covariance, new)),
    ):
        sd = np.sqrt(variance)
        # Standard error of a 5% quantile of a normal: sqrt(.05 * .95 / n) / density; five of them.
        error = 5 * np.sqrt(0.05 * 0.95 / 20000) / norm.pdf(norm.ppf(0.05)) * sd
        assert (np.abs(low - (mean + norm.ppf(0.05) * sd)) < error).all()
        assert (np.abs(high - (mean + norm.ppf(0.95) * sd)) < error).all()
    np.testing.assert_array_equal(found.inside, [True, False])
    with pytest.raises(ValueError, match="level=95"):
        pf.predict_intervals(draws, pf.Record.of(x=[5.0]), data, key=jax.random.key(2), level=95)


def test_components_add_up_row_by_row():
    runs = pf.datasets.imagenet()
    point = pf.fit(pf.laws.erdil_besiroglu(), runs, key=jax.random.key(0), starts=8)
    parts = pf.components(point.model, runs.records)
    np.testing.assert_allclose(parts["mean"], parts["compute"] * parts["data"], rtol=1e-12)
    for side in ("compute", "data"):
        total = parts[f"{side}.const"] + parts[f"{side}.progress"] + parts[f"{side}.scaling"]
        np.testing.assert_allclose(parts[f"{side}.argument"], total, rtol=1e-12)
        np.testing.assert_allclose(parts[side], 1 / (1 + np.exp(-total)), rtol=1e-12)
    np.testing.assert_allclose(pf.predict(point.model, runs.records), parts["mean"], rtol=1e-12)
