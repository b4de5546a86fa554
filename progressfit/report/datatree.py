"""Draws in the schema of ArviZ 1: an xarray DataTree that ``az.summary``, ``az.loo`` and ``az.plot_*`` take."""

import importlib.metadata
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.dataset import Dataset
from progressfit.infer.diagnose import Diagnosis
from progressfit.infer.optimise import check_key, fitted_weights
from progressfit.infer.pointwise import Scale, log_likelihood, log_prior_by_leaf, prior_values, simulated
from progressfit.infer.result import RESULTS, Draws
from progressfit.model import Model
from progressfit.params import Values, free_leaves, improper
from progressfit.report.plain import VERSIONED, finite
from progressfit.report.spec_text import spec_dict
from progressfit.terms import GroupEffect
from progressfit.terms.base import walk_terms

if TYPE_CHECKING:
    import xarray as xr

ROW = "row"
"""The dimension of the table's rows; its coordinates are the names of the trained models."""

_SAMPLE = ("chain", "draw")

Variable = tuple[tuple[str, ...], np.ndarray]
"""Dimensions and array."""

Named = Mapping[str, Variable]
Coords = Mapping[str, Any]


def arviz(
    draws: Draws,
    data: Dataset,
    *,
    key: jax.Array | None = None,
    name: str | None = None,
    on: Scale = "link",
    prior_draws: int = 1000,
) -> "xr.DataTree":
    """Draws and their table as an xarray DataTree in the schema of ArviZ 1.

    Parameters
    ----------
    draws
        Posterior draws, an approximation, or bootstrap replicates. Of a single chain, draws that are not certified are
        left out.
    data
        The table that was fitted.
    key
        A JAX random key for ``posterior_predictive``, ``prior`` and ``prior_predictive``; without it, or with a flat
        prior for the latter two, they are left out.
    name
        Name of the tree.
    on
        Whether ``log_likelihood`` is the density of the "link"ed response, the one that is fitted, or of the "response"
        itself, which is comparable between models with different links.
    prior_draws
        Number of draws of the prior.

    Returns
    -------
    Groups ``posterior`` (parameters by dotted path), ``log_likelihood`` and ``log_prior``, ``observed_data`` and the
    predictive groups (in the response's own units, under the response's name), ``constant_data`` (inputs, dates, group
    levels, clusters, weights, and ``log_jacobian``, what the link adds to the log likelihood), ``sample_stats`` if a
    sampler said anything, and ``optima``: the known optimum nearest to each draw, its negative log density, and the
    weight of each optimum where it was estimated.

    ArviZ knows no other name than ``posterior``, so bootstrap replicates stand there too, though they are no posterior:
    ``attrs["kind"]`` says what the draws are, and intervals from them are of that kind.

    Raises
    ------
    ValueError
        If the table is not the one that was fitted, or no draw is certified.
    """
    import xarray as xr

    require_x64()
    weights = np.asarray(fitted_weights(draws.origin, data))
    kept = _kept(draws)
    values = {leaf.path: np.asarray(draws.values[leaf.path])[kept] for leaf in free_leaves(draws.spec)}
    groups = _posterior_groups(draws, values, kept, data, on)
    groups |= _tables(draws.spec, data, weights)
    if key is not None:
        groups |= _random_groups(draws, values, data, check_key(key), prior_draws)
    coords = _coords(draws.spec, data)
    tree = {group: _dataset(variables, coords, _kind(group, draws)) for group, variables in groups.items()}
    tree["log_likelihood"].attrs |= _likelihood_scale(draws.spec, on)
    attrs = _provenance(draws, data) | ({} if name is None else {"name": name})
    attrs |= {} if key is None else {"key": _json(key)}
    return xr.DataTree.from_dict({"/": xr.Dataset(attrs=attrs), **tree}, name=name)


def _kept(draws: Draws) -> np.ndarray:
    """Positions of the draws that are shown. Chains keep their length, whatever is wrong with a draw."""
    if not draws.ok.any():
        raise ValueError(f"none of the {len(draws)} draws is certified: {draws.result.value}")
    return np.flatnonzero(draws.ok) if draws.chains == 1 else np.arange(len(draws))


def _by_chain(found: np.ndarray, chains: int) -> np.ndarray:
    return np.reshape(found, (chains, -1, *np.shape(found)[1:]))


