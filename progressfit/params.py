"""Priors at the leaves of a tree: names, binding, bijections, log prior and prior draws.

A *spec* and a *model* are the same kind of tree (an :class:`equinox.Module`). Where a spec holds a numpyro
distribution the parameter is free; where it holds a number the parameter is fixed; where it holds
:class:`Tied` it copies another leaf. Binding numbers to the free leaves of a spec gives a model.

Distributions are themselves pytrees, so every walk over a tree needs ``is_leaf``; all such walks live here.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import DictKey, GetAttrKey, SequenceKey
from numpyro.distributions import (
    Distribution,
    ExpandedDistribution,
    ImproperUniform,
    Independent,
    Laplace,
    MaskedDistribution,
    biject_to,
)

from progressfit import _x64 as _x64

Values = dict[str, Any]
"""Numbers by dotted path: the leaf's own space, one array per free leaf."""

Numbers = jax.Array | np.ndarray
"""An array on either side of a compiled program."""


class Tied(eqx.Module):
    """A leaf that always equals the leaf at ``path`` (dotted, from the root of the spec)."""

    path: str = eqx.field(static=True)


class Free(NamedTuple):
    """One free leaf: its dotted path, its prior, and its place in the unconstrained vector."""

    path: str
    prior: Distribution
    start: int
    size: int


WRAPPER = {"wrapper": True}
"""Field metadata: this level is left out of dotted paths."""

NAMED = {"child_names": "names"}
"""Field metadata: the elements of this tuple are named by the static tuple in the field ``names``."""

ENTRIES = "entry_names"
"""Field metadata key: the entries of this array leaf are named by the attribute of that name."""


def _is_leaf(node: Any) -> bool:
    return isinstance(node, Distribution | Tied)


def child_nodes(node: Any) -> Iterator[tuple[str | None, Any]]:
    """Named children of one tree node; a wrapper level yields the name ``None``."""
    if isinstance(node, eqx.Module):
        for name, field in type(node).__dataclass_fields__.items():
            if field.metadata.get("static", False):
                continue
            value = getattr(node, name)
            if "child_names" in field.metadata:
                yield from zip(getattr(node, field.metadata["child_names"]), value, strict=True)
            else:
                yield (None if field.metadata.get("wrapper", False) else name), value


def _dotted(root: Any, keypath: tuple[Any, ...]) -> str:
    parts: list[str] = []
    node, names = root, None
    for key in keypath:
        if isinstance(key, GetAttrKey):
            meta = type(node).__dataclass_fields__[key.name].metadata
            names = getattr(node, meta["child_names"]) if "child_names" in meta else None
            if names is None and not meta.get("wrapper", False):
                parts.append(key.name)
            node = getattr(node, key.name)
        elif isinstance(key, SequenceKey):
            parts.append(names[key.idx] if names is not None else str(key.idx))
            node, names = node[key.idx], None
        elif isinstance(key, DictKey):
            parts.append(str(key.key))
            node = node[key.key]
        else:
            raise TypeError(f"a spec may hold modules, tuples and dictionaries, not {type(node).__name__}")
    # Where every level is a wrapper, as in a constant mean, the innermost one lends its name.
    return ".".join(parts) if parts or not keypath else getattr(keypath[-1], "name", "value")


def leaves(spec: Any) -> dict[str, Any]:
    """Every leaf by dotted path, in the order in which the spec was written.

    Raises
    ------
    ValueError
        If two leaves have the same path.
    """
    pairs, _ = jax.tree_util.tree_flatten_with_path(spec, is_leaf=_is_leaf)
    found: dict[str, Any] = {}
    for keypath, leaf in pairs:
        path = _dotted(spec, keypath)
        if path in found:
            raise ValueError(f"two parameters share the path '{path}'; give one of the terms another name")
        found[path] = leaf
    return found


def priors(spec: Any) -> dict[str, Distribution]:
    """The free leaves: prior by dotted path."""
    return {path: leaf for path, leaf in leaves(spec).items() if isinstance(leaf, Distribution)}


def free_leaves(spec: Any) -> tuple[Free, ...]:
    """The free leaves with their slices of the unconstrained vector."""
    found, start = [], 0
    for path, prior in priors(spec).items():
        size = int(np.prod(biject_to(prior.support).inverse_shape(prior.shape()), dtype=int))
        found.append(Free(path, prior, start, size))
        start += size
    return tuple(found)


def dimension(spec: Any) -> int:
    """Length of the unconstrained vector of the spec."""
    return sum(leaf.size for leaf in free_leaves(spec))


