"""How ``sample`` draws: no-U-turn chains, islands of particles, or the survey's own weighted draws."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from progressfit.infer.chains import Posterior, chain_starts, run_chains
from progressfit.infer.checkpoint import fingerprint
from progressfit.infer.importance import resampled
from progressfit.infer.nuts import Settings
from progressfit.infer.survey import Survey

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
    sampler
        Arrays ``(chains, draws)`` by name.
    stats
        What the method says about the whole run.
    """

    z: np.ndarray
    sampler: dict[str, np.ndarray]
    stats: dict[str, Any]


def _by_chains(job: Job) -> Made:
    """No-U-turn chains."""
    options = job.options
    few = float(job.survey.sample.effective_draws) < _ENOUGH * job.optima.shape[1]
    settings = Settings(warmup=options.warmup, depth=options.max_tree_depth, adapt=few)
    start_key, chain_key = jax.random.split(job.key)
    words = str((options.chains, options.draws, options.target_accept, settings, jax.__version__))
    steps = run_chains(
        job.posterior,
        job.survey,
        chain_starts(job.posterior, job.survey, job.optima, start_key, options.chains),
        chain_key,
        draws=options.draws,
        target_accept=options.target_accept,
        settings=settings,
        checkpoint=options.checkpoint,
        run=fingerprint(job, words) if options.checkpoint else "",
    )
    sampler = steps._asdict()
    z = sampler.pop("z")
    sampler["tree_depth"] = np.log2(np.maximum(steps.n_steps, 1)).astype(int) + 1
    return Made(z, sampler, {"warmup": options.warmup, "target_accept": options.target_accept})


def _by_weights(job: Job) -> Made:
    """Draws of the survey, resampled by their weights."""
    options = job.options
    z = resampled(job.survey.sample, job.key, options.chains * options.draws)
    return Made(z.reshape(options.chains, options.draws, -1), {}, {})


METHODS: dict[str, Callable[[Job], Made]] = {"nuts": _by_chains, "importance": _by_weights}
"""By the names that :func:`progressfit.sample` takes."""
