"""One spec under several strengths of its priors, refitted under many row weights: every cell of the table one fit.

The priors' density is multiplied by a strength, so that all strengths share one compiled program; 0 leaves them out.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.compiled import compiled
from progressfit.dataset import Dataset
from progressfit.infer.certificate import at_bound, is_stationary
from progressfit.infer.check import require
from progressfit.infer.clock import Clock
from progressfit.infer.devices import Plan, batched, gather, plan_batch, share
from progressfit.infer.minimise import Minimum
from progressfit.infer.optimise import check_key
from progressfit.infer.prepare import prepare
from progressfit.infer.programs import draw_starts, prior_ranges, solve, solve_best, step_scale
from progressfit.model import Model
from progressfit.params import bind, constrain, dimension
from progressfit.prior_range import Ranges

_MOST_STEPS = 500
# Optima of the whole table that refits start from; the others lie so far behind that no refit of nearly all rows
# reaches them.
_KEPT = 3
_SAME = 1e-7


class _Cell(NamedTuple):
    """Of one refit: its parameters ``(d,)``, and whether it is a certified optimum."""

    z: Any
    value: Any
    ok: Any


class PenalisedRefits(NamedTuple):
    """Refits of one spec under several strengths of its priors and several row weights.

    Attributes
    ----------
    spec
        The prepared spec.
    strengths
        Factors on the log prior, ``(s,)``.
    z
        Unconstrained vectors, ``(s, folds, d)``.
    objective
        Negative log density of each refit, prior times strength, constants of the noise left out, ``(s, folds)``.
    predicted
        Mean of every row under each refit, ``(s, folds, n)``.
    ok
        Whether each refit is certified: stationary, a strict minimum, no parameter on its way to infinity.
    optima
        For each strength, the distinct optima of the whole table that refits started from, ``(s, k, d)``.
    stats
        Seconds of compiling and running.
    """

    spec: Model
    strengths: np.ndarray
    z: np.ndarray
    objective: np.ndarray
    predicted: np.ndarray
    ok: np.ndarray
    optima: np.ndarray
    stats: dict[str, Any]


def penalised_refits(
    spec: Model,
    data: Dataset,
    strengths: Any,
    weights: Any,
    *,
    key: jax.Array,
    starts: int = 64,
    rescale: bool = True,
) -> PenalisedRefits:
    """Refit a spec for every strength of its priors and every set of row weights, in one compiled program.

    Parameters
    ----------
    spec
        A law with priors at its free leaves.
    data
        The table.
    strengths
        Factors on the log prior, ``(s,)``; 0 is maximum likelihood.
    weights
        Row weights of each refit, ``(folds, n)``.
    key
        A JAX random key for the starts of the whole table, whose distinct optima every refit starts from.
    starts
        Number of those starts, for each strength.
    rescale
        Whether the prior is to weigh the same relative to the rows in every refit: its strength times the sum of the
        row weights over the number of rows, as where a penalty is added to a *mean* loss.

    Returns
    -------
    :class:`PenalisedRefits`.
    """
    require_x64()
    clock = Clock()
    require(spec, data, "map")
    spec, table = prepare(spec, data), data.bare()
    strengths, weights = np.asarray(strengths, float), np.asarray(weights, float)
    ranges, points = prior_ranges(spec), draw_starts(spec, check_key(key), starts)
    plan = plan_batch(len(data), dimension(spec))
    count = len(strengths)
    pairs = (jnp.repeat(jnp.asarray(strengths), starts), jnp.tile(points, (count, 1)))
    ends = gather(_from_starts(spec, share(pairs), table, ranges, plan=plan), count * starts)
    optima = np.stack([_lowest(_part(ends, k, starts), _KEPT) for k in range(count)])
    factor = weights.sum(axis=1) / len(data) if rescale else np.ones(len(weights))
    folds = len(weights)
    members = (
        jnp.asarray(np.repeat(strengths, folds) * np.tile(factor, count)),
        jnp.asarray(np.tile(weights, (count, 1))),
        jnp.asarray(np.repeat(optima, folds, axis=0)),
    )
    cells, predicted = gather(_refit(spec, share(members), table, ranges, plan=plan), count * folds)
    away = np.any(list(at_bound(spec, cells.z, cells.step, ranges.finite_scale, np.asarray(ranges.centre)).values()), 0)
    stationary = np.isfinite(cells.value) & is_stationary(cells.decrement, cells.rounding) & (cells.curvature > 0)
    shape = (count, folds)
    return PenalisedRefits(
        spec,
        strengths,
        cells.z.reshape(*shape, -1),
        cells.value.reshape(shape),
        predicted.reshape(*shape, -1),
        np.asarray(stationary & ~away).reshape(shape),
        optima,
        {"seconds": clock.seconds()},
    )


class _End(NamedTuple):
    z: Any
    step: Any
    value: Any
    decrement: Any
    rounding: Any
    curvature: Any


def _end(found: Minimum) -> _End:
    step = -jnp.linalg.solve(jnp.asarray(found.hessian), jnp.asarray(found.gradient))
    return _End(found.z, step, found.value, found.decrement, found.rounding, found.curvature)


def _part(ends: _End, k: int, size: int) -> _End:
    return jax.tree.map(lambda column: column[k * size : (k + 1) * size], ends)


def _lowest(ends: _End, count: int) -> np.ndarray:
    """The lowest distinct optima ``(count, d)``: the best repeated where there are fewer, the best end where none."""
    proper = np.isfinite(ends.value) & is_stationary(ends.decrement, ends.rounding) & (ends.curvature > 0)
    order = np.argsort(np.where(proper, ends.value, np.inf), kind="stable")
    chosen: list[int] = []
    for i in order[: int(proper.sum())]:
        apart = [abs(ends.value[i] - ends.value[j]) > _SAME * max(abs(ends.value[j]), 1e-300) for j in chosen]
        if all(apart) and len(chosen) < count:
            chosen.append(int(i))
    chosen = chosen or [int(np.nanargmin(np.where(np.isfinite(ends.value), ends.value, np.inf)))]
    return ends.z[np.asarray((chosen + chosen[:1] * count)[:count])]


@compiled("plan")
def _from_starts(spec: Model, pairs: tuple[jax.Array, jax.Array], data: Dataset, ranges: Ranges, plan: Plan) -> _End:
    def one(pair: tuple[jax.Array, jax.Array]) -> _End:
        strength, start = pair
        scale = step_scale(ranges, start)
        rows = jnp.ones(data.response.shape[0])
        return _end(solve(spec, start, data, rows, strength, scale, jnp.asarray(_MOST_STEPS)))

    return batched(one, pairs, plan)


@compiled("plan")
def _refit(
    spec: Model, members: tuple[jax.Array, jax.Array, jax.Array], data: Dataset, ranges: Ranges, plan: Plan
) -> tuple[_End, jax.Array]:
    def one(member: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[_End, jax.Array]:
        strength, weights, starts = member
        scale = step_scale(ranges, starts[0])
        end = solve_best(spec, starts, data, weights, strength, scale, jnp.asarray(_MOST_STEPS))
        return _end(end), bind(spec, constrain(spec, jnp.asarray(end.z))[0]).predict(data.records)

    return batched(one, members, plan)
