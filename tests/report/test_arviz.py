"""Draws as a tree for ArviZ: groups, names, numbers, provenance, files; ArviZ's own functions take it as it is."""

import dataclasses
import json
from pathlib import Path

import arviz as az
import cases
import jax
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import numpyro.distributions as dist
import pytest
import xarray as xr

import progressfit as pf
from progressfit.dataset import Labels
from progressfit.infer import pointwise
from progressfit.infer.diagnose import diagnose
from progressfit.infer.points import stack_values
from progressfit.noise import Gaussian
from progressfit.params import bind, dimension, log_prior
from progressfit.report.datatree import row_names
from progressfit.terms import GroupEffect, Slope, Sum

CHAINS, DRAWS, ROWS = 4, 250, 60
GROUPS = {
    "posterior",
    "log_likelihood",
    "log_prior",
    "optima",
    "sample_stats",
    "observed_data",
    "constant_data",
    "posterior_predictive",
    "prior",
    "prior_predictive",
}


def law():
    """A group effect, a vector of shares and a number."""
    mean = Sum(lab=cases.TERMS["group_effect"], shares=cases.TERMS["function_vector"])
    return pf.Model(cases.Logistic(mean), pf.links.Logit(), Gaussian(dist.LogNormal(0.0, 0.3)))


@pytest.fixture(scope="module")
def data():
    return cases.table(ROWS)


def draws_of(spec, data, count, spread=0.05):
    """Draws about the prior's centre with the origin they need: what a sampler would hand back, without its cost."""
    prepared = pf.prepare(spec, data)
    z = spread * np.random.default_rng(3).standard_normal((count, dimension(prepared)))
    values = stack_values(prepared, z)
    small = pf.fit(cases.small_law(), cases.small_table(), key=jax.random.key(0), starts=cases.STARTS)
    stats = {"table": data.digest(), "objective": "map", "n": len(data)}
    origin = dataclasses.replace(small, spec=prepared, weights=np.ones(len(data)), stats=stats)
    objective, ok, mode = np.arange(count) / count, np.ones(count, bool), np.arange(count) % 2
    return pf.Draws(origin, values, pf.RESULTS.CONVERGED, objective, ok, mode, "row bootstrap", {"failed": 1})


@pytest.fixture(scope="module")
def draws(data):
    found = draws_of(law(), data, CHAINS * DRAWS)
    rng = np.random.default_rng(0)
    sampler = {
        "diverging": np.zeros(CHAINS * DRAWS, bool),
        "energy": rng.standard_normal(CHAINS * DRAWS),
        "tree_depth": np.full(CHAINS * DRAWS, 3),
    }
    told = diagnose({"a": rng.standard_normal((CHAINS, DRAWS))}, {})
    stats = {
        "diagnosis": told,
        "max_tree_depth": 10,
        "worst": np.float64(np.nan),
        "mode_weights": [1.0],
        "log_evidence": -3.25,
    }
    return dataclasses.replace(found, chains=CHAINS, sampler=sampler, kind="posterior (test)", stats=stats)


@pytest.fixture(scope="module")
def tree(draws, data):
    return pf.report.arviz(draws, data, key=jax.random.key(2), name="labs", prior_draws=200)


def model_of(draws, index):
    return bind(draws.spec, {path: value[index] for path, value in draws.values.items()})


def test_groups_dimensions_and_coordinates(tree, data):
    assert set(tree.children) == GROUPS
    posterior = tree["posterior"]
    assert list(posterior.data_vars) == list(pf.params.priors(law()))
    assert posterior["lab.effects"].dims == ("chain", "draw", "lab")
    assert posterior["lab"].values.tolist() == list(cases.LABS)
    assert posterior["shares.shares"].dims == ("chain", "draw", "shares.shares_dim_0")
    assert posterior["noise.scale"].shape == (CHAINS, DRAWS)
    for group in ("log_likelihood", "posterior_predictive", "prior_predictive"):
        assert tree[group]["accuracy"].dims == ("chain", "draw", "row")
        assert tree[group]["row"].values.tolist() == list(data.labels.rows)
    assert tree["prior"]["lab.effects"].shape == (1, 200, 3)
    assert tree["prior_predictive"]["accuracy"].shape == (1, 200, ROWS)


