"""One compiled program for one structure: other numbers do not compile again, and batching does not move the answer."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import progressfit as pf
from progressfit.dataset import Dataset, Labels, Record
from progressfit.infer import information, programs
from progressfit.model import Model

KEY = jax.random.key(81)
spec, table = cases.small_law, cases.small_table
# Every jitted function behind the verbs, by module and name.
PROGRAMS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": program
    for module in (programs, information)
    for name, program in vars(module).items()
    if hasattr(program, "_cache_size")
}


def compiled() -> dict[str, int]:
    return {name: program._cache_size() for name, program in PROGRAMS.items()}


def fit(law: Model | None = None, data: Dataset | None = None, **options) -> pf.Fit:
    options = {"key": KEY, "starts": cases.STARTS} | options
    return pf.fit(law or spec(), data or table(), **options)


@pytest.fixture(scope="module")
def point() -> pf.Fit:
    return fit()


def whole(data: Dataset) -> Dataset:
    """The same table in integers."""
    columns = {name: np.round(v).astype(int) for name, v in data.records.columns.items()}
    return Dataset(Record(columns, {}, {}), np.round(data.response).astype(int), data.clusters, data.labels)


SAME_STRUCTURE = {
    "other numbers": lambda: fit(data=table(83)),
    "other labels and clusters": lambda: fit(data=table(84, Labels("loss", tuple("abcdefghijkl")))),
    "integer columns": lambda: fit(data=whole(table())),
    "JAX arrays": lambda: fit(data=table().bare()),
    "other hyper-parameters": lambda: fit(spec(location=0.5, sd=2.5)),
    "integer hyper-parameters": lambda: fit(spec(location=1, sd=2)),
    "array hyper-parameters": lambda: fit(spec(location=jnp.asarray(0.1), sd=np.float32(1.5))),
    "other fixed numbers": lambda: fit(spec(noise=0.5, reference=1)),
    "weights": lambda: fit(weights=np.linspace(0.0, 2.0, 12)),
    "integer weights": lambda: fit(weights=[0, 1, 2] * 4),
    "another key": lambda: fit(key=jax.random.key(99)),
    "fewer steps": lambda: fit(max_steps=50),
    "starts as floats": lambda: fit(
        starts={"level": np.zeros(cases.STARTS), "gain.slope": np.linspace(-1, 2, cases.STARTS)}
    ),
    "starts as integers": lambda: fit(starts={"gain.slope": [1] * cases.STARTS, "level": list(range(cases.STARTS))}),
    "a prepared spec": lambda: fit(pf.prepare(spec(), table())),
}


@pytest.mark.parametrize("what", SAME_STRUCTURE)
def test_the_second_fit_compiles_nothing(what, point):
    before = compiled()
    other = SAME_STRUCTURE[what]()
    assert compiled() == before
    assert np.isfinite(other.objective)


def test_maximum_likelihood_is_a_program_of_its_own_for_all_priors(point):
    """It does not know them, and is the smaller for it."""
    fit(objective="mle")
    before = compiled()
    fit(spec(location=0.5, sd=2.5), objective="mle")
    assert compiled() == before


def test_the_second_fit_does_use_its_own_numbers(point):
    """Otherwise the programs could be cached by mistake."""
    changed = ("other numbers", "other hyper-parameters", "other fixed numbers", "weights")
    objectives = {point.objective, *(SAME_STRUCTURE[what]().objective for what in changed)}
    assert len(objectives) == 1 + len(changed)
    assert SAME_STRUCTURE["a prepared spec"]().objective == point.objective


def test_another_structure_compiles_once(point):
    """So that the counter above is seen to count: fixing a parameter is a new program, fixing it elsewhere is not."""
    before = compiled()
    fit(pf.fix(spec(), {"level": 0.3}))
    added = {name: count - before[name] for name, count in compiled().items() if count != before[name]}
    assert added["programs.draw_starts"] == added["programs.fit_starts"] == 1
    assert set(added.values()) == {1}
    assert "programs.fit_replicates" not in added
    after = compiled()
    fit(pf.fix(spec(sd=2), {"level": 1}))
    assert compiled() == after


def boot(point: pf.Fit, data: Dataset | None = None, **options) -> pf.Draws:
    return pf.bootstrap(point, data or table(), **({"key": KEY, "replicates": cases.REPLICATES} | options))


def test_the_second_bootstrap_compiles_nothing(point):
    first = boot(point)
    before = compiled()
    same = boot(point)
    boot(point, key=jax.random.key(98))
    boot(fit(data=table(85)), table(85))
    boot(fit(weights=[0, 1, 2] * 4))
    boot(point, kind="clusters")
    boot(point, starts="best")
    boot(fit(spec(sd=3)))
    assert compiled() == before
    for path, values in first.values.items():
        np.testing.assert_array_equal(values, same.values[path])


def relative(found, expected) -> float:
    return float(np.max(np.abs(np.asarray(found) - np.asarray(expected)) / np.abs(np.asarray(expected))))


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_chunks_do_not_move_the_answer(chunk, point):
    """Fourteen starts, eight replicates: even chunks, a chunk and a rest, all at once. Tolerances of the contract."""
    other = fit(chunk=chunk)
    assert abs(other.objective - point.objective) <= 1e-9 * abs(point.objective)
    assert len(other.optima) == len(point.optima)
    for path, value in point.parameters.items():
        assert relative(other.parameters[path], value) <= 1e-6
    plain, chunked = boot(point), boot(point, chunk=chunk)
    assert relative(chunked.objective, plain.objective) <= 1e-9
    for path, values in plain.values.items():
        assert relative(chunked.values[path], values) <= 1e-6
    np.testing.assert_array_equal(chunked.ok, plain.ok)


def test_chunks_are_positive_numbers(point):
    with pytest.raises(ValueError, match=r"chunk=0: give a positive number"):
        fit(chunk=0)