def coordinate_names(spec: Any) -> tuple[str, ...]:
    """A name for each entry of the unconstrained vector (see ``entry_names``)."""
    return tuple(
        name
        for leaf in free_leaves(spec)
        for name in entry_names(spec, leaf.path, (leaf.size,) if leaf.prior.shape() else ())
    )


def entry_names(spec: Any, path: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """A name for each entry of a parameter: its path, in an array with ``[level]`` of a group or else ``[i]``."""
    if shape == ():
        return (path,)
    size = math.prod(shape)
    levels = dict(_entry_names(spec)).get(path, ())
    return tuple(f"{path}[{entry}]" for entry in (levels if len(levels) == size else range(size)))


def _entry_names(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Dotted path of each array leaf whose entries have names, and these."""
    if isinstance(node, eqx.Module):
        for name, field in type(node).__dataclass_fields__.items():
            if ENTRIES in field.metadata:
                yield ".".join((*path, name)), getattr(node, field.metadata[ENTRIES])
    for name, child in child_nodes(node):
        yield from _entry_names(child, path if name is None else (*path, name))


def numeric(tree: Any) -> Any:
    """The same tree with every number a NumPy float64 array, so that compiled programs are keyed by structure only."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), tree)


def _rebuild(spec: Any, new: Mapping[str, Any]) -> Any:
    found = leaves(spec)
    unknown = [path for path in new if path not in found]
    if unknown:
        raise ValueError(f"no parameter '{unknown[0]}' in this spec; it has: {', '.join(found)}")
    treedef = jax.tree.structure(spec, is_leaf=_is_leaf)
    return jax.tree.unflatten(treedef, [new.get(path, leaf) for path, leaf in found.items()])


def bind(spec: Any, values: Mapping[str, Any]) -> Any:
    """Put numbers where the free leaves are, and copy them to the tied ones.

    Parameters
    ----------
    spec
        A spec with free leaves.
    values
        A number or array for *every* free leaf, by dotted path, in the leaf's own space.

    Returns
    -------
    The same tree with numbers only: a model.

    Raises
    ------
    ValueError
        If a free leaf gets no value, or a path (also of a tie) does not exist.
    """
    found = leaves(spec)
    missing = [path for path, leaf in found.items() if isinstance(leaf, Distribution) and path not in values]
    if missing:
        raise ValueError(f"no value for the free parameter '{missing[0]}'")
    numbers = {path: values.get(path, leaf) for path, leaf in found.items()}
    for path, leaf in numbers.items():
        if isinstance(leaf, Tied):
            if leaf.path not in numbers or isinstance(found[leaf.path], Tied):
                raise ValueError(f"'{path}' is tied to '{leaf.path}', which is not a free or fixed parameter")
            numbers[path] = numbers[leaf.path]
    return _rebuild(spec, {**values, **numbers})


def is_fixed(tree: Any) -> bool:
    """Whether no free parameter reaches a part of a spec: all its leaves are numbers."""
    return not any(map(_is_leaf, jax.tree.leaves(tree, is_leaf=_is_leaf)))


def fix(spec: Any, values: Mapping[str, Any]) -> Any:
    """Fix parameters: write numbers at the given dotted paths."""
    return _rebuild(spec, {path: np.asarray(value, np.float64) for path, value in values.items()})


def free(spec: Any, new_priors: Mapping[str, Distribution]) -> Any:
    """Free parameters, or change their priors: write distributions at the given dotted paths."""
    return _rebuild(spec, new_priors)


def tie(spec: Any, pairs: Mapping[str, str]) -> Any:
    """Tie parameters: the leaf at each key follows the leaf at its value."""
    return _rebuild(spec, {path: Tied(target) for path, target in pairs.items()})


def constrain(spec: Any, z: Numbers) -> tuple[Values, jax.Array]:
    """Map an unconstrained vector to parameter values.

    Parameters
    ----------
    z
        Shape ``(dimension(spec),)``.

    Returns
    -------
    Values by path, in the leaves' own spaces, and ``log |d values / d z|``.
    """
    return constrain_parts(spec, parts_of(spec, z))


def parts_of(spec: Any, z: Numbers) -> dict[str, Any]:
    """An unconstrained vector ``(d,)`` taken apart: path of each free leaf -> its own coordinates ``(size,)``."""
    return {leaf.path: z[leaf.start : leaf.start + leaf.size] for leaf in free_leaves(spec)}


def constrain_parts(spec: Any, parts: Mapping[str, Any]) -> tuple[Values, jax.Array]:
    """:func:`constrain` of a vector taken apart by :func:`parts_of`."""
    values: Values = {}
    log_det = jnp.zeros(())
    for leaf in free_leaves(spec):
        transform = biject_to(leaf.prior.support)
        raw = parts[leaf.path].reshape(transform.inverse_shape(leaf.prior.shape()))
        values[leaf.path] = transform(raw)
        log_det = log_det + jnp.sum(transform.log_abs_det_jacobian(raw, values[leaf.path]))
    return values, log_det


def unconstrain(spec: Any, values: Mapping[str, Any]) -> jax.Array:
    """Inverse of :func:`constrain`: the unconstrained vector of the given parameter values."""
    parts = [jnp.ravel(biject_to(leaf.prior.support).inv(jnp.asarray(values[leaf.path]))) for leaf in free_leaves(spec)]
    return jnp.concatenate(parts) if parts else jnp.zeros(0)


def log_prior(spec: Any, values: Mapping[str, Any], kinks: bool = True) -> jax.Array:
    """Sum of the normalised log prior densities at ``values`` (scalar).

    Without ``kinks`` the absolute values of Laplace priors are left out; see :func:`prior_kinks`.
    """
    total = jnp.zeros(())
    for leaf in free_leaves(spec):
        own: Any = core_of(leaf.prior)
        smooth = not kinks and _is_laplace(own)
        density = own.log_prob(own.loc) * np.ones(leaf.size) if smooth else leaf.prior.log_prob(values[leaf.path])
        total = total + jnp.sum(density)
    return total


def discrete(spec: Any) -> tuple[str, ...]:
    """Paths of free leaves whose prior is discrete, which nothing here can fit."""
    return tuple(path for path, prior in priors(spec).items() if prior.is_discrete)


def improper(spec: Any) -> tuple[str, ...]:
    """Paths of free leaves whose prior is flat and cannot be sampled."""
    return tuple(path for path, prior in priors(spec).items() if isinstance(core_of(prior), ImproperUniform))


def kinked(spec: Any) -> tuple[str, ...]:
    """Paths of free leaves whose prior density has a kink (Laplace)."""
    return tuple(path for path, prior in priors(spec).items() if isinstance(core_of(prior), Laplace))


def prior_kinks(spec: Any, values: Mapping[str, Any]) -> jax.Array:
    """Signed distances from the kinks of Laplace priors, in units of their scales, shape ``(kinks,)``."""
    found = [jnp.zeros(0)]
    for path in kinked(spec):
        prior: Any = core_of(priors(spec)[path])
        found.append(jnp.ravel((values[path] - prior.loc) / prior.scale))
    return jnp.concatenate(found)


def kink_places(spec: Any) -> tuple[jax.Array, jax.Array]:
    """Kinks of the log prior: location and slope for each unconstrained coordinate, ``(d,)``; slope 0 where none."""
    centre, slope = [jnp.zeros(0)], [jnp.zeros(0)]
    for leaf in free_leaves(spec):
        prior: Any = core_of(leaf.prior)
        sharp = _is_laplace(prior)
        centre.append(jnp.broadcast_to(jnp.ravel(prior.loc) if sharp else 0.0, leaf.size))
        slope.append(jnp.broadcast_to(1 / jnp.ravel(prior.scale) if sharp else 0.0, leaf.size))
    return jnp.concatenate(centre), jnp.concatenate(slope)


def _is_laplace(prior: Any) -> bool:
    return isinstance(prior, Laplace)


def core_of(prior: Any) -> Distribution:
    """The distribution inside expansions such as ``prior.expand([k])``."""
    while isinstance(prior, ExpandedDistribution | Independent | MaskedDistribution):
        prior = prior.base_dist
    return prior


def sample_prior(spec: Any, key: jax.Array) -> Values:
    """One draw of every free leaf from its prior, by path.

    Raises
    ------
    ValueError
        If a prior is flat (improper).
    """
    flat = improper(spec)
    if flat:
        raise ValueError(
            f"the prior of '{flat[0]}' is flat, so nothing can be drawn from it; "
            "give explicit starting values (starts={'path': [..], ...}) or a proper prior"
        )
    keys = jax.random.split(key, max(len(free_leaves(spec)), 1))
    return {leaf.path: leaf.prior.sample(k) for leaf, k in zip(free_leaves(spec), keys, strict=False)}
