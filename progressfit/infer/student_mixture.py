"""Mixtures of Student-t densities: drawn from, evaluated, and adapted to a target by importance sampling."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import gammaln, logsumexp

DEGREES = 5
"""Degrees of freedom of every component: tails heavier than those of the posteriors to be covered."""

_LEAST_SHARE = 0.01
_EM_STEPS = 5
_RIDGE = 1e-3


class StudentMixture(NamedTuple):
    """A mixture of ``k`` components in ``d`` dimensions.

    Attributes
    ----------
    log_weights
        Normalised, ``(k,)``.
    centres
        Locations, ``(k, d)``.
    factors, inverses
        Lower triangular factors of the scale matrices, and their inverses, ``(k, d, d)``.
    """

    log_weights: jax.Array
    centres: jax.Array
    factors: jax.Array
    inverses: jax.Array

    @staticmethod
    def of(log_weights: jax.Array, centres: jax.Array, factors: jax.Array) -> "StudentMixture":
        """The mixture with these components; the weights are normalised."""
        unit = jnp.eye(centres.shape[1])
        inverses = jax.vmap(lambda factor: solve_triangular(factor, unit, lower=True))(factors)
        return StudentMixture(log_weights - logsumexp(log_weights), centres, factors, inverses)

    @property
    def moments(self) -> tuple[jax.Array, jax.Array]:
        """Mean ``(d,)`` and covariance ``(d, d)``."""
        weights = jnp.exp(self.log_weights)
        mean = weights @ self.centres
        away = self.centres - mean
        inner = self.factors @ jnp.swapaxes(self.factors, 1, 2) * (DEGREES / (DEGREES - 2))
        return mean, jnp.einsum("k,kij->ij", weights, inner + away[:, :, None] * away[:, None, :])

    def whitened(self, centre: jax.Array, factor: jax.Array) -> "StudentMixture":
        """The same mixture in the coordinates ``x`` of ``z = centre + factor @ x``, ``factor`` lower triangular."""
        centres = solve_triangular(factor, (self.centres - centre).T, lower=True).T
        factors = jax.vmap(lambda own: solve_triangular(factor, own, lower=True))(self.factors)
        return StudentMixture.of(self.log_weights, centres, factors)


class Weighted(NamedTuple):
    """Draws ``(n, d)``, logarithms of target density over mixture density ``(n,)``, and the target's log density."""

    z: jax.Array
    log_weights: jax.Array
    log_density: jax.Array

    @property
    def log_evidence(self) -> jax.Array:
        """Logarithm of the integral of the target (scalar)."""
        return logsumexp(self.log_weights) - jnp.log(self.log_weights.shape[0])

    @property
    def shares(self) -> jax.Array:
        """Normalised importance weights ``(n,)``."""
        return jnp.exp(self.log_weights - logsumexp(self.log_weights))

    @property
    def effective_draws(self) -> jax.Array:
        """Kish's effective sample size (scalar)."""
        return 1 / jnp.sum(self.shares**2)


def _distances(mixture: StudentMixture, z: jax.Array) -> jax.Array:
    """Squared Mahalanobis distances of ``z (n, d)`` from every component, ``(k, n)``."""
    away = z[None, :, :] - mixture.centres[:, None, :]
    return jnp.sum(jnp.einsum("kij,knj->kni", mixture.inverses, away) ** 2, axis=-1)


def _parts(mixture: StudentMixture, distances: jax.Array) -> jax.Array:
    """Log weight plus log density of every component, ``(k, n)``."""
    d = mixture.centres.shape[1]
    log_det = jnp.sum(jnp.log(jnp.diagonal(mixture.factors, axis1=1, axis2=2)), axis=1)
    constant = gammaln((DEGREES + d) / 2) - gammaln(DEGREES / 2) - d / 2 * jnp.log(DEGREES * jnp.pi)
    kernel = -(DEGREES + d) / 2 * jnp.log1p(distances / DEGREES)
    return (mixture.log_weights - log_det + constant)[:, None] + kernel


