"""The curvature at an optimum: definiteness, condition, standard errors."""

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.infer.minimise import DEFINITE
from progressfit.infer.points import value_slopes
from progressfit.model import Model
from progressfit.params import Values, constrain, free_leaves


def is_definite(hessian: np.ndarray) -> bool:
    """Whether a Hessian is positive definite beyond rounding, on unit diagonal: scales of parameters play no part."""
    diagonal = np.diag(hessian)
    if not (np.isfinite(hessian).all() and (diagonal > 0).all()):
        return False
    root = np.sqrt(diagonal)  # divided by one at a time: their product could overflow
    return bool(np.linalg.eigvalsh(hessian / root[:, None] / root)[0] > DEFINITE * len(hessian))


def condition_number(hessian: np.ndarray, scale: np.ndarray) -> float:
    """Condition number of a Hessian in units of ``scale``; infinite if it is not positive definite to rounding."""
    if not np.isfinite(hessian).all():
        return np.inf
    eigenvalues = np.linalg.eigvalsh(hessian * np.outer(scale, scale))
    return float(eigenvalues[-1] / eigenvalues[0]) if eigenvalues[0] > 0 else np.inf


def newton_step(hessian: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """The step to the minimum of the quadratic model, ``(d,)``; zeros where the Hessian is not positive definite."""
    return -np.linalg.solve(hessian, gradient) if is_definite(hessian) else np.zeros_like(gradient)


def hessian_covariance(hessian: np.ndarray) -> np.ndarray:
    """Inverse of a Hessian, ``(d, d)``; NaN throughout if it is not positive definite."""
    return np.linalg.inv(hessian) if is_definite(hessian) else np.full_like(hessian, np.nan)


def standard_errors(spec: Model, z: np.ndarray, covariance: np.ndarray) -> Values:
    """Standard deviations of the free leaves by the delta method, by path.

    Parameters
    ----------
    spec
        A prepared spec.
    z, covariance
        The optimum in unconstrained coordinates ``(d,)`` and a covariance matrix there ``(d, d)``.

    Returns
    -------
    Arrays of the shapes of the leaves; NaN where the covariance of the leaf's own coordinates is.
    """
    jacobians = value_slopes(spec, z)
    found: Values = {}
    for leaf in free_leaves(spec):
        own = slice(leaf.start, leaf.start + leaf.size)
        jacobian = np.asarray(jacobians[leaf.path]).reshape(-1, len(z))[:, own]
        variance = np.einsum("ij,jk,ik->i", jacobian, covariance[own, own], jacobian)
        found[leaf.path] = np.sqrt(variance).reshape(leaf.prior.shape())
    return found


def normal_quantile(probability: float) -> float:
    """Quantile of the standard normal distribution."""
    return float(jax.scipy.special.ndtri(probability))


def normal_intervals(spec: Model, z: np.ndarray, covariance: np.ndarray, level: float) -> Values:
    """Central intervals of the free leaves: normal in unconstrained coordinates, so that ends stay in range.

    Parameters
    ----------
    spec, z, covariance
        As for :func:`standard_errors`.
    level
        Coverage.

    Returns
    -------
    Arrays ``(2, ...)`` by path, low before high; NaN where the covariance is, and for shares of a whole.
    """
    reach = normal_quantile((1 + level) / 2) * np.sqrt(np.diag(covariance))
    found: Values = {}
    for leaf in free_leaves(spec):
        own, shape = slice(leaf.start, leaf.start + leaf.size), leaf.prior.shape()
        if leaf.size != np.prod(shape):  # entries that depend on each other, such as shares
            found[leaf.path] = np.full((2, *shape), np.nan)
            continue
        ends = []
        for sign in (-1, 1):
            moved = np.array(z)
            moved[own] += sign * reach[own]
            ends.append(np.asarray(constrain(spec, jnp.asarray(moved))[0][leaf.path]))
        # A bijection may fall: x -> -exp(x) for a negative parameter.
        found[leaf.path] = np.sort(np.stack(ends), axis=0)
    return found
