"""The law of Hoffmann et al. 2022 against its formula, its published objective and its start grid."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import progressfit as pf
from progressfit import params, prior_range
from progressfit.laws.chinchilla import LETTERS, START_GRID
from progressfit.noise import Gaussian

OPTIMUM = {"A": 477.83, "B": 2143.41, "E": 1.817218, "alpha": 0.347311, "beta": 0.367172}


def bound(letters: dict[str, float], spec=None) -> pf.Model:
    return params.bind(spec or pf.laws.chinchilla(), {LETTERS[name]: value for name, value in letters.items()})


def formula(letters: dict[str, float], columns) -> np.ndarray:
    size = letters["A"] * np.asarray(columns["parameters"]) ** -letters["alpha"]
    data = letters["B"] * np.asarray(columns["data"]) ** -letters["beta"]
    return size + data + letters["E"]


@pytest.fixture(scope="module")
def runs() -> pf.Dataset:
    return pf.datasets.chinchilla()


def test_formula_and_components_on_the_scale_of_the_loss(runs):
    model, found = bound(OPTIMUM), pf.components(bound(OPTIMUM), runs.records)
    expected = formula(OPTIMUM, runs.records.columns)
    np.testing.assert_allclose(model.predict(runs.records), expected, rtol=cases.ROUNDING)
    np.testing.assert_allclose(jax.vmap(model.linked)(runs.records), np.log(expected), rtol=cases.ROUNDING)
    total = found["size"] + found["data"] + found["irreducible"]
    np.testing.assert_allclose(total, expected, rtol=cases.ROUNDING)
    np.testing.assert_allclose(found["irreducible"], OPTIMUM["E"], rtol=cases.ROUNDING)


@pytest.mark.parametrize(
    ("which", "letters", "published"),
    [
        ("used", OPTIMUM, 0.0010182740178),
        ("all", {"A": 495.7, "B": 12845.4, "E": 1.89134, "alpha": 0.34931, "beta": 0.45305}, 0.00182601),
    ],
)
def test_published_objective(which, letters, published):
    """The sum of Huber losses of ln loss at the published optima; to half a unit of the digits given."""
    data, law = pf.datasets.chinchilla(which), pf.laws.chinchilla()
    model = bound(letters, law)
    residual = np.log(data.response) - jax.vmap(model.linked)(data.records)
    objective = scipy.special.huber(float(law.noise.delta), residual).sum()
    np.testing.assert_allclose(objective, published, rtol=0, atol=5e-9)
    # The default noise states that loss: densities differ from those at no residual by it. Its constant is 7.6.
    peak = np.asarray(law.noise(jnp.zeros(len(data)), data.records).log_prob(jnp.zeros(len(data))))
    spread = np.sum(peak - np.asarray(model.log_lik(data)))
    np.testing.assert_allclose(spread, objective, rtol=0, atol=len(data) * 8 * 4 * cases.EPS)


def test_digits_survive_where_the_loss_overflows():
    model = bound({"A": 1e300, "B": 1.0, "E": 1e-300, "alpha": -2.0, "beta": 60.0})
    record = pf.Record.of(parameters=1e10, data=1e12)
    np.testing.assert_allclose(model.linked(record), np.log(1e300) + 2 * np.log(1e10), rtol=cases.ROUNDING)
    gradient = params.leaves(jax.grad(lambda m: m.linked(record))(model))
    assert np.isfinite(list(map(float, gradient.values()))).all()


def test_references_move_the_coefficients_only(runs):
    moved = OPTIMUM | {
        "A": OPTIMUM["A"] * 1e9 ** -OPTIMUM["alpha"],
        "B": OPTIMUM["B"] * 1e11 ** -OPTIMUM["beta"],
    }
    model = bound(moved, pf.laws.chinchilla(parameters=1e9, data=1e11))
    np.testing.assert_allclose(model.predict(runs.records), bound(OPTIMUM).predict(runs.records), rtol=cases.ROUNDING)


def test_priors_have_the_moments_of_the_published_starts():
    spec = pf.laws.chinchilla()
    assert set(LETTERS.values()) == set(params.priors(spec)) == set(START_GRID)
    grid = pf.start_grid(START_GRID)
    assert all(len(values) == 4500 for values in grid.values())
    z = np.asarray([params.unconstrain(spec, {k: v[i] for k, v in grid.items()}) for i in range(0, 4500, 41)])
    centre = {"size.coefficient": 12.5, "data.coefficient": 12.5, "irreducible": 0.0}
    for leaf, column in zip(params.free_leaves(spec), z.T, strict=True):
        values = np.asarray(START_GRID[leaf.path])
        values = np.log(values) if leaf.path in centre else values
        assert set(np.round(column, 9)) <= set(np.round(values, 9)), "starts are even in the unconstrained coordinate"
        exact = np.ravel(prior_range.ranges_of(spec).scale)[leaf.start]
        np.testing.assert_allclose(exact, np.std(values), rtol=1e-13)


def test_other_noise_is_an_argument():
    spec = pf.laws.chinchilla(Gaussian(0.02))
    assert isinstance(spec.noise, Gaussian)
    assert set(params.priors(spec)) == set(LETTERS.values())
