"""A trust-region minimiser for smooth functions plus weighted absolute values of single coordinates (Laplace priors).

``smooth(z) + sum(weight * |z - centre|)``. A coordinate on its kink stays there, exactly, while the slope of the smooth
part does not exceed its weight; the others form a face on which everything is smooth, and there a step is that of the
smooth trust region. Coordinates that would cross their kink stop on it, and the others step again with these held.
No smoothing takes place, so that distinct optima stay distinct, and the optimality conditions are exact: the Newton
decrement on the face, once no coordinate on its kink is pulled harder than its weight holds.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from progressfit.infer.minimise import (
    CONVERGED,
    NOT_FINITE,
    RUNNING,
    STALLED,
    STEP_LIMIT,
    Minimum,
    in_units,
    is_finite,
    on_unit_diagonal,
    quadratic,
    within_ball,
)
from progressfit.infer.objective import Local, Objective

_RADIUS, _RETRY, _SMALLEST, _LAST_STEPS = 1.0, 0.1, 1e-14, 3


class Kinks(NamedTuple):
    """Where each coordinate has its kink and how steep it is, both ``(d,)``; weight 0 means none."""

    centre: jax.Array
    weight: jax.Array


class _State(NamedTuple):
    u: jax.Array
    local: Local
    exact: jax.Array
    stale: jax.Array
    radius: jax.Array
    limit: jax.Array
    last: jax.Array
    steps: jax.Array
    status: jax.Array
    ended: jax.Array


class _Face(NamedTuple):
    """Free coordinates, the sign of each, and slope and curvature along the face; held coordinates are stiff."""

    free: jax.Array
    sign: jax.Array
    gradient: jax.Array
    curvature: jax.Array


class _Move(NamedTuple):
    """Where a step leads and what it promises; what the face promised, its squared decrement, and whether Newton's."""

    point: jax.Array
    length: jax.Array
    predicted: jax.Array
    promised: jax.Array
    decrement2: jax.Array
    newton: jax.Array


def minimise_sparse(
    objective: Objective,
    kinks: Kinks,
    start: jax.Array,
    scale: jax.Array,
    max_steps: Any = 2000,
    tolerance: float = 1e-9,
) -> Minimum:
    """Minimise a smooth objective plus kinks from one start.

    Parameters
    ----------
    objective
        The smooth part, of a vector ``(d,)``, with its derivatives.
    kinks
        The weighted absolute values.
    start, scale, max_steps, tolerance
        See :func:`progressfit.infer.minimise.minimise`.

    Returns
    -------
    A :class:`progressfit.infer.minimise.Minimum` of the whole. Its gradient is that along the face, its Hessian the
    smooth one along the face with stiff directions across: positive definite if and only if the minimum is strict.
    """
    scaled = in_units(objective, scale)
    centre, weight = kinks.centre / scale, kinks.weight * scale
    own = Kinks(jnp.where(weight > 0, centre, 0.0), weight)
    yes, no, zero, size = jnp.ones((), bool), jnp.zeros((), bool), jnp.zeros((), int), start.shape[0]
    nothing = Local(*(jnp.zeros(shape) for shape in ((), (size,), (size, size), (), (), (), ())))
    begin = _State(start / scale, nothing, no, yes, jnp.full((), _RADIUS), jnp.full((), jnp.inf), zero, zero, zero, no)
    state = jax.lax.while_loop(lambda s: ~s.ended, lambda s: _step(s, scaled, own, max_steps, tolerance), begin)
    return _end(state, own, scale)


def _absolute(kinks: Kinks, u: jax.Array) -> jax.Array:
    return jnp.sum(kinks.weight * jnp.abs(u - kinks.centre))


def _step(state: _State, objective: Objective, kinks: Kinks, max_steps: Any, tolerance: float) -> _State:
    """Bring the derivatives up to date, then try a step; the last pass only brings them up to date."""
    local = jax.lax.cond(state.stale, lambda: objective.local(state.u, state.exact), lambda: state.local)
    status = jnp.where(is_finite(local), state.status, NOT_FINITE)
    after = _try(state._replace(local=local, status=status), objective, kinks, max_steps, tolerance)
    over = status != RUNNING
    return after._replace(
        u=jnp.where(over, state.u, after.u),
        steps=jnp.where(over, state.steps, after.steps),
        status=jnp.where(over, status, after.status),
        ended=over,
    )


def _face(u: jax.Array, local: Local, kinks: Kinks) -> _Face:
    offset = u - kinks.centre
    held = (kinks.weight > 0) & (offset == 0) & (jnp.abs(local.gradient) <= kinks.weight)
    sign = jnp.where(offset == 0, -jnp.sign(local.gradient), jnp.sign(offset))
    gradient = jnp.where(held, 0.0, local.gradient + kinks.weight * sign)
    return _Face(~held, sign, gradient, _restricted(local.curvature, ~held))


def _restricted(curvature: jax.Array, free: jax.Array) -> jax.Array:
    """The curvature among free coordinates; the others stand apart, as stiff as the stiffest."""
    both = free[:, None] & free[None, :]
    stiff = jnp.maximum(jnp.max(jnp.abs(jnp.where(both, curvature, 0.0))), 1e-300)
    return jnp.where(both, curvature, 0.0) + jnp.diag(jnp.where(free, 0.0, stiff))


