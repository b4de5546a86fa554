"""Compute-equivalent gains by implicit solves: how much more of the inputs an innovation is worth, and where."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.analysis.allocation import FLOP_PER_PARAMETER_TOKEN, optimal_allocation
from progressfit.analysis.threshold import log_reaching, required_input
from progressfit.dataset import Record
from progressfit.growth import require_input
from progressfit.model import Model

# How far the inputs are multiplied or divided at most, in natural logarithms.
_REACH = 300.0
# A planner cannot do better than the judge's own best split, so that the judge needs no more compute but for rounding;
# the bracket ends above it by this much.
_ROOM = 0.5


class Gain(NamedTuple):
    """What an innovation is worth at one record.

    Attributes
    ----------
    factor
        By how much all inputs of the unchanged law would have to be multiplied to do as well: infinite where no amount
        does, below 1 where the change does harm.
    compute
        The compute-equivalent gain, ``factor ** number of inputs``: compute is proportional to their product.
    """

    factor: jax.Array
    compute: jax.Array


def innovation_gain(
    model: Model, record: Record, change: Mapping[str, Any], inputs: tuple[str, ...] = ("parameters", "data")
) -> Gain:
    """Compute-equivalent gain of a change: the factor on all inputs that would replace it.

    Solves ``L(changed; N, D) = L(unchanged; a N, a D)`` for ``a`` by bisection in the logarithm; the gain is ``a^2``,
    as Ho et al. 2024 define it for the transformer. Give one input for a law of compute alone. It is a scalar function:
    ``jax.vmap`` it over records, ``draws.map`` it over fits.

    Parameters
    ----------
    model
        A model with numbers.
    record
        One record, with the inputs, before the change.
    change
        What changes: the level of a group by name (``{"transformer": "yes"}``), or a column or the ``date`` by number.
    inputs
        The inputs that make up for it.

    Raises
    ------
    ValueError
        If the change names nothing the record has or a level its group lacks, or an input is read by no term.
    """
    require_x64()
    for name in inputs:
        require_input(model, name)
    return _innovation(_arrays(model), _arrays(record), _arrays(changed_record(record, change)), inputs)


def innovation_curve(
    model: Model,
    compute: Any,
    at: Record,
    change: Mapping[str, Any],
    *,
    inputs: tuple[str, ...] = ("parameters", "data"),
    flop: Any = FLOP_PER_PARAMETER_TOKEN,
) -> jax.Array:
    """Compute-equivalent gain of a change over budgets, with the inputs in equal amounts.

    Parameters
    ----------
    model
        A model with numbers.
    compute
        Budgets in FLOP, of any shape.
    at
        One record with the date and groups before the change; the inputs in it do not matter.
    change
        As for :func:`innovation_gain`.
    inputs
        Two inputs are each ``sqrt(compute / flop)``, as Ho et al. 2024 choose; a single one is compute itself.
    flop
        Operations for each parameter and token, for two inputs.

    Returns
    -------
    Gains, of the shape of ``compute``.
    """
    if len(inputs) not in (1, 2):
        raise ValueError("innovation_curve splits compute between two inputs, or takes it as the only one")

    moved = [name for name in inputs if name in change]
    if moved:
        raise ValueError(f"'{moved[0]}' is set by the budget, so it cannot be what changes")
    require_x64()
    for name in inputs:
        require_input(model, name)
    at = at.replace(**dict.fromkeys(inputs, 1.0))
    changed, budgets = _arrays(changed_record(at, change)), jnp.asarray(compute, float)
    return _innovation_curve(_arrays(model), budgets, _arrays(at), changed, jnp.asarray(flop, float), inputs)


def allocation_gain(
    judge: Model,
    planner: Model,
    compute: Any,
    *,
    inputs: tuple[str, str] = ("parameters", "data"),
    flop: Any = FLOP_PER_PARAMETER_TOKEN,
    at: Record | None = None,
) -> jax.Array:
    """How many times more compute a split planned by one law needs than the best split by the law that is right.

    ``C / C'``, where the best loss of ``judge`` at ``C'`` is its loss at the split of ``C`` that ``planner`` thinks
    best: the gain of Chinchilla's allocation over Kaplan's, with Hoffmann's law as judge.

    Parameters
    ----------
    judge, planner
        Models with numbers, in the same two inputs.
    compute
        The budget ``C`` in FLOP (scalar).
    inputs, flop, at
        As for :func:`optimal_allocation`.

    Returns
    -------
    The gain (scalar), at least 1 but for rounding; NaN where either law has no best split.
    """
    record = Record({}, {}, {}) if at is None else at
    budget, each = jnp.asarray(compute, float), jnp.asarray(flop, float)
    return _allocation_gain(_arrays(judge), _arrays(planner), budget, each, _arrays(record), inputs)


@eqx.filter_jit
def _allocation_gain(
    judge: Model, planner: Model, compute: Any, flop: Any, record: Record, inputs: tuple[str, str]
) -> jax.Array:
    plan = optimal_allocation(planner, compute, inputs=inputs, flop=flop, at=record)
    target = judge.linked(record.replace(**{inputs[0]: plan.parameters, inputs[1]: plan.data}))

    def best(log_compute: jax.Array) -> jax.Array:
        split = optimal_allocation(judge, jnp.exp(log_compute), inputs=inputs, flop=flop, at=record)
        return judge.linked(record.replace(**{inputs[0]: split.parameters, inputs[1]: split.data}))

    top = jnp.log(compute) + _ROOM
    # Below some budget no split has a unit of either input. More compute helps, so that counts as worse than anything.
    worst = jnp.where(best(top) < best(top - _ROOM), jnp.inf, -jnp.inf)
    found = log_reaching(lambda x: _or(best(x), worst), target, jnp.log(flop), top)
    usable = jnp.isfinite(target) & jnp.isfinite(found) & jnp.isfinite(best(jnp.where(jnp.isfinite(found), found, top)))
    return jnp.where(usable, jnp.exp(jnp.log(compute) - found), jnp.nan)


def _or(value: jax.Array, otherwise: jax.Array) -> jax.Array:
    return jnp.where(jnp.isnan(value), otherwise, value)


def law_gain(old: Model, new: Model, compute: Any, *, input: str = "compute", at: Record | None = None) -> jax.Array:
    """Compute-equivalent gain of one law over another: ``C_old(L_new(C)) / C`` (Gundlach et al. 2025).

    Parameters
    ----------
    old, new
        Models with numbers that read one input.
    compute
        Amounts ``C`` of the input, of any shape.
    input
        Its name.
    at
        One record with whatever else the laws read.

    Returns
    -------
    Gains, of the shape of ``compute``: infinite where no amount lets the old law do as well.
    """
    require_x64()
    require_input(old, input)
    require_input(new, input)
    record = Record({}, {}, {}) if at is None else at

    return _law_gain(_arrays(old), _arrays(new), jnp.asarray(compute, float), _arrays(record), input)


@eqx.filter_jit
def _law_gain(old: Model, new: Model, compute: jax.Array, record: Record, input: str) -> jax.Array:
    def gain(amount: jax.Array) -> jax.Array:
        reached = record.replace(**{input: amount})
        return required_input(old, new.mean.value(reached), reached, input) / amount

    return _over(gain, compute)


class ScaleDependence(NamedTuple):
    """How far a gain comes from growth of scale.

    Attributes
    ----------
    share
        Share of the logarithm of the gain at the end's compute that is not there yet at the start's.
    start, end
        The gain at the start's and at the end's compute.
    """

    share: jax.Array
    start: jax.Array
    end: jax.Array


def scale_dependence(gain: Callable[[jax.Array], jax.Array], start_compute: Any, end_compute: Any) -> ScaleDependence:
    """Share of a gain that depends on scale: ``1 - ln G(C0) / ln G(C1)``.

    ``G(C)`` is a compute-equivalent gain at compute ``C``. Had compute stayed at ``C0``, the innovation would be worth
    ``G(C0)``; the rest of ``ln G(C1)`` appears only because compute grew to ``C1``. The share is 0 for a gain that is
    the same at every scale (equal exponents), 1 where it is worth nothing at the start, above 1 where it does harm
    there, and negative where it shrinks with scale. In a law whose lines are made to meet at the smallest input (form
    13 of Ho et al. 2024: exponents by group, constants in common), ``G`` is 1 there whatever the data say.

    Parameters
    ----------
    gain
        The curve, a function of compute (scalar), such as ``lambda c: law_gain(old, new, c)``.
    start_compute, end_compute
        ``C0`` and ``C1``, in the unit the curve takes.
    """
    start, end = gain(jnp.asarray(start_compute, float)), gain(jnp.asarray(end_compute, float))
    return ScaleDependence(1.0 - jnp.log(start) / jnp.log(end), start, end)


def changed_record(record: Record, change: Mapping[str, Any]) -> Record:
    """The record after a change: levels of groups by name, columns and the date by number."""
    names = dict(record.levels)
    codes, columns = {}, {}
    for name, value in change.items():
        if name in record.codes:
            levels = names.get(name, ())
            if isinstance(value, str) and value not in levels:
                raise ValueError(f"the group '{name}' has no level '{value}'; it has: {', '.join(levels) or 'none'}")
            codes[name] = np.int64(levels.index(value)) if isinstance(value, str) else value
        elif name in record.columns:
            columns[name] = jnp.asarray(value, float)
        else:
            have = ", ".join([*record.columns, *record.codes]) or "nothing"
            raise ValueError(f"the record has no '{name}' that could change; it has: {have}")
    return record.replace(**columns).with_codes(codes)


@eqx.filter_jit
def _innovation(model: Model, record: Record, changed: Record, inputs: tuple[str, ...]) -> Gain:
    def linked(log_factor: jax.Array) -> jax.Array:
        return model.linked(record.replace(**{name: record[name] * jnp.exp(log_factor) for name in inputs}))

    log_factor = log_reaching(linked, model.linked(changed), -_REACH, _REACH)
    return Gain(jnp.exp(log_factor), jnp.exp(len(inputs) * log_factor))


@eqx.filter_jit
def _innovation_curve(
    model: Model, compute: jax.Array, at: Record, changed: Record, flop: jax.Array, inputs: tuple[str, ...]
) -> jax.Array:
    def gain(budget: jax.Array) -> jax.Array:
        amounts = dict.fromkeys(inputs, budget if len(inputs) == 1 else jnp.sqrt(budget / flop))
        return _innovation(model, at.replace(**amounts), changed.replace(**amounts), inputs).compute

    return _over(gain, compute)


def _over(gain: Callable[[jax.Array], jax.Array], compute: jax.Array) -> jax.Array:
    return jax.vmap(gain)(jnp.ravel(compute)).reshape(jnp.shape(compute))


def _arrays(tree: Any) -> Any:
    """Arrays throughout, or each new Python number would compile again; integers (codes of groups) stay integers."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, float if isinstance(leaf, float | int) else None), tree)
