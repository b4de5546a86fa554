"""Several no-U-turn chains of one posterior, a stretch at a time, so that a long run can be stopped and resumed."""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.infer.hmc import HMCState

from progressfit.compiled import compiled
from progressfit.dataset import Dataset
from progressfit.density import log_density
from progressfit.infer.checkpoint import read, write
from progressfit.infer.devices import gather, plan_batch, share
from progressfit.infer.nuts import Settings, Step, advance_chains, begin_chains
from progressfit.infer.programs import draw_starts
from progressfit.infer.student_mixture import draw
from progressfit.infer.survey import Survey
from progressfit.infer.watch import activity
from progressfit.model import Model

STRETCH = 250
"""Steps that every chain takes between two checkpoints."""

_TRIES = 64


class Posterior(NamedTuple):
    """What is sampled: a prepared spec, the table without labels, and the weight of each row ``(n,)``."""

    spec: Model
    data: Dataset
    weights: jax.Array


@compiled("chains")
def _starts(posterior: Posterior, found: Survey, optima: jax.Array, tries: jax.Array, key: jax.Array, chains: int):
    """Starts ``(chains, d)``: every other chain near an optimum, the rest at the best of several prior draws."""

    def height(z: jax.Array) -> jax.Array:
        value = log_density(posterior.spec, z, posterior.data, posterior.weights, True)
        return jnp.where(jnp.isfinite(value), value, -jnp.inf)

    heights = jax.lax.map(height, tries).reshape(chains, -1)
    far = tries.reshape(chains, -1, tries.shape[1])[jnp.arange(chains), jnp.argmax(heights, axis=1)]
    # A tenth of the mixture's own spread: enough to separate chains, too little to leave the optimum.
    jitter = 0.1 * (draw(found.mixture, key, chains) - found.centre)
    near = optima[(jnp.arange(chains) // 2) % len(optima)] + jitter
    near = jnp.where(jnp.isfinite(jax.vmap(height)(near))[:, None], near, optima[0])
    usable = (jnp.arange(chains) % 2 == 1) & (jnp.max(heights, axis=1) > -jnp.inf)
    return jnp.where(usable[:, None], far, near)


def chain_starts(posterior: Posterior, found: Survey, optima: np.ndarray, key: jax.Array, chains: int) -> jax.Array:
    """Where chains start, ``(chains, d)``: in turn near the known optima ``(k, d)`` and at dispersed prior draws."""
    prior_key, jitter_key = jax.random.split(key)
    tries = draw_starts(posterior.spec, prior_key, chains * _TRIES)
    return _starts(posterior, found, jnp.asarray(optima), tries, jitter_key, chains=chains)


def run_chains(
    posterior: Posterior,
    found: Survey,
    starts: jax.Array,
    key: jax.Array,
    *,
    draws: int,
    target_accept: float,
    settings: Settings,
    checkpoint: Path | None,
    run: str,
) -> Step:
    """Run chains through warm-up and ``draws`` further steps each.

    Parameters
    ----------
    starts
        ``(chains, d)``.
    key
        Split per chain first.
    checkpoint, run
        File that is rewritten after every stretch and read before the first, and the fingerprint it must carry.

    Returns
    -------
    Every kept step, NumPy arrays ``(chains, draws, ...)``.
    """
    chains = len(starts)
    plan = plan_batch(len(posterior.data), starts.shape[1], 1)
    accept = np.float64(target_accept)
    own = share((starts, jax.random.split(key, chains)))
    states = begin_chains(*posterior, found, accept, *own, settings=settings, plan=plan)
    stretches = -(-(settings.warmup + draws) // STRETCH)
    kept = _empty(states, stretches * STRETCH)
    done = np.zeros((), np.int64)
    if checkpoint is not None:
        # The survey is kept as well: computed again, it may differ in its last bits, and with it every later step.
        done, found, states, kept = read(checkpoint, run, (done, found, states, kept)) or (done, found, states, kept)
    with activity(f"posterior, {chains} chains", stretches * STRETCH) as advanced:
        advanced(int(done) * STRETCH)
        for stretch in range(int(done), stretches):
            states, steps = advance_chains(
                *posterior, found, accept, states, settings=settings, count=STRETCH, plan=plan
            )
            kept = _filled(kept, steps, stretch * STRETCH)
            advanced(STRETCH)
            if checkpoint is not None:
                write(checkpoint, run, (np.asarray(stretch + 1), found, states, kept))
    window = slice(settings.warmup, settings.warmup + draws)
    return gather(jax.tree.map(lambda column: column[:, window], kept), chains)


def _empty(states: HMCState, steps: int) -> Step:
    """Room for every step of every chain."""
    lead = (*states.potential_energy.shape, steps)
    flag, count, number = np.zeros(lead, bool), np.zeros(lead, np.int64), np.zeros(lead)
    place = np.zeros((*lead, states.z.shape[-1]))
    return Step(place, number, flag, number.copy(), count, number.copy(), number.copy(), flag.copy())


def _filled(kept: Step, steps: Step, at: int) -> Step:
    def put(room: Any, new: Any) -> np.ndarray:
        new = np.asarray(new)
        room[:, at : at + new.shape[1]] = new
        return room

    return jax.tree.map(put, kept, steps)
