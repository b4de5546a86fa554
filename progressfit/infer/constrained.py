"""The best fit for a prescribed value of one quantity: the inner problem of a profile, solved for many values at once.

``min f(z)`` subject to ``g(z) = c``, with ``f`` the negative log density, by the method of multipliers (Hestenes 1969;
Powell 1969): the trust-region minimiser works on ``f + multiplier r + stiffness r^2 / 2`` with ``r = (g - c) / unit``,
and the multiplier is raised by ``stiffness r`` until ``r`` vanishes. The Hessian of that function is positive definite
at the end exactly where the constrained minimum is a strict one, and its Newton decrement is the violation of the
Karush-Kuhn-Tucker conditions in units of the curvature, so the minimiser's own certificate serves here too.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.compiled import compiled
from progressfit.dataset import Dataset
from progressfit.infer.devices import Plan, batched
from progressfit.infer.minimise import NOT_FINITE, Minimum, minimise
from progressfit.infer.objective import Local, Objective, constants_of, objective_of
from progressfit.linked_mean import derivatives
from progressfit.model import Model
from progressfit.params import Numbers, bind, constrain

Measure = Callable[[Model], jax.Array]

# First stiffness: `unit` is a standard error, so that the profile's own curvature is about 1 and each round leaves a
# hundredth of the residual. Stiffer where a round leaves more than a quarter of it.
_STIFFNESS, _STIFFER, _STIFFEST = 100.0, 10.0, 1e8
_ROUNDS, _INNER_STEPS, _STUCK = 30, 80, 4
_MET = 1e-10
_EPSILON = 2.0**-52


class Point(NamedTuple):
    """A constrained minimum, every field an array.

    Attributes
    ----------
    z
        Unconstrained vector ``(d,)``.
    value
        The negative log density there, its constants included.
    slope
        Derivative of the profile with respect to the quantity.
    residual
        What is left of ``g - c``, in units of the quantity's standard error.
    decrement, rounding, curvature
        Those of the augmented Lagrangian; see :class:`progressfit.infer.minimise.Minimum`.
    """

    z: Numbers
    value: Numbers
    slope: Numbers
    residual: Numbers
    decrement: Numbers
    rounding: Numbers
    curvature: Numbers


class _Round(NamedTuple):
    """Multiplier, stiffness and residual before the next round, the end of the last one, and how it went."""

    multiplier: jax.Array
    stiffness: jax.Array
    residual: jax.Array
    end: Minimum
    rounds: jax.Array
    stuck: jax.Array
    over: jax.Array


def quantity_of(spec: Model, direction: Any, measure: Measure | None) -> Callable[[jax.Array], jax.Array]:
    """The quantity as a function of the unconstrained vector: ``measure`` of the model, or along ``direction``."""
    if measure is None:
        return lambda z: jnp.dot(direction, z)
    return lambda z: measure(bind(spec, constrain(spec, z)[0]))


def augmented(objective: Objective, residual: Any, multiplier: jax.Array, stiffness: jax.Array) -> Objective:
    """The augmented Lagrangian of an objective under the constraint ``residual(z) = 0``."""

    def penalty(z: jax.Array) -> jax.Array:
        off = residual(z)
        return multiplier * off + 0.5 * stiffness * off**2

    def added(local: Local, extra: jax.Array, gradient: jax.Array, curvature: jax.Array) -> Local:
        slack = local.slack + 4 * _EPSILON * jnp.abs(extra)
        gradient, curvature = local.gradient + gradient, local.curvature + curvature
        return local._replace(value=local.value + extra, gradient=gradient, curvature=curvature, slack=slack)

    def local(z: jax.Array, exact: jax.Array) -> Local:
        gradient, curvature = derivatives(penalty, z)
        normal = jax.grad(residual)(z)
        tame = stiffness * normal[:, None] * normal[None, :]
        return added(objective.local(z, exact), penalty(z), gradient, jnp.where(exact, curvature, tame))

    return Objective(lambda z: objective.value(z) + penalty(z), local, objective.near)


def constrained_minimum(
    objective: Objective, residual: Callable[[jax.Array], jax.Array], start: jax.Array, scale: jax.Array, grain: Any
) -> tuple[Minimum, jax.Array, jax.Array]:
    """Minimise an objective subject to ``residual(z) = 0`` from one start.

    Parameters
    ----------
    objective, residual
        Smooth functions of a vector ``(d,)``; the residual in units in which the constrained minimum has a curvature
        of about one.
    start, scale
        Starting point and a typical size of each coordinate, ``(d,)``.
    grain
        How far rounding may move the residual.

    Returns
    -------
    The end on the augmented Lagrangian, whose value is that of ``objective`` on the constraint to second order in what
    is left of the residual; the multiplier; and what is left of the residual.
    """

    def improve(state: _Round) -> _Round:
        lagrangian = augmented(objective, residual, state.multiplier, state.stiffness)
        end = minimise(lagrangian, jnp.asarray(state.end.z), scale, _INNER_STEPS)
        off = residual(jnp.asarray(end.z))
        slow = jnp.abs(off) > 0.25 * jnp.abs(state.residual)
        met = jnp.abs(off) <= jnp.maximum(_MET, grain)
        stiffness = jnp.where(slow, jnp.minimum(_STIFFER * state.stiffness, _STIFFEST), state.stiffness)
        stuck = jnp.where(slow, state.stuck + 1, 0)
        rounds = state.rounds + 1
        over = met | (stuck >= _STUCK) | (rounds >= _ROUNDS) | (end.status == NOT_FINITE) | ~jnp.isfinite(off)
        multiplier = state.multiplier + state.stiffness * off
        return _Round(multiplier, stiffness, off, end, rounds, stuck, over)

    none, zero, size = jnp.zeros((), int), jnp.zeros(()), start.shape[0]
    nothing = Minimum(start, zero, zero, jnp.zeros(size), jnp.zeros((size, size)), zero, zero, zero, none, none)
    begin = _Round(
        _first_multiplier(objective, residual, start, scale),
        jnp.full((), _STIFFNESS),
        jnp.full((), jnp.inf),
        nothing,
        none,
        none,
        jnp.zeros((), bool),
    )
    last = jax.lax.while_loop(lambda state: ~state.over, improve, begin)
    return last.end, last.multiplier, last.residual


def _first_multiplier(objective: Objective, residual: Any, start: jax.Array, scale: jax.Array) -> jax.Array:
    """The multiplier that makes the gradient of the Lagrangian smallest at the start."""
    force, normal = (jax.grad(fn)(start) * scale for fn in (objective.value, residual))
    found = -jnp.dot(force, normal) / jnp.dot(normal, normal)
    return jnp.where(jnp.isfinite(found), found, 0.0)


@compiled("measure", "plan")
def constrained_minima(
    spec: Model,
    targets: jax.Array,
    starts: jax.Array,
    data: Dataset,
    weights: jax.Array,
    prior_weight: jax.Array | np.float64,
    unit: jax.Array | np.float64,
    direction: jax.Array,
    scale: jax.Array,
    measure: Measure | None,
    plan: Plan,
) -> Point:
    """The best constrained minimum for every target.

    Parameters
    ----------
    spec, data, weights, prior_weight
        Of the fit.
    targets
        Prescribed values of the quantity, ``(m,)``.
    starts
        Where to start for each of them, ``(m, k, d)``.
    unit
        Standard error of the quantity, or another typical size of it.
    direction, measure
        The quantity; see :func:`quantity_of`.
    scale
        A typical size of each coordinate, ``(d,)``.

    Returns
    -------
    :class:`Point` with a leading axis ``(m,)``: the lowest end of all starts that meets the constraint.
    """
    quantity = quantity_of(spec, direction, measure)
    objective = objective_of(spec, data, weights, prior_weight)
    constant = constants_of(spec, data, weights)

    def one(target: jax.Array, start: jax.Array) -> Point:
        def residual(z: jax.Array) -> jax.Array:
            return (quantity(z) - target) / unit

        grain = 16 * _EPSILON * jnp.abs(target / unit)
        end, multiplier, off = constrained_minimum(objective, residual, start, scale, grain)
        value, slope = end.value + constant, -multiplier / unit
        return Point(end.z, value, slope, off, end.decrement, end.rounding, end.curvature)

    def best(member: tuple[jax.Array, jax.Array]) -> Point:
        target, own = member
        ends = jax.lax.map(lambda start: one(target, start), own)
        usable = jnp.isfinite(ends.value) & is_met(ends) & (ends.curvature > 0)
        lowest = jnp.argmin(jnp.where(usable, ends.value, jnp.inf))
        return jax.tree.map(lambda column: column[lowest], ends)

    return batched(best, (targets, starts), plan)


def is_met(point: Point) -> Any:
    """Whether the constraint holds: to 1e-7 standard errors of the quantity, of which the value feels the square."""
    return abs(point.residual) <= 1e-7