def test_draws_stand_chain_by_chain(tree, draws):
    for path, value in draws.values.items():
        np.testing.assert_array_equal(tree["posterior"][path].values[2, 17], value[2 * DRAWS + 17])
    np.testing.assert_array_equal(tree["sample_stats"]["energy"].values.ravel(), draws.sampler["energy"])
    assert not tree["sample_stats"]["reached_max_treedepth"].values.any()
    np.testing.assert_array_equal(tree["optima"]["nearest_optimum"].values.ravel(), draws.mode)
    np.testing.assert_allclose(tree["optima"]["weight"].values, draws.stats["mode_weights"])


def test_densities_are_those_of_the_model(tree, draws, data):
    model, values = model_of(draws, DRAWS + 3), {path: value[DRAWS + 3] for path, value in draws.values.items()}
    np.testing.assert_allclose(
        tree["log_likelihood"]["accuracy"].values[1, 3], model.log_lik(data), rtol=cases.ROUNDING, atol=cases.ROUNDING
    )
    assert tree["log_likelihood"].attrs["on"] == "link" and "logit link" in tree["log_likelihood"].attrs["scale"]
    total = sum(float(one.values[1, 3]) for one in tree["log_prior"].data_vars.values())
    np.testing.assert_allclose(total, log_prior(draws.spec, values), rtol=cases.ROUNDING)


def test_the_density_of_the_response_itself(tree, draws, data):
    other = pf.report.arviz(draws, data, on="response")
    expected = tree["log_likelihood"]["accuracy"] + tree["constant_data"]["log_jacobian"]
    np.testing.assert_allclose(other["log_likelihood"]["accuracy"], expected, rtol=1e-12, atol=1e-12)
    model = model_of(draws, 5)
    np.testing.assert_allclose(
        other["log_likelihood"]["accuracy"].values[0, 5], model.log_lik(data, on="response"), rtol=1e-12, atol=1e-12
    )
    assert "its own units" in other["log_likelihood"].attrs["scale"]


def test_predictions_are_simulations_of_each_draw(draws, data):
    key = jax.random.key(9)
    values = {path: value[:6] for path, value in draws.values.items()}
    found = pointwise.simulated(draws.spec, values, data.records, key)
    keys = jax.random.split(key, 6)
    for index in range(6):
        expected = model_of(draws, index).simulate(data.records, keys[index])
        np.testing.assert_allclose(found[index], expected, rtol=cases.ROUNDING)


def test_tables_are_those_of_the_data(tree, data):
    np.testing.assert_array_equal(tree["observed_data"]["accuracy"], data.response)
    constant = tree["constant_data"]
    for name, column in data.records.columns.items():
        np.testing.assert_array_equal(constant[name], column)
    assert constant["lab"].values.tolist() == [cases.LABS[code] for code in data.records.codes["lab"]]
    assert (constant["weights"] == 1.0).all()
    np.testing.assert_array_equal(constant["cluster"], data.clusters)


def test_provenance(tree, draws, data):
    attrs = tree.attrs
    assert attrs["created_by"] == f"progressfit {pf.__version__}" and attrs["data_digest"] == data.digest()
    assert attrs["kind"] == "posterior (test)" and attrs["kind"] in attrs["interval_kind"]
    assert attrs["log_evidence"] == draws.stats["log_evidence"] and attrs["certified"] in (0, 1)
    assert json.loads(attrs["key"]) == jax.random.key_data(jax.random.key(2)).tolist()
    spec = json.loads(attrs["spec"])
    assert spec["leaves"]["lab.effects"] == "normal(0.0, 0.5) for each of 3"
    stats = json.loads(attrs["stats"])
    assert stats["worst"] is None and stats["diagnosis"] == list(draws.stats["diagnosis"].sentences)
    assert {"progressfit", "jax", "numpyro", "arviz", "xarray"} <= set(json.loads(attrs["versions"]))
    assert tree["prior"].attrs["kind"] == "prior" and tree["posterior"].attrs["kind"] == draws.kind


