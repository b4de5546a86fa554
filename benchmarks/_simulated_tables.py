"""Intervals of many simulated tables at once: every kind is one compiled program over all tables.

The package's own verbs take one table each. Here their pieces (minimiser, resampling weights, survey and chains) run in
one loop over tables, and only the quantities of interest are kept.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import progressfit as pf
from progressfit.compiled import compiled
from progressfit.infer.devices import Plan, batched, plan_batch
from progressfit.infer.nuts import Settings
from progressfit.infer.objective import derivatives
from progressfit.infer.programs import (
    Ranges,
    bayesian_weights,
    prior_ranges,
    resample_weights,
    solve,
    step_scale,
)
from progressfit.infer.survey import Effort
from progressfit.infer.tables import Table, sample_tables
from progressfit.params import bind, constrain, dimension

ROWS, CLUSTERS, BAYESIAN, PARAMETRIC = (
    "row bootstrap",
    "cluster bootstrap",
    "Bayesian bootstrap",
    "parametric bootstrap",
)
BOOTSTRAPS = (ROWS, CLUSTERS, BAYESIAN, PARAMETRIC)
_STEPS, _CHAINS, _DRAWS = 200, 2, 400
_EFFORT, _SETTINGS = Effort(rounds=7, draws=2000, final=2000), Settings(warmup=150, depth=8, candidates=15)
# Two ends are one optimum if they are closer than this, in prior standard deviations.
_SAME = 1e-3

Measure = Callable[[pf.Model], jax.Array]
"""The quantities of one model, ``(q,)``; a named function, which is part of a program's key."""


class Tables(NamedTuple):
    """Simulated tables of one shape.

    Attributes
    ----------
    spec, data
        The prepared spec that is fitted, and the table whose inputs and clusters they share.
    responses
        ``(tables, n)``.
    starts
        Where fits start, ``(starts, d)``.
    measure
        The quantities.
    modes
        From how many optima of its table a replicate is refitted, 1 or 2.
    """

    spec: pf.Model
    data: pf.Dataset
    responses: jax.Array
    starts: jax.Array
    measure: Measure
    modes: int

    @property
    def ranges(self) -> Ranges:
        return prior_ranges(self.spec)

    @property
    def plan(self) -> Plan:
        return plan_batch(len(self.data), dimension(self.spec))

    def keys(self, seed: int) -> jax.Array:
        """A key for each table."""
        return jax.random.split(jax.random.key(seed), len(self.responses))


def bootstrapped(tables: Tables, kind: str, replicates: int, seed: int) -> np.ndarray:
    """Quantities of refits by one of :data:`BOOTSTRAPS`, ``(tables, replicates, q)``."""
    table = tables.data
    codes = np.unique(table.clusters, return_inverse=True)[1] if kind in (CLUSTERS, BAYESIAN) else np.arange(len(table))
    units = pf.Dataset(table.records, table.response, codes, table.labels).bare()
    found = _refits(
        tables.spec, units, tables.responses, tables.starts, tables.keys(seed), np.int64(codes.max() + 1),
        tables.ranges, np.bool_(kind == BAYESIAN), np.bool_(kind == PARAMETRIC),
        measure=tables.measure, replicates=replicates, modes=tables.modes, plan=tables.plan,
    )  # fmt: skip
    return np.asarray(found)


@compiled("measure", "replicates", "modes", "plan")
def _refits(
    spec: pf.Model,
    data: pf.Dataset,
    responses: jax.Array,
    starts: jax.Array,
    keys: jax.Array,
    units: Any,
    ranges: Ranges,
    bayesian: Any,
    parametric: Any,
    measure: Measure,
    replicates: int,
    modes: int,
    plan: Plan,
) -> jax.Array:
    """Fit every table from all starts, then its replicates from the ends of the fit."""
    ones = jnp.ones(len(data))

    def one(member: tuple[jax.Array, jax.Array]) -> jax.Array:
        response, key = member
        own = data.with_response(response)
        origins = _best(*_fitted(spec, own, ones, starts, ranges), ranges, modes)
        origin = bind(spec, constrain(spec, origins[0])[0])

        def replicate(key: jax.Array) -> jax.Array:
            counts = jnp.where(bayesian, bayesian_weights(key, own, units), resample_weights(key, own, units))
            drawn = jnp.where(parametric, origin.simulate(own.records, key), response)
            weights = jnp.where(parametric, ones, counts)
            ends = _fitted(spec, own.with_response(drawn), weights, origins, ranges)
            return _measured(spec, _best(*ends, ranges, 1)[0], measure)

        return jax.lax.map(replicate, jax.random.split(key, replicates))

    return batched(one, (responses, keys), plan)


