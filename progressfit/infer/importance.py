"""Weighted draws of a survey: how far their weights can be trusted, and what they say about the known optima."""

from typing import NamedTuple

import jax
import numpy as np

from progressfit.infer.bootstrap import nearest_optimum
from progressfit.infer.result import Fit
from progressfit.infer.student_mixture import Weighted

# Differences within a hundredth, or four standard errors, are no disagreement.
_SLACK, _ERRORS = 0.01, 4.0


class Modes(NamedTuple):
    """Mass at each known optimum by importance weights, and the share of the draws nearest to it, ``(optima,)``."""

    weights: np.ndarray
    shares: np.ndarray
    agree: bool


def pareto_k(weighted: Weighted) -> float:
    """Shape of the tail of the weights; above .7 a few draws rule everything computed with them."""
    from arviz_stats.base.array import array_stats

    log_weights = np.asarray(weighted.log_weights)
    # Draws of weight zero are no part of the tail.
    finite = log_weights[np.isfinite(log_weights)]
    if len(finite) < len(log_weights) // 100:
        return float("inf")
    return float(array_stats.psislw(-finite)[1])


def evidence_error(weighted: Weighted) -> float:
    """Standard error of the log evidence (delta method), from the spread of the weights."""
    shares = np.asarray(weighted.shares)
    return float(np.sqrt(max(np.sum(shares**2) - 1 / len(shares), 0.0)))


def resampled(weighted: Weighted, key: jax.Array, count: int) -> np.ndarray:
    """Draws ``(count, d)`` picked in proportion to their weights, with replacement."""
    picked = jax.random.choice(key, len(weighted.log_weights), (count,), p=weighted.shares)
    return np.asarray(weighted.z)[np.asarray(picked)]


def compare_modes(point: Fit, weighted: Weighted, near: np.ndarray) -> Modes:
    """Mass at each optimum of a fit, by weights and by draws nearest to each, and whether the two agree.

    ``near`` is the index of the optimum nearest to each draw, ``(chains, draws)``.
    """
    known = len(point.optima)
    own = nearest_optimum(point, weighted.z)[:, None] == np.arange(known)
    shares = np.asarray(weighted.shares)[:, None]
    weights = np.sum(shares * own, axis=0)
    error = np.sum((shares * (own - weights)) ** 2, axis=0)
    by_chain = np.stack([np.mean(near == k, axis=1) for k in range(known)], axis=1)
    spread = np.var(by_chain, axis=0, ddof=1) / len(by_chain) if len(by_chain) > 1 else np.zeros(known)
    found = np.mean(by_chain, axis=0)
    allowed = np.maximum(_SLACK, _ERRORS * np.sqrt(error + spread))
    return Modes(weights, found, bool((np.abs(found - weights) <= allowed).all()))
