"""Whether ranks are uniform: the empirical distribution against simultaneous bands, exactly.

Säilynoja, Bürkner and Vehtari 2022 ("Graphical test for discrete uniformity and its applications in goodness-of-fit
evaluation and multiple sample comparison") judge the whole empirical distribution by its most surprising point. Given
their sum, counts of ranks are independent Poisson counts, so that the probability that the empirical distribution
stays inside any band is a chain of convolutions: nothing is simulated.
"""

from typing import NamedTuple

import numpy as np

# Steps of the chain rarer than this are left out; p-values are not stated below it.
_NEGLIGIBLE = 1e-15
_BISECTIONS = 40


class Band(NamedTuple):
    """A simultaneous band of the empirical distribution of ranks.

    Attributes
    ----------
    position
        Where the distribution is looked at, ``(bins - 1,)``: its expected value there.
    low, high
        Smallest and largest empirical share of ranks at or below each position, ``(bins - 1,)``.
    """

    position: np.ndarray
    low: np.ndarray
    high: np.ndarray


def uniformity(ranks: np.ndarray, bins: int) -> float:
    """Probability of ranks as surprising as these if they are uniform on ``0 .. bins - 1``: an exact p-value.

    Parameters
    ----------
    ranks
        Whole numbers, ``(n,)``.
    bins
        Number of possible ranks.

    Returns
    -------
    At least 1e-15. 1 if there is only one possible rank or none was observed.
    """
    if bins < 2 or len(ranks) == 0:
        return 1.0
    counts = np.cumsum(np.bincount(ranks, minlength=bins))[:-1]
    tails = _tails(len(ranks), bins)
    worst = np.min(tails[np.arange(bins - 1), counts])
    return float(np.clip(1 - _chance_within(tails > worst), _NEGLIGIBLE, 1.0))


def band(count: int, bins: int, false_alarm: float) -> Band:
    """The band that ``count`` uniform ranks leave anywhere with a probability of at most ``false_alarm``."""
    tails = _tails(count, bins)
    narrow, wide = 0.5, 0.0
    for _ in range(_BISECTIONS):
        middle = 0.5 * (narrow + wide)
        if 1 - _chance_within(tails > middle) > false_alarm:
            narrow = middle
        else:
            wide = middle
    inside = tails > wide
    low, high = np.argmax(inside, axis=1), count - np.argmax(inside[:, ::-1], axis=1)
    return Band(np.arange(1, bins) / bins, low / count, high / count)


def _tails(count: int, bins: int) -> np.ndarray:
    """The smaller tail probability of every number of ranks at or below each position, ``(bins - 1, count + 1)``."""
    share = (np.arange(1, bins) / bins)[:, None]
    k = np.arange(count + 1)
    log_factorial = _log_factorials(count)
    log_choose = log_factorial[count] - log_factorial - log_factorial[::-1]
    chance = np.exp(log_choose + k * np.log(share) + (count - k) * np.log1p(-share))
    return np.minimum(np.cumsum(chance, axis=1), np.cumsum(chance[:, ::-1], axis=1)[:, ::-1])


def _chance_within(inside: np.ndarray) -> float:
    """Probability that uniform ranks keep to the allowed counts ``(bins - 1, count + 1)`` at every position."""
    positions, count = inside.shape[0], inside.shape[1] - 1
    step = _poisson(count / (positions + 1), count)
    reached = np.zeros(count + 1)
    reached[0] = 1.0
    for allowed in inside:
        reached = np.convolve(reached, step)[: count + 1] * allowed
    whole = _poisson(count, count, trim=False)[count]
    return float(np.convolve(reached, step)[count] / whole) if len(step) > 0 else 0.0


def _poisson(rate: float, most: int, trim: bool = True) -> np.ndarray:
    """Poisson probabilities of ``0 .. most``; without the negligible ones at the end if ``trim``."""
    k = np.arange(most + 1)
    chance = np.exp(k * np.log(rate) - rate - _log_factorials(most))
    return chance[: np.max(np.flatnonzero(chance > _NEGLIGIBLE**2)) + 1] if trim else chance


def _log_factorials(most: int) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, most + 1)))])