def test_arviz_summarises_and_compares(tree):
    table = az.summary(tree)
    assert {"lab.effects[anna]", "shares.shares[0]", "noise.scale"} <= set(table.index)
    loo = az.loo(tree)
    assert loo.n_data_points == ROWS and np.isfinite(loo.elpd)
    shifted = az.loo(tree, log_jacobian=tree["constant_data"]["log_jacobian"])
    np.testing.assert_allclose(shifted.elpd - loo.elpd, tree["constant_data"]["log_jacobian"].sum(), rtol=1e-9)
    assert list(az.compare({"one": tree, "two": tree})["rank"]) == [0, 1]
    assert {"lab.scale", "noise.scale"} <= set(az.psense_summary(tree).index)
    assert not az.diagnose(tree, show_diagnostics=False)


@pytest.fixture
def screen():
    before = mpl.get_backend()
    plt.switch_backend("Agg")
    yield
    plt.close("all")
    plt.switch_backend(before)


PLOTS = {
    "trace": lambda tree: az.plot_trace(tree),
    "trace_dist": lambda tree: az.plot_trace_dist(tree, var_names=["lab.scale"]),
    "forest": lambda tree: az.plot_forest(tree),
    "energy": lambda tree: az.plot_energy(tree),
    "posterior_predictive": lambda tree: az.plot_ppc_dist(tree),
    "prior_predictive": lambda tree: az.plot_ppc_dist(tree, group="prior_predictive"),
    "prior_posterior": lambda tree: az.plot_prior_posterior(tree),
}


@pytest.mark.parametrize("name", PLOTS)
def test_arviz_plots_it(tree, screen, name):
    PLOTS[name](tree)
    assert plt.gcf().axes


def test_a_file_holds_it_all(tree, tmp_path):
    place = pf.report.save(tree, tmp_path / "labs.nc")
    back = pf.report.load(place)
    assert back.identical(tree) and back.name == "labs"
    assert az.from_netcdf(place)["posterior"].equals(tree["posterior"])
    assert list(tmp_path.iterdir()) == [place]


def test_a_crash_leaves_the_old_file(tree, tmp_path, monkeypatch):
    place = pf.report.save(tree, tmp_path / "labs.nc")
    before = place.read_bytes()

    def crash(self, target, **kwargs):
        Path(target).write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(xr.DataTree, "to_netcdf", crash)
    with pytest.raises(OSError, match="no space left"):
        pf.report.save(tree, place)
    assert place.read_bytes() == before and list(tmp_path.iterdir()) == [place]


