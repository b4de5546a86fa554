"""How well compute is known: bounds and Epoch AI's grades of confidence as standard errors of log10 compute."""

from typing import Any, Final, NamedTuple

import numpy as np

FACTORS: Final = {"confident": 3.0, "likely": 10.0, "speculative": 30.0}
"""A grade means that the value is right within this factor, either way, with a probability of 90%."""
# Half the width of a central 90% interval of a normal variable, in standard deviations.
HALF_WIDTH: Final = 1.6448536269514722


class Known(NamedTuple):
    """Standard errors of log10 compute, ``(n,)``, how many rows got theirs from what, and rows with odd bounds."""

    log10_sd: np.ndarray
    from_bounds: int
    graded: int
    unstated: int
    odd: np.ndarray


def log10_errors(value: np.ndarray, lower: np.ndarray, upper: np.ndarray, grades: list[Any]) -> Known:
    """Standard error of log10 of a quantity in each row.

    Parameters
    ----------
    value, lower, upper
        The estimate and its bounds, ``(n,)``, in natural units, NaN where there is none. Bounds are taken as the ends
        of a central 90% interval.
    grades
        Words of confidence, one a row; a row without bounds or a known word counts as speculative.

    Returns
    -------
    :class:`Known`; ``odd`` marks rows whose bounds do not enclose the value: these fall back on the grade.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        log, low, high = (np.log10(np.where(column > 0, column, np.nan)) for column in (value, lower, upper))
    odd = (low > log) | (high < log) | (low > high) | np.isinf(low) | np.isinf(high)
    low, high = np.where(odd, np.nan, low), np.where(odd, np.nan, high)
    sides = np.stack([log - low, high - log])
    count = np.sum(np.isfinite(sides), axis=0)
    bounded = (count > 0) & ~odd
    widths = np.where(bounded, np.nansum(sides, axis=0) / np.maximum(count, 1), np.nan)
    factors = [FACTORS.get(str(grade).strip().lower()) for grade in grades]
    graded = np.array([factor is not None for factor in factors], bool)
    by_grade = np.log10([factor or max(FACTORS.values()) for factor in factors])
    sd = np.where(bounded, widths, by_grade) / HALF_WIDTH
    return Known(sd, int(bounded.sum()), int((graded & ~bounded).sum()), int((~graded & ~bounded).sum()), odd)


def off_by(parameters: np.ndarray, data: np.ndarray, compute: np.ndarray) -> np.ndarray:
    """Factor between compute and 6 x parameters x data, row by row ``(n,)``; NaN where one of them is missing."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        factor = compute / (6.0 * parameters * data)
    return np.where(np.isfinite(factor) & (factor > 0), factor, np.nan)
