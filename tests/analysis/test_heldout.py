"""Held-out densities from whole posteriors, against quadrature over a law of two parameters."""

import cases
import jax
import numpy as np

from progressfit.analysis.folds import Folds
from progressfit.analysis.heldout import _mean_density, _validated
from progressfit.density import log_density
from progressfit.params import bind


def exact(spec, data, weights):
    """Log posterior predictive density of every row by a grid over both parameters."""
    grid = np.stack(np.meshgrid(np.linspace(-3, 3, 121), np.linspace(-3, 4, 141), indexing="ij"), -1).reshape(-1, 2)
    bare = data.bare()
    joint = np.asarray(jax.vmap(lambda z: log_density(spec, z, bare, weights, False))(grid))
    rows = np.asarray(jax.vmap(lambda z: bind(spec, {"level": z[0], "gain.slope": z[1]}).log_lik(bare))(grid))
    share = np.exp(joint - joint.max())
    return np.log(np.einsum("g,gn->n", share / share.sum(), np.exp(rows)))


def test_rows_held_out_are_scored_as_quadrature_says():
    spec, data = cases.small_law(), cases.small_table()
    out = np.zeros((2, len(data)), bool)
    out[0, [0, 5]] = out[1, [7]] = True
    folds = Folds(~out, out, ("a", "b"), np.arange(len(data)), "two folds")
    found = _validated(spec, data, folds, jax.random.key(3), "link", 500, 0.8, 8, np.ones(len(data)))
    assert found.ok.all() and found.elpd.rows == 3
    for k in range(2):
        rows = np.flatnonzero(out[k])
        expected = exact(spec, data, (~out[k]).astype(float))[rows]
        # Batch means of a few thousand draws: six standard errors.
        assert (abs(found.log_density[rows] - expected) < 6 * found.error[rows] + 1e-6).all()


class _Chains:
    chains = 2

    def __init__(self, count):
        self.count, self.ok = count, np.ones(count, bool)

    def __len__(self):
        return self.count


def test_a_density_that_one_draw_carries_has_no_error():
    log_lik = np.full((800, 2), -5.0)
    log_lik[3, 1] = 20.0
    density, error = _mean_density(_Chains(800), log_lik)
    np.testing.assert_allclose(density, [-5.0, 20.0 - np.log(800)], atol=1e-8)
    assert error[0] == 0 and np.isinf(error[1])


def test_draws_that_are_not_certified_do_not_count():
    rng = np.random.default_rng(2)
    log_lik, draws = rng.normal(-2, 0.3, (800, 2)), _Chains(800)
    draws.ok[[7, 8, 500]] = False
    expected = np.log(np.exp(log_lik[draws.ok]).mean(axis=0))
    log_lik[~draws.ok] = [[np.nan, 50.0]]
    density, error = _mean_density(draws, log_lik)
    np.testing.assert_allclose(density, expected, rtol=1e-12)
    # Independent draws: the spread of batch means is that of 16 of them.
    spread = np.exp(log_lik[draws.ok]).std(axis=0) / np.exp(density) / np.sqrt(draws.ok.sum())
    assert (abs(np.log(error / spread)) < 6 / np.sqrt(2 * 15)).all()
    log_lik[:, 0] = -np.inf
    impossible, unknown = _mean_density(draws, log_lik)
    assert impossible[0] == -np.inf and not np.isfinite(unknown[0]) and impossible[1] == density[1]
    draws.ok[:] = False
    assert np.isnan(_mean_density(draws, log_lik)).all()
