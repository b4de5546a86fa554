"""Adaptive tempered sequential Monte Carlo: draws with the right mode weights, and the log evidence.

Particles go from the prior to the posterior through powers of the likelihood. At each temperature they are reweighted
and resampled down to a number of chains, and every kept state of these chains is a particle of the next temperature
(waste-free SMC: Dau and Chopin 2022). How many moves lie between two kept states adapts, so that chains forget where
they started (in the spirit of Buchholz, Chopin and Jacob 2021), as judged by the means of single chains: of each
coordinate, and of the weights that the next temperature will ask for. Moves alternate between jumps to independent
draws from a mixture fitted to particles, which change modes, and random-walk steps in the mixture's local shapes. No
gradient is needed.

Islands are independent runs; what to make of several is in :mod:`.islands`.
"""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import logsumexp

from progressfit.compiled import compiled
from progressfit.dataset import Dataset
from progressfit.infer.checkpoint import fingerprint, read, write
from progressfit.infer.devices import Plan, batched, gather, plan_batch, share
from progressfit.infer.islands import MAX_TEMPERATURES, Islands, Trace
from progressfit.infer.mixture import Mixture, fit_mixture
from progressfit.infer.smc_chains import States, Target, effective_states, log_densities, moves_for_next, run_chains
from progressfit.infer.tempering import increment, order_of, resample, scaled, shape_of
from progressfit.model import Model
from progressfit.params import dimension, sample_prior, unconstrain

ISLAND_CHAINS, _LENGTH = 128, 64
MOST_PARTICLES = ISLAND_CHAINS * _LENGTH
"""Particles of an island: every kept state of every chain."""

_COMPONENTS, _FITTED = 16, 8192


class Cloud(NamedTuple):
    """All particles after some temperature: a tree of arrays from which a run goes on, to the last bit the same.

    Islands go in pairs, because each jumps to draws from a mixture that was fitted to the other's particles. A mixture
    fitted to an island's own would lack the rare states that the island lacks, so that they stay rare and the evidence
    comes out too small.

    Attributes
    ----------
    key
        Raw random keys, ``(pairs, ...)``.
    z
        Unconstrained vectors, ``(pairs, 2, length, chains, d)``.
    log_prior, log_lik
        Log prior with its Jacobian and log likelihood of each, ``(pairs, 2, length, chains)``.
    log_evidence, scale
        Log evidence so far and scale of the local steps, ``(pairs, 2)``.
    temperature, stage, between
        Power of the likelihood, temperatures passed, and moves between two kept states for the next one, ``(pairs,)``.
    trace
        What happened on the way, ``(pairs, MAX_TEMPERATURES)``.
    """

    key: jax.Array
    z: jax.Array
    log_prior: jax.Array
    log_lik: jax.Array
    log_evidence: jax.Array
    scale: jax.Array
    temperature: jax.Array
    stage: jax.Array
    between: jax.Array
    trace: Trace


@compiled("chains", "length", "plan")
def start_cloud(
    spec: Model, data: Dataset, weights: jax.Array, keys: jax.Array, chains: int, length: int, plan: Plan
) -> Cloud:
    """Pairs of islands of prior draws at temperature zero, one pair for each key."""

    def pair(key: jax.Array) -> Cloud:
        own, drawn = jax.random.split(key)

        def row(keys: jax.Array) -> tuple[jax.Array, ...]:
            z = jax.vmap(lambda k: unconstrain(spec, sample_prior(spec, k)))(keys)
            return z, *log_densities(spec, data, weights, z)

        rows = jax.lax.map(row, jax.random.split(drawn, (2 * length, chains)))
        z, log_prior, log_lik = jax.tree.map(lambda column: column.reshape(2, length, *column.shape[1:]), rows)
        # The best step of a random walk on a normal in d dimensions; it adapts from there.
        scale = jnp.full(2, 2.4 / np.sqrt(dimension(spec)))
        zero, empty = jnp.zeros(()), Trace(*(jnp.zeros(MAX_TEMPERATURES) for _ in Trace._fields))
        key = jax.random.key_data(own)
        return Cloud(key, z, log_prior, log_lik, jnp.zeros(2), scale, zero, jnp.zeros((), int), jnp.ones(()), empty)

    return batched(pair, keys, plan)


