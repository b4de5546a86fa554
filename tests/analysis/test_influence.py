"""Influence: closed forms of a linear model, finite differences of certified refits, and brute-force refits."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import progressfit as pf
from progressfit.dataset import Dataset, Labels, Record
from progressfit.infer.points import map_values
from progressfit.infer.refit import Changes, refit_around
from progressfit.noise import Gaussian, Laplace
from progressfit.terms import Constant, ExponentialProgress, LogSlope, Sum

KEY = jax.random.key(0)
ROWS, NOISE, PRIOR = 20, 0.3, 1.0
# Central differences of fourth order: weights and offsets in units of the step.
OFFSETS, FOURTH = np.array([-2.0, -1.0, 1.0, 2.0]), np.array([1.0, -8.0, 8.0, -1.0]) / 12
RATE = "progress.rate"


def line(noise=None):
    """A law that is linear in its three parameters, with a known noise: everything is known in closed form."""
    prior = dist.Normal(0.0, PRIOR)
    index = Sum(
        level=Constant(prior),
        progress=ExponentialProgress(prior, origin=2018.0, channel="algorithms"),
        scaling=LogSlope("compute", prior, reference=1.0),
    )
    return pf.Model(index, pf.links.Identity(), noise or Gaussian(NOISE))


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(6)
    year, log_compute = np.sort(rng.uniform(2014, 2022, ROWS)), rng.normal(0, 1, ROWS)
    response = 1.0 + 0.2 * (year - 2018) + 0.5 * log_compute + rng.normal(0, NOISE, ROWS)
    record = Record({"date": year, "compute": np.exp(log_compute)}, {}, {})
    return Dataset(record, response, np.arange(ROWS) // 4, Labels(rows=tuple(f"run {i}" for i in range(ROWS))))


def design(table):
    columns = table.records.columns
    return np.stack([np.ones(ROWS), columns["date"] - 2018.0, np.log(columns["compute"])], axis=1)


def solved(table, weights, prior=1.0):
    """The parameters, what is left of each row, and the inverse Hessian, of weighted ridge regression."""
    x, y = design(table), np.asarray(table.response)
    inverse = np.linalg.inv(x.T * weights @ x / NOISE**2 + prior * np.eye(3) / PRIOR**2)
    beta = inverse @ (x.T * weights @ y) / NOISE**2
    return beta, y - x @ beta, inverse


def test_derivatives_of_a_linear_model_in_closed_form(table):
    weights = np.linspace(0.5, 1.5, ROWS)
    weights[3] = 0.0
    point = pf.fit(line(), table, key=KEY, starts=2, weights=weights)
    found, x = pf.influence(point, table, RATE), design(table)
    beta, left, inverse = solved(table, weights)
    row = (inverse @ x.T)[1] / NOISE**2
    assert found.name == RATE and found.rows[0] == "run 0"
    np.testing.assert_allclose(found.value, beta[1], rtol=1e-8)
    # A row of weight zero still says what giving it weight would do.
    np.testing.assert_allclose(found.weight, row * left, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(found.response, row * weights, rtol=1e-9, atol=1e-14)
    by_input = weights * (inverse[1, 2] * left / NOISE**2 - row * beta[2])
    np.testing.assert_allclose(found.inputs["compute"], by_input, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(found.date, weights * (inverse[1, 1] * left / NOISE**2 - row * beta[1]), rtol=1e-7)


def test_jackknife_standard_errors_are_the_sandwich(table):
    """Without priors the centred infinitesimal jackknife is White's covariance, or its clustered form."""
    point = pf.fit(line(), table, key=KEY, starts=2, objective="mle")
    found, x = pf.influence(point, table, RATE), design(table)
    _, left, inverse = solved(table, np.ones(ROWS), prior=0.0)
    scores = x * left[:, None] / NOISE**2
    for by, units in (("row", np.arange(ROWS)), ("cluster", np.asarray(table.clusters))):
        total = np.stack([scores[units == k].sum(axis=0) for k in np.unique(units)])
        sandwich = inverse @ total.T @ total @ inverse
        np.testing.assert_allclose(found.stderr(by), np.sqrt(sandwich[1, 1]), rtol=1e-6)


