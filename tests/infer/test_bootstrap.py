"""Bootstraps: the same fit under other weights, changes of mode, and failures that are counted."""

import jax
import numpy as np
import pytest

import progressfit as pf
from progressfit import RESULTS
from progressfit.infer.programs import bayesian_weights, resample_weights


@pytest.fixture(scope="module")
def runs():
    return pf.datasets.imagenet()


@pytest.fixture(scope="module")
def point(runs):
    return pf.fit(pf.laws.erdil_besiroglu(), runs, key=jax.random.key(0))


@pytest.fixture(scope="module")
def rows(point, runs):
    return pf.bootstrap(point, runs, key=jax.random.key(1), replicates=300)


def by_rows(runs):
    return pf.Dataset(runs.records, runs.response, np.arange(len(runs)), runs.labels).bare()


def test_one_replicate_is_the_weighted_fit(point, runs, rows):
    """A replicate equals a fresh multi-start fit with the replicate's weights."""
    for index in (0, 7):
        key = jax.random.split(jax.random.key(1), 300)[index]
        weights = resample_weights(key, by_rows(runs), np.int64(len(runs)))
        fresh = pf.fit(pf.laws.erdil_besiroglu(), runs, key=jax.random.key(5), starts=32, weights=weights)
        assert abs(fresh.objective - rows.objective[index]) < 1e-9 * abs(fresh.objective)


def test_row_weights_are_counts(runs):
    keys = jax.random.split(jax.random.key(0), 50)
    weights = np.asarray(jax.vmap(lambda k: resample_weights(k, by_rows(runs), np.int64(len(runs))))(keys))
    np.testing.assert_array_equal(weights.sum(axis=1), len(runs))
    np.testing.assert_array_equal(weights, np.round(weights))
    # A row is left out with probability (1 - 1/n)^n; over 50 x 97 rows five standard errors.
    n = len(runs)
    share, expected = np.mean(weights == 0), (1 - 1 / n) ** n
    assert abs(share - expected) < 5 * np.sqrt(expected * (1 - expected) / weights.size)


@pytest.mark.parametrize("draw", [resample_weights, bayesian_weights])
def test_clusters_move_together(runs, draw):
    _, codes = np.unique(runs.clusters, return_inverse=True)
    data = pf.Dataset(runs.records, runs.response, codes, runs.labels).bare()
    count = int(codes.max()) + 1
    assert count == 65
    weights = np.asarray(draw(jax.random.key(2), data, np.int64(count)))
    per_cluster = [np.unique(weights[codes == code]) for code in range(count)]
    assert all(len(values) == 1 for values in per_cluster)
    assert np.isclose(sum(float(values[0]) for values in per_cluster), count)


def test_all_replicates_are_certified(rows):
    assert rows.failed == 0 and rows.ok.all()
    assert rows.result is RESULTS.CONVERGED
    assert len(rows) == 300


def test_starting_from_all_optima_never_loses_and_sometimes_wins(point, runs, rows):
    """Same resamples, started from the best optimum alone: nowhere better, and worse where the mode changes."""
    alone = pf.bootstrap(point, runs, key=jax.random.key(1), replicates=300, starts="best")
    assert (rows.objective <= alone.objective + 1e-8).all()
    wins = int(np.sum(alone.objective - rows.objective > 1e-3))
    # About one replicate in eleven; the chance of fewer than 8 or more than 60 in 300 is below 1e-5.
    assert 8 <= wins <= 60
    rate, rate_alone = (np.asarray(d.map(pf.growth_rate)) for d in (rows, alone))
    assert np.mean(rate <= 0) > np.mean(rate_alone <= 0)


def test_failures_are_counted_not_dropped(point, runs):
    draws = pf.bootstrap(point, runs, key=jax.random.key(1), replicates=10, max_steps=1)
    assert len(draws) == 10 and draws.failed == 10
    assert draws.result is RESULTS.REPLICATES_FAILED
    assert len(np.asarray(draws.map(pf.growth_rate))) == 10
    with pytest.raises(ValueError, match="none of the 10 draws"):
        pf.summary({"rows": draws}, of=pf.growth_rate)