def log_prob(mixture: StudentMixture, z: jax.Array) -> jax.Array:
    """Normalised log density of the mixture at ``z (n, d)``, shape ``(n,)``."""
    return logsumexp(_parts(mixture, _distances(mixture, z)), axis=0)


def draw(mixture: StudentMixture, key: jax.Array, count: int) -> jax.Array:
    """Independent draws, ``(count, d)``."""
    which, direction, length = jax.random.split(key, 3)
    k = jax.random.categorical(which, mixture.log_weights, shape=(count,))
    normal = jax.random.normal(direction, (count, mixture.centres.shape[1]))
    # A sum of squares, because jax's own gamma variates are long to compile.
    chi_square = jnp.sum(jax.random.normal(length, (count, DEGREES)) ** 2, axis=1)
    steps = jnp.einsum("nij,nj->ni", mixture.factors[k], normal)
    return mixture.centres[k] + steps * jnp.sqrt(DEGREES / chi_square)[:, None]


def weigh(
    log_target: Callable[[jax.Array], jax.Array], mixture: StudentMixture, key: jax.Array, count: int
) -> Weighted:
    """Draw from the mixture and weigh the draws for a target ``(d,) -> log density``; not finite counts as zero."""
    z = draw(mixture, key, count)
    found = jax.lax.map(log_target, z)
    density = jnp.where(jnp.isfinite(found), found, -jnp.inf)
    return Weighted(z, density - log_prob(mixture, z), density)


def _towards(mixture: StudentMixture, z: jax.Array, shares: jax.Array, ridge: jax.Array) -> StudentMixture:
    """One step of expectation-maximisation for weighted draws; a component keeps at least 1%."""
    distances, d = _distances(mixture, z), z.shape[1]
    parts = _parts(mixture, distances)
    owned = jnp.exp(parts - logsumexp(parts, axis=0)) * shares
    mass = jnp.sum(owned, axis=1)
    # Student-t draws far out count less, as in the scale-mixture form of the density.
    pull = owned * (DEGREES + d) / (DEGREES + distances)
    centres = (pull @ z + 1e-9 * mixture.centres) / (jnp.sum(pull, axis=1) + 1e-9)[:, None]

    def factor(centre: jax.Array, own: jax.Array, total: jax.Array) -> jax.Array:
        away = z - centre
        # A thousandth of a draw of the first guess keeps components that own nearly nothing from collapsing.
        return jnp.linalg.cholesky(((away * own[:, None]).T @ away + _RIDGE * ridge) / (total + _RIDGE))

    factors = jax.vmap(factor)(centres, pull, mass)
    return StudentMixture.of(jnp.log(jnp.maximum(mass, _LEAST_SHARE)), centres, factors)


def adapted(
    log_target: Callable[[jax.Array], jax.Array], first: StudentMixture, key: jax.Array, rounds: int, count: int
) -> StudentMixture:
    """Adapt a mixture to a target: rounds of weighing draws and fitting the mixture to them.

    Population Monte Carlo (Cappé, Douc, Guillin, Marin and Robert 2008), with weights cut off at ``1 / sqrt(count)`` so
    that no single draw rules a round (Ionides 2008).

    Parameters
    ----------
    log_target
        Log density at one vector ``(d,)``.
    first
        Where to begin, for example near the known optima.
    key
        A JAX random key.
    rounds, count
        Number of rounds, and of draws in each.
    """
    ridge = jnp.mean(first.factors @ jnp.swapaxes(first.factors, 1, 2), axis=0)

    def improve(mixture: StudentMixture, own: jax.Array) -> tuple[StudentMixture, None]:
        found = weigh(log_target, mixture, own, count)
        shares = jnp.minimum(found.shares, 1 / jnp.sqrt(count))
        shares = shares / jnp.sum(shares)
        better = jax.lax.fori_loop(0, _EM_STEPS, lambda _, m: _towards(m, found.z, shares, ridge), mixture)
        good = jnp.isfinite(found.log_evidence) & jnp.isfinite(better.factors).all()
        return jax.tree.map(lambda new, old: jnp.where(good, new, old), better, mixture), None

    return jax.lax.scan(improve, first, jax.random.split(key, rounds))[0]
