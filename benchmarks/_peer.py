"""The ImageNet law written once more in NumPy, the way a published analysis has it, and fitted with SciPy.

It uses the formula of the law and none of the package's code, so that it also checks the package: both benchmarks
first compare the two densities and stop if they differ.
"""

from typing import NamedTuple

import _one_thread as _one_thread
import numpy as np
from scipy.optimize import OptimizeResult, minimize

import progressfit as pf

# Prior standard deviations, in the order: constant, yearly rate and slope of compute; the same of data; log noise sd.
_SD = np.array([1.0, 0.09, 0.09, 1.0, 0.09, 0.09, 1.0])
_LOG_PRIOR_CONSTANT = float(np.sum(np.log(_SD)) + 0.5 * len(_SD) * np.log(2 * np.pi))


class Columns(NamedTuple):
    """The table in the units of the law: years since 2012, log inputs over their references, logit accuracy."""

    years: np.ndarray
    compute: np.ndarray
    data: np.ndarray
    target: np.ndarray

    def resample(self, rows: np.ndarray) -> "Columns":
        """The table of some rows, repeated ones included."""
        return Columns(*(column[rows] for column in self))


def columns(runs: pf.Dataset) -> Columns:
    """Logarithms and the logit are taken once, outside the density, as a careful analyst would."""
    inputs = {name: np.asarray(column) for name, column in runs.records.columns.items()}
    accuracy = np.asarray(runs.response)
    return Columns(
        inputs["date"] - 2012.0,
        np.log(inputs["compute"] / 4.7e17),
        np.log(inputs["data"] / 1e6),
        np.log(accuracy / (1 - accuracy)),
    )


def objective(z: np.ndarray, table: Columns) -> float:
    """Negative log posterior density of the logit accuracies at the seven parameters."""
    compute = z[0] + z[1] * table.years + z[2] * table.compute
    data = z[3] + z[4] * table.years + z[5] * table.data
    # Logarithms throughout: a prior start can push the accuracy to within rounding of 0 or 1.
    log_accuracy = -np.logaddexp(0.0, -compute) - np.logaddexp(0.0, -data)
    mean = log_accuracy - np.log(-np.expm1(log_accuracy))
    residual = (table.target - mean) * np.exp(-z[6])
    log_lik = -0.5 * residual @ residual - len(residual) * (z[6] + 0.5 * np.log(2 * np.pi))
    log_prior = -0.5 * np.sum((z / _SD) ** 2) - _LOG_PRIOR_CONSTANT
    return -float(log_lik + log_prior)


def lbfgs(start: np.ndarray, table: Columns) -> OptimizeResult:
    """One fit as published analyses do it: SciPy's L-BFGS-B with its defaults, gradient by finite differences."""
    with np.errstate(all="ignore"):  # a long line search may overflow; SciPy backs off by itself
        return minimize(objective, start, args=(table,), method="L-BFGS-B")


def require_same_density(ours: np.ndarray, starts: np.ndarray, table: Columns) -> None:
    """Raise unless the package's objective at each start equals the one written here, to rounding."""
    here = np.array([objective(z, table) for z in starts])
    if not np.allclose(ours, here, rtol=1e-10, atol=1e-10):
        raise AssertionError(f"the two densities differ by up to {np.max(np.abs(ours - here)):.1e}")
