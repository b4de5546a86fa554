"""A trust-region minimiser for small dense problems, written for one start and batched by its callers.

Far from an optimum a step minimises the model curvature of the objective (reweighted Gauss-Newton) within a ball, in
units of a typical size of each coordinate (Moré 1978); close to it the exact Hessian takes over, and the last steps
are Newton's. Progress is measured by the Newton decrement ``sqrt(g' H^-1 g)``, the distance to the optimum in units of
its own curvature, which no rescaling of parameters changes.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from progressfit.infer.objective import Local, Objective
from progressfit.params import Numbers

RUNNING, CONVERGED, STEP_LIMIT, STALLED, NOT_FINITE = 0, 1, 2, 3, 4

# First radius in units of `scale`. A Hessian whose step failed is tried again when a tenth of the decrease is left.
_RADIUS, _RETRY = 1.0, 0.1
_SECULAR_STEPS = 8
_SMALLEST = 1e-14
_LAST_STEPS = 3
DEFINITE = 2.0**-46
"""On unit diagonal rounding of the sums over rows moves an eigenvalue by up to this, times the dimension."""


class Minimum(NamedTuple):
    """Where a minimisation ended, in the coordinates of its start; every field is an array.

    ``value`` and ``loss`` leave constants out, the latter priors and logarithms of the scale too. ``decrement`` is in
    units of the objective's own unit of information, and so is ``rounding``, below which no decrement can be told from
    zero. ``curvature`` is the smallest eigenvalue of the Hessian brought to unit diagonal, so that scales of parameters
    play no part; not positive unless the Hessian is definite beyond rounding.
    """

    z: Numbers
    value: Numbers
    loss: Numbers
    gradient: Numbers
    hessian: Numbers
    curvature: Numbers
    decrement: Numbers
    rounding: Numbers
    steps: Numbers
    status: Numbers


class Quadratic(NamedTuple):
    """A quadratic model along the axes of its curvature: eigenvalues, these axes, and the gradient along them."""

    eigenvalues: jax.Array
    vectors: jax.Array
    along: jax.Array


class _State(NamedTuple):
    u: jax.Array
    local: Local
    model: Quadratic
    exact: jax.Array
    stale: jax.Array
    radius: jax.Array
    limit: jax.Array
    last: jax.Array
    steps: jax.Array
    status: jax.Array
    ended: jax.Array


def minimise(
    objective: Objective,
    start: jax.Array,
    scale: jax.Array,
    max_steps: Any = 2000,
    tolerance: float = 1e-9,
) -> Minimum:
    """Minimise a smooth objective from one start.

    Parameters
    ----------
    objective
        The function of a vector ``(d,)`` with its derivatives.
    start, scale
        Starting point and a typical size of each coordinate, shape ``(d,)``; trust is a ball in ``z / scale``.
    max_steps
        Largest number of trial steps.
    tolerance
        The Newton decrement at which to stop. The error of the value is about half its square.
    """
    scaled = in_units(objective, scale)
    u = start / scale
    yes, no, zero, size = jnp.ones((), bool), jnp.zeros((), bool), jnp.zeros((), int), u.shape[0]
    nothing = Local(*(jnp.zeros(shape) for shape in ((), (size,), (size, size), (), (), (), ())))
    flat = Quadratic(*(jnp.zeros(shape) for shape in ((size,), (size, size), (size,))))
    state = _State(u, nothing, flat, no, yes, jnp.full((), _RADIUS), jnp.full((), jnp.inf), zero, zero, zero, no)
    state = jax.lax.while_loop(lambda s: ~s.ended, lambda s: _step(s, scaled, max_steps, tolerance), state)
    return _end(state, scale)


def is_finite(local: Local) -> jax.Array:
    """Whether a value and its derivatives are all finite."""
    return jnp.isfinite(local.value) & jnp.isfinite(local.gradient).all() & jnp.isfinite(local.curvature).all()


def in_units(objective: Objective, scale: jax.Array) -> Objective:
    """The objective as a function of ``z / scale``."""

    def rescaled(local: Local) -> Local:
        curvature = local.curvature * scale[:, None] * scale[None, :]
        return local._replace(gradient=local.gradient * scale, curvature=curvature)

    return Objective(
        lambda u: objective.value(u * scale),
        lambda u, exact: rescaled(objective.local(u * scale, exact)),
        objective.near,
    )


class _Trial(NamedTuple):
    """A step, its length, the decrease its model predicts, the squared decrement, and whether it is Newton's."""

    step: jax.Array
    length: jax.Array
    predicted: jax.Array
    decrement2: jax.Array
    newton: jax.Array


def quadratic(gradient: jax.Array, curvature: jax.Array) -> Quadratic:
    """The quadratic model with this gradient and curvature."""
    eigenvalues, vectors = jnp.linalg.eigh(curvature)
    return Quadratic(eigenvalues, vectors, vectors.T @ gradient)


def within_ball(radius: jax.Array, model: Quadratic) -> _Trial:
    """The minimum of a quadratic model within a ball, by Newton's method on the secular equation."""
    eigenvalues, vectors, along = model
    largest = jnp.max(jnp.abs(eigenvalues)) + 1e-300
    positive = jnp.where(eigenvalues[0] > 0, 0.0, 1e-15 * largest - eigenvalues[0])
    # The second bound holds since no step is shorter than that of the stiffest direction alone.
    lowest = jnp.maximum(positive, jnp.linalg.norm(along) / radius - eigenvalues[-1])

    def improve(_: int, damping: jax.Array) -> jax.Array:
        size2 = jnp.sum((along / (eigenvalues + damping)) ** 2)
        slope = jnp.sum(along**2 / (eigenvalues + damping) ** 3)
        better = damping + size2 / slope * (jnp.sqrt(size2) - radius) / radius
        return jnp.where(jnp.isfinite(better), jnp.maximum(better, lowest), damping)

    damping = jax.lax.fori_loop(0, _SECULAR_STEPS, improve, lowest)
    coefficients = along / (eigenvalues + damping)
    length = jnp.sqrt(jnp.sum(coefficients**2))
    coefficients = coefficients * jnp.minimum(1.0, radius / jnp.maximum(length, 1e-300))
    predicted = jnp.sum(along * coefficients - 0.5 * eigenvalues * coefficients**2)
    decrement2 = jnp.sum(along**2 / jnp.maximum(jnp.abs(eigenvalues), 1e-300))
    return _Trial(-vectors @ coefficients, jnp.minimum(length, radius), predicted, decrement2, damping == 0)


