"""Links: the space in which noise is additive.

A link maps the response (a fraction, a loss, a score) to the whole line. The likelihood of a model is a density of
the *linked* response; adding ``log_jacobian`` turns it into a density of the response itself.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import log_ndtr, logit, ndtr, ndtri

from progressfit import _x64 as _x64


class AbstractLink(eqx.Module):
    """A smooth increasing map from the domain of the response to the line; elementwise, any shape."""

    @abc.abstractmethod
    def domain(self) -> str:
        """Domain of the response, in words."""

    @abc.abstractmethod
    def forward(self, y: jax.Array) -> jax.Array:
        """Linked response."""

    @abc.abstractmethod
    def inverse(self, eta: jax.Array) -> jax.Array:
        """Response of a linked value."""

    @abc.abstractmethod
    def from_log(self, log_y: jax.Array) -> jax.Array:
        """``forward(exp(log_y))``, accurate also where ``exp(log_y)`` would round to the edge of the domain."""

    @abc.abstractmethod
    def log_jacobian(self, y: jax.Array) -> jax.Array:
        """``log |d forward(y) / dy|``."""

    def linked_error(self, y: jax.Array, error: jax.Array) -> jax.Array:
        """Standard error of the linked response, to first order: ``error * d forward(y) / dy``.

        Say so to a model with ``noise.WithKnownError``. The first order suffices while the error is small against
        the distance to the edge of the domain.
        """
        return jnp.asarray(error) * jnp.exp(self.log_jacobian(jnp.asarray(y)))

    @abc.abstractmethod
    def contains(self, y: Any) -> Any:
        """Whether each value lies inside the domain (boolean, same shape)."""


class Identity(AbstractLink):
    """No transformation: noise is additive in the response."""

    def domain(self):
        return "any finite number"

    def forward(self, y):
        return y

    def inverse(self, eta):
        return eta

    def from_log(self, log_y):
        return jnp.exp(log_y)

    def log_jacobian(self, y):
        return jnp.zeros_like(y)

    def contains(self, y):
        return abs(y) < jnp.inf


class Log(AbstractLink):
    """Natural logarithm: multiplicative noise, for losses and perplexities."""

    def domain(self):
        return "positive numbers"

    def forward(self, y):
        return jnp.log(y)

    def inverse(self, eta):
        return jnp.exp(eta)

    def from_log(self, log_y):
        return log_y

    def log_jacobian(self, y):
        return -jnp.log(y)

    def contains(self, y):
        return (y > 0) & (y < jnp.inf)


class Logit(AbstractLink):
    """Log odds, for accuracies given as fractions."""

    def domain(self):
        return "fractions strictly between 0 and 1"

    def forward(self, y):
        return logit(y)

    def inverse(self, eta):
        return jax.nn.sigmoid(eta)

    def from_log(self, log_y):
        return log_y - jnp.log(-jnp.expm1(log_y))

    def log_jacobian(self, y):
        return -jnp.log(y) - jnp.log1p(-y)

    def contains(self, y):
        return (y > 0) & (y < 1)


class Probit(AbstractLink):
    """Normal quantile, for accuracies given as fractions."""

    def domain(self):
        return "fractions strictly between 0 and 1"

    def forward(self, y):
        return ndtri(y)

    def inverse(self, eta):
        return ndtr(eta)

    def from_log(self, log_y):
        # The complement is exact where exp(log_y) rounds to one, and the logarithm itself where it underflows; each
        # branch sees a safe argument.
        upper, lower = log_y > -0.5, log_y < -600.0
        tail = -jnp.expm1(jnp.where(upper, log_y, -1.0))
        middle = ndtri(jnp.exp(jnp.where(upper | lower, -1.0, log_y)))
        return jnp.where(upper, -ndtri(tail), jnp.where(lower, _far_quantile(jnp.where(lower, log_y, -1e3)), middle))

    def log_jacobian(self, y):
        return 0.5 * jnp.log(2 * jnp.pi) + 0.5 * ndtri(y) ** 2

    def contains(self, y):
        return (y > 0) & (y < 1)


def _far_quantile(log_y: jax.Array) -> jax.Array:
    """Normal quantile of ``exp(log_y)`` far below the median, by Newton's method on the logarithm."""
    x = -jnp.sqrt(-2 * log_y - jnp.log(-4 * jnp.pi * log_y))
    for _ in range(4):
        log_cdf = log_ndtr(x)
        log_hazard = -0.5 * x**2 - 0.5 * jnp.log(2 * jnp.pi) - log_cdf
        x = x - (log_cdf - log_y) * jnp.exp(-log_hazard)
    return x
