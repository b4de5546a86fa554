"""How ``sample`` draws: no-U-turn chains, islands of particles, or the survey's own weighted draws."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from progressfit.infer.chains import Posterior, chain_starts, run_chains
from progressfit.infer.checkpoint import fingerprint, kept_folder
from progressfit.infer.importance import resampled
from progressfit.infer.islands import evidence_of, pooled_draws
from progressfit.infer.nuts import Settings
from progressfit.infer.smc import ISLAND_CHAINS, run_smc
from progressfit.infer.survey import Survey
from progressfit.infer.watch import activity

# Effective draws per coordinate from which on a covariance can be trusted to give the chains their coordinates.
_ENOUGH = 10


class Options(NamedTuple):
    """What :func:`sample` was asked for."""

    chains: int
    draws: int
    warmup: int
    target_accept: float
    max_tree_depth: int
    checkpoint: Path | None


class Job(NamedTuple):
    """Everything a method needs: the posterior, its survey, the optima ``(k, d)``, a key, and the options."""

    posterior: Posterior
    survey: Survey
    optima: np.ndarray
    key: jax.Array
    options: Options


class Made(NamedTuple):
    """What a method hands back.

    Attributes
    ----------
    z
        Draws, ``(chains, draws, d)``.
    chains
        The draws that are to be diagnosed, of the same shape: others than ``z`` where islands are pooled by their
        evidence.
    sampler
        Arrays ``(chains, draws)`` by name.
    stats
        What the method says about the whole run.
    """

    z: np.ndarray
    chains: np.ndarray
    sampler: dict[str, np.ndarray]
    stats: dict[str, Any]


def _by_chains(job: Job) -> Made:
    """No-U-turn chains."""
    options = job.options
    few = float(job.survey.sample.effective_draws) < _ENOUGH * job.optima.shape[1]
    settings = Settings(warmup=options.warmup, depth=options.max_tree_depth, adapt=few)
    start_key, chain_key = jax.random.split(job.key)
    words = str((options.chains, options.draws, options.target_accept, settings, jax.__version__))
    place, run = _kept(job, words)
    steps = run_chains(
        job.posterior,
        job.survey,
        chain_starts(job.posterior, job.survey, job.optima, start_key, options.chains),
        chain_key,
        draws=options.draws,
        target_accept=options.target_accept,
        settings=settings,
        checkpoint=place,
        run=run,
    )
    sampler = steps._asdict()
    z = sampler.pop("z")
    sampler["tree_depth"] = np.log2(np.maximum(steps.n_steps, 1)).astype(int) + 1
    return Made(z, z, sampler, {"warmup": options.warmup, "target_accept": options.target_accept})


def _kept(job: Job, words: str) -> tuple[Path | None, str]:
    """Where the state of the run is kept, if anywhere, and its fingerprint: as asked, or where all is being kept."""
    folder = kept_folder()
    if job.options.checkpoint is None and folder is None:
        return None, ""
    run = fingerprint(job.posterior, job.key, words)
    return job.options.checkpoint or (folder / f"{run}.npz" if folder is not None else None), run


def _by_weights(job: Job) -> Made:
    """Draws of the survey, resampled by their weights."""
    options = job.options
    z = resampled(job.survey.sample, job.key, options.chains * options.draws)
    z = z.reshape(options.chains, options.draws, -1)
    return Made(z, z, {}, {})


def _by_islands(job: Job) -> Made:
    """Islands of tempered particles, pooled in proportion to their evidence."""
    options = job.options
    particles = -(-options.draws // ISLAND_CHAINS) * ISLAND_CHAINS
    running, pooling = jax.random.split(job.key)
    place, _ = _kept(job, f"islands {options.chains} {jax.__version__}")
    with activity(f"posterior, {options.chains} islands of particles"):
        run = run_smc(*job.posterior, running, particles=particles, islands=options.chains, checkpoint=place)
    kept = np.linspace(0, particles - 1, options.draws).round().astype(int)
    evidence, error = evidence_of(run)
    pooled = pooled_draws(run, pooling).reshape(run.z.shape)
    stats = {
        "log_evidence": evidence,
        "log_evidence_error": error,
        "island_log_evidence": run.log_evidence.tolist(),
        "temperatures": run.temperatures.tolist(),
        "finished": bool(run.finished.all()),
    }
    return Made(pooled[:, kept], run.z[:, kept], {}, stats)


METHODS: dict[str, Callable[[Job], Made]] = {"nuts": _by_chains, "smc": _by_islands, "importance": _by_weights}
"""By the names that :func:`progressfit.sample` takes."""