def _step(state: _State, objective: Objective, max_steps: Any, tolerance: float) -> _State:
    """Bring the derivatives up to date, then try a step; the last pass only brings them up to date.

    The derivatives appear in the program once, here: they are what takes long to compile.
    """

    def renew() -> tuple[Local, Quadratic]:
        local = objective.local(state.u, state.exact)
        return local, quadratic(local.gradient, local.curvature)

    local, model = jax.lax.cond(state.stale, renew, lambda: (state.local, state.model))
    status = jnp.where(is_finite(local), state.status, NOT_FINITE)
    after = _try(state._replace(local=local, model=model, status=status), objective, max_steps, tolerance)
    over = status != RUNNING
    return after._replace(
        u=jnp.where(over, state.u, after.u),
        steps=jnp.where(over, state.steps, after.steps),
        status=jnp.where(over, status, after.status),
        ended=over,
    )


def _try(state: _State, objective: Objective, max_steps: Any, tolerance: float) -> _State:
    local = state.local
    trial = within_ball(state.radius, state.model)
    point = state.u + trial.step
    value = objective.value(point)
    actual = local.value - value
    # Below the rounding of the value a decrease can no longer be seen: take the step on the model's word.
    unseen = trial.predicted <= local.slack
    ratio = jnp.where(unseen & (actual >= -8 * local.slack), 1.0, actual / jnp.maximum(trial.predicted, 1e-300))
    accept = jnp.isfinite(value) & (ratio > 1e-4)
    shrunk = jnp.where(accept & (ratio > 0.25), state.radius, 0.25 * trial.length)
    radius = jnp.where(ratio > 0.75, jnp.maximum(state.radius, 2 * trial.length), shrunk)
    # A Hessian that failed far out is given another chance closer in.
    limit = jnp.where(state.exact & ~accept, _RETRY * trial.decrement2, state.limit)
    exact = trial.decrement2 < jnp.minimum(limit, objective.near * local.unit)
    last, steps = state.last + unseen, state.steps + 1
    arrived = state.exact & trial.newton & (trial.decrement2 <= tolerance**2 * local.unit)
    stalled = (last >= _LAST_STEPS) | (radius < _SMALLEST)
    status = jnp.where(stalled, STALLED, jnp.where(steps >= max_steps, STEP_LIMIT, RUNNING))
    status = jnp.where(arrived, CONVERGED, status)
    # The end is judged by the exact Hessian there.
    exact = exact | (status != RUNNING)
    stale = accept | (exact != state.exact)
    u = jnp.where(accept, point, state.u)
    return _State(u, local, state.model, exact, stale, radius, limit, last, steps, status, state.ended)


class _UnitDiagonal(NamedTuple):
    """A Hessian brought to unit diagonal: the sizes taken out, eigenvalues and vectors, and the smallest eigenvalue."""

    sizes: jax.Array
    eigenvalues: jax.Array
    vectors: jax.Array
    smallest: jax.Array


def on_unit_diagonal(hessian: jax.Array) -> _UnitDiagonal:
    """Bring a Hessian to unit diagonal.

    ``smallest`` is -1 where it is not finite or its diagonal not positive, and 0 where it is positive by rounding.
    """
    diagonal, finite = jnp.diag(hessian), jnp.isfinite(hessian).all()
    sizes = jnp.where(diagonal != 0, jnp.sqrt(jnp.abs(diagonal)), 1.0)
    scaled = jnp.where(finite, hessian / sizes[:, None] / sizes[None, :], jnp.eye(diagonal.shape[0]))
    eigenvalues, vectors = jnp.linalg.eigh(scaled)
    usable = finite & (diagonal > 0).all()
    lowest = eigenvalues[0]
    lowest = jnp.where(lowest > DEFINITE * diagonal.shape[0], lowest, jnp.minimum(lowest, 0.0))
    return _UnitDiagonal(sizes, eigenvalues, vectors, jnp.where(usable, lowest, -1.0))


def _end(state: _State, scale: jax.Array) -> Minimum:
    """The decrement and everything else that the exact derivatives at the end give."""
    local = state.local
    # So that a weak direction is not hidden behind the scale of another.
    diagonal, eigenvalues, vectors, smallest = on_unit_diagonal(local.curvature)
    along = vectors.T @ (local.gradient / diagonal)
    floor = 1e-16 * jnp.max(jnp.abs(eigenvalues)) + 1e-300
    decrement = jnp.sqrt(jnp.sum(along**2 / jnp.maximum(jnp.abs(eigenvalues), floor)))
    relative = jnp.where(decrement == 0, 0.0, decrement / jnp.sqrt(local.unit))
    relative = jnp.where(jnp.isnan(relative), jnp.inf, relative)
    return Minimum(
        state.u * scale,
        local.value,
        local.loss,
        local.gradient / scale,
        local.curvature / scale[:, None] / scale[None, :],
        smallest,
        relative,
        local.rounding,
        state.steps,
        state.status,
    )
