"""Minimising a log density with kinks (Laplace noise, Laplace priors), certified by its subgradient conditions.

The objective is ``smooth(z) + sum(size * |kink(z)|)``. At its minimum some kinks are active, exactly at zero, and there
a gradient does not exist; what holds instead is a stationary Lagrangian whose multipliers do not exceed the sizes.
A smoothed objective, sharpened step by step, finds out which kinks are active; Newton's method then solves the exact
conditions for that set. Smoothing guides, and certifies nothing: a wrong set shows as a violated condition.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.dataset import Dataset
from progressfit.density import stand_in
from progressfit.infer.minimise import CONVERGED, NOT_FINITE, STALLED, Minimum, minimise, on_unit_diagonal
from progressfit.infer.objective import objective_of, smooth_objective, weighted
from progressfit.model import Model
from progressfit.noise import Laplace
from progressfit.params import bind, constrain, dimension, kinked, prior_kinks

# Widths of the smoothed kinks, in units of the noise scale or the prior's scale, widest first.
_WIDTHS = np.array([0.3, 3e-2, 3e-3, 3e-4, 3e-5])
_NEWTON_STEPS = 8
_REPEATS = 3


class _Pieces(NamedTuple):
    """The objective taken apart: a smooth function, the kinks ``(m,)`` as a function, and their sizes ``(m,)``."""

    smooth: Callable[[jax.Array], jax.Array]
    kinks: Callable[[jax.Array], jax.Array]
    sizes: jax.Array


class _Candidates(NamedTuple):
    """The ``k`` kinks nearest to zero: their places, whether each is active, and the signs of all ``m`` kinks."""

    nearest: jax.Array
    active: jax.Array
    signs: jax.Array


def has_kinks(spec: Model) -> bool:
    """Whether the log density of a spec has kinks: Laplace noise, or a Laplace prior."""
    return isinstance(spec.noise, Laplace) or bool(kinked(spec))


def minimise_kinked(
    spec: Model,
    data: Dataset,
    weights: jax.Array,
    prior_weight: Any,
    start: jax.Array,
    scale: jax.Array,
    max_steps: Any,
) -> Minimum:
    """Minimise the negative log density of a spec with kinks from one start.

    Returns
    -------
    A :class:`Minimum` whose decrement measures the violation of the exact optimality conditions, infinite if a
    multiplier exceeds its size or a kink changed sign. Its Hessian is that of the Lagrangian, with the active kinks
    as stiff directions: positive definite if and only if the point is a strict minimum on the active set.
    """
    fn = objective_of(spec, data, weights, prior_weight).value
    pieces = _take_apart(fn, spec, data, weights, prior_weight)

    def sharpen(z: jax.Array, width: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        def smoothed(point: jax.Array) -> jax.Array:
            return pieces.smooth(point) + jnp.sum(pieces.sizes * jnp.sqrt(pieces.kinks(point) ** 2 + width**2))

        end = minimise(smooth_objective(smoothed), z, scale, max_steps)
        return jnp.asarray(end.z), (jnp.asarray(end.steps), jnp.diag(jnp.asarray(end.hessian)))

    z, (steps, curvatures) = jax.lax.scan(sharpen, start, jnp.asarray(_WIDTHS))
    # From here on in units in which the sharpest smoothed objective has unit curvature along every coordinate.
    sharpest = curvatures[-1]
    unit = jnp.where(jnp.isfinite(sharpest) & (sharpest > 0), 1 / jnp.sqrt(jnp.abs(sharpest)), scale)
    rescaled = _Pieces(lambda u: pieces.smooth(u * unit), lambda u: pieces.kinks(u * unit), pieces.sizes)
    end = _exact(rescaled, lambda u: fn(u * unit), z / unit)
    return end._replace(
        z=end.z * unit,
        loss=weighted(weights, bind(spec, constrain(spec, end.z * unit)[0]).loss(stand_in(data, weights))),
        gradient=end.gradient / unit,
        hessian=end.hessian / unit[:, None] / unit[None, :],
        steps=jnp.sum(steps),
    )


def _take_apart(fn: Callable, spec: Model, data: Dataset, weights: jax.Array, prior_weight: Any) -> _Pieces:
    by_row = isinstance(spec.noise, Laplace)

    def kinks(z: jax.Array) -> jax.Array:
        values = constrain(spec, z)[0]
        found = [prior_kinks(spec, values)]
        if by_row:
            model = bind(spec, values)
            mean, spread = jax.vmap(model.linked)(data.records), model.noise.scale(data.records)
            found.append((model.link.forward(data.response) - mean) / spread)
        return jnp.concatenate(found)

    count = jax.eval_shape(kinks, jax.ShapeDtypeStruct((dimension(spec),), jnp.float64)).shape[0]
    own = count - (len(data) if by_row else 0)
    sizes = jnp.concatenate([jnp.full(own, prior_weight, float), weights if by_row else jnp.zeros(0)])
    # The kinks cancel between the two terms, derivatives included, and leave the smooth rest.
    return _Pieces(lambda z: fn(z) - jnp.sum(sizes * jnp.abs(kinks(z))), kinks, sizes)


def _exact(pieces: _Pieces, fn: Callable[[jax.Array], jax.Array], z: jax.Array) -> Minimum:
    """Choose the active kinks near a smoothed minimum, solve the exact conditions, and judge them."""
    candidates, multipliers = _choose(pieces, z)
    z, multipliers = _solve_conditions(pieces, candidates, z, multipliers)
    return _judge(fn, pieces, candidates, z, multipliers)


def _choose(pieces: _Pieces, z: jax.Array) -> tuple[_Candidates, jax.Array]:
    """In general position no more kinks than parameters are active; repeated rows bring a few times as many."""
    kinks, width = pieces.kinks(z), _WIDTHS[-1]
    distance = jnp.where(pieces.sizes > 0, jnp.abs(kinks), jnp.inf)
    index = jnp.argsort(distance)[: min(_REPEATS * z.shape[0], kinks.shape[0])]
    share = kinks[index] / jnp.sqrt(kinks[index] ** 2 + width**2)
    active = (jnp.abs(share) < 1 - 1e-3) & (pieces.sizes[index] > 0)
    signs = jnp.sign(kinks)
    multipliers = pieces.sizes[index] * jnp.where(active, share, signs[index])
    return _Candidates(index, active, signs), multipliers


def _lagrangian(pieces: _Pieces, candidates: _Candidates, z: jax.Array, multipliers: jax.Array) -> jax.Array:
    kinks = pieces.kinks(z)
    forces = (pieces.sizes * candidates.signs).at[candidates.nearest].set(multipliers)
    return pieces.smooth(z) + jnp.sum(forces * kinks)


def _solve_conditions(
    pieces: _Pieces, candidates: _Candidates, z: jax.Array, multipliers: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Newton's method on: stationary Lagrangian; active kinks at zero; other multipliers at their size."""
    count = z.shape[0]
    settled = (pieces.sizes * candidates.signs)[candidates.nearest]

    def conditions(x: jax.Array) -> jax.Array:
        point, forces = x[:count], x[count:]
        gradient = jax.grad(lambda v: _lagrangian(pieces, candidates, v, forces))(point)
        return jnp.concatenate(
            [gradient, jnp.where(candidates.active, pieces.kinks(point)[candidates.nearest], forces - settled)]
        )

    def step(_: int, x: jax.Array) -> jax.Array:
        # Least squares, since repeated rows make active kinks that only their sum of multipliers determines.
        new = x - jnp.linalg.lstsq(jax.jacfwd(conditions)(x), conditions(x))[0]
        return jnp.where(jnp.isfinite(new).all(), new, x)

    x = jax.lax.fori_loop(0, _NEWTON_STEPS, step, jnp.concatenate([z, multipliers]))
    return x[:count], x[count:]


