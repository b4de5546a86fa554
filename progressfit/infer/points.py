"""Points of the space of parameters: from unconstrained vectors to values by path and back, as compiled programs."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.compiled import compiled
from progressfit.model import Model
from progressfit.params import Numbers, Values, constrain, free_leaves, unconstrain


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
