"""The authors' own estimation, as published: SciPy's SLSQP from zeros with default tolerance, refits of row resamples.

Kept apart, because it is what the converged fit is compared with: it stops before the optimum and reports success.
"""

from typing import Any, NamedTuple

import numpy as np

from progressfit.dataset import Dataset
from progressfit.laws.ho2024 import ORIGIN, SMALLEST


class Stopped(NamedTuple):
    """Where it stopped: parameters in the order of the letters ``(10,)``, objective, iterations, what it says."""

    point: np.ndarray
    objective: float
    iterations: int
    success: bool


def columns(data: Dataset) -> np.ndarray:
    """Rows as the authors' objective reads them: loss, ptb, wt2, years, ln parameters, ln data, ``(n, 6)``."""
    levels = data.levels("benchmark")
    code = np.asarray(data.records.codes["benchmark"])
    read = data.records.columns
    return np.column_stack(
        [
            np.asarray(data.response),
            code == levels.index("ptb"),
            code == levels.index("wt2"),
            np.asarray(read["date"]) - ORIGIN,
            np.log(np.asarray(read["parameters"]) / SMALLEST["parameters"]),
            np.log(np.asarray(read["data"]) / SMALLEST["data"]),
        ]
    )


def objective(point: np.ndarray, rows: np.ndarray, delta: float) -> float:
    """Mean squared residual of model 7 plus ``delta`` times the sum of absolute parameters."""
    loss, ptb, wt2, years, size, data = rows.T
    first = np.exp(point[0] + point[1] * ptb + point[2] * wt2 - point[3] * years - point[4] * size)
    second = np.exp(point[5] + point[6] * ptb + point[7] * wt2 - point[8] * years - point[9] * data)
    return float(np.mean((loss - first - second) ** 2) + delta * np.sum(np.abs(point)))


def published_fit(rows: np.ndarray, delta: float) -> Stopped:
    """One fit as published."""
    from scipy.optimize import minimize  # JAX itself needs SciPy, so it is there

    with np.errstate(over="ignore"):  # its line search overflows on the way
        found: Any = minimize(objective, np.zeros(10), args=(rows, delta), method="SLSQP")
    return Stopped(found.x, float(found.fun), int(found.nit), bool(found.success))


def published_bootstrap(rows: np.ndarray, delta: float, replicates: int, seed: int) -> np.ndarray:
    """Parameters of refits of row resamples as published, ``(replicates, 10)``; NumPy's legacy random numbers."""
    random = np.random.RandomState(seed)
    draws = [rows[random.choice(len(rows), len(rows), replace=True)] for _ in range(replicates)]
    return np.stack([published_fit(drawn, delta).point for drawn in draws])


def growth(point: np.ndarray) -> np.ndarray:
    """Growth rate of effective compute, natural log units a year, of parameters ``(..., 10)``."""
    point = np.asarray(point)
    return point[..., 3] / point[..., 4] + point[..., 8] / point[..., 9]
