"""The curvature at an optimum: definiteness, condition, standard errors."""

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.model import Model
from progressfit.params import Values, constrain, free_leaves


def is_definite(hessian: np.ndarray) -> bool:
    """Whether a Hessian is positive definite, judged on unit diagonal: scales of parameters play no part."""
    diagonal = np.diag(hessian)
    if not (np.isfinite(hessian).all() and (diagonal > 0).all()):
        return False
    return bool(np.linalg.eigvalsh(hessian / np.sqrt(np.outer(diagonal, diagonal)))[0] > 0)


def condition_number(hessian: np.ndarray, scale: np.ndarray) -> float:
    """Condition number of a Hessian in units of ``scale``; infinite if it is not positive definite to rounding."""
    if not np.isfinite(hessian).all():
        return np.inf
    eigenvalues = np.linalg.eigvalsh(hessian * np.outer(scale, scale))
    return float(eigenvalues[-1] / eigenvalues[0]) if eigenvalues[0] > 0 else np.inf


def newton_step(hessian: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """The step to the minimum of the quadratic model, ``(d,)``; zeros where the Hessian is not positive definite."""
    return -np.linalg.solve(hessian, gradient) if is_definite(hessian) else np.zeros_like(gradient)


def standard_errors(spec: Model, z: np.ndarray, hessian: np.ndarray) -> Values:
    """Standard deviations of the free leaves by the delta method, by path.

    Parameters
    ----------
    spec
        A prepared spec.
    z, hessian
        The optimum in unconstrained coordinates ``(d,)`` and the Hessian of the objective there ``(d, d)``.

    Returns
    -------
    Arrays of the shapes of the leaves; NaN throughout if the Hessian is not positive definite.
    """
    definite = is_definite(hessian)
    covariance = np.linalg.inv(hessian) if definite else np.full_like(hessian, np.nan)
    jacobians = jax.jacfwd(lambda vector: constrain(spec, vector)[0])(jnp.asarray(z))
    found: Values = {}
    for leaf in free_leaves(spec):
        jacobian = np.asarray(jacobians[leaf.path]).reshape(-1, len(z))
        variance = np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian)
        found[leaf.path] = np.sqrt(variance).reshape(leaf.prior.shape())
    return found
