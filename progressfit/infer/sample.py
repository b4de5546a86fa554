"""The verb ``sample``: draws from the posterior, with what is known about their quality."""

from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.dataset import Dataset
from progressfit.infer.bootstrap import nearest_optimum
from progressfit.infer.chains import Posterior
from progressfit.infer.check import require_whole
from progressfit.infer.clock import Clock
from progressfit.infer.diagnose import Diagnosis, diagnose
from progressfit.infer.diagnose_loo import MOST_PARETO_K
from progressfit.infer.importance import Modes, compare_modes, evidence_error, pareto_k
from progressfit.infer.laplace import unconstrained_optima
from progressfit.infer.methods import METHODS, Job, Made, Options
from progressfit.infer.optimise import check_key, fit, fitted_weights
from progressfit.infer.points import objectives, stack_values
from progressfit.infer.programs import prior_ranges
from progressfit.infer.result import RESULTS, Draws, Fit
from progressfit.infer.smc import MOST_PARTICLES
from progressfit.infer.survey import COMPONENTS, Effort, Survey, survey
from progressfit.model import Model
from progressfit.params import free_leaves, improper
from progressfit.prior_range import is_unbounded

Method = Literal["nuts", "smc", "importance"]
_WORDS = {
    "nuts": "posterior (NUTS)",
    "smc": "posterior (SMC)",
    "importance": "posterior (importance sampling)",
}


def sample(
    spec: Model,
    data: Dataset,
    *,
    key: jax.Array,
    method: Method = "nuts",
    chains: int = 4,
    draws: int = 2000,
    warmup: int = 500,
    target_accept: float = 0.8,
    max_tree_depth: int = 10,
    starts: int = 64,
    weights: Any = None,
    point: Fit | None = None,
    checkpoint: str | Path | None = None,
) -> Draws:
    """Draw from the posterior of a spec and a table.

    A multi-start fit finds the optima, importance sampling around them surveys the posterior (:mod:`.survey`), and
    then one of three methods draws.

    Parameters
    ----------
    spec
        A law with a proper prior at every free leaf.
    data
        The table.
    key
        A JAX random key.
    method
        "nuts": no-U-turn chains that can jump between modes; the default. "smc": adaptive tempered sequential Monte
        Carlo from the prior, slower, which needs no optimum to be known. "importance": weighted draws of the survey,
        resampled; the fastest, for few parameters.
    chains, draws
        Number of chains (of independent islands for "smc") and of draws kept from each.
    warmup
        Steps of each chain in which it adapts; for "nuts".
    target_accept, max_tree_depth
        Acceptance rate that the step size aims at, and the largest depth of a trajectory; for "nuts".
    starts
        Number of starts of the fit.
    weights
        Weight of each row's log likelihood, ``(n,)``.
    point
        A fit of this spec and table by ``objective="map"`` to start from, instead of a new one; it brings its weights.
    checkpoint
        A file in which the state of the chains is kept after every stretch of steps. Called again with the same
        arguments, a run that was killed goes on from there, and ends with the same numbers.

    Returns
    -------
    :class:`Draws`, whose ``stats`` has ``log_evidence`` (of the linked response, from the survey's weights) with its
    standard error, ``pareto_k`` of these weights, ``mode_weights`` (survey) and ``mode_shares`` (draws) by optimum, and
    ``diagnosis``. The result is certified if the diagnosis is clean and the shares of the optima agree.

    Raises
    ------
    TableError
        If the table and the law do not fit together.
    ValueError
        If a prior is flat: such a posterior may have no finite integral, and there is nothing to start chains from.
    """
    require_x64()
    clock = Clock()
    options = Options(chains, draws, warmup, target_accept, max_tree_depth, Path(checkpoint) if checkpoint else None)
    _require_usable(spec, method, options)
    fit_key, survey_key, run_key = jax.random.split(check_key(key), 3)
    point = point or fit(spec, data, key=fit_key, starts=starts, weights=weights)
    if point.stats["objective"] != "map":
        raise ValueError("sample needs a fit with objective='map'; leave out point, and it makes its own")
    posterior = Posterior(point.spec, data.bare(), fitted_weights(point, data))
    optima = _centres(point, posterior)
    job = Job(posterior, _survey(posterior, optima, survey_key), optima, run_key, options)
    return _judged(point, job, METHODS[method](job), method, clock)