def _posterior_groups(draws: Draws, values: Values, kept: np.ndarray, data: Dataset, on: Scale) -> dict[str, Named]:
    def sampled(found: Any, *dims: str) -> Variable:
        return (*_SAMPLE, *dims), _by_chain(np.asarray(found), draws.chains)

    own = _own_dims(draws.spec)
    likelihood = log_likelihood(draws.spec, values, data, on=on)
    groups: dict[str, Named] = {
        "posterior": {path: sampled(value, *own[path]) for path, value in values.items()},
        "log_likelihood": {_response(data): sampled(likelihood, ROW)},
        "log_prior": {path: sampled(found) for path, found in log_prior_by_leaf(draws.spec, values).items()},
        "optima": {
            "nearest_optimum": sampled(np.asarray(draws.mode)[kept]),
            "negative_log_density": sampled(np.asarray(draws.objective)[kept]),
            **_optima(draws),
        },
    }
    if draws.sampler:
        groups["sample_stats"] = {name: sampled(found[kept]) for name, found in _sampler(draws).items()}
    return groups


def _sampler(draws: Draws) -> dict[str, np.ndarray]:
    """What the sampler says of each draw, ``(draws,)``, and whether its trajectory was cut off, where that is known."""
    found = {name: np.asarray(column) for name, column in draws.sampler.items()}
    deepest = draws.stats.get("max_tree_depth")
    if deepest is not None and "tree_depth" in found:
        found["reached_max_treedepth"] = found["tree_depth"] >= deepest
    return found


def _optima(draws: Draws) -> Named:
    """What is known of each optimum: its objective in the fit, and its share of the mass, where that was estimated."""
    found: dict[str, Variable] = {
        "objective": (("optimum",), np.array([optimum.objective for optimum in draws.origin.optima]))
    }
    if "mode_weights" in draws.stats:
        found["weight"] = (("optimum",), np.asarray(draws.stats["mode_weights"], np.float64))
    return found


def _random_groups(draws: Draws, values: Values, data: Dataset, key: jax.Array, count: int) -> dict[str, Named]:
    after, before, noise = jax.random.split(key, 3)
    spec, records, name, own = draws.spec, data.bare().records, _response(data), _own_dims(draws.spec)
    replicated = _by_chain(simulated(spec, values, records, after), draws.chains)
    groups: dict[str, Named] = {"posterior_predictive": {name: ((*_SAMPLE, ROW), replicated)}}
    if improper(spec):
        return groups
    drawn = prior_values(spec, before, count)
    groups["prior"] = {path: ((*_SAMPLE, *own[path]), _by_chain(value, 1)) for path, value in drawn.items()}
    predicted = _by_chain(simulated(spec, drawn, records, noise), 1)
    return groups | {"prior_predictive": {name: ((*_SAMPLE, ROW), predicted)}}


def _tables(spec: Model, data: Dataset, weights: np.ndarray) -> dict[str, Named]:
    """The groups that do not depend on draws."""
    response = np.asarray(data.response, np.float64)
    columns: dict[str, np.ndarray] = {
        "weights": weights,
        "cluster": np.asarray(data.clusters),
        "log_jacobian": np.asarray(spec.link.log_jacobian(jnp.asarray(response))),
    }
    columns |= {_safe(name): np.asarray(column) for name, column in data.records.columns.items()}
    levels = dict(data.labels.levels)
    for group, codes in data.records.codes.items():
        names = np.asarray(levels[group], object) if group in levels else np.arange(np.max(codes) + 1)
        columns[_safe(group)] = names[np.asarray(codes)]
    return {
        "observed_data": {_response(data): ((ROW,), response)},
        "constant_data": {_apart(name, (ROW,)): ((ROW,), column) for name, column in columns.items()},
    }


def _safe(name: str) -> str:
    """A name that a netCDF variable may have."""
    return name.replace("/", "_")


def _apart(name: str, taken: Any) -> str:
    """The name, changed if it is one of those taken: a dimension and a variable may not share one."""
    while name in taken:
        name += "_"
    return name


def _response(data: Dataset) -> str:
    return _apart(_safe(data.labels.response), (ROW, *_SAMPLE))


def _group_effects(spec: Model) -> dict[str, GroupEffect]:
    """Group effects by the path of their array."""
    found = {path: term for path, term in walk_terms(spec) if isinstance(term, GroupEffect)}
    return {f"{path}.effects" if path else "effects": term for path, term in found.items()}


