"""Parameters and draws as data frames."""

import dataclasses
import json

import cases
import jax
import numpy as np
import pytest

import progressfit as pf
from progressfit.infer.prepare import prepare


@pytest.fixture(scope="module")
def point():
    return pf.fit(cases.small_law(), cases.small_table(), key=jax.random.key(0), starts=2)


@pytest.fixture(scope="module")
def draws(point):
    return pf.laplace(point, cases.small_table(), key=jax.random.key(1), draws=40)


def test_a_fit(point):
    found = pf.report.frame(point)
    assert list(found.columns) == ["parameter", "estimate", "std_error"]
    assert list(found["parameter"]) == list(point.parameters)
    np.testing.assert_array_equal(found["estimate"], [float(v) for v in point.parameters.values()])
    np.testing.assert_array_equal(found["std_error"], [float(v) for v in point.stderr().values()])


def test_a_fit_as_plain_data(point):
    """Valid JSON even where a number is not finite, and the same numbers."""
    best = dataclasses.replace(point.optima[0], condition=np.inf)
    certificate = dataclasses.replace(point.certificate, condition=np.inf)
    doubtful = dataclasses.replace(point, optima=(best,), certificate=certificate)
    found = json.loads(json.dumps(doubtful.to_dict(), allow_nan=False))
    assert found["parameters"] == {path: float(value) for path, value in point.parameters.items()}
    assert found["std_errors"] == {path: float(value) for path, value in point.stderr().items()}
    assert found["certificate"]["condition"] is None and found["certificate"]["result"] == point.result.value
    assert found["n"] == point.stats["n"] and found["objective"] == point.objective


def test_draws(point, draws):
    ok = draws.ok.copy()
    ok[:10] = False
    some = dataclasses.replace(draws, ok=ok)
    found = pf.report.frame(some, level=0.5).set_index("parameter")
    for path, value in point.parameters.items():
        kept = np.asarray(draws.values[path])[10:]
        assert found.loc[path, "estimate"] == value and found.loc[path, "kind"] == "Laplace"
        np.testing.assert_allclose(found.loc[path, "std_error"], np.std(kept, ddof=1), rtol=1e-12)
        np.testing.assert_array_equal(list(found.loc[path, ["low", "high"]]), np.quantile(kept, [0.25, 0.75]))
    with pytest.raises(ValueError, match="none of the 40 draws is certified"):
        pf.report.frame(dataclasses.replace(draws, ok=np.zeros(40, bool)))
    with pytest.raises(ValueError, match="level=95"):
        pf.report.frame(draws, level=95)


def test_one_line_a_draw(draws):
    chains = dataclasses.replace(draws, chains=4)
    found = pf.report.draws_frame(chains)
    assert len(found) == 40 and list(found["chain"].value_counts()) == [10] * 4
    assert list(found.columns[5:]) == list(draws.origin.parameters) and (found["optimum"] >= 1).all()
    for path in draws.origin.parameters:
        np.testing.assert_array_equal(found[path], draws.values[path])


def test_entries_of_arrays_have_names(draws):
    """Levels of a group name the columns; the numbers are those of no fit."""
    spec = prepare(cases.SPECIAL["groups"], cases.table())
    values = {path: np.zeros((40, *prior.shape())) for path, prior in pf.params.priors(spec).items()}
    origin = dataclasses.replace(
        draws.origin, spec=spec, optima=(dataclasses.replace(draws.origin.optima[0], values=cases.sample_prior(
            spec, jax.random.key(0))),)
    )  # fmt: skip
    many = dataclasses.replace(draws, origin=origin, values=values)
    names = [name for path in values for name in pf.params.entry_names(spec, path, values[path].shape[1:])]
    assert "lab.effects[1]" in names or "lab.effects[berta]" in names
    assert sorted(pf.report.draws_frame(many).columns[5:]) == sorted(names)
    assert sorted(pf.report.frame(many)["parameter"]) == sorted(names)
