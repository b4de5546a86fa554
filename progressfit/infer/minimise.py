"""A damped Newton minimiser for small dense problems, written for one start and batched by its callers.

Each step solves with the eigendecomposition of the exact Hessian, eigenvalues replaced by their absolute values plus
a damping that follows the agreement of predicted and actual decrease (Levenberg-Marquardt in the sense of More 1978,
saddle-free in the sense of Dauphin et al. 2014). Progress is measured by the Newton decrement
``sqrt(g' |H|^-1 g)``, the distance to the optimum in units of its own curvature, which no rescaling changes.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from progressfit.params import Numbers

RUNNING, CONVERGED, STEP_LIMIT, STALLED, NOT_FINITE = 0, 1, 2, 3, 4

_ROUNDING = 1e-14
_MAX_DAMPING = 1e20


class Minimum(NamedTuple):
    """Where a minimisation ended, in the coordinates of its start; every field is an array."""

    z: Numbers
    value: Numbers
    gradient: Numbers
    hessian: Numbers
    decrement: Numbers
    steps: Numbers
    status: Numbers


class _State(NamedTuple):
    u: jax.Array
    value: jax.Array
    gradient: jax.Array
    eigenvalues: jax.Array
    eigenvectors: jax.Array
    damping: jax.Array
    steps: jax.Array
    status: jax.Array


def minimise(
    fn: Callable[[jax.Array], jax.Array],
    start: jax.Array,
    scale: jax.Array,
    max_steps: Any = 200,
    tolerance: float = 1e-9,
) -> Minimum:
    """Minimise a smooth scalar function from one start.

    Parameters
    ----------
    fn
        Function of a vector of shape ``(d,)``.
    start, scale
        Starting point and a typical size of each coordinate, shape ``(d,)``; damping acts in ``z / scale``.
    max_steps
        Largest number of trial steps.
    tolerance
        The Newton decrement at which to stop. The error of the value is about half its square.
    """

    def scaled(u: jax.Array) -> jax.Array:
        return fn(u * scale)

    def derivatives(u: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        hessian, gradient = jax.jacfwd(lambda v: (jax.grad(scaled)(v),) * 2, has_aux=True)(u)
        clean = jnp.where(jnp.isfinite(hessian).all(), hessian, jnp.eye(u.shape[0]))
        eigenvalues, eigenvectors = jnp.linalg.eigh(clean)
        return gradient, eigenvalues, eigenvectors

    u = start / scale
    value, (gradient, eigenvalues, eigenvectors) = scaled(u), derivatives(u)
    finite = jnp.isfinite(value) & jnp.isfinite(gradient).all()
    # Starting as careful as the stiffest direction keeps a start in its own basin: on the ImageNet law 14% of prior
    # starts find the second optimum, against 7% with a thousandth of it, in fewer steps.
    damping = jnp.max(jnp.abs(eigenvalues)) + 1e-12
    status = jnp.where(finite, RUNNING, NOT_FINITE)
    state = _State(u, value, gradient, eigenvalues, eigenvectors, damping, jnp.zeros((), int), status)
    state = jax.lax.while_loop(
        lambda s: s.status == RUNNING,
        lambda s: _step(s, scaled, derivatives, max_steps, tolerance),
        state,
    )
    hessian = (state.eigenvectors * state.eigenvalues) @ state.eigenvectors.T
    return Minimum(
        state.u * scale,
        state.value,
        state.gradient / scale,
        hessian / scale[:, None] / scale[None, :],
        _decrement(state),
        state.steps,
        state.status,
    )


def _decrement(state: _State) -> jax.Array:
    along = state.eigenvectors.T @ state.gradient
    floor = _ROUNDING * jnp.max(jnp.abs(state.eigenvalues)) + 1e-300
    return jnp.sqrt(jnp.sum(along**2 / jnp.maximum(jnp.abs(state.eigenvalues), floor)))


def _step(state: _State, scaled: Callable, derivatives: Callable, max_steps: Any, tolerance: float) -> _State:
    along = state.eigenvectors.T @ state.gradient
    curvature = jnp.abs(state.eigenvalues) + state.damping
    trial = state.u - state.eigenvectors @ (along / curvature)
    value = scaled(trial)
    predicted = jnp.sum(along**2 / curvature**2 * (curvature - 0.5 * state.eigenvalues))
    actual = state.value - value
    # Below the rounding of the value itself a decrease can no longer be seen: take the step on the model's word.
    slack = _ROUNDING * (1.0 + jnp.abs(state.value))
    accept = jnp.isfinite(value) & ((actual > 0) | ((predicted < slack) & (actual > -8 * slack)))
    ratio = actual / jnp.maximum(predicted, 1e-300)
    good = (ratio > 0.75) | (predicted < slack)
    shrink = jnp.where(good, 0.2, jnp.where(ratio > 0.25, 0.5, 2.0))
    damping = state.damping * jnp.where(accept, shrink, 8.0)

    u = jnp.where(accept, trial, state.u)
    gradient, eigenvalues, eigenvectors = jax.lax.cond(
        accept, lambda: derivatives(trial), lambda: (state.gradient, state.eigenvalues, state.eigenvectors)
    )
    steps = state.steps + 1
    new = _State(
        u, jnp.where(accept, value, state.value), gradient, eigenvalues, eigenvectors, damping, steps, state.status
    )
    done = accept & (_decrement(new) < tolerance)
    stalled = (~accept & (predicted < slack)) | (damping > _MAX_DAMPING)
    status = jnp.where(done, CONVERGED, jnp.where(stalled, STALLED, jnp.where(steps >= max_steps, STEP_LIMIT, RUNNING)))
    return new._replace(status=jnp.where(jnp.isfinite(gradient).all(), status, NOT_FINITE))
