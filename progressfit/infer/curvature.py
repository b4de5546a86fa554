"""Standard errors from the curvature at an optimum."""

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.model import Model
from progressfit.params import Values, constrain, free_leaves


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
    definite = np.isfinite(hessian).all() and np.linalg.eigvalsh(hessian)[0] > 0
    covariance = np.linalg.inv(hessian) if definite else np.full_like(hessian, np.nan)
    jacobians = jax.jacfwd(lambda vector: constrain(spec, vector)[0])(jnp.asarray(z))
    found: Values = {}
    for leaf in free_leaves(spec):
        jacobian = np.asarray(jacobians[leaf.path]).reshape(-1, len(z))
        variance = np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian)
        found[leaf.path] = np.sqrt(variance).reshape(leaf.prior.shape())
    return found