def test_files_that_are_something_else(tree, tmp_path):
    with pytest.raises(FileNotFoundError, match="no file"):
        pf.report.load(tmp_path / "none.nc")
    (tmp_path / "text.nc").write_text("rate,1.0\n")
    with pytest.raises(ValueError, match="not a netCDF file"):
        pf.report.load(tmp_path / "text.nc")
    place = pf.report.save(tree, tmp_path / "half.nc")
    place.write_bytes(place.read_bytes()[: place.stat().st_size // 2])
    with pytest.raises(ValueError, match="not a netCDF file"):
        pf.report.load(place)
    xr.DataTree(xr.Dataset({"x": 1.0})).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match=r"not written by progressfit.report.save"):
        pf.report.load(tmp_path / "other.nc")
    with pytest.raises(FileNotFoundError, match="no folder"):
        pf.report.save(tree, tmp_path / "nowhere" / "labs.nc")
    with pytest.raises(TypeError, match=r"pf.report.arviz"):
        pf.report.save({"a": 1}, tmp_path / "labs.nc")


def test_bootstrap_replicates_say_what_they_are(data):
    found = draws_of(law(), data, 20)
    marked = dataclasses.replace(found, ok=np.arange(20) != 4)
    tree = pf.report.arviz(marked, data)
    assert set(tree.children) == GROUPS - {"sample_stats", "posterior_predictive", "prior", "prior_predictive"}
    assert tree["posterior"].sizes["draw"] == 19 and tree.attrs["left_out"] == 1
    assert tree.attrs["kind"] == tree["posterior"].attrs["kind"] == "row bootstrap"
    assert "weight" not in tree["optima"] and "log_evidence" not in tree.attrs
    np.testing.assert_array_equal(tree["posterior"]["noise.scale"].values[0, 4], found.values["noise.scale"][5])
    with pytest.raises(ValueError, match="none of the 20 draws is certified"):
        pf.report.arviz(dataclasses.replace(found, ok=np.zeros(20, bool)), data)


def test_a_flat_prior_has_no_prior_group():
    flat = dist.ImproperUniform(dist.constraints.real, (), ())
    data = cases.small_table()
    mean = Sum(level=flat, gain=Slope("width", dist.Normal(0.0, 1.0), reference=0.0))
    spec = pf.Model(mean, pf.links.Identity(), Gaussian(0.2))
    tree = pf.report.arviz(draws_of(spec, data, 8), data, key=jax.random.key(2))
    assert "posterior_predictive" in tree.children and not {"prior", "prior_predictive"} & set(tree.children)
    assert json.loads(tree.attrs["spec"])["leaves"]["level"] == "flat"
    assert tree["log_likelihood"]["row"].values.tolist() == [str(i) for i in range(12)]


def test_names_that_netcdf_or_a_dimension_would_clash_with(tmp_path):
    data = cases.small_table(labels=Labels("top/1", levels=(("row", ("x", "y")),)))
    records = pf.Record(data.records.columns, {"row": np.arange(12) % 2}, {}, data.labels.levels)
    data = pf.Dataset(records, data.response, data.clusters, data.labels)
    mean = Sum(row=dist.Normal(0.0, 1.0), chain=GroupEffect("row", dist.Normal(0.0, 1.0)))
    tree = pf.report.arviz(draws_of(pf.Model(mean, pf.links.Identity(), Gaussian(0.2)), data, 8), data)
    assert tree["posterior"]["chain.effects"].dims == ("chain", "draw", "row_")
    assert tree["observed_data"]["top_1"].dims == ("row",) and "row_" in tree["constant_data"]
    assert pf.report.load(pf.report.save(tree, tmp_path / "odd.nc")).identical(tree)


def test_another_table_is_refused(draws, data):
    with pytest.raises(ValueError, match="other numbers than the one that was fitted"):
        pf.report.arviz(draws, data.with_response(np.asarray(data.response) ** 2))


def test_other_numbers_do_not_compile_again(draws, data):
    programs = (pointwise._log_likelihood, pointwise._log_prior, pointwise._simulated, pointwise._from_prior)
    make = {"key": jax.random.key(5), "prior_draws": 200}
    pf.report.arviz(draws, data, **make)
    before = [program._cache_size() for program in programs]
    other = {path: np.asarray(value)[::-1] for path, value in draws.values.items()}
    pf.report.arviz(dataclasses.replace(draws, values=other), data, **make)
    assert [program._cache_size() for program in programs] == before


def test_repeated_names_are_told_apart(data):
    labels = dataclasses.replace(data.labels, rows=("a", "b", "a", *data.labels.rows[3:]))
    assert row_names(dataclasses.replace(data, labels=labels))[:3].tolist() == ["a", "b", "a (2)"]