def _require_usable(spec: Model, method: str, options: Options) -> None:
    if method not in _WORDS:
        raise ValueError(f"method='{method}': choose one of {', '.join(_WORDS)}")
    flat = improper(spec)
    if flat:
        raise ValueError(
            f"the prior of '{flat[0]}' is flat, so the posterior may have no finite integral and nothing says where "
            "chains should start; give it a proper prior (fit and bootstrap can do with flat ones)"
        )
    require_whole(chains=options.chains, draws=options.draws, warmup=options.warmup)
    require_whole(max_tree_depth=options.max_tree_depth)
    if not 0 < options.target_accept < 1:
        raise ValueError(f"target_accept={options.target_accept}: give a fraction strictly between 0 and 1")
    if options.checkpoint is not None and method == "importance":
        raise ValueError("method='importance' keeps no checkpoint; it is done in seconds")
    if method == "smc" and (options.chains % 2 or options.draws > MOST_PARTICLES):
        raise ValueError(
            f"chains={options.chains}, draws={options.draws}: islands of method='smc' go in pairs, so give an even "
            f"number of chains, and hold {MOST_PARTICLES} draws at most"
        )


def _centres(point: Fit, posterior: Posterior) -> np.ndarray:
    """Optima of the density in unconstrained coordinates, ``(k, d)``; those of the fit where none can be found."""
    own = np.stack([optimum.z for optimum in point.optima])
    if all(is_unbounded(leaf) for leaf in free_leaves(point.spec)):
        return own
    found = unconstrained_optima(point, posterior.data, posterior.weights)
    return np.stack([optimum.z for optimum in found]) if found else own


def _survey(posterior: Posterior, optima: np.ndarray, key: jax.Array) -> Survey:
    # Whole multiples of the optima, so that each gets its share of the components.
    components = len(optima) * -(-COMPONENTS // len(optima))
    centres = jnp.asarray(optima[np.arange(components) % len(optima)])
    return survey(*posterior, prior_ranges(posterior.spec).scale, centres, key, effort=Effort())


def _judged(point: Fit, job: Job, made: Made, method: str, clock: Clock) -> Draws:
    """The draws with a diagnosis and a verdict."""
    chains, draws, d = made.z.shape
    z = made.z.reshape(-1, d)
    values = stack_values(point.spec, z)
    diagnosed = values if made.chains is made.z else stack_values(point.spec, made.chains.reshape(-1, d))
    split = {path: np.asarray(v).reshape(chains, draws, *np.shape(v)[1:]) for path, v in diagnosed.items()}
    diagnosis = diagnose(split, made.sampler, deepest=job.options.max_tree_depth)
    mode = nearest_optimum(point, z)
    modes = compare_modes(point, job.survey.sample, mode.reshape(chains, draws))
    weights = _weights_stats(job.survey)
    objective = objectives(point.spec, z, job.posterior.data, job.posterior.weights)
    return Draws(
        origin=point,
        values=values,
        result=_verdict(point, diagnosis, modes, weights["pareto_k"], method, made),
        objective=objective,
        ok=np.isfinite(objective),
        mode=mode,
        kind=_WORDS[method],
        stats={
            "method": method,
            "max_tree_depth": job.options.max_tree_depth,
            "mode_weights": list(modes.weights),
            "mode_shares": list(modes.shares),
            "diagnosis": diagnosis,
            "table": point.stats["table"],
            **weights,
            **made.stats,
            "seconds": clock.seconds(),
        },
        chains=chains,
        sampler={name: np.asarray(column).reshape(chains * draws) for name, column in made.sampler.items()},
    )


def _weights_stats(found: Survey) -> dict[str, float]:
    return {
        "log_evidence": float(found.sample.log_evidence),
        "log_evidence_error": evidence_error(found.sample),
        "pareto_k": pareto_k(found.sample),
    }


def _verdict(point: Fit, diagnosis: Diagnosis, modes: Modes, shape: float, method: str, made: Made) -> RESULTS:
    """The first reason for doubt. A fit that is not certified is no reason, but for what its data cannot tell."""
    if method == "importance" and shape > MOST_PARETO_K:
        return RESULTS.POOR_WEIGHTS
    if not diagnosis.mixed or not made.stats.get("finished", True):
        return RESULTS.POOR_MIXING
    if diagnosis.divergences:
        return RESULTS.DIVERGENCES
    if not diagnosis.ok:
        return RESULTS.ROUGH_ENERGY
    if shape <= MOST_PARETO_K and not modes.agree:
        return RESULTS.MODES_DISAGREE
    return RESULTS.NOT_IDENTIFIED if point.result is RESULTS.NOT_IDENTIFIED else RESULTS.CONVERGED
