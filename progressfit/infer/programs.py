"""The compiled programs, jitted once at module level and keyed by the structure of the spec and the shape of the data.

A batch is one program: on CPU a compiled loop over its members, which keeps the cache warm and waits for nobody; on an
accelerator a vectorised chunk at a time. Both bound memory whatever the size of the batch.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.dataset import Dataset
from progressfit.density import log_density
from progressfit.infer.kinks import has_kinks, minimise_kinked
from progressfit.infer.minimise import Minimum, minimise
from progressfit.model import Model
from progressfit.params import Numbers, bind, constrain, prior_centre, prior_scale, sample_prior, unconstrain

_ACCELERATOR_CHUNK = 1024


class Replicates(NamedTuple):
    """Best end of each replicate, leading axis ``(replicates,)``.

    ``step`` is the Newton step left there, ``curvature`` the smallest Hessian eigenvalue on unit diagonal.
    """

    z: Numbers
    step: Numbers
    value: Numbers
    decrement: Numbers
    status: Numbers
    curvature: Numbers


def batch_size(chunk: int | None) -> int | None:
    """Members of a batch that run side by side: as asked, else one on CPU and many on an accelerator."""
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk={chunk}: give a positive number of batch members to run side by side, or None")
    if chunk is None:
        return None if jax.default_backend() == "cpu" else _ACCELERATOR_CHUNK
    return chunk if chunk > 1 else None


def batched(fn: Callable[[Any], Any], members: Any, chunk: int | None) -> Any:
    """``fn`` of every member of a batch, in chunks of ``chunk`` side by side (``None``: one after the other)."""
    return jax.lax.map(fn, members, batch_size=chunk)


def step_scale(spec: Model) -> jax.Array:
    """Typical size of each unconstrained coordinate: the prior's, one where the prior is flat."""
    scale = prior_scale(spec)
    return jnp.where(jnp.isfinite(scale) & (scale > 0), scale, 1.0)


def solve(
    spec: Model,
    start: jax.Array,
    data: Dataset,
    weights: jax.Array,
    prior_weight: Any,
    scale: jax.Array,
    max_steps: Any,
    jacobian: bool = False,
) -> Minimum:
    """Minimise the negative log density from one start, with the method that its shape calls for."""

    def objective(z: jax.Array) -> jax.Array:
        return -log_density(spec, z, data, weights, jacobian, prior_weight)

    if has_kinks(spec):
        return minimise_kinked(objective, spec, data, weights, prior_weight, start, scale, max_steps)
    return minimise(objective, start, scale, max_steps)


@functools.partial(jax.jit, static_argnames=("count",))
def draw_starts(spec: Model, key: jax.Array, count: int) -> jax.Array:
    """Unconstrained starting points drawn from the prior, ``(count, d)``; the key is split per start first."""
    return jax.vmap(lambda k: unconstrain(spec, sample_prior(spec, k)))(jax.random.split(key, count))


@functools.partial(jax.jit, static_argnames=("jacobian", "chunk"))
def fit_starts(
    spec: Model,
    starts: jax.Array,
    data: Dataset,
    weights: jax.Array,
    prior_weight: jax.Array | np.float64,
    max_steps: jax.Array | np.int64,
    jacobian: bool,
    chunk: int | None,
) -> tuple[Minimum, jax.Array, jax.Array]:
    """Minimise from every start ``(starts, d)``; also returns the step scale and the prior's centre ``(d,)``."""
    scale = step_scale(spec)

    def one(start: jax.Array) -> Minimum:
        return solve(spec, start, data, weights, prior_weight, scale, max_steps, jacobian)

    return batched(one, starts, chunk), scale, prior_centre(spec)


def resample_weights(key: jax.Array, data: Dataset, clusters: Any) -> jax.Array:
    """Multinomial weights: how often each row is drawn when ``clusters`` whole clusters are drawn with replacement."""
    slots = jnp.arange(data.clusters.shape[0])
    drawn = jax.random.randint(key, slots.shape, 0, clusters)
    # As many draws as there are clusters; the number is data, not shape, so rows and papers share one program.
    counts = jnp.zeros(slots.shape[0]).at[drawn].add(jnp.where(slots < clusters, 1.0, 0.0))
    return counts[data.clusters]


def bayesian_weights(key: jax.Array, data: Dataset, clusters: Any) -> jax.Array:
    """Dirichlet(1, ..., 1) weights over the clusters, scaled to mean one (Rubin 1981)."""
    slots = jnp.arange(data.clusters.shape[0])
    exponential = jnp.where(slots < clusters, jax.random.exponential(key, slots.shape), 0.0)
    return (exponential * clusters / jnp.sum(exponential))[data.clusters]


def _smallest_curvature(hessian: Numbers) -> jax.Array:
    """Smallest eigenvalue of a Hessian brought to unit diagonal; not positive unless the Hessian is definite."""
    diagonal = jnp.diag(jnp.asarray(hessian))
    scaled = hessian / jnp.sqrt(jnp.abs(jnp.outer(diagonal, diagonal)))
    usable = jnp.isfinite(scaled).all() & (diagonal > 0).all()
    return jnp.linalg.eigvalsh(jnp.where(usable, scaled, -jnp.eye(diagonal.shape[0])))[0]


@functools.partial(jax.jit, static_argnames=("kind", "chunk"))
def fit_replicates(
    spec: Model,
    starts: jax.Array,
    keys: jax.Array,
    data: Dataset,
    clusters: jax.Array | np.int64,
    weights: jax.Array,
    prior_weight: jax.Array | np.float64,
    max_steps: jax.Array | np.int64,
    kind: str,
    chunk: int | None,
) -> tuple[Replicates, jax.Array, jax.Array]:
    """Refit every replicate from every start ``(starts, d)`` and keep its best end.

    Weights or responses of a replicate are made from its own key inside the loop, so memory does not grow with their
    number. ``kind`` is "rows" (resampled clusters, ``clusters`` in number; each row its own for a row bootstrap),
    "bayesian" or "residual".

    Returns
    -------
    The best ends, the step scale ``(d,)`` and the prior's centre ``(d,)``.
    """
    scale = step_scale(spec)
    origin = bind(spec, constrain(spec, starts[0])[0])

    def replicate(key: jax.Array) -> Replicates:
        table, drawn = data, weights
        if kind == "residual":
            table = data.with_response(origin.simulate(data.records, key))
        else:
            draw = bayesian_weights if kind == "bayesian" else resample_weights
            drawn = weights * draw(key, data, clusters)

        def one(start: jax.Array) -> Minimum:
            return solve(spec, start, table, drawn, prior_weight, scale, max_steps)

        ends = jax.lax.map(one, starts)
        best = jnp.argmin(jnp.where(jnp.isfinite(ends.value), ends.value, jnp.inf))
        curvature = _smallest_curvature(ends.hessian[best])
        step = -jnp.linalg.solve(ends.hessian[best], ends.gradient[best])
        return Replicates(ends.z[best], step, ends.value[best], ends.decrement[best], ends.status[best], curvature)

    return batched(replicate, keys, chunk), scale, prior_centre(spec)
