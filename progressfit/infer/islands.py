"""What several independent islands of particles say together, and how sure that is.

Islands are independent runs, so their spread is the Monte Carlo error. Each has an evidence of its own, and what is
pooled is weighted by it: an island that missed a mode has too little evidence.
"""

from typing import NamedTuple

import jax
import numpy as np

from progressfit.params import Numbers

MAX_TEMPERATURES = 200
"""Temperatures after which an island gives up."""


class Trace(NamedTuple):
    """What happened at each temperature: arrays ``(islands, MAX_TEMPERATURES)``, zero where none was reached.

    The power of the likelihood, shares of accepted jumps and local steps, moves of a chain (one jump and one step
    each), and effective states of a chain. Islands go in pairs, whose traces are the same.
    """

    temperature: Numbers
    jumps_accepted: Numbers
    steps_accepted: Numbers
    moves: Numbers
    effective: Numbers


class Islands(NamedTuple):
    """A finished run.

    Attributes
    ----------
    z
        Draws in unconstrained coordinates, ``(islands, particles, d)``, those of one chain next to each other.
    log_density
        Log prior with Jacobian plus log likelihood of each, ``(islands, particles)``.
    log_evidence
        Of the linked response, ``(islands,)``; minus infinity if no prior draw had a likelihood, NaN if the posterior
        was not reached.
    weights
        Share of each island in pooled estimates, in proportion to its evidence, ``(islands,)``.
    finished
        Whether each island reached the posterior, ``(islands,)``.
    temperatures
        How many each took, ``(islands,)``.
    trace
        What happened on the way.
    """

    z: np.ndarray
    log_density: np.ndarray
    log_evidence: np.ndarray
    weights: np.ndarray
    finished: np.ndarray
    temperatures: np.ndarray
    trace: Trace


def evidence_of(run: Islands) -> tuple[float, float]:
    """Log evidence pooled over the islands, and its Monte Carlo standard error (NaN for a single island).

    The mean of the evidences, which are unbiased up to what adaptation does, not of their logarithms; the error is the
    islands' standard deviation over the square root of their number, on the log scale.
    """
    found = run.log_evidence
    pooled = float(np.logaddexp.reduce(found) - np.log(len(found)))
    relative = np.exp(found - pooled)
    return pooled, float(np.std(relative, ddof=1) / np.sqrt(len(found))) if len(found) > 1 else float("nan")


def across_islands(run: Islands, estimates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pool an estimate of each island ``(islands, ...)``, weighted by evidence, and its Monte Carlo standard error.

    For means and shares, such as the weight of a mode; with a handful of islands the error is rough.
    """
    weights = run.weights.reshape(-1, *(1,) * (np.ndim(estimates) - 1))
    pooled = np.sum(weights * estimates, axis=0)
    count = len(run.weights)
    if count < 2:
        return pooled, np.full(np.shape(pooled), np.nan)
    return pooled, np.sqrt(np.sum((weights * (estimates - pooled)) ** 2, axis=0) * count / (count - 1))


def pooled_draws(run: Islands, key: jax.Array) -> np.ndarray:
    """As many draws ``(islands * particles, d)`` as there are, each island in proportion to its evidence.

    Resampled systematically: an island of average evidence keeps every draw once. Islands as they are, unweighted, are
    chains for R-hat and for effective sample sizes.
    """
    islands, particles, d = run.z.shape
    shares = np.cumsum(np.repeat(run.weights, particles))
    places = (np.arange(islands * particles) + float(jax.random.uniform(key))) / (islands * particles)
    index = np.minimum(np.searchsorted(shares, places * shares[-1]), islands * particles - 1)
    return run.z.reshape(-1, d)[index]
