"""Refits of one law to many variants of a table or of its own priors, all in one compiled program.

Where a bootstrap makes its replicates from keys, here each member says what differs: row weights, responses, columns,
or the numbers in the spec (prior hyper-parameters, fixed parameters).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.compiled import compiled
from progressfit.dataset import Dataset
from progressfit.infer.certificate import at_bound, is_stationary
from progressfit.infer.devices import WORTH_SPREADING, Plan, batched, gather, plan_batch, share
from progressfit.infer.objective import constants_of
from progressfit.infer.optimise import fitted_weights, prior_weight_of
from progressfit.infer.programs import prior_ranges, solve_best, step_scale
from progressfit.infer.result import Fit
from progressfit.infer.stretches import by_stretches
from progressfit.model import Model
from progressfit.params import Numbers, Values, constrain, dimension, numeric
from progressfit.prior_range import Ranges

_MOST_STEPS = 2000
_SHORTEST = 64


class Changes(NamedTuple):
    """What differs between members of a batch; what is ``None`` is shared by all.

    Attributes
    ----------
    weights, response
        ``(m, n)``.
    columns, codes
        Some columns and some group codes of the records by name, each ``(m, n)``.
    spec
        A spec whose numbers have a leading axis ``(m,)``; see :func:`stack_specs`.
    starts
        Where each member starts, ``(m, k, d)``.
    """

    weights: Any = None
    response: Any = None
    columns: dict[str, Any] | None = None
    codes: dict[str, Any] | None = None
    spec: Any = None
    starts: Any = None


class Refitted(NamedTuple):
    """The best end of every member, NumPy arrays with a leading axis ``(m,)``.

    Attributes
    ----------
    z, values
        Unconstrained vectors ``(m, d)``, and parameters by path in their own spaces.
    objective
        Negative log density.
    ok
        Whether the end is an optimum: stationary, curved upwards, no parameter on its way to a bound.
    hessian
        Of the negative log density in unconstrained coordinates, ``(m, d, d)``; across kinks it is a stiffness only.
    """

    z: np.ndarray
    values: Values
    objective: np.ndarray
    ok: np.ndarray
    hessian: np.ndarray


def _padded(count: int, work: int) -> int:
    """The length to which a batch is filled up where that is quickly done, so that few lengths are compiled."""
    full = max(_SHORTEST, 1 << (count - 1).bit_length())
    return full if full * work < WORTH_SPREADING else count


class _End(NamedTuple):
    z: Numbers
    values: Values
    objective: Numbers
    step: Numbers
    decrement: Numbers
    rounding: Numbers
    curvature: Numbers
    hessian: Numbers


def stack_specs(specs: Sequence[Model]) -> Model:
    """Specs that differ in numbers only, as one with a leading axis on every number.

    Raises
    ------
    ValueError
        If they differ in more than numbers.
    """
    found = [numeric(spec) for spec in specs]
    if len({jax.tree.structure(spec) for spec in found}) != 1:
        raise ValueError("these specs differ in more than numbers, so they cannot be fitted in one program")
    return jax.tree.map(lambda *leaves: np.stack(leaves), *found)


def known_optima(point: Fit) -> np.ndarray:
    """All distinct optima of a fit, unconstrained, ``(k, d)``: where refits start, so that they may change mode."""
    return np.stack([optimum.z for optimum in point.optima])


def refit_around(point: Fit, data: Dataset, changes: Changes, starts: Numbers | None = None) -> Refitted:
    """Refit variants of a fitted table, with its objective, and its weights unless these change.

    Parameters
    ----------
    point, data
        A fit and its table.
    changes
        What differs between the members.
    starts
        Where every member starts, ``(k, d)``; all known optima by default.
    """
    weights, prior_weight = fitted_weights(point, data), prior_weight_of(point.stats["objective"])
    return refit(point.spec, known_optima(point) if starts is None else starts, data, weights, changes, prior_weight)


def refit(
    spec: Model,
    starts: Numbers,
    data: Dataset,
    weights: Numbers,
    changes: Changes,
    prior_weight: Numbers | np.float64 = np.float64(1.0),  # noqa: B008
) -> Refitted:
    """Fit every member of a batch from every start, and keep its best end.

    Parameters
    ----------
    spec
        A prepared spec.
    starts
        Unconstrained, ``(k, d)``.
    data, weights
        The table and its row weights ``(n,)``, where ``changes`` does not say otherwise.
    changes
        What differs between the members.
    prior_weight
        Factor on the log prior, 0 or 1.

    Raises
    ------
    ValueError
        If the changes have no common length.
    """
    lengths = {np.shape(leaf)[0] if np.ndim(leaf) else -1 for leaf in jax.tree.leaves(changes)}
    if len(lengths) != 1 or -1 in lengths:
        raise ValueError("changes need one common leading axis, an entry for each member of the batch")
    (count,) = lengths
    ranges, table = prior_ranges(spec), data.bare()
    index = np.minimum(np.arange(_padded(count, len(table) * (dimension(spec) + 1))), count - 1)
    members = share(jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf, np.float64)[index]), changes))
    plan = plan_batch(len(table), dimension(spec), None, count)
    problem = (spec, jnp.asarray(starts), table, jnp.asarray(weights), np.float64(prior_weight), ranges)
    found = by_stretches(lambda own: _refit(*problem, own, plan=plan), members, plan, f"{count} refits")
    end = jax.tree.map(lambda leaf: leaf[:count], gather(found, len(index)))
    scale, centre = ranges.finite_scale, np.asarray(ranges.centre)
    bound = np.any(list(at_bound(spec, end.z, end.step, scale, centre).values()), axis=0)
    stationary = np.isfinite(end.objective) & is_stationary(end.decrement, end.rounding) & (end.curvature > 0)
    return Refitted(end.z, end.values, end.objective, np.asarray(stationary & ~bound), end.hessian)


@compiled("plan")
def _refit(
    spec: Model,
    starts: jax.Array,
    data: Dataset,
    weights: jax.Array,
    prior_weight: jax.Array | np.float64,
    ranges: Ranges,
    changes: Changes,
    plan: Plan,
) -> _End:
    scale = step_scale(ranges, starts[0])

    def one(own: Changes) -> _End:
        law = spec if own.spec is None else own.spec
        records = data.records.replace(**(own.columns or {}))
        # Whole numbers came as floats, like every leaf of the changes.
        records = records.with_codes({name: code.astype(jnp.int64) for name, code in (own.codes or {}).items()})
        table = Dataset(records, data.response if own.response is None else own.response, data.clusters)
        counted = weights if own.weights is None else own.weights
        begin = starts if own.starts is None else own.starts
        end = solve_best(law, begin, table, counted, prior_weight, scale, jnp.asarray(_MOST_STEPS))
        step = -jnp.linalg.solve(end.hessian, end.gradient)
        objective = end.value + constants_of(law, table, counted)
        return _End(
            end.z, constrain(law, end.z)[0], objective, step, end.decrement, end.rounding, end.curvature, end.hessian
        )

    return batched(one, changes, plan)