def test_residual_bootstrap_recovers_its_own_truth(point, runs):
    """Tables simulated from the fit: the refits' noise scale is unbiased to first order.

    The maximum of the posterior shrinks the scale; its mean over replicates lies below the truth by about p / 2n (6
    mean parameters in 97 rows: 3%) plus the pull of the prior, so it has to fall within 10% of it.
    """
    draws = pf.bootstrap(point, runs, key=jax.random.key(4), replicates=200, kind="residual")
    assert draws.failed == 0
    truth = float(point.parameters["noise.log_scale"])
    assert abs(np.mean(draws.values["noise.log_scale"]) - truth) < 0.1
    # Its spread is that of a log standard deviation, 1 / sqrt(2 n); chi-squared bounds at a false-alarm rate of 1e-6.
    spread = np.std(draws.values["noise.log_scale"]) * np.sqrt(2 * 97)
    assert 0.75 < spread < 1.35


def test_models_have_a_leading_axis_and_map_agrees_with_a_loop(rows):
    mapped = np.asarray(rows.map(pf.growth_rate))
    single = [
        float(pf.growth_rate(pf.params.bind(rows.spec, {k: v[i] for k, v in rows.values.items()}))) for i in range(3)
    ]
    np.testing.assert_allclose(mapped[:3], single, rtol=1e-12)
    assert pf.params.leaves(rows.models)["compute.const"].shape == (300,)


def test_refusals(point, runs):
    with pytest.raises(ValueError, match="choose one of rows, clusters, bayesian, residual"):
        pf.bootstrap(point, runs, key=jax.random.key(0), kind="jackknife")
    lonely = pf.Dataset(runs.records, runs.response, np.arange(len(runs)), runs.labels)
    with pytest.raises(ValueError, match="every row is its own cluster"):
        pf.bootstrap(point, lonely, key=jax.random.key(0), kind="clusters")
    single = pf.Dataset(runs.records, runs.response, np.zeros(len(runs), int), runs.labels)
    with pytest.raises(ValueError, match="all rows are one cluster"):
        pf.bootstrap(point, single, key=jax.random.key(0), kind="clusters")
    with pytest.raises(ValueError, match="choose 'optima' or 'best'"):
        pf.bootstrap(point, runs, key=jax.random.key(0), starts="bset")
    with pytest.raises(ValueError, match=r"is not a random key; write key=jax\.random\.key"):
        pf.bootstrap(point, runs, key=0)
    with pytest.raises(ValueError, match="replicates=0"):
        pf.bootstrap(point, runs, key=jax.random.key(0), replicates=0)


def test_row_weights_of_the_fit_carry_over(point, runs):
    """Rows of weight zero are left out of the replicates too."""
    weights = np.where(np.arange(len(runs)) < 10, 0.0, 1.0)
    weighted = pf.fit(pf.laws.erdil_besiroglu(), runs, key=jax.random.key(0), weights=weights)
    changed = runs.with_response(np.where(weights == 0, 0.5, np.asarray(runs.response)))
    again = pf.fit(pf.laws.erdil_besiroglu(), changed, key=jax.random.key(0), weights=weights)
    draws, same = (
        pf.bootstrap(fit, table, key=jax.random.key(1), replicates=3)
        for fit, table in ((weighted, runs), (again, changed))
    )
    np.testing.assert_allclose(draws.objective, same.objective, rtol=1e-9)
    with pytest.raises(ValueError, match="other numbers than the one that was fitted"):
        pf.bootstrap(point, changed, key=jax.random.key(0), replicates=2)
    with pytest.raises(ValueError, match="the fit is of 97 rows, this table has 50"):
        pf.bootstrap(point, runs.take(np.arange(50)), key=jax.random.key(0), replicates=2)