def _own_dims(spec: Model) -> dict[str, tuple[str, ...]]:
    """Dimensions of each parameter beyond chain and draw: the group of a group effect, or dimensions of its own."""
    groups, paths = _group_effects(spec), [leaf.path for leaf in free_leaves(spec)]
    dims = {}
    for leaf in free_leaves(spec):
        if leaf.path in groups:
            dims[leaf.path] = (_apart(_safe(_group_dim(groups[leaf.path])), (*paths, *_SAMPLE, ROW)),)
        else:
            dims[leaf.path] = tuple(f"{leaf.path}_dim_{k}" for k in range(len(leaf.prior.shape())))
    return dims


def _coords(spec: Model, data: Dataset) -> Coords:
    groups, coords = _group_effects(spec), {ROW: row_names(data)}
    for leaf in free_leaves(spec):
        for dim, size in zip(_own_dims(spec)[leaf.path], leaf.prior.shape(), strict=True):
            named = leaf.path in groups and len(groups[leaf.path].free_levels) == size
            coords[dim] = np.asarray(groups[leaf.path].free_levels, object) if named else np.arange(size)
    return coords


def _group_dim(term: GroupEffect) -> str:
    """The group, and the coding where some levels have no number of their own."""
    if term.coding == "levels":
        return term.group
    return f"{term.group}_vs_{term.reference}" if term.coding == "reference" else f"{term.group}_{term.coding}"


def row_names(data: Dataset) -> np.ndarray:
    """Names of the rows, ``(n,)``: those of the trained models, or numbers; a repeated one gets its count behind it."""
    names, seen, found = data.labels.rows or tuple(map(str, range(len(data)))), {}, []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return np.asarray(found, object)


def _dataset(variables: Named, coords: Coords, kind: str) -> "xr.Dataset":
    import xarray as xr

    sizes = {dim: size for dims, found in variables.values() for dim, size in zip(dims, found.shape, strict=True)}
    known = {dim: coords.get(dim, np.arange(size)) for dim, size in sizes.items()}
    return xr.Dataset(dict(variables), coords=known, attrs=_library() | {"kind": kind})


def _kind(group: str, draws: Draws) -> str:
    """What the numbers of a group are, in words."""
    return {"prior": "prior", "prior_predictive": "prior"}.get(group, "data" if group.endswith("_data") else draws.kind)


def _library() -> dict[str, str]:
    return {"inference_library": "progressfit", "inference_library_version": importlib.metadata.version("progressfit")}


def _likelihood_scale(spec: Model, on: Scale) -> dict[str, str]:
    link = type(spec.link).__name__.lower()
    what = f"the response under the {link} link" if on == "link" else "the response in its own units"
    return {"on": on, "scale": f"natural logarithm of the density of {what}, one row at a time, without row weights"}


def _provenance(draws: Draws, data: Dataset) -> dict[str, Any]:
    """Where the numbers come from, as text and numbers that netCDF attributes can hold."""
    versions = {name: importlib.metadata.version(name) for name in (*VERSIONED, "arviz", "xarray")}
    attrs = _library() | {
        "created_by": f"progressfit {versions['progressfit']}",
        "creation_library": "progressfit",
        "kind": draws.kind,
        "interval_kind": f"quantiles of these draws: {draws.kind}; the level is stated with each interval",
        "result": draws.result.value,
        "certified": int(draws.result is RESULTS.CONVERGED),
        "left_out": draws.failed if draws.chains == 1 else 0,
        "rows": len(data),
        "response": data.labels.response,
        "data_digest": data.digest(),
        "spec": _json(spec_dict(draws.spec)),
        "stats": _json(draws.stats),
        "versions": _json(versions),
    }
    if "log_evidence" in draws.stats:
        attrs["log_evidence"] = float(draws.stats["log_evidence"])
    return attrs


def _json(found: Any) -> str:
    return json.dumps(finite(_plain(found)), ensure_ascii=False, allow_nan=False)


def _plain(found: Any) -> Any:
    """Plain data: arrays and random keys as lists, a diagnosis as its sentences, and text for everything else."""
    if isinstance(found, Diagnosis):
        return list(found.sentences)
    if isinstance(found, Mapping):
        return {str(name): _plain(value) for name, value in found.items()}
    if isinstance(found, list | tuple):
        return [_plain(value) for value in found]
    if isinstance(found, jax.Array) and jnp.issubdtype(found.dtype, jax.dtypes.prng_key):
        return _plain(jax.random.key_data(found))
    if isinstance(found, np.ndarray | np.generic | jax.Array):
        return _plain(np.asarray(found).tolist())
    return found if found is None or isinstance(found, bool | int | float | str) else str(found)