def _fitted(
    spec: pf.Model, data: pf.Dataset, weights: jax.Array, starts: jax.Array, ranges: Ranges, jacobian: bool = False
) -> tuple[jax.Array, jax.Array]:
    """Ends of all starts ``(starts, d)`` and their objectives."""

    def end(start: jax.Array) -> tuple[jax.Array, jax.Array]:
        found = solve(spec, start, data, weights, jnp.ones(()), step_scale(ranges, start), _STEPS, jacobian)
        good = jnp.isfinite(found.value) & jnp.isfinite(found.z).all()
        return jnp.where(good, found.z, start), jnp.where(good, found.value, jnp.inf)

    return jax.lax.map(end, starts)


def _best(z: jax.Array, value: jax.Array, ranges: Ranges, modes: int) -> jax.Array:
    """The best of some ends, and if two are wanted the best one elsewhere: ``(modes, d)``."""
    first = jnp.argmin(value)
    away = jnp.max(jnp.abs(z - z[first]) / jnp.asarray(ranges.scale), axis=1) >= _SAME
    second = jnp.where(away.any(), jnp.argmin(jnp.where(away, value, jnp.inf)), first)
    return z[jnp.stack([first, second])[:modes]]


def _measured(spec: pf.Model, z: jax.Array, measure: Measure) -> jax.Array:
    return measure(bind(spec, constrain(spec, z)[0]))


def normal(tables: Tables, draws: int, seed: int) -> np.ndarray:
    """Quantities of draws from the mixture of normals at the optima of each table, ``(tables, draws, q)``."""
    args = tables.spec, tables.data.bare(), tables.responses, tables.starts, tables.keys(seed), tables.ranges
    return np.asarray(_normal(*args, measure=tables.measure, draws=draws, plan=tables.plan))


@compiled("measure", "draws", "plan")
def _normal(
    spec: pf.Model,
    data: pf.Dataset,
    responses: jax.Array,
    starts: jax.Array,
    keys: jax.Array,
    ranges: Ranges,
    measure: Measure,
    draws: int,
    plan: Plan,
) -> jax.Array:
    ones = jnp.ones(len(data))

    def one(member: tuple[jax.Array, jax.Array]) -> jax.Array:
        response, key = member
        own = data.with_response(response)
        centres, _ = _fitted(spec, own, ones, starts, ranges, jacobian=True)

        def value(z: jax.Array) -> jax.Array:
            return -pf.log_density(spec, z, own, ones, jacobian=True)

        hessians = jax.lax.map(lambda z: derivatives(value, z)[1], centres)
        factors = jnp.swapaxes(jnp.linalg.inv(jnp.linalg.cholesky(hessians)), 1, 2)
        definite = jnp.isfinite(factors).all(axis=(1, 2))
        steps = (centres[:, None] - centres[None]) / jnp.asarray(ranges.scale)
        copies = jnp.sum(jnp.max(jnp.abs(steps), axis=-1) < _SAME, axis=1)
        log_mass = -jax.vmap(value)(centres) + jnp.linalg.slogdet(factors)[1] - jnp.log(copies)
        log_mass, factors = jnp.where(definite, log_mass, -jnp.inf), jnp.where(definite[:, None, None], factors, 0.0)
        picking, moving = jax.random.split(key)
        k = jax.random.categorical(picking, log_mass, shape=(draws,))
        z = centres[k] + jnp.einsum("nij,nj->ni", factors[k], jax.random.normal(moving, (draws, centres.shape[1])))
        return jax.vmap(lambda one: _measured(spec, one, measure))(z)

    return batched(one, (responses, keys), plan)


def posterior(tables: Tables, seed: int) -> np.ndarray:
    """Quantities of posterior draws of each table, ``(tables, draws, q)``."""
    count, n = tables.responses.shape
    given = Table(tables.responses, jnp.ones((count, n)), jnp.tile(tables.starts, (count, 1, 1)), tables.keys(seed))
    data, ranges = tables.data.bare(), tables.ranges
    drawn = sample_tables(tables.spec, data, given, ranges, 0.8, _CHAINS, _DRAWS, 1, _SETTINGS, _EFFORT, tables.plan)
    return np.asarray(_quantities(tables.spec, drawn.z.reshape(count, -1, drawn.z.shape[-1]), measure=tables.measure))


@compiled("measure")
def _quantities(spec: pf.Model, z: jax.Array, measure: Measure) -> jax.Array:
    return jax.vmap(jax.vmap(lambda one: _measured(spec, one, measure)))(z)