@compiled("plan")
def advance_cloud(
    spec: Model, data: Dataset, weights: jax.Array, cloud: Cloud, at_most: jax.Array | np.int64, plan: Plan
) -> Cloud:
    """Every pair up to ``at_most`` temperatures further, or at the posterior; where it stops changes no number."""

    def pair(begin: Cloud) -> Cloud:
        last = jnp.minimum(begin.stage + at_most, MAX_TEMPERATURES)
        return jax.lax.while_loop(
            lambda now: (now.temperature < 1) & (now.stage < last) & _alive(now.log_lik).all(),
            lambda now: _next_temperature(spec, data, weights, now),
            begin,
        )

    return batched(pair, cloud, plan)


def _alive(log_density: jax.Array) -> jax.Array:
    """Whether any particle of each island has a likelihood, ``(..., length, chains) -> (...)``."""
    return jnp.isfinite(log_density).any(axis=(-2, -1))


def _next_temperature(spec: Model, data: Dataset, weights: jax.Array, cloud: Cloud) -> Cloud:
    """Reweight, resample and move one pair of islands."""
    _, length, chains, d = cloud.z.shape
    key, chosen, fitted, picked, moved = jax.random.split(jax.random.wrap_key_data(cloud.key), 5)
    step, temperature = _next_power(cloud)
    log_weights = scaled(step, cloud.log_lik).reshape(2, -1)
    total = logsumexp(log_weights, axis=1)
    evidence = cloud.log_evidence + total - jnp.log(length * chains)
    shares = jnp.exp(log_weights - total[:, None])
    whole = shape_of(cloud.z.reshape(-1, d), jnp.ravel(shares) / 2)
    points = solve_triangular(whole.factor, (cloud.z.reshape(-1, d) - whole.centre).T, lower=True).T
    islands = States(points.reshape(2, -1, d), cloud.log_prior.reshape(2, -1), cloud.log_lik.reshape(2, -1))

    def mixture_of(key: jax.Array, pick: jax.Array, points: jax.Array, share: jax.Array) -> Mixture:
        count = min(_FITTED, length * chains)
        return fit_mixture(key, points[resample(pick, order_of(points, share), count)], _COMPONENTS)

    def run(key: jax.Array, pick: jax.Array, island: States, share: jax.Array, other: Mixture, scale: jax.Array) -> Any:
        origin = resample(pick, order_of(island.points, share), chains)
        begin = jax.tree.map(lambda column: column[origin], island)
        target = Target(spec, data, weights, temperature, whole.centre, whole.factor, other)
        return run_chains(target, begin, scale, jnp.ceil(cloud.between).astype(int), key, length)

    def two(key: jax.Array) -> jax.Array:
        return jax.random.split(key, 2)

    mixtures = jax.vmap(mixture_of)(two(fitted), two(chosen), islands.points, shares)
    others = jax.tree.map(lambda column: column[::-1], mixtures)
    end, kept = jax.vmap(run)(two(moved), two(picked), islands, shares, others, cloud.scale)
    effective = jnp.min(jax.vmap(effective_states)(kept))
    moves = end.moves[0]
    now = Trace(temperature, jnp.mean(end.jumps) / moves, jnp.mean(end.steps) / moves, moves, effective)
    return Cloud(
        jax.random.key_data(key),
        whole.centre + kept.points @ whole.factor.T,
        kept.log_prior,
        kept.log_lik,
        evidence,
        end.scale,
        temperature,
        cloud.stage + 1,
        moves_for_next(cloud.between, effective),
        jax.tree.map(lambda column, value: column.at[cloud.stage].set(value), cloud.trace, now),
    )


def _next_power(cloud: Cloud) -> tuple[jax.Array, jax.Array]:
    """By how much the power of the likelihood grows, and what it is then."""
    left = 1.0 - cloud.temperature
    step = increment(jnp.ravel(cloud.log_lik), left)
    # The last one is exactly one, whatever rounding says.
    return step, jnp.where(step >= left, 1.0, cloud.temperature + step)


