"""The line that true log inputs scatter about, learnt from measured ones: its posterior in closed form.

``log x_i ~ Normal(line_i . b, scatter)`` is measured with known independent standard errors. With flat priors on the
coefficients ``b`` and on the scatter (Gelman 2006), the coefficients are normal given the scatter, and the scatter has
one dimension, which is summed over a grid.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.compiled import compiled
from progressfit.params import Numbers

# In log scatter about that of the measured inputs: from nothing to far above it. The step is a sixteenth.
_LOWEST, _HIGHEST, _NODES = -9.0, 3.0, 193


class Structure(NamedTuple):
    """Posterior of ``(b, log scatter)`` on a grid of the log scatter.

    Attributes
    ----------
    nodes, log_masses
        Log scatters ``(k,)`` and the logarithms of their probabilities.
    centres, roots
        Mean of the coefficients at each, ``(k, p)``, and the Cholesky factor of their precision ``(k, p, p)``.
    """

    nodes: Numbers
    log_masses: Numbers
    centres: Numbers
    roots: Numbers

    @property
    def mean(self) -> np.ndarray:
        """Posterior mean of coefficients and log scatter, ``(p + 1,)``."""
        masses = np.exp(np.asarray(self.log_masses))
        return np.append(masses @ np.asarray(self.centres), masses @ np.asarray(self.nodes))

    def draw(self, key: jax.Array, count: int) -> np.ndarray:
        """Draws from the posterior, ``(count, p + 1)``."""
        return np.asarray(_draw(self, key, count=count))


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
        root = jnp.linalg.cholesky((line / variance[:, None]).T @ line)
        centre = jax.scipy.linalg.cho_solve((root, True), line.T @ (measured / variance))
        # The density of the measured inputs with the coefficients integrated out, for a flat prior on the scatter.
        fit = -0.5 * jnp.sum((measured - line @ centre) ** 2 / variance + jnp.log(variance))
        return fit - jnp.sum(jnp.log(jnp.diag(root))) + log_scatter, centre, root

    logs, centres, roots = jax.vmap(at)(nodes)
    return Structure(nodes, jax.nn.log_softmax(logs), centres, roots)


@compiled("count")
def _draw(found: Structure, key: jax.Array, count: int) -> jax.Array:
    pick, within, normal = jax.random.split(key, 3)
    nodes, centres, roots = (jnp.asarray(x) for x in (found.nodes, found.centres, found.roots))
    k = jax.random.categorical(pick, jnp.asarray(found.log_masses), shape=(count,))
    # Within a step of the grid the density is taken as even.
    log_scatter = nodes[k] + (nodes[1] - nodes[0]) * jax.random.uniform(within, (count,), minval=-0.5, maxval=0.5)

    def coefficients(at: Any, u: jax.Array) -> jax.Array:
        return centres[at] + jax.scipy.linalg.solve_triangular(roots[at], u, trans=1, lower=True)

    b = jax.vmap(coefficients)(k, jax.random.normal(normal, (count, centres.shape[1])))
    return jnp.concatenate([b, log_scatter[:, None]], axis=1)