def _move(state: _State, kinks: Kinks) -> _Move:
    """A step along the face whose coordinates stop at their kinks."""
    u, local = state.u, state.local
    face = _face(u, local, kinks)
    trial = within_ball(state.radius, quadratic(face.gradient, face.curvature))
    whole = jnp.where(face.free, trial.step, 0.0)

    def crosses(step: jax.Array) -> jax.Array:
        return face.free & (kinks.weight > 0) & (face.sign * (u + step - kinks.centre) < 0)

    def decrease(point: jax.Array) -> jax.Array:
        step = point - u
        change = _absolute(kinks, point) - _absolute(kinks, u)
        return -(local.gradient @ step + 0.5 * step @ local.curvature @ step + change)

    def stopped() -> tuple[jax.Array, jax.Array]:
        crossing = crosses(whole)
        offset = u - kinks.centre
        # Stop the crossing ones and let the others step again ...
        landing = jnp.where(crossing, -offset, 0.0)
        rest = face.free & ~crossing
        slope = jnp.where(rest, face.gradient + local.curvature @ landing, 0.0)
        again = within_ball(state.radius, quadratic(slope, _restricted(local.curvature, rest))).step
        step = jnp.where(rest, again, landing)
        both = jnp.where(crossing | crosses(step), kinks.centre, u + step)
        # ... or go as far as the first crossing only, which never makes the model worse.
        share = jnp.where(crossing, -offset / jnp.where(whole == 0, 1.0, whole), jnp.inf)
        first = jnp.min(share)
        short = jnp.where(share <= first, kinks.centre, u + first * whole)
        gain, safe = decrease(both), decrease(short)
        better = gain >= safe
        return jnp.where(better, both, short), jnp.where(better, gain, safe)

    def plain() -> tuple[jax.Array, jax.Array]:
        return u + whole, trial.predicted

    any_crossing = crosses(whole).any()
    point, predicted = jax.lax.cond(any_crossing, stopped, plain)
    # Its length before it was stopped: a stop that leads nowhere must not end the search for shorter steps.
    return _Move(point, trial.length, predicted, trial.predicted, trial.decrement2, trial.newton & ~any_crossing)


def _try(state: _State, objective: Objective, kinks: Kinks, max_steps: Any, tolerance: float) -> _State:
    local, move = state.local, _move(state, kinks)
    here = local.value + _absolute(kinks, state.u)
    value = objective.value(move.point) + _absolute(kinks, move.point)
    actual = here - value
    # Below the rounding of the value a decrease can no longer be seen: take the step on the model's word.
    unseen = move.promised <= local.slack
    promising = move.predicted > 0
    ratio = jnp.where(promising, actual / jnp.where(promising, move.predicted, 1.0), -1.0)
    ratio = jnp.where(unseen & (actual >= -8 * local.slack), 1.0, ratio)
    accept = jnp.isfinite(value) & (ratio > 1e-4)
    shrunk = jnp.where(accept & (ratio > 0.25), state.radius, 0.25 * move.length)
    radius = jnp.where(ratio > 0.75, jnp.maximum(state.radius, 2 * move.length), shrunk)
    # A Hessian that failed far out is given another chance closer in.
    limit = jnp.where(state.exact & ~accept, _RETRY * move.decrement2, state.limit)
    exact = move.decrement2 < jnp.minimum(limit, objective.near * local.unit)
    last, steps = state.last + unseen, state.steps + 1
    arrived = state.exact & move.newton & (move.decrement2 <= tolerance**2 * local.unit)
    stalled = (last >= _LAST_STEPS) | (radius < _SMALLEST)
    status = jnp.where(stalled, STALLED, jnp.where(steps >= max_steps, STEP_LIMIT, RUNNING))
    status = jnp.where(arrived, CONVERGED, status)
    # The end is judged by the exact Hessian there.
    exact = exact | (status != RUNNING)
    stale = accept | (exact != state.exact)
    u = jnp.where(accept, move.point, state.u)
    return _State(u, local, exact, stale, radius, limit, last, steps, status, state.ended)


def _end(state: _State, kinks: Kinks, scale: jax.Array) -> Minimum:
    local = state.local
    face = _face(state.u, local, kinks)
    diagonal, eigenvalues, vectors, smallest = on_unit_diagonal(face.curvature)
    along = vectors.T @ (face.gradient / diagonal)
    floor = 1e-16 * jnp.max(jnp.abs(eigenvalues)) + 1e-300
    decrement = jnp.sqrt(jnp.sum(along**2 / jnp.maximum(jnp.abs(eigenvalues), floor)))
    relative = jnp.where(decrement == 0, 0.0, decrement / jnp.sqrt(local.unit))
    return Minimum(
        # On a kink exactly: rescaling would round.
        jnp.where(state.u == kinks.centre, kinks.centre * scale, state.u * scale),
        local.value + _absolute(kinks, state.u),
        local.loss,
        face.gradient / scale,
        face.curvature / scale[:, None] / scale[None, :],
        smallest,
        jnp.where(jnp.isnan(relative), jnp.inf, relative),
        local.rounding,
        state.steps,
        state.status,
    )
