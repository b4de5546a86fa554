"""Points of the space of parameters: unconstrained vectors and values by path, and functions of the models there."""

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.compiled import compiled, ordered, restored
from progressfit.dataset import Dataset
from progressfit.density import log_density
from progressfit.model import Model
from progressfit.params import Numbers, Values, bind, constrain, free_leaves, unconstrain


def stack_values(spec: Model, z: Numbers) -> Values:
    """Parameter values by path, with a leading axis, from unconstrained vectors ``(draws, d)``."""
    return _constrained(spec, jnp.asarray(z))


def values_at(spec: Model, z: Numbers) -> Values:
    """Parameter values by path in the order of the spec, NumPy arrays, at one unconstrained vector ``(d,)``."""
    found = stack_values(spec, np.asarray(z)[None])
    return {leaf.path: np.asarray(found[leaf.path])[0] for leaf in free_leaves(spec)}


def stack_points(spec: Model, values: Mapping[str, Any]) -> jax.Array:
    """Unconstrained vectors ``(draws, d)`` of values by path, every one with a leading axis."""
    own = {leaf.path: np.asarray(values[leaf.path], np.float64) for leaf in free_leaves(spec)}
    return _unconstrained(spec, own)


def value_slopes(spec: Model, z: Numbers) -> Values:
    """Derivatives of the values by the unconstrained vector: by path, shape of the leaf and then ``(d,)``."""
    return _slopes(spec, jnp.asarray(z))


@compiled()
def _constrained(spec: Model, z: jax.Array) -> Values:
    return jax.vmap(lambda one: constrain(spec, one)[0])(z)


@compiled()
def _unconstrained(spec: Model, values: Values) -> jax.Array:
    return jax.vmap(lambda one: unconstrain(spec, one))(values)


@compiled()
def _slopes(spec: Model, z: jax.Array) -> Values:
    return jax.jacfwd(lambda vector: constrain(spec, vector)[0])(z)


def map_values(fn: Callable[[Model], Any], spec: Model, values: Values) -> Any:
    """``fn`` of the model of every draw, stacked along a leading axis of draws; ``values`` by path ``(draws, ...)``."""
    require_x64()
    if isinstance(fn, FunctionType) and "<" not in fn.__qualname__:
        return _map_function(spec, values, fn=fn)
    return _map(fn, ordered(spec), values)


@compiled("fn")
def _map_function(spec: Model, values: Values, fn: Callable[[Model], Any]) -> Any:
    return jax.vmap(lambda one: fn(bind(spec, one)))(values)


@eqx.filter_jit
def _map(fn: Callable[[Model], Any], spec: Model, values: Values) -> Any:
    return jax.vmap(lambda one: fn(bind(restored(spec), one)))(values)


@compiled()
def _objectives(spec: Model, z: jax.Array, data: Dataset, weights: jax.Array) -> jax.Array:
    return jax.lax.map(lambda one: -log_density(spec, one, data, weights, False), z)


def objectives(spec: Model, z: Numbers, data: Dataset, weights: jax.Array) -> np.ndarray:
    """Negative log density, as ``fit`` states it, at each unconstrained vector ``(draws, d)``: shape ``(draws,)``."""
    return np.asarray(_objectives(spec, jnp.asarray(z), data, weights))
