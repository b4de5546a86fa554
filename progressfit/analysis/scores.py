"""Sums of held-out log densities and their standard errors."""

from typing import NamedTuple

import numpy as np


class Score(NamedTuple):
    """A sum over rows and its standard error; ``rows`` is how many there were."""

    value: float
    error: float
    rows: int


def total(log_density: np.ndarray, unit: np.ndarray) -> Score:
    """Add up the log densities of rows and say how far the sum may be from that of other rows of the same kind.

    Parameters
    ----------
    log_density
        ``(n,)``; NaN for rows that were never held out, which do not count.
    unit
        Code of what was drawn independently: the row itself, or its cluster, ``(n,)``.

    Returns
    -------
    The sum. Its standard error is ``sqrt(units * sample variance of their sums)``, which for single rows is the one of
    Vehtari, Gelman and Gabry 2017 (arXiv 1507.04544).
    """
    counted = ~np.isnan(log_density)
    _, codes = np.unique(np.asarray(unit)[counted], return_inverse=True)
    sums = np.bincount(codes, weights=log_density[counted])
    error = np.sqrt(len(sums) * np.var(sums, ddof=1)) if len(sums) > 1 else np.nan
    return Score(float(sums.sum()), float(error), int(counted.sum()))


def difference(one: np.ndarray, other: np.ndarray, unit: np.ndarray) -> Score:
    """Score of one minus that of the other, row by row, so that what both find hard does not count.

    Raises
    ------
    ValueError
        If the two were not scored on the same rows.
    """
    if not np.array_equal(np.isnan(one), np.isnan(other)):
        raise ValueError(
            "the two were scored on different rows, so their scores cannot be compared; use the same folds"
        )
    return total(one - other, unit)
