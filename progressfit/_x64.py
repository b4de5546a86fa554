"""Double precision, turned on once, when the first numeric module of the package is loaded.

This is the one global setting the package changes (``jax_enable_x64``). Scaling-law likelihoods are ill
conditioned enough that a fit in single precision can stop early and look converged, so a fit never runs in it.
"""

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)


def require_x64() -> None:
    """Raise if double precision was switched off after the package was loaded.

    Raises
    ------
    RuntimeError
        If a Python float would now become a 32-bit JAX array.
    """
    if jnp.result_type(float) != jnp.float64:
        raise RuntimeError(
            "progressfit computes in float64, but 'jax_enable_x64' has been switched off since it was imported. "
            "Run jax.config.update('jax_enable_x64', True), or leave the jax.enable_x64(False) block, and call again."
        )