def finish_cloud(cloud: Cloud, particles: int) -> Islands:
    """The draws and evidences of a cloud: ``particles`` of each island, evenly spaced states of its chains."""
    density = np.asarray(cloud.log_prior) + np.asarray(cloud.log_lik)
    length, chains = density.shape[2:]
    kept = np.linspace(length - 1, 0, particles // chains + 1).round().astype(int)[:-1][::-1]
    finished = np.repeat(np.asarray(cloud.temperature) >= 1, 2)
    dead = ~np.repeat(np.asarray(_alive(jnp.asarray(cloud.log_lik))).all(axis=1), 2)
    evidence = np.where(finished, np.ravel(cloud.log_evidence), np.where(dead, -np.inf, np.nan))
    usable = np.where(finished, evidence, -np.inf)
    weights = np.exp(usable - usable.max()) if finished.any() else np.zeros(len(usable))
    return Islands(
        _by_chain(np.asarray(cloud.z)[:, :, kept]),
        _by_chain(density[:, :, kept]),
        evidence,
        weights / max(weights.sum(), 1.0),
        finished,
        np.repeat(np.asarray(cloud.stage), 2),
        jax.tree.map(lambda column: np.repeat(np.asarray(column), 2, axis=0), cloud.trace),
    )


def _by_chain(states: np.ndarray) -> np.ndarray:
    """States ``(pairs, 2, kept, chains, ...)`` as ``(islands, particles, ...)``, one chain after the other."""
    pairs, _, kept, chains = states.shape[:4]
    return np.swapaxes(states, 2, 3).reshape(2 * pairs, kept * chains, *states.shape[4:])


def run_smc(
    spec: Model,
    data: Dataset,
    weights: jax.Array,
    key: jax.Array,
    *,
    particles: int = 2048,
    islands: int = 4,
    checkpoint: Path | None = None,
) -> Islands:
    """Take islands of particles from the prior to the posterior.

    Parameters
    ----------
    spec
        A prepared spec whose priors are proper.
    data, weights
        The table without labels, and the weight of each row ``(n,)``.
    key
        A JAX random key; it is split per pair of islands first.
    particles
        Draws returned of each island: a multiple of 128, the number of chains, up to 8192, all that there are.
    islands
        Independent runs, an even number of them; local devices share the pairs.
    checkpoint
        File in which the state is kept after each temperature, and from which a run that was stopped goes on.

    Raises
    ------
    ValueError
        If ``particles`` or ``islands`` is out of range, or the checkpoint belongs to another run.
    """
    if particles % ISLAND_CHAINS or not 0 < particles <= MOST_PARTICLES:
        raise ValueError(f"particles={particles}: give a multiple of {ISLAND_CHAINS}, at most {MOST_PARTICLES}")
    if islands < 2 or islands % 2:
        raise ValueError(f"islands={islands}: islands go in pairs, so give an even number")
    plan = plan_batch(len(data), dimension(spec))._replace(chunk=1)
    keys = share(jax.random.split(key, islands // 2))
    cloud = start_cloud(spec, data, weights, keys, chains=ISLAND_CHAINS, length=_LENGTH, plan=plan)
    if checkpoint is None:
        cloud = advance_cloud(spec, data, weights, cloud, np.int64(MAX_TEMPERATURES), plan=plan)
    else:
        own = fingerprint(spec, data, weights, key, "smc", jax.__version__, str((islands, ISLAND_CHAINS, _LENGTH)))
        cloud = _by_stages((spec, data, weights), cloud, plan, checkpoint, own)
    return finish_cloud(gather(cloud, islands // 2), particles)


def _by_stages(problem: tuple[Any, ...], cloud: Cloud, plan: Plan, checkpoint: Path, run: str) -> Cloud:
    """Advance one temperature at a time and keep each cloud on disk."""
    kept = read(checkpoint, run, cloud)
    cloud = cloud if kept is None else kept
    for _ in range(MAX_TEMPERATURES):
        before = np.asarray(cloud.stage)
        cloud = advance_cloud(*problem, cloud, np.int64(1), plan=plan)
        if np.array_equal(before, np.asarray(cloud.stage)):
            break
        write(checkpoint, run, cloud)
    return cloud
