"""The compiled programs, jitted once at module level and keyed by the structure of the spec and the shape of the data.

A batch is one program; ``devices.py`` says how it runs.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.compiled import compiled
from progressfit.dataset import Dataset
from progressfit.infer.devices import Plan, batched
from progressfit.infer.kinks import has_kinks, minimise_kinked
from progressfit.infer.minimise import Minimum, minimise
from progressfit.infer.objective import constants_of, objective_of
from progressfit.infer.sparse import Kinks, minimise_sparse
from progressfit.infer.starts import revived, sensitivity_of
from progressfit.model import Model
from progressfit.noise import Laplace
from progressfit.params import (
    Numbers,
    bind,
    constrain,
    kink_places,
    sample_prior,
    unconstrain,
)
from progressfit.prior_range import Ranges, ranges_of


class Replicates(NamedTuple):
    """Best end of each replicate, leading axis ``(replicates,)``.

    ``step`` is the Newton step left there, ``curvature`` the smallest Hessian eigenvalue on unit diagonal.
    """

    z: Numbers
    step: Numbers
    value: Numbers
    decrement: Numbers
    rounding: Numbers
    status: Numbers
    curvature: Numbers


class Starts(NamedTuple):
    """Ends of all starts, and what they have in common.

    Attributes
    ----------
    minimum
        With a leading axis of starts.
    moved
        How often each start was moved out of a dead region, ``(starts,)``.
    constant
        What is missing from ``minimum.value`` to the negative log density.
    """

    minimum: Minimum
    moved: Numbers
    constant: Numbers


@compiled()
def prior_ranges(spec: Model) -> Ranges:
    """Where the prior of a spec lies; a program of its own, because sampling some families is long to compile."""
    return ranges_of(spec)


def step_scale(ranges: Ranges, start: jax.Array) -> jax.Array:
    """Typical size of each unconstrained coordinate: the prior's; that of the start where the prior is flat."""
    own = jnp.where(start == 0, 1.0, jnp.abs(start))
    return jnp.where(jnp.isfinite(ranges.scale) & (ranges.scale > 0), ranges.scale, own)


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
    """Minimise the negative log density from one start, with the method that its shape calls for.

    Without a ``prior_weight`` the priors play no part.
    """
    if isinstance(spec.noise, Laplace):
        return minimise_kinked(
            spec, data, weights, 0.0 if prior_weight is None else prior_weight, start, scale, max_steps
        )
    if has_kinks(spec) and prior_weight is not None:
        centre, slope = kink_places(spec)
        smooth = objective_of(spec, data, weights, prior_weight, jacobian, kinks=False)
        return minimise_sparse(smooth, Kinks(centre, prior_weight * slope), start, scale, max_steps)
    return minimise(objective_of(spec, data, weights, prior_weight, jacobian), start, scale, max_steps)


def solve_best(
    spec: Model,
    starts: jax.Array,
    data: Dataset,
    weights: jax.Array,
    prior_weight: Any,
    scale: jax.Array,
    max_steps: Any,
) -> Minimum:
    """The lowest finite end of several starts ``(starts, d)``, one after the other."""
    ends = jax.lax.map(lambda start: solve(spec, start, data, weights, prior_weight, scale, max_steps), starts)
    best = jnp.argmin(jnp.where(jnp.isfinite(ends.value), ends.value, jnp.inf))
    return jax.tree.map(lambda column: column[best], ends)


@compiled("count")
def draw_starts(spec: Model, key: jax.Array, count: int) -> jax.Array:
    """Unconstrained starting points drawn from the prior, ``(count, d)``; the key is split per start first."""
    return jax.vmap(lambda k: unconstrain(spec, sample_prior(spec, k)))(jax.random.split(key, count))


@compiled("jacobian", "plan")
def fit_starts(
    spec: Model,
    starts: jax.Array,
    data: Dataset,
    weights: jax.Array,
    prior_weight: jax.Array | np.float64 | None,
    max_steps: jax.Array | np.int64,
    revive: jax.Array | np.bool_,
    ranges: Ranges,
    jacobian: bool,
    plan: Plan,
) -> Starts:
    """Minimise from every start ``(starts, d)``, dead ones moved first if ``revive``."""

    def one(start: jax.Array) -> tuple[Minimum, jax.Array]:
        scale = step_scale(ranges, start)
        begin, moved = revived(sensitivity_of(spec, data, weights, scale), start, jnp.asarray(ranges.centre), revive)
        return solve(spec, begin, data, weights, prior_weight, scale, max_steps, jacobian), moved

    minimum, moved = batched(one, starts, plan)
    return Starts(minimum, moved, constants_of(spec, data, weights))


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


@compiled("kind", "plan")
def fit_replicates(
    spec: Model,
    starts: jax.Array,
    keys: jax.Array,
    data: Dataset,
    clusters: jax.Array | np.int64,
    weights: jax.Array,
    prior_weight: jax.Array | np.float64 | None,
    max_steps: jax.Array | np.int64,
    ranges: Ranges,
    kind: str,
    plan: Plan,
) -> Replicates:
    """Refit every replicate from every start ``(starts, d)`` and keep its best end.

    Weights or responses of a replicate are made from its own key inside the loop, so memory does not grow with their
    number. ``kind`` is "rows" (resampled clusters, ``clusters`` in number; each row its own for a row bootstrap),
    "bayesian" or "residual".
    """
    scale = step_scale(ranges, starts[0])
    origin = bind(spec, constrain(spec, starts[0])[0])

    def replicate(key: jax.Array) -> Replicates:
        table, drawn = data, weights
        if kind == "residual":
            table = data.with_response(origin.simulate(data.records, key))
        else:
            draw = bayesian_weights if kind == "bayesian" else resample_weights
            drawn = weights * draw(key, data, clusters)

        end = solve_best(spec, starts, table, drawn, prior_weight, scale, max_steps)
        step = -jnp.linalg.solve(end.hessian, end.gradient)
        value = end.value + constants_of(spec, table, drawn)
        return Replicates(end.z, step, value, end.decrement, end.rounding, end.status, end.curvature)

    return batched(replicate, keys, plan)