def _judge(fn: Callable, pieces: _Pieces, candidates: _Candidates, z: jax.Array, multipliers: jax.Array) -> Minimum:
    def lagrangian(point: jax.Array) -> jax.Array:
        return _lagrangian(pieces, candidates, point, multipliers)

    gradient = jax.grad(lagrangian)(z)
    normals = jax.jacfwd(lambda v: pieces.kinks(v)[candidates.nearest])(z) * candidates.active[:, None]
    hessian = _on_active_set(jax.hessian(lagrangian)(z), normals)
    eigenvalues, eigenvectors = jnp.linalg.eigh(hessian)
    floor = 1e-14 * jnp.max(jnp.abs(eigenvalues)) + 1e-300
    stationary = jnp.linalg.norm(eigenvectors.T @ gradient / jnp.sqrt(jnp.maximum(jnp.abs(eigenvalues), floor)))
    kinks, sizes = pieces.kinks(z), pieces.sizes
    on_kink = jnp.zeros(kinks.shape, bool).at[candidates.nearest].set(candidates.active)
    feasible = (jnp.abs(multipliers) <= sizes[candidates.nearest] * (1 + 1e-9)).all()
    same_side = (on_kink | (kinks * candidates.signs > 0) | (sizes == 0)).all()
    off = jnp.sum(jnp.where(on_kink, sizes * jnp.abs(kinks), 0.0))
    decrement = jnp.where(feasible & same_side, stationary + off, jnp.inf)
    value = fn(z)
    status = jnp.where(jnp.isfinite(value), jnp.where(decrement < 1e-9, CONVERGED, STALLED), NOT_FINITE)
    zero = jnp.zeros(())
    smallest = on_unit_diagonal(hessian).smallest
    return Minimum(z, value, zero, gradient, hessian, smallest, decrement, zero, jnp.zeros((), int), status)


def _on_active_set(hessian: jax.Array, normals: jax.Array) -> jax.Array:
    """The Hessian along the active set, completed across it by a stiffness of its own size.

    Across an active kink the objective rises linearly, more steeply than any curvature; the completed matrix is
    positive definite if and only if the Hessian along the set is.
    """
    lengths = jnp.linalg.norm(normals, axis=1, keepdims=True)
    directions = normals / jnp.where(lengths > 0, lengths, 1.0)
    spread, basis = jnp.linalg.eigh(directions.T @ directions)
    across = jnp.where(spread > 1e-10, 1.0, 0.0)
    normal_projection = (basis * across) @ basis.T
    along = jnp.eye(hessian.shape[0]) - normal_projection
    reduced = along @ hessian @ along
    stiffness = jnp.maximum(jnp.max(jnp.abs(reduced)), 1.0)
    completed = reduced + stiffness * normal_projection
    return jnp.where(jnp.isfinite(completed).all(), completed, -jnp.eye(hessian.shape[0]))
