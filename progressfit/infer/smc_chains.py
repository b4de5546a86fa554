"""Chains at one temperature: they start at resampled particles, and every state they keep is a particle."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from progressfit.dataset import Dataset
from progressfit.density import log_density
from progressfit.infer.mixture import TAIL, Mixture, propose_independent, propose_local
from progressfit.infer.tempering import increment, scaled
from progressfit.model import Model
from progressfit.params import constrain, log_prior

_LOCAL_ACCEPTANCE = 0.25
# The number of moves aims at this many effective states of a chain, of whatever function is looked at; and the most
# moves between two kept states.
_EFFECTIVE = 8.0
_MOST_MOVES = 8.0


class States(NamedTuple):
    """Whitened points ``(..., d)``, their log priors with Jacobian and log likelihoods ``(...)``."""

    points: jax.Array
    log_prior: jax.Array
    log_lik: jax.Array


class Target(NamedTuple):
    """A tempered density in whitened coordinates, ``z = centre + factor @ point``, and a mixture that is like it."""

    spec: Model
    data: Dataset
    weights: jax.Array
    temperature: jax.Array
    centre: jax.Array
    factor: jax.Array
    mixture: Mixture


class Moving(NamedTuple):
    """Chains on the move, the scale of their local steps, moves so far, and sums of the shares accepted."""

    states: States
    scale: jax.Array
    moves: jax.Array
    jumps: jax.Array
    steps: jax.Array


def log_densities(spec: Model, data: Dataset, weights: jax.Array, z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Log prior with Jacobian and log likelihood of vectors ``(n, d)``; minus infinity where one is not a number."""

    def one(point: jax.Array) -> tuple[jax.Array, jax.Array]:
        values, log_det = constrain(spec, point)
        likelihood = log_density(spec, point, data, weights, prior_weight=0.0)
        return _number(log_prior(spec, values) + log_det), _number(likelihood)

    return jax.vmap(one)(z)


def _number(value: jax.Array) -> jax.Array:
    return jnp.where(jnp.isnan(value) | (value == jnp.inf), -jnp.inf, value)


def run_chains(
    target: Target, begin: States, scale: jax.Array, between: jax.Array, key: jax.Array, length: int
) -> tuple[Moving, States]:
    """Run chains from states ``(chains, ...)`` with ``between`` moves from one kept state to the next.

    Returns
    -------
    The chains at the end, and the states kept, ``(length, chains, ...)``.
    """

    def state(carry: Moving, k: jax.Array) -> tuple[Moving, States]:
        carry = jax.lax.fori_loop(0, between, lambda i, one: _sweep(target, one, jax.random.fold_in(k, i)), carry)
        return carry, carry.states

    zero = jnp.zeros(())
    return jax.lax.scan(state, Moving(begin, scale, zero, zero, zero), jax.random.split(key, length))


def moves_for_next(between: jax.Array, effective: jax.Array) -> jax.Array:
    """Moves between kept states at the next temperature, a real number, from those and their worth at this one.

    Not at the same one: a chain that is stopped as soon as it looks well mixed is stopped before rare states are found,
    and then the evidence is too small.
    """
    return jnp.clip(between * jnp.clip(_EFFECTIVE / effective, 0.5, 2.0), 1.0, _MOST_MOVES)


def _sweep(target: Target, now: Moving, key: jax.Array) -> Moving:
    """One jump and one local step of every chain."""
    n, d = now.states.points.shape
    first, second = jax.random.split(key)
    # Few and large calls: every call of the generator takes long to compile.
    jump, step, *chances = jax.random.uniform(first, (4, n))
    normals = jax.random.normal(second, (n, 2 * d + TAIL))
    proposed = propose_independent(target.mixture, now.states.points, jump, normals[:, d:])
    states, jumps = _metropolis(target, now.states, *proposed, chances[0])
    proposed = propose_local(target.mixture, states.points, step, normals[:, :d], now.scale)
    states, steps = _metropolis(target, states, *proposed, chances[1])
    # The scale settles while the chains run; one that goes on following their states would disturb what they sample.
    scale = now.scale * jnp.exp((steps - _LOCAL_ACCEPTANCE) / (1 + now.moves) ** 0.7)
    return Moving(states, scale, now.moves + 1, now.jumps + jumps, now.steps + steps)


def _metropolis(
    target: Target, now: States, points: jax.Array, log_ratio: jax.Array, uniform: jax.Array
) -> tuple[States, jax.Array]:
    """Accept or refuse proposed points; the states after it and the mean probability of acceptance."""
    z = target.centre + points @ target.factor.T
    new = States(points, *log_densities(target.spec, target.data, target.weights, z))
    gain = new.log_prior - now.log_prior + scaled(target.temperature, new.log_lik) - target.temperature * now.log_lik
    chance = jnp.exp(jnp.minimum(gain + log_ratio, 0.0))
    chance = jnp.where(jnp.isnan(chance), 0.0, chance)
    take = uniform < chance
    kept = jax.tree.map(lambda a, b: jnp.where(take[:, None] if a.ndim > 1 else take, a, b), new, now)
    return kept, jnp.mean(chance)


def effective_states(kept: States) -> jax.Array:
    """Effective states of one chain: variance of all states over that of the chains' means, the worst function's.

    Functions are the coordinates, and the weights that the next change of temperature will ask for.
    """
    power = increment(jnp.ravel(kept.log_lik), jnp.ones(()))
    weights = scaled(power, kept.log_lik)
    weights = jnp.exp(weights - jnp.max(weights))
    looked_at = jnp.concatenate([kept.points, weights[..., None]], axis=-1)
    whole = jnp.var(looked_at, axis=(0, 1))
    means = jnp.var(jnp.mean(looked_at, axis=0), axis=0)
    return jnp.min(jnp.where(means > 0, whole / means, len(weights)))
