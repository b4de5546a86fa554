"""Leave-one-out by Pareto-smoothed importance sampling, with exact refits for the rows that it cannot handle.

Vehtari, Gelman and Gabry 2017 (arXiv 1507.04544); smoothing by ArviZ.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp

from progressfit.analysis.folds import row_names
from progressfit.analysis.refits import Refits, sample_without, starts_around
from progressfit.analysis.scores import Score, total
from progressfit.dataset import Dataset
from progressfit.infer.diagnose_loo import LooDiagnosis, diagnose_loo, listed
from progressfit.infer.optimise import check_key, fitted_weights
from progressfit.infer.pointwise import Scale, log_likelihood
from progressfit.infer.result import Draws

# Standard error up to which a ratio of evidences stands for a log density.
_MOST_ERROR = 0.1


@dataclasses.dataclass(frozen=True)
class LeaveOneOut:
    """Log density of each row under the posterior without it.

    Attributes
    ----------
    log_density
        ``(n,)``; NaN for rows of weight zero.
    pareto_k
        Shape of the importance weights of each row, ``(n,)``.
    diagnosis
        Which rows importance sampling cannot handle, in words.
    refitted
        Names of the rows whose density is from a refit without them instead.
    unsettled
        Those of them whose refit cannot be trusted either.
    """

    log_density: np.ndarray
    pareto_k: np.ndarray
    diagnosis: LooDiagnosis
    refitted: tuple[str, ...]
    unsettled: tuple[str, ...]

    @property
    def elpd(self) -> Score:
        """Held-out log density added up over the rows, with its standard error and the number of rows."""
        return total(self.log_density, np.arange(len(self.log_density)))

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was and was not reached."""
        if not self.diagnosis.ok and not self.refitted:
            return self.diagnosis.sentences
        said = [self.diagnosis.sentences[0]]
        if self.refitted:
            said.append(f"Refitted without the row: {listed(self.refitted)}.")
        if self.unsettled:
            said.append(f"Refits that did not settle: {listed(self.unsettled)}; draw for longer.")
        return tuple(said)


def leave_one_out(
    draws: Draws,
    data: Dataset,
    *,
    key: jax.Array | None = None,
    on: Scale = "link",
    chains: int = 4,
    refit_draws: int = 500,
) -> LeaveOneOut:
    """Leave-one-out log densities of a posterior.

    Parameters
    ----------
    draws
        What :func:`progressfit.sample` returned.
    data
        The table that was sampled for.
    key
        A JAX random key for refits without each row whose Pareto k is above the threshold, all in one compiled program;
        without it there are none, and the result is that of ``az.loo``.
    on
        Density of the "link"ed response or of the "response" itself.
    chains, refit_draws
        Number of chains of each refit and of draws of each chain.
    """
    require_posterior(draws)
    weights, names = np.asarray(fitted_weights(draws.origin, data)), row_names(data)
    log_lik = log_likelihood(draws.spec, draws.values, data, on=on)
    density, k = _smoothed(log_lik, weights, _relative_efficiency(draws))
    counted = np.flatnonzero(weights > 0)
    said = diagnose_loo(k[counted], [names[i] for i in counted], draws=len(draws))
    bad = counted[said.rows]
    said = dataclasses.replace(said, rows=bad)
    if key is None or len(bad) == 0:
        return LeaveOneOut(density, k, said, (), ())
    start_key, run_key = jax.random.split(check_key(key))
    without = np.where(np.arange(len(weights)) == _bucket(bad)[:, None], 0.0, weights)
    starts = starts_around(draws.origin, start_key)
    found = sample_without(draws.spec, starts, data, without, run_key, on, chains, refit_draws)
    density[bad], ok = _refitted(draws, data, weights, found, bad, on)
    unsettled = tuple(names[row] for row, fine in zip(bad, ok, strict=True) if not fine)
    return LeaveOneOut(density, k, said, tuple(names[row] for row in bad), unsettled)


def _refitted(
    draws: Draws, data: Dataset, weights: np.ndarray, found: Refits, rows: np.ndarray, on: Scale
) -> tuple[np.ndarray, np.ndarray]:
    """Log density of each row under the refit without it, and whether it can be trusted, ``(rows,)``.

    Of a row so far out that a few draws carry its density, it is the evidence of all rows over that of the others.
    """
    place = np.arange(len(rows))
    density, error = found.log_density[place, rows], found.error[place, rows]
    ratio = draws.stats["log_evidence"] - found.log_evidence[place]
    if on == "response":
        ratio = ratio + np.asarray(draws.spec.link.log_jacobian(jnp.asarray(data.response, jnp.float64)))[rows]
    spread = np.hypot(draws.stats["log_evidence_error"], found.evidence_error[place])
    by_evidence = np.isinf(error) & (weights[rows] == 1) & (spread <= _MOST_ERROR)
    ok = found.ok[place] & (by_evidence | np.isfinite(error))
    return np.where(by_evidence, ratio, density), ok


def require_posterior(draws: Draws) -> None:
    """Raise unless the draws are of a posterior."""
    if not isinstance(draws, Draws) or not draws.kind.startswith("posterior"):
        kind = draws.kind if isinstance(draws, Draws) else type(draws).__name__
        raise ValueError(f"leave-one-out needs draws of a posterior, from sample(spec, data, key=...), and got: {kind}")


def _bucket(rows: np.ndarray) -> np.ndarray:
    """The rows, the last repeated up to a power of two: other numbers of bad rows then need no other program."""
    size = 1 << (len(rows) - 1).bit_length()
    return rows[np.minimum(np.arange(size), len(rows) - 1)]


def _smoothed(log_lik: np.ndarray, weights: np.ndarray, efficiency: float) -> tuple[np.ndarray, np.ndarray]:
    """Leave-one-out log density and Pareto k of each row from log likelihoods ``(draws, n)``."""
    from arviz_stats.base.array import array_stats

    counted = np.flatnonzero(weights > 0)
    own = log_lik[:, counted]
    # ArviZ takes log likelihoods and turns their sign itself; its annotation of r_eff is too narrow.
    share: Any = efficiency
    smoothed: Any = array_stats.psislw((own * weights[counted]).T, r_eff=share)
    density, k = np.full((2, len(weights)), np.nan)
    density[counted] = logsumexp(jnp.asarray(smoothed[0]) + own.T, axis=1)
    k[counted] = smoothed[1]
    return density, k


def _relative_efficiency(draws: Draws) -> float:
    """Effective draws in proportion to all, averaged over the parameters, as ArviZ defines it; 1 for one chain."""
    from arviz_stats.base.array import array_stats

    if draws.chains == 1:
        return 1.0
    found = []
    for value in draws.values.values():
        split = np.asarray(value).reshape(draws.chains, len(draws) // draws.chains, -1)
        found.append(np.ravel(array_stats.ess(split, chain_axis=0, draw_axis=1, method="mean")))
    return float(np.mean(np.concatenate(found)) / len(draws))
