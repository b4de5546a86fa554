"""What is saved loads back to results on which everything works; other files are refused in a sentence."""

import dataclasses

import cases
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
import xarray as xr

import progressfit as pf
from progressfit.dataset import Dataset, Record
from progressfit.infer import stored
from progressfit.infer.packed import pack, unpack
from progressfit.spec import SpecError


def stretch(record, factor):
    """A user's own function, with a parameter."""
    return factor * record["width"]


FUNCTIONS = {f"{stretch.__module__}:stretch": stretch}


@pytest.fixture(scope="module")
def two():
    """A fit with two optima: only the square of the slope is seen, and the prior tells its signs apart a little."""
    width = np.linspace(-2, 2, 12)
    response = 0.5 + 1.5 * width**2 + np.random.default_rng(3).normal(0, 0.1, 12)
    data = Dataset(Record({"width": width}, {}, {}), response, np.arange(12) // 2)
    slope = pf.terms.Slope("width", dist.Normal(0.1, 2.0), reference=0.0)
    again = pf.terms.Slope("width", pf.Tied("square.first.slope"), reference=0.0)
    mean = pf.terms.Sum(level=dist.Normal(0.0, 2.0), square=pf.terms.Product(first=slope, second=again))
    spec = pf.Model(mean, pf.links.Identity(), pf.noise.Gaussian(dist.HalfNormal(0.3)))
    return pf.fit(spec, data, key=jax.random.key(0), starts=16), data


@pytest.fixture(scope="module")
def files(two, tmp_path_factory):
    point, data = two
    folder = tmp_path_factory.mktemp("saved")
    found = {
        "fit": point,
        "bootstrap": pf.bootstrap(point, data, key=jax.random.key(1), replicates=6),
        "laplace": pf.laplace(point, data, key=jax.random.key(2), draws=8),
    }
    return {name: (one, one.save(folder / f"{name}.nc")) for name, one in found.items()}


def require_equal(one, other, where=""):
    """Every number of two results, field by field, whatever holds it."""
    if dataclasses.is_dataclass(one) and not isinstance(one, type | pf.Model):
        assert type(one) is type(other)
        for field in dataclasses.fields(one):
            require_equal(getattr(one, field.name), getattr(other, field.name), f"{where}.{field.name}")
    elif isinstance(one, dict):
        assert list(one) == list(other), where
        for key in one:
            require_equal(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, tuple | list):
        assert type(one) is type(other) and len(one) == len(other), where
        for i, pair in enumerate(zip(one, other, strict=True)):
            require_equal(*pair, f"{where}.{i}")
    elif isinstance(one, pf.Model):
        assert jax.tree.structure(one) == jax.tree.structure(other), where
        require_equal(jax.tree.leaves(one), jax.tree.leaves(other), where)
    elif isinstance(one, np.ndarray | jax.Array):
        np.testing.assert_array_equal(one, other, err_msg=where)
        assert one.dtype == other.dtype, where
    else:
        assert one == other, where


@pytest.mark.parametrize("name", ["fit", "bootstrap", "laplace"])
def test_everything_comes_back(files, name):
    original, path = files[name]
    loaded = pf.load(path)
    require_equal(original, loaded, name)
    assert str(loaded) == str(original)


def test_what_is_loaded_works(files, two):
    point, data = two
    fit, draws = pf.load(files["fit"][1]), pf.load(files["bootstrap"][1])
    assert isinstance(fit, pf.Fit) and isinstance(draws, pf.Draws)
    assert len(fit.optima) == 2 and fit.converged == point.converged
    require_equal(fit.stderr(), point.stderr())

    def prediction(model):
        return model.predict(data.records)

    np.testing.assert_array_equal(fit.map(prediction), point.map(prediction))
    np.testing.assert_array_equal(draws.map(prediction), files["bootstrap"][0].map(prediction))
    again = pf.bootstrap(fit, data, key=jax.random.key(1), replicates=6)
    require_equal(again.values, files["bootstrap"][0].values)
    table = pf.summary({"fit": fit, "bootstrap": draws}, of=lambda model: model.mean.terms[0].constant)
    assert [str(name) for name, *_ in table.index] == ["fit", "bootstrap"]


def test_draws_of_a_sampler_with_its_diagnosis(tmp_path):
    """Importance sampling compiles fastest; the figures of chains are kept alike."""
    draws = pf.sample(
        cases.small_law(), cases.small_table(), key=jax.random.key(3), method="importance", chains=2, draws=20, starts=8
    )
    loaded = pf.load(draws.save(tmp_path / "posterior.nc"))
    require_equal(draws, loaded)
    assert loaded.stats["diagnosis"].sentences == draws.stats["diagnosis"].sentences and loaded.chains == draws.chains


def test_functions_go_in_by_name_and_are_handed_back(tmp_path):
    mean = pf.terms.Function(stretch, factor=dist.Normal(0.0, 1.0))
    spec = pf.Model(mean, pf.links.Identity(), pf.noise.Gaussian(0.2))
    point = pf.fit(spec, cases.small_table(), key=jax.random.key(0), starts=2)
    path = point.save(tmp_path / "function.nc")
    with pytest.raises(ValueError, match=r"function\.nc.*the function '.*:stretch' is code"):
        pf.load(path)
    require_equal(point, pf.load(path, functions=FUNCTIONS))
    other = dataclasses.replace(point, spec=pf.free(spec, {"factor": dist.Weibull(1.0, 1.0)}))
    with pytest.raises(SpecError, match="Weibull has no form"):
        other.save(tmp_path / "other.nc")
    assert not (tmp_path / "other.nc").exists()


def test_damaged_files_are_refused(files, tmp_path):
    whole = files["bootstrap"][1].read_bytes()
    path = tmp_path / "damaged.nc"
    for length in (0, 100, len(whole) // 4, len(whole) // 2, len(whole) - 1000):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"damaged\.nc"):
            pf.load(path)
    at = whole.index(np.asarray(files["bootstrap"][0].objective).tobytes())
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    with pytest.raises(ValueError, match="has been changed since it was saved"):
        pf.load(path)
    text = whole.replace(b"lower", b"lowes") if b"lower" in whole else whole.replace(b"HalfNormal", b"Halfnormal")
    text = text.replace(b"half_normal", b"half_cauchy")
    assert text != whole
    path.write_bytes(text)
    with pytest.raises(ValueError, match="has been changed since it was saved"):
        pf.load(path)


def test_foreign_files_are_refused(files, tmp_path, two):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        pf.load(tmp_path / "none.nc")
    xr.Dataset({"a": 1}).to_netcdf(tmp_path / "foreign.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match="was not written by the save method"):
        pf.load(tmp_path / "foreign.nc")
    tree = pf.report.save(pf.report.arviz(files["laplace"][0], two[1]), tmp_path / "tree.nc")
    with pytest.raises(ValueError, match=r"holds a tree for ArviZ.*pf\.report\.load"):
        pf.load(tree)
    with pytest.raises(ValueError, match=r"holds a fit or draws.*pf\.load"):
        pf.report.load(files["fit"][1])
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        two[0].save(tmp_path / "none" / "fit.nc")


@pytest.mark.parametrize(
    "parts", ["3", "[]", '{"is": "os.system"}', '{"is": "Fit", "fields": {"optima": []}}', "{", "null"]
)
def test_forged_files_are_refused(parts, tmp_path):
    """Their digest is right, yet they hold no result."""
    texts = {"spec": 'law = "kaplan"', "parts": parts, "versions": "{}"}
    stored.write(stored.Stored("Fit", texts, {}), tmp_path / "forged.nc", "1")
    with pytest.raises(ValueError, match=r"forged\.nc"):
        pf.load(tmp_path / "forged.nc")


def test_packing():
    found = {
        "a": [1, 2.5, None, True, "x"],
        "b": (np.inf, -np.inf),
        "c": np.float64(3),
        "d": jnp.arange(2.0),
        "e/f": {},
    }
    arrays = {}
    back = unpack(pack(found, arrays, "Here"), arrays, {})
    assert list(arrays) == ["Here/d"] and back["a"] == found["a"] and back["b"] == found["b"] and back["e/f"] == {}
    assert np.isnan(unpack(pack(np.nan, {}, ""), {}, {}))
    with pytest.raises(TypeError, match="is a object"):
        pack(object(), {}, "x")
    with pytest.raises(TypeError, match="array of object"):
        pack(np.asarray([None]), {}, "x")
