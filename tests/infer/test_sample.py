"""The verb ``sample``: right against quadrature, at home in several modes, resumable, and honest."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from cases import small_law, small_table

import progressfit as pf
from progressfit.infer import chains
from progressfit.infer.nuts import Settings, advance_chains, kernel
from progressfit.infer.student_mixture import StudentMixture, Weighted, adapted, draw, log_prob, weigh
from progressfit.infer.survey import Survey, survey
from progressfit.noise import Gaussian
from progressfit.terms import Function

# Four standard errors: a false alarm in 16,000 comparisons.
ERRORS = 4.0


@pytest.fixture(scope="module")
def posterior():
    return pf.sample(small_law(), small_table(), key=jax.random.key(1), draws=500, warmup=250)


def quadrature(spec, data, weights=None):
    """Mean, standard deviation and log evidence of a posterior in two real coordinates, on a fine grid."""
    axis = np.linspace(-3.5, 3.5, 401)
    grid = jnp.stack(jnp.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    height = np.asarray(jax.lax.map(lambda z: pf.log_density(spec, z, data, weights, jacobian=True), grid))
    cell = (axis[1] - axis[0]) ** 2
    mass = np.exp(height - height.max())
    share = mass / mass.sum()
    mean = share @ np.asarray(grid)
    return mean, np.sqrt(share @ (np.asarray(grid) - mean) ** 2), float(np.log(mass.sum() * cell) + height.max())


@pytest.fixture(scope="module")
def exact():
    return quadrature(pf.prepare(small_law(), small_table()), small_table().bare())


def coordinates(draws):
    return np.stack([np.asarray(draws.values["level"]), np.asarray(draws.values["gain.slope"])], axis=1)


def agrees(draws, exact, effective):
    mean, sd, _ = exact
    z = coordinates(draws)
    assert np.all(np.abs(z.mean(0) - mean) < ERRORS * sd / np.sqrt(effective))
    assert np.all(
        np.abs(z.std(0) - sd) < ERRORS * sd / np.sqrt(effective)
    )  # kurtosis near normal: error sd / sqrt(2 n)


def test_chains_agree_with_quadrature(posterior, exact):
    assert posterior.result is pf.RESULTS.CONVERGED
    assert (posterior.chains, len(posterior)) == (4, 2000)
    agrees(posterior, exact, posterior.stats["diagnosis"].worst_ess_bulk.value)


def test_weighted_draws_agree_with_quadrature(posterior, exact):
    found = pf.sample(
        small_law(), small_table(), key=jax.random.key(2), draws=500, method="importance", point=posterior.origin
    )
    assert found.result is pf.RESULTS.CONVERGED
    # Resampling adds to the error of the weights: at most as if half of the draws were lost.
    agrees(found, exact, 1000)


def test_islands_agree_with_quadrature(posterior, exact):
    found = pf.sample(
        small_law(), small_table(), key=jax.random.key(2), draws=500, method="smc", point=posterior.origin
    )
    assert found.result is pf.RESULTS.CONVERGED
    assert found.kind == "posterior (SMC)" and len(found) == 2000
    agrees(found, exact, found.stats["diagnosis"].worst_ess_bulk.value)
    assert abs(found.stats["log_evidence"] - exact[2]) < ERRORS * found.stats["log_evidence_error"] + 1e-3


def test_evidence_agrees_with_quadrature(posterior, exact):
    error = posterior.stats["log_evidence_error"]
    assert error < 0.02
    assert abs(posterior.stats["log_evidence"] - exact[2]) < ERRORS * error


def test_what_a_posterior_says_about_itself(posterior):
    assert posterior.kind == "posterior (NUTS)"
    assert set(posterior.sampler) >= {
        "lp",
        "diverging",
        "energy",
        "n_steps",
        "tree_depth",
        "acceptance_rate",
        "step_size",
    }
    assert all(column.shape == (2000,) for column in posterior.sampler.values())
    z = jax.vmap(lambda v: pf.params.unconstrain(posterior.spec, v))(posterior.values)
    lp = jax.vmap(lambda one: pf.log_density(posterior.spec, one, small_table().bare(), jacobian=True))(z)
    np.testing.assert_allclose(posterior.sampler["lp"], lp, rtol=1e-9)
    # All coordinates are real here, so that the Jacobian is one.
    np.testing.assert_allclose(posterior.objective, -posterior.sampler["lp"], rtol=1e-9)
    assert sum(posterior.stats["mode_shares"]) == pytest.approx(1.0)


def gain(model):
    return pf.params.leaves(model)["gain.slope"]


def test_a_posterior_goes_where_a_bootstrap_goes(posterior):
    """Closure: the same summary, from the same ``map``; the kind of interval is said."""
    table = pf.summary({"fit": posterior.origin, "posterior": posterior}, of=gain).reset_index()
    assert list(table["interval"]) == ["", "posterior (NUTS)"]
    low, high = np.quantile(posterior.values["gain.slope"], [0.025, 0.975])
    np.testing.assert_allclose([table["low"][1], table["high"][1]], [low, high], rtol=1e-12)
    np.testing.assert_array_equal(pf.params.leaves(posterior.models)["gain.slope"], posterior.values["gain.slope"])
    assert "The draws passed every check" in str(posterior)


def test_new_numbers_do_not_compile_again(posterior):
    before = advance_chains._cache_size(), survey._cache_size()
    other = pf.sample(small_law(0.3, 1.5, 0.25), small_table(7), key=jax.random.key(3), draws=500, warmup=250)
    assert (advance_chains._cache_size(), survey._cache_size()) == before
    assert not np.allclose(np.mean(other.values["level"]), np.mean(posterior.values["level"]), atol=1e-3)


def test_weights_count(posterior):
    weights = np.where(np.arange(12) < 8, 1.0, 0.0)
    found = pf.sample(small_law(), small_table(), key=jax.random.key(4), draws=500, warmup=250, weights=weights)
    exact = quadrature(posterior.spec, small_table().bare(), jnp.asarray(weights))
    agrees(found, exact, found.stats["diagnosis"].worst_ess_bulk.value)


def test_same_key_same_draws(posterior):
    again = pf.sample(small_law(), small_table(), key=jax.random.key(1), draws=500, warmup=250)
    np.testing.assert_array_equal(again.values["level"], posterior.values["level"])


def test_a_killed_run_ends_with_the_same_numbers(posterior, tmp_path, monkeypatch):
    file = tmp_path / "run.npz"
    settings = {"key": jax.random.key(1), "draws": 500, "warmup": 250, "checkpoint": file}
    written = []

    def killed(path, run, tree):
        written.append(run)
        if len(written) == 2:
            raise KeyboardInterrupt
        original(path, run, tree)

    original = chains.write
    monkeypatch.setattr(chains, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        pf.sample(small_law(), small_table(), **settings)
    monkeypatch.undo()
    assert file.exists()
    steps = []
    monkeypatch.setattr(chains, "advance_chains", lambda *a, **k: steps.append(1) or advance_chains(*a, **k))
    resumed = pf.sample(small_law(), small_table(), **settings)
    assert len(steps) == 2  # of three stretches, the first was done
    for path, value in posterior.values.items():
        np.testing.assert_array_equal(resumed.values[path], value)
    np.testing.assert_array_equal(resumed.sampler["energy"], posterior.sampler["energy"])
    with pytest.raises(ValueError, match="belongs to another run"):
        pf.sample(small_law(), small_table(), **(settings | {"key": jax.random.key(2)}))
    file.write_text("not a checkpoint")
    with pytest.raises(ValueError, match="is not a checkpoint"):
        pf.sample(small_law(), small_table(), **settings)


def test_short_runs_are_not_certified(posterior):
    short = pf.sample(small_law(), small_table(), key=jax.random.key(5), draws=20, warmup=250, point=posterior.origin)
    assert short.result is pf.RESULTS.POOR_MIXING
    assert any("Fewest effective draws" in sentence for sentence in short.stats["diagnosis"].sentences)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"method": "gibbs"}, "choose one of nuts"),
        ({"chains": 0}, "chains=0"),
        ({"draws": 1.5}, "draws=1.5"),
        ({"target_accept": 1.0}, "target_accept=1.0"),
        ({"key": 0}, "not a random key"),
        ({"method": "importance", "checkpoint": "x.npz"}, "keeps no checkpoint"),
        ({"method": "smc", "chains": 3}, "go in pairs"),
        ({"method": "smc", "draws": 9000}, "8192 draws at most"),
    ],
)
def test_bad_arguments(wrong, match):
    with pytest.raises(ValueError, match=match):
        pf.sample(small_law(), small_table(), **({"key": jax.random.key(0)} | wrong))


def test_flat_priors_are_refused():
    flat = pf.free(small_law(), {"level": dist.ImproperUniform(dist.constraints.real, (), ())})
    with pytest.raises(ValueError, match=r"'level' is flat.*proper prior"):
        pf.sample(flat, small_table(), key=jax.random.key(0))


def test_both_of_two_mirrored_modes_are_drawn():
    """The response depends on the square of a parameter: two modes of equal mass, far apart."""
    rng = np.random.default_rng(0)
    table = dataclasses.replace(
        small_table(), response=4.0 * np.asarray(small_table().records["width"]) + rng.normal(0, 0.3, 12)
    )
    spec = pf.Model(Function(mirrored_of_record, a=dist.Normal(0.0, 2.0)), pf.links.Identity(), Gaussian(0.3))
    found = pf.sample(spec, table, key=jax.random.key(0), draws=500, warmup=250)
    assert len(found.origin.optima) == 2
    assert found.result is pf.RESULTS.CONVERGED
    # About half of the draws are at each mode; with a thousand effective draws the error of a share is .016.
    np.testing.assert_allclose(found.stats["mode_shares"], 0.5, atol=ERRORS * 0.016)


def mirrored_of_record(record, a):
    return a**2 * record["width"]


def two_normals(x):
    """Shares .2 and .8, twelve standard deviations apart."""
    left, right = -0.5 * jnp.sum((x + 6.0) ** 2), -0.5 * jnp.sum((x - 6.0) ** 2)
    return jnp.logaddexp(jnp.log(0.2) + left, jnp.log(0.8) + right) - jnp.log(2 * jnp.pi)


def made_mixture(weight):
    centres = jnp.asarray([[-6.0, -6.0], [6.0, 6.0]])
    return StudentMixture.of(jnp.log(jnp.asarray([weight, 1 - weight])), centres, jnp.stack([jnp.eye(2)] * 2) * 1.3)


@pytest.mark.parametrize("candidates", [0, 7])
def test_jumps_leave_the_target_invariant(candidates):
    """With a mixture of the wrong weights, shares are right with jumps; without, no chain changes its mode."""
    mixture = made_mixture(0.7)
    sample = Weighted(jnp.zeros((4, 2)), jnp.zeros(4), jnp.zeros(4))
    found = Survey(mixture, sample, jnp.asarray(0.1))
    own = kernel(two_normals, found, 0.8, Settings(warmup=200, candidates=candidates))

    def run(start, key):
        return jax.lax.scan(lambda state, _: own.step(state), own.begin(start, key), None, length=2200)[1].z

    starts = jnp.asarray([[-6.0, -6.0], [6.0, 6.0]])
    z = np.asarray(jax.jit(jax.vmap(run))(starts, jax.random.split(jax.random.key(0), 2)))[:, 200:]
    left = z[..., 0] < 0
    if candidates == 0:
        np.testing.assert_array_equal(left.mean(axis=1), [1.0, 0.0])
        return
    switches = np.sum(left[:, 1:] != left[:, :-1])
    assert switches > 200
    # A chain of two states that switches k times in n steps is worth about k / (2 p (1 - p)) / 2 independent draws.
    error = np.sqrt(0.2 * 0.8 / (switches / (4 * 0.2 * 0.8)))
    assert abs(left.mean() - 0.2) < ERRORS * error
    np.testing.assert_allclose(z[left].std(axis=0), 1.0, atol=0.2)


def test_a_mixture_adapts_to_a_target_and_measures_its_integral():
    first = StudentMixture.of(jnp.zeros(2), jnp.asarray([[-4.0, -5.0], [4.0, 7.0]]), jnp.stack([jnp.eye(2)] * 2) * 2.0)

    @jax.jit
    def run(key):
        one, two = jax.random.split(key)
        mixture = adapted(lambda x: two_normals(x) + 3.0, first, one, 6, 2000)
        return mixture, weigh(lambda x: two_normals(x) + 3.0, mixture, two, 8000)

    mixture, found = run(jax.random.key(0))
    shares = np.asarray(found.shares)
    assert float(found.effective_draws) > 4000
    assert abs(float(found.log_evidence) - 3.0) < ERRORS / np.sqrt(4000)
    left = shares @ (np.asarray(found.z)[:, 0] < 0)
    assert abs(left - 0.2) < ERRORS * np.sqrt(0.16 / 4000)
    np.testing.assert_allclose(np.sort(np.exp(mixture.log_weights)), [0.2, 0.8], atol=0.05)


def test_mixtures_are_normalised_and_drawn_from():
    mixture = made_mixture(0.3)
    z = np.asarray(draw(mixture, jax.random.key(0), 20000))
    mean, covariance = mixture.moments
    # A Student-t with five degrees of freedom has a fourth moment: nine times the squared variance.
    np.testing.assert_allclose(z.mean(0), mean, atol=ERRORS * np.sqrt(np.diag(covariance) / 20000).max())
    axis = np.linspace(-60, 60, 1501)
    grid = jnp.stack(jnp.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    assert float(jnp.sum(jnp.exp(log_prob(mixture, grid))) * (axis[1] - axis[0]) ** 2) == pytest.approx(1.0, abs=1e-3)
    moved = mixture.whitened(jnp.asarray([1.0, 2.0]), jnp.asarray([[2.0, 0.0], [0.5, 1.5]]))
    x = np.linalg.solve([[2.0, 0.0], [0.5, 1.5]], (z[:9] - [1.0, 2.0]).T).T
    np.testing.assert_allclose(log_prob(moved, jnp.asarray(x)), log_prob(mixture, z[:9]) + np.log(3.0), rtol=1e-10)
