"""A mixture fitted to weighted points, and the two Metropolis proposals that it gives.

Points are whitened: mean zero, unit covariance. Posteriors of laws bend and have several modes, so that one covariance
proposes badly; a handful of normals follows the bends.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import logsumexp

_ROUNDS = 15
# Each component borrows this many points' worth of the average covariance, so that none collapses.
_BORROWED = 2.0
_JITTER = 1e-9
TAIL = 5
"""Degrees of freedom of the independent proposal: its tails have to be heavier than the target's."""


class Mixture(NamedTuple):
    """Log weights ``(k,)``, means ``(k, d)``, Cholesky factors of the covariances and their inverses ``(k, d, d)``."""

    log_weights: jax.Array
    means: jax.Array
    factors: jax.Array
    inverses: jax.Array


def fit_mixture(key: jax.Array, points: jax.Array, components: int) -> Mixture:
    """Fit a mixture of normals to points ``(n, d)`` by a fixed number of steps of expectation-maximisation."""
    n, d = points.shape
    unit = jnp.eye(d)

    def step(_, mixture: Mixture) -> Mixture:
        share = jnp.exp(log_membership(mixture, points))
        count = jnp.sum(share, axis=1)
        means = (share @ points) / jnp.maximum(count, _JITTER)[:, None]
        apart = points - means[:, None]
        scatter = jnp.einsum("kn,kni,knj->kij", share, apart, apart)
        mean_scatter = _BORROWED * jnp.sum(scatter, axis=0) / n
        covariance = (scatter + mean_scatter) / (count + _BORROWED)[:, None, None] + _JITTER * unit
        return _mixture(jnp.log((count + 1) / (n + components)), means, jnp.linalg.cholesky(covariance))

    means = points[jax.random.choice(key, n, (components,), replace=False)]
    spread = jnp.broadcast_to(unit * components ** (-1 / d), (components, d, d))
    return jax.lax.fori_loop(0, _ROUNDS, step, _mixture(jnp.full(components, -jnp.log(components)), means, spread))


def _mixture(log_weights: jax.Array, means: jax.Array, factors: jax.Array) -> Mixture:
    # Inverses once, so that every proposal costs products only; small solves are slow on CPU.
    unit = jnp.eye(factors.shape[-1])
    inverses = jax.vmap(lambda factor: solve_triangular(factor, unit, lower=True))(factors)
    return Mixture(log_weights, means, factors, inverses)


def log_membership(mixture: Mixture, points: jax.Array) -> jax.Array:
    """Log probability that each point ``(n, d)`` belongs to each component, ``(k, n)``."""
    normal = -0.5 * _distances(mixture, points) + _log_peaks(mixture)[:, None]
    return jax.nn.log_softmax(mixture.log_weights[:, None] + normal, axis=0)


def propose_independent(
    mixture: Mixture, points: jax.Array, pick: jax.Array, normals: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """New points from the mixture with Student-t tails, and the log of the Hastings ratio ``q(old) / q(new)``.

    ``pick`` are uniform numbers ``(n,)`` and ``normals`` standard normal ones ``(n, d + TAIL)``.
    """
    k = _picked(mixture.log_weights[:, None], pick)
    d = points.shape[1]
    stretch = jnp.sqrt(TAIL / jnp.sum(normals[:, d:] ** 2, axis=1, keepdims=True))
    new = mixture.means[k] + stretch * jnp.einsum("nij,nj->ni", mixture.factors[k], normals[:, :d])
    return new, _log_student(mixture, points) - _log_student(mixture, new)


def propose_local(
    mixture: Mixture, points: jax.Array, pick: jax.Array, normals: jax.Array, scale: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Random-walk steps in the shape of the component that a point belongs to, and their log Hastings ratio.

    ``scale`` is the size of the steps in standard deviations of the component; ``pick`` and ``normals`` are uniform
    ``(n,)`` and standard normal ``(n, d)``.
    """
    before = log_membership(mixture, points)
    k = _picked(before, pick)
    move = jnp.einsum("nij,nj->ni", mixture.factors[k], normals)
    shapes = -0.5 * _lengths(mixture, move[None]) + _log_peaks(mixture)[:, None]
    new = points + scale * move
    return new, logsumexp(log_membership(mixture, new) + shapes, axis=0) - logsumexp(before + shapes, axis=0)


def _picked(log_shares: jax.Array, pick: jax.Array) -> jax.Array:
    """The component that a uniform number falls to, from log shares ``(k, n or 1)``."""
    passed = jnp.sum(pick > jnp.cumsum(jnp.exp(log_shares), axis=0), axis=0)
    return jnp.minimum(passed, len(log_shares) - 1)


def _log_student(mixture: Mixture, points: jax.Array) -> jax.Array:
    """Log density of the mixture with Student-t components at each point, up to a constant, ``(n,)``."""
    d = points.shape[1]
    each = -0.5 * (TAIL + d) * jnp.log1p(_distances(mixture, points) / TAIL) + _log_peaks(mixture)[:, None]
    return logsumexp(mixture.log_weights[:, None] + each, axis=0)


def _distances(mixture: Mixture, points: jax.Array) -> jax.Array:
    """Squared Mahalanobis distance of each point from each component, ``(k, n)``."""
    return _lengths(mixture, points - mixture.means[:, None])


def _lengths(mixture: Mixture, steps: jax.Array) -> jax.Array:
    """Squared Mahalanobis length of steps ``(k or 1, n, d)`` in each component, ``(k, n)``."""
    return jnp.sum((steps @ jnp.swapaxes(mixture.inverses, 1, 2)) ** 2, axis=-1)


def _log_peaks(mixture: Mixture) -> jax.Array:
    """Log density of each component at its mean, up to a common constant, ``(k,)``."""
    return jnp.sum(jnp.log(jnp.diagonal(mixture.inverses, axis1=1, axis2=2)), axis=-1)
