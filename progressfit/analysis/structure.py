"""The line that true log inputs scatter about, learnt from measured ones: its posterior in closed form.

``log x_i ~ Normal(line_i . b, scatter)`` is measured with known independent standard errors. With flat priors on the
coefficients ``b`` and on the scatter (Gelman 2006), the coefficients are normal given the scatter, and the scatter has
one dimension, which is summed over a grid.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from progressfit.compiled import compiled
from progressfit.params import Numbers

# In log scatter about that of the measured inputs: from nothing to far above it. The step is a sixteenth.
_LOWEST, _HIGHEST, _NODES = -9.0, 3.0, 193


class Structure(NamedTuple):
    """Posterior mean ``(p + 1,)`` and covariance ``(p + 1, p + 1)`` of ``(b, log scatter)``."""

    mean: Numbers
    covariance: Numbers


@compiled()
def learn_structure(measured: Numbers, line: Numbers, error: Numbers) -> Structure:
    """Learn the line from measured natural log inputs.

    Parameters
    ----------
    measured, error
        Natural logs of the inputs and their standard errors, ``(n,)``.
    line
        The columns, ``(n, p)``, linearly independent; ``n > p + 1``.
    """
    measured, line, error = jnp.asarray(measured), jnp.asarray(line), jnp.asarray(error)
    left = measured - line @ jnp.linalg.lstsq(line, measured)[0]
    nodes = 0.5 * jnp.log(jnp.mean(left**2)) + jnp.linspace(_LOWEST, _HIGHEST, _NODES)

    def at(log_scatter: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        variance = jnp.exp(2 * log_scatter) + error**2
        precision = (line / variance[:, None]).T @ line
        centre = jnp.linalg.solve(precision, line.T @ (measured / variance))
        # The coefficients integrated out.
        volume = -0.5 * jnp.linalg.slogdet(precision)[1]
        both = jnp.append(centre, log_scatter)
        return line_log_density(both, measured, line, error) + volume, both, jnp.linalg.inv(precision)

    logs, centres, covariances = jax.vmap(at)(nodes)
    masses = jax.nn.softmax(logs)
    mean = masses @ centres
    covariance = (masses[:, None] * (centres - mean)).T @ (centres - mean)
    inside = jnp.tensordot(masses, covariances, 1)
    return Structure(mean, covariance.at[:-1, :-1].add(inside))


def line_log_density(values: jax.Array, measured: Numbers, line: Numbers, error: Numbers) -> jax.Array:
    """Log posterior density of ``(b, log scatter)``, up to a constant: a scalar. Arguments as in the above."""
    variance = jnp.exp(2 * values[-1]) + jnp.asarray(error) ** 2
    left = jnp.asarray(measured) - jnp.asarray(line) @ values[:-1]
    # The last term turns the flat density of the scatter into one of its logarithm.
    return -0.5 * jnp.sum(left**2 / variance + jnp.log(variance)) + values[-1]
