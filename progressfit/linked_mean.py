"""The linked mean of a table's rows as a function of the unconstrained vector, with its derivatives."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from progressfit.dataset import Dataset, Record
from progressfit.hoist import hoisted
from progressfit.model import Model
from progressfit.params import bind, constrain_parts, free_leaves, parts_of


def derivatives(value: Callable[[jax.Array], jax.Array], z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Gradient and Hessian of a scalar function, in one forward-over-reverse pass."""
    hessian, gradient = jax.jacfwd(lambda v: (jax.grad(value)(v),) * 2, has_aux=True)(z)
    return gradient, hessian


class Mean(NamedTuple):
    """The linked mean of all rows as a function of the unconstrained vector ``(d,)``.

    Attributes
    ----------
    mean
        To ``(n,)``.
    slopes
        To the mean and its derivatives ``(d, n)``.
    bend
        With a force on each row ``(n,)``: the Hessian of the mean's sum weighted by it, ``(d, d)``.
    """

    mean: Callable[[jax.Array], jax.Array]
    slopes: Callable[[jax.Array], tuple[jax.Array, jax.Array]]
    bend: Callable[[jax.Array, jax.Array], jax.Array]


def mean_of(spec: Model, table: Dataset) -> Mean:
    """The linked mean on a table, with what depends on the table alone computed once.

    Derivatives are taken leaf by leaf: a parameter moves its own term only, which a vector of all of them would hide.
    """
    parts = {leaf.path: jax.ShapeDtypeStruct((leaf.size,), jnp.float64) for leaf in free_leaves(spec)}

    def linked(own: Any, record: Record) -> jax.Array:
        return bind(spec, constrain_parts(spec, own)[0]).linked(record)

    # First by itself, so that derivatives are those of what is left.
    row = hoisted(linked, parts, jax.eval_shape(lambda records: records.row(0), table.records))
    both = jax.vmap(jax.value_and_grad(row), (None, 0), (0, -1))
    mean = hoisted(lambda own: jax.vmap(row, (None, 0))(own, table.records), parts)
    slopes = hoisted(lambda own: both(own, table.records), parts)

    def stacked(tree: Any) -> jax.Array:
        return jnp.concatenate([tree[leaf.path] for leaf in free_leaves(spec)])

    def all_slopes(z: jax.Array) -> tuple[jax.Array, jax.Array]:
        found, by_leaf = slopes(parts_of(spec, z))
        return found, stacked(by_leaf)

    def bend(z: jax.Array, force: jax.Array) -> jax.Array:
        return derivatives(lambda v: force @ mean(parts_of(spec, v)), z)[1]

    return Mean(lambda z: mean(parts_of(spec, z)), all_slopes, bend)
