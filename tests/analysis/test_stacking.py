"""Stacking weights against SciPy, quantiles against NumPy, and sums of scores."""

import numpy as np
import pytest
import scipy.optimize

from progressfit.analysis.comparison import weighted_quantiles
from progressfit.analysis.scores import difference, total
from progressfit.analysis.stacking import stacking_weights


def test_paired_differences_cancel_what_both_find_hard():
    one = np.array([0.0, -100.0, 1.0, np.nan])
    score = difference(one, one - 0.5, np.arange(4))
    assert score == (1.5, 0.0, 3)
    assert total(one, np.arange(4)).error > 80
    assert total(one, np.zeros(4)).rows == 3
    with pytest.raises(ValueError, match="different rows"):
        difference(one, np.zeros(4), np.arange(4))


@pytest.mark.parametrize(("rows", "models", "seed"), [(97, 4, 0), (20, 3, 1), (200, 6, 2)])
def test_stacking_reaches_the_best_score(rows, models, seed):
    """No weights that SciPy finds, nor a certificate of convexity, leave anything to gain."""
    rng = np.random.default_rng(seed)
    log_density = rng.normal(1, 1, (rows, 1)) + rng.normal(0, 0.3, (rows, models)) + rng.normal(0, 0.05, models)
    found = stacking_weights(log_density)
    assert found.weights.sum() == pytest.approx(1.0) and np.all(found.weights >= 0)
    assert found.gap < 1e-8

    def loss(weights):
        return -np.sum(np.log(np.exp(log_density) @ weights))

    simplex = scipy.optimize.LinearConstraint(np.ones(models), 1.0, 1.0)
    begin = np.full(models, 1 / models)
    other = scipy.optimize.minimize(
        loss, begin, bounds=[(0, 1)] * models, constraints=simplex, method="SLSQP", options={"ftol": 1e-12}
    )
    assert found.elpd == pytest.approx(-loss(found.weights))
    assert found.elpd >= -other.fun - 1e-8
    # The score is quadratic at the optimum, so that weights agree to the square root of what scores do.
    np.testing.assert_allclose(found.weights, other.x, atol=1e-3)


def test_stacking_of_one_or_of_equals():
    np.testing.assert_array_equal(stacking_weights(np.zeros((5, 1))).weights, [1.0])
    np.testing.assert_allclose(
        stacking_weights(np.zeros((5, 2))).weights, [0.5, 0.5], atol=1e-5
    )  # rounding of the score, 1e-15 or so, over the last barrier, 1e-9
    better = stacking_weights(np.stack([np.zeros(5), np.full(5, -np.inf)], axis=1))
    np.testing.assert_allclose(better.weights, [1.0, 0.0], atol=1e-9)
    with pytest.raises(ValueError, match="every row needs"):
        stacking_weights(np.full((3, 2), -np.inf))


def test_weighted_quantiles():
    rng = np.random.default_rng(0)
    values, at = rng.normal(size=50), np.array([0.025, 0.5, 0.975])
    np.testing.assert_allclose(weighted_quantiles(values, np.full(50, 0.02), at), np.quantile(values, at), rtol=1e-12)
    shares = np.where(np.arange(50) < 25, 0.04, 0.0)
    np.testing.assert_allclose(weighted_quantiles(values, shares, at), np.quantile(values[:25], at), rtol=1e-12)
