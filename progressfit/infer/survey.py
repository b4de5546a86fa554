"""A first look at a posterior: where its mass lies, how much of it lies where, and its integral.

Mixtures of Student-t densities, begun at the known optima, are adapted to the posterior by importance sampling. The
result serves the chains (coordinates, starts, jumps between modes) and is an answer of its own, with the effective
number of draws and the Pareto shape of the weights as its certificate.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from progressfit.compiled import compiled
from progressfit.dataset import Dataset
from progressfit.density import log_density
from progressfit.infer.information import information_root
from progressfit.infer.student_mixture import StudentMixture, Weighted, adapted, weigh
from progressfit.model import Model

COMPONENTS = 8
"""Least number of components of the mixture."""

_WIDER = 1.2
_LOOKS = 1024


class Effort(NamedTuple):
    """Rounds of adaptation, draws in each, and draws weighed in the end; hashable, a static argument."""

    rounds: int = 8
    draws: int = 8000
    final: int = 16000


class Survey(NamedTuple):
    """What was found.

    Attributes
    ----------
    mixture
        The adapted mixture.
    sample
        Weighted draws from it.
    stiffest
        Shortest scale of the posterior among 1,024 of its draws, in units of ``factor`` (scalar): a leapfrog step of
        more than twice this length is unstable somewhere.
    """

    mixture: StudentMixture
    sample: Weighted
    stiffest: jax.Array

    @property
    def centre(self) -> jax.Array:
        """Mean of the mixture, ``(d,)``."""
        return self.mixture.moments[0]

    @property
    def factor(self) -> jax.Array:
        """Lower triangular factor of the covariance of the mixture, ``(d, d)``."""
        return jnp.linalg.cholesky(self.mixture.moments[1])


def first_mixture(
    spec: Model, data: Dataset, weights: jax.Array, prior_sd: jax.Array, centres: jax.Array, key: jax.Array
) -> StudentMixture:
    """Components near each of the centres ``(k, d)``, shaped by the information of data and prior there.

    The expected information is positive definite also where the density has kinks or saddles. Repeated centres are
    meant: each component is displaced by one draw, so that several share one optimum.
    """
    factors = jnp.linalg.cholesky(jnp.linalg.inv(_precisions(spec, data, weights, prior_sd, centres)))
    placed = centres + jnp.einsum("kij,kj->ki", factors, jax.random.normal(key, centres.shape))
    return StudentMixture.of(jnp.zeros(len(centres)), placed, _WIDER * factors)


def _precisions(spec: Model, data: Dataset, weights: jax.Array, prior_sd: jax.Array, at: jax.Array) -> jax.Array:
    """Expected information of the data plus that of the prior at vectors ``(k, d)``, shape ``(k, d, d)``."""
    roots = jax.lax.map(lambda z: information_root(spec, z, data, weights), at)
    return jnp.swapaxes(roots, 1, 2) @ roots + jnp.diag(prior_sd**-2)


def look(
    spec: Model,
    data: Dataset,
    weights: jax.Array,
    prior_sd: jax.Array,
    centres: jax.Array,
    key: jax.Array,
    effort: Effort,
) -> Survey:
    """Survey the posterior of one table from components near ``centres (k, d)``; for use under ``jit``."""
    placing, adapting, weighing, picking = jax.random.split(key, 4)

    def target(z: jax.Array) -> jax.Array:
        return log_density(spec, z, data, weights, True)

    first = first_mixture(spec, data, weights, prior_sd, centres, placing)
    mixture = adapted(target, first, adapting, effort.rounds, effort.draws)
    found = Survey(mixture, weigh(target, mixture, weighing, effort.final), jnp.ones(()))
    at = jax.random.choice(picking, found.sample.z, (_LOOKS,), p=found.sample.shares)
    curvature = found.factor.T @ _precisions(spec, data, weights, prior_sd, at) @ found.factor
    return found._replace(stiffest=jnp.max(jnp.linalg.eigvalsh(curvature)) ** -0.5)


survey = compiled("effort")(look)
"""The same as a compiled program of its own."""