def test_left_out_rows_and_groups_of_a_linear_model(table):
    point = pf.fit(line(), table, key=KEY, starts=2)
    for by, groups in (("row", np.arange(ROWS)), ("cluster", np.arange(ROWS) // 4), (np.arange(ROWS) % 3, None)):
        labels = by if groups is None else groups
        found = pf.leave_out(point, table, RATE, by)
        exact = [solved(table, (labels != k).astype(float))[0][1] for k in dict.fromkeys(labels.tolist())]
        assert found.ok.all() and found.sizes.sum() == ROWS
        np.testing.assert_allclose(found.value, exact, rtol=1e-7)
    years = pf.leave_out(point, table, RATE, "year")
    assert list(years.names) == sorted(years.names) and years.names[0].startswith("201")


@pytest.fixture(scope="module")
def imagenet():
    data = pf.datasets.imagenet()
    return data, pf.fit(pf.laws.erdil_besiroglu(), data, key=KEY, starts=32)


def differences(point, data, field, step):
    """Derivative of the growth rate with respect to every row's entry, from 4 n certified refits."""
    rows, moves = len(data), step * OFFSETS[:, None, None] * np.eye(len(data))
    columns = {"weights": np.ones(rows), "response": np.asarray(data.response), **data.records.columns}
    moved = columns[field] * np.exp(moves) if field == "compute" else columns[field] + moves
    moved = moved.reshape(-1, rows)
    plain = field in ("weights", "response")
    found = refit_around(point, data, Changes(**{field: moved}) if plain else Changes(columns={field: moved}))
    assert found.ok.all()
    values = np.asarray(map_values(pf.growth_rate, point.spec, found.values)).reshape(4, rows)
    return FOURTH @ values / step


@pytest.mark.parametrize(("field", "step"), [("weights", 0.02), ("response", 2e-4), ("compute", 0.02), ("date", 0.02)])
def test_derivatives_match_finite_differences_of_certified_refits(imagenet, field, step):
    data, point = imagenet
    found = pf.influence(point, data, pf.growth_rate)
    exact = {"weights": found.weight, "response": found.response, "date": found.date, **found.inputs}[field]
    numeric = differences(point, data, field, step)
    # The smallest entries are a thousandth of the largest, and refits stop at 1e-9 standard errors.
    np.testing.assert_allclose(numeric, exact, rtol=1e-5, atol=1e-7 * np.max(np.abs(exact)))


def test_left_out_shifts_on_imagenet(imagenet):
    data, point = imagenet
    found = pf.leave_out(point, data, pf.growth_rate)
    assert found.ok.all() and found.correlation > 0.99
    most = int(np.argmax(np.abs(found.shift)))
    assert found.names[most] == "AlphaX-1"
    again = pf.fit(point.spec, data, key=jax.random.key(1), starts=32, weights=np.arange(len(data)) != most)
    np.testing.assert_allclose(found.value[most], float(again.map(pf.growth_rate)), rtol=1e-6)
    assert set(pf.leave_out(point, data, pf.growth_rate, "architecture").names) == set(data.levels("architecture"))


def test_refits_change_optimum_where_the_other_is_better(imagenet):
    """Halves of the table at random: where the second optimum wins, the refit finds it, as a fresh fit does."""
    data, point = imagenet
    for seed in range(20):
        half = np.random.default_rng(seed).permutation(len(data)) % 2
        found = pf.leave_out(point, data, pf.growth_rate, half)
        if (found.mode[found.ok] != 0).any():
            break
    k = int(np.flatnonzero((found.mode != 0) & found.ok)[0])
    keep = half != int(found.names[k])
    fresh = pf.fit(point.spec, data, key=jax.random.key(2), starts=32, weights=keep)
    np.testing.assert_allclose(found.value[k], float(fresh.map(pf.growth_rate)), rtol=1e-5)
    assert abs(found.predicted[k] - found.value[k]) > 0.5  # first order knows nothing of it


def test_a_parameter_that_a_laplace_prior_holds_at_zero_stays_there(table):
    """The exact zero of one slope: derivatives of the others are those of the law without it, as refits have them."""
    prior = dist.Laplace(0.0, 0.05)
    index = Sum(
        level=Constant(prior),
        progress=ExponentialProgress(prior, origin=2018.0, channel="algorithms"),
        scaling=LogSlope("compute", prior, reference=1.0),
        useless=LogSlope("useless", dist.Laplace(0.0, 1e-3), reference=1.0),
    )
    noise = np.exp(np.random.default_rng(1).normal(0, 1, ROWS))
    data = Dataset(table.records.replace(useless=noise), table.response, table.clusters)
    point = pf.fit(pf.Model(index, pf.links.Identity(), Gaussian(NOISE)), data, key=KEY, starts=4)
    assert point.converged and float(point.parameters["useless.slope"]) == 0.0
    step, moves = 1e-3, OFFSETS[:, None, None] * np.eye(ROWS)
    moved = (np.asarray(data.response) + 1e-3 * moves).reshape(-1, ROWS)
    found = refit_around(point, data, Changes(response=moved))
    assert found.ok.all() and not np.asarray(found.values["useless.slope"]).any()
    numeric = FOURTH @ np.asarray(found.values[RATE]).reshape(4, ROWS) / step
    exact = pf.influence(point, data, RATE).response
    np.testing.assert_allclose(numeric, exact, rtol=1e-5, atol=1e-7 * np.max(np.abs(exact)))
    hyper = {(e.path, e.name): e.derivative for e in pf.prior_derivatives(point, data, RATE)}
    assert hyper["useless.slope", "scale"] == 0.0 and np.isnan(hyper["useless.slope", "loc"])
    # A prior that only just holds the slope at zero lets it go without some rows: those refits are named.
    left = np.asarray(data.response - jax.vmap(point.model.linked)(data.bare().records))
    pull = abs(np.log(noise) @ left) / NOISE**2
    loose = pf.free(point.spec, {"useless.slope": dist.Laplace(0.0, 0.95 / pull)})
    point = pf.fit(loose, data, key=KEY, starts=4)
    out, alone = pf.leave_out(point, data, RATE), refit_around(point, data, Changes(weights=1.0 - np.eye(ROWS)))
    released = np.asarray(alone.values["useless.slope"]) != 0
    assert float(point.parameters["useless.slope"]) == 0.0 and 0 < released.sum() < ROWS
    assert (out.released == released).all() and out.correlation_on_face > max(out.correlation, 0.99)


def test_what_has_no_derivative_is_refused_but_refitted(table):
    point = pf.fit(line(Laplace(NOISE)), table, key=KEY, starts=2)
    with pytest.raises(ValueError, match="kinks"):
        pf.influence(point, table, RATE)
    found = pf.leave_out(point, table, RATE, "cluster")
    assert np.isnan(found.predicted).all() and np.isnan(found.correlation) and np.isfinite(found.value).any()


@pytest.mark.parametrize(
    ("by", "match"),
    [
        ("decade", "knows row, cluster, year"),
        (np.zeros(3), "shape"),
        (np.zeros(ROWS), "leaves nothing"),
    ],
)
def test_bad_groupings_are_refused(table, by, match):
    point = pf.fit(line(), table, key=KEY, starts=2)
    with pytest.raises(ValueError, match=match):
        pf.leave_out(point, table, RATE, by)


def test_other_refusals(table):
    point = pf.fit(line(), table, key=KEY, starts=2)
    with pytest.raises(ValueError, match="choose 'row' or 'cluster'"):
        pf.influence(point, table, RATE).stderr("paper")
    with pytest.raises(ValueError, match="other numbers"):
        pf.influence(point, table.with_response(table.response + 1.0), RATE)
    with pytest.raises(ValueError, match="not finite at the fit"):
        pf.influence(point, table, not_finite)
    with pytest.raises(ValueError, match="one common leading axis"):
        refit_around(point, table, Changes(weights=np.ones((2, ROWS)), response=np.ones((3, ROWS))))


def not_finite(model):
    return jnp.log(-(pf.growth_rate(model) ** 2) - 1.0)
