"""The log density of one table made ready: what the table alone decides is computed once, and rows go by blocks."""

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from progressfit._x64 import require_x64
from progressfit.compiled import ordered, restored
from progressfit.dataset import Dataset
from progressfit.density import check_weights
from progressfit.hoist import split
from progressfit.linked_mean import mean_of
from progressfit.model import Model
from progressfit.params import bind, constrain, dimension, is_fixed, log_prior, numeric

BLOCK = 1024
"""Rows of a block: what they need in between stays in the processor's nearest cache."""
LARGE = 100_000
"""Rows from which on a table is spread over all local devices."""
# Vectors as wide as the processor has them; by itself the compiler takes half of that. A tenth faster.
_OPTIONS: Any = {"xla_cpu_prefer_vector_width": 512}
_ROWS = "rows"


class LogDensity(eqx.Module):
    """:func:`progressfit.log_density` of one spec on one table, with its gradient, for many evaluations.

    ``density(z)`` gives the value and the gradient ``(d,)``, compiled on the first call; inside ``jax.jit`` it becomes
    part of the caller's program, where the density should be an argument rather than a constant. Logarithms of columns,
    the linked response and all else that no free parameter changes are computed once, here. Time grows in proportion
    to the rows; memory beyond what is kept does not grow. Tables of 100,000 rows or more are spread over all local
    devices.

    Parameters
    ----------
    spec
        A prepared spec; see :func:`progressfit.prepare`.
    data
        The table.
    weights
        Weight of each row's log likelihood, shape ``(n,)``; ones if not given. Rows of weight 0 are dropped.
    prior_weight
        Factor on the log prior: 1 for a posterior, 0 for the likelihood alone.

    Raises
    ------
    ValueError
        If weights are not finite and non-negative, one for each row, or none is positive.
    """

    numbers: list[Any]
    known: list[Any]
    evaluate: Callable[..., Any] = eqx.field(static=True)
    program: Callable[..., Any] = eqx.field(static=True)

    def __init__(self, spec: Model, data: Dataset, weights: Any = None, *, prior_weight: Any = 1.0):
        require_x64()
        table, counted = _counted(data, weights)
        peaks = np.asarray(spec.noise.peak(spec.noise.scale(table.records))) if is_fixed(spec.noise) else 0 * counted
        constant = -counted @ peaks
        # Flat, because taking a spec apart at every call would take longer than ten thousand rows.
        leaves, structure = jax.tree.flatten((ordered(numeric(spec)), np.float64(prior_weight), np.float64(constant)))
        self.numbers = [jnp.asarray(leaf) for leaf in leaves]
        devices = jax.local_device_count() if len(table) >= LARGE else 1
        blocks, filled, cut = _blocks(table, counted, devices)
        known, later = _ready(spec, blocks, cut)
        shapes = [one.shape[1:] for one in known]
        self.known = [filled, *map(_narrow, known)]
        if devices > 1:
            self.known = jax.device_put(self.known, NamedSharding(_mesh(devices), P(_ROWS)))
        self.evaluate = functools.partial(_evaluated, structure, later, shapes, devices)
        self.program = jax.jit(self.evaluate, compiler_options=_OPTIONS if jax.default_backend() == "cpu" else None)

    def __call__(self, z: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Value (a scalar) and gradient ``(d,)`` at one unconstrained vector ``(d,)``."""
        traced = any(isinstance(one, Tracer) for one in (z, self.known[0], self.numbers[0]))
        return (self.evaluate if traced else self.program)(self.numbers, self.known, z)


def _mesh(devices: int) -> Mesh:
    return Mesh(np.asarray(jax.local_devices()[:devices]), (_ROWS,), axis_types=(AxisType.Auto,))


def _counted(data: Dataset, weights: Any) -> tuple[Dataset, np.ndarray]:
    """The rows that count, and their weights."""
    own = check_weights(weights, data)
    if not (own > 0).any():
        raise ValueError("every row has weight 0; at least one must be positive")
    return jax.tree.map(lambda column: np.asarray(column)[own > 0], data.bare()), own[own > 0]


def _blocks(table: Dataset, weights: np.ndarray, devices: int) -> tuple[Any, jax.Array, np.ndarray]:
    """Table and weights as ``(blocks, rows)``, filled up with copies of the last row, and how many of each count."""
    rows = len(table)
    size = min(rows, BLOCK)
    count = -(-rows // size // devices) * devices

    def cut(column: np.ndarray) -> np.ndarray:
        return np.pad(column, (0, count * size - rows), mode="edge").reshape(count, size)

    filled = jnp.clip(rows - size * jnp.arange(count), 0, size)
    return jax.tree.map(cut, table), filled, cut(weights)


def _ready(spec: Model, table: Any, weights: np.ndarray) -> tuple[list[Any], Any]:
    """What is known of every block, with a leading axis of blocks, and the function of that of one, its rows, ``z``."""
    example = jax.ShapeDtypeStruct((), jnp.int64), jax.ShapeDtypeStruct((dimension(spec),), jnp.float64)
    functions = []

    @jax.jit
    def known_of(spec: Model, blocks: Any) -> list[Any]:
        def one(block: Any) -> list[Any]:
            known, later = split(functools.partial(_of_block, spec, *block), *example)
            functions.append(later)
            return known

        return jax.lax.map(one, blocks)

    return known_of(spec, (table, weights)), functions[-1]


def _narrow(known: jax.Array) -> jax.Array:
    """A column of one number, such as weights or a standard deviation, as that number: to read it takes longer."""
    found = np.asarray(known)
    uniform = found.ndim > 1 and (found == found[..., :1]).all()
    return jnp.asarray(found[..., :1]) if uniform else known


def _of_block(
    spec: Model, table: Dataset, weights: jax.Array, filled: jax.Array, z: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Log likelihood of the rows of a block, of which the first ``filled`` count, and its gradient.

    A constant is left out where the noise is fixed.
    """
    target = spec.link.forward(table.response)
    # Made anew each time: to read it from memory takes longer.
    counted = jnp.where(jnp.arange(len(table)) < filled, weights, 0.0)
    (mean, slopes), fixed = mean_of(spec, table).slopes(z), is_fixed(spec.noise)

    def spread(point: jax.Array, mean: jax.Array) -> jax.Array:
        """Of the likelihood with the mean held fixed."""
        noise = bind(spec, constrain(spec, point)[0]).noise
        scale = noise.scale(table.records)
        loss = -(counted @ noise.loss((target - mean) * (1.0 / scale)))
        return loss if fixed else loss - counted @ noise.peak(scale)

    if fixed:
        value, force = jax.value_and_grad(spread, 1)(z, mean)
        return value, slopes @ force
    value, (own, force) = jax.value_and_grad(spread, (0, 1))(z, mean)
    return value, own + slopes @ force


def _evaluated(
    structure: Any, later: Any, shapes: Any, devices: int, numbers: list[jax.Array], known: list[Any], z: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Value and gradient: of the prior, whose numbers come flat, and of what is known of all blocks."""
    spec, prior_weight, constant = restored(jax.tree.unflatten(structure, numbers))

    def summed(own: list[Any]) -> tuple[jax.Array, jax.Array]:
        def add(total: Any, block: list[Any]) -> tuple[Any, None]:
            known = [jnp.broadcast_to(one, shape) for one, shape in zip(block[1:], shapes, strict=True)]
            return jax.tree.map(jnp.add, total, later(known, block[0], z)), None

        return jax.lax.scan(add, (jnp.zeros(()), jnp.zeros_like(z)), own)[0]

    def prior(point: jax.Array) -> jax.Array:
        return prior_weight * log_prior(spec, constrain(spec, point)[0])

    value, gradient = jax.lax.cond(
        prior_weight > 0, jax.value_and_grad(prior), lambda point: (jnp.zeros(()), jnp.zeros_like(point)), z
    )
    if devices == 1:
        rows = summed(known)
    else:
        spread = jax.shard_map(
            lambda own: jax.lax.psum(summed(own), _ROWS),
            mesh=_mesh(devices),
            in_specs=P(_ROWS),
            out_specs=P(),
            check_vma=False,
        )
        rows = spread(known)
    return value + rows[0] + constant, gradient + rows[1]
