"""From one temperature to the next: how far to go, what the particles look like there, and which of them go on."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from blackjax.smc.ess import log_ess
from blackjax.smc.resampling import systematic
from blackjax.smc.solver import dichotomy

# Share of the effective particles that survives one change of temperature. Small steps and few moves were measured to
# be worth more than large steps and many.
_SURVIVAL = 0.7
_JITTER = 1e-10


class Shape(NamedTuple):
    """Weighted mean ``(d,)`` and Cholesky factor of the weighted covariance ``(d, d)`` of particles.

    Points with ``z = centre + factor @ point`` are white: mean zero, covariance one.
    """

    centre: jax.Array
    factor: jax.Array


class Order(NamedTuple):
    """Particles along their longest axis, given by number, and their weights in that order, ``(n,)``."""

    particles: jax.Array
    weights: jax.Array


def scaled(power: jax.Array, log_lik: jax.Array) -> jax.Array:
    """``power * log_lik``; minus infinity where the likelihood is zero, whatever the power."""
    return jnp.where(jnp.isfinite(log_lik), power * log_lik, -jnp.inf)


def increment(log_lik: jax.Array, limit: jax.Array) -> jax.Array:
    """The power of the likelihood, at most ``limit``, that leaves the wanted share of effective particles.

    Particles ``(n,)`` of likelihood zero do not count as effective to begin with.
    """
    wanted = jnp.log(_SURVIVAL * jnp.sum(jnp.isfinite(log_lik)))
    return dichotomy(lambda power: log_ess(scaled(power, log_lik)) - wanted, 0.0, limit)


def shape_of(z: jax.Array, weights: jax.Array) -> Shape:
    """The shape of particles ``(n, d)`` with weights ``(n,)`` that add up to one."""
    centre, scale, correlation = _moments(z, weights)
    return Shape(centre, scale[:, None] * jnp.linalg.cholesky(correlation + _JITTER * jnp.eye(len(scale))))


def order_of(z: jax.Array, weights: jax.Array) -> Order:
    """Particles ``(n, d)`` along the first principal axis of their weighted correlation."""
    centre, scale, correlation = _moments(z, weights)
    index = jnp.argsort(((z - centre) / scale) @ jnp.linalg.eigh(correlation)[1][:, -1])
    return Order(index, weights[index])


def _moments(z: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    centre = weights @ z
    apart = z - centre
    covariance = (apart.T * weights) @ apart
    scale = jnp.sqrt(jnp.diag(covariance))
    return centre, scale, covariance / jnp.outer(scale, scale)


def resample(key: jax.Array, order: Order, count: int) -> jax.Array:
    """Indices of ``count`` particles, drawn systematically along the longest axis, so that modes keep their numbers."""
    return order.particles[systematic(key, order.weights, count)]
