"""Noise: how the linked response scatters about the linked mean.

Every family is a location-scale family. The scale is a term, so it may depend on the record; it is stated either as
the scale itself (``Gaussian(prior)``) or as its logarithm (``Gaussian(LogScale(prior))``), because the two have
different modes under the same data.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax.scipy.special import erf, ndtri
from numpyro.distributions import constraints

from progressfit.dataset import Record
from progressfit.params import WRAPPER
from progressfit.terms import AbstractPositiveTerm, AbstractTerm
from progressfit.terms.base import Leaf


class LogScale(AbstractPositiveTerm):
    """Scale of the noise, given by its natural logarithm; the published coordinate of many fits."""

    log_scale: Leaf

    def log_value(self, record: Record) -> jax.Array:
        del record
        return jnp.asarray(self.log_scale)


class Scale(AbstractPositiveTerm):
    """Scale of the noise, given as a positive number."""

    scale: Leaf

    def log_value(self, record: Record) -> jax.Array:
        del record
        return jnp.log(self.scale)


def _as_scale(value: Any) -> AbstractTerm:
    return value if isinstance(value, AbstractTerm) else Scale(value)


class AbstractNoise(eqx.Module):
    """A location-scale family for the linked response."""

    scale: eqx.AbstractVar[AbstractTerm]

    @abc.abstractmethod
    def distribution(self, mean: jax.Array, scale: jax.Array) -> dist.Distribution:
        """Distribution of the linked response with the given location and scale, of any common shape."""

    def __call__(self, mean: jax.Array, records: Record) -> dist.Distribution:
        """Distribution of the linked response for records with one leading axis, batch shape ``(n,)``."""
        return self.distribution(mean, self.scale(records))


class Gaussian(AbstractNoise):
    """Normal noise; ``scale`` is its standard deviation."""

    scale: AbstractTerm = eqx.field(metadata=WRAPPER, converter=_as_scale)

    def distribution(self, mean, scale):
        return dist.Normal(mean, scale)


class StudentT(AbstractNoise):
    """Student-t noise with ``df`` degrees of freedom: robust to outliers, smooth."""

    scale: AbstractTerm = eqx.field(metadata=WRAPPER, converter=_as_scale)
    df: Leaf = eqx.field(kw_only=True)

    def distribution(self, mean, scale):
        return dist.StudentT(self.df, mean, scale)


class Laplace(AbstractNoise):
    """Laplace noise: its mode is a least-absolute-deviations fit. The density has a kink at every response."""

    scale: AbstractTerm = eqx.field(metadata=WRAPPER, converter=_as_scale)

    def distribution(self, mean, scale):
        return dist.Laplace(mean, scale)


class Huber(AbstractNoise):
    """Normalised Huber noise: Gaussian within ``delta`` scales of the mean, exponential beyond."""

    scale: AbstractTerm = eqx.field(metadata=WRAPPER, converter=_as_scale)
    delta: Leaf = eqx.field(kw_only=True)

    def distribution(self, mean, scale):
        return HuberDistribution(mean, scale, self.delta)


class HuberDistribution(dist.Distribution):
    """Density proportional to ``exp(-rho((y - loc) / scale))``, with Huber's ``rho`` and its knee at ``delta`` scales.

    ``rho(z) = z**2 / 2`` for ``|z| <= delta``, else ``delta * (|z| - delta / 2)``; the constant is
    ``scale * (sqrt(2 pi) erf(delta / sqrt 2) + 2 / delta * exp(-delta**2 / 2))`` (Huber 1964).
    """

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "delta": constraints.positive,
    }
    support = constraints.real  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]
    reparametrized_params = ["loc", "scale"]

    def __init__(self, loc, scale, delta, *, validate_args=None):
        self.loc, self.scale, self.delta = jnp.broadcast_arrays(loc, scale, delta)
        # numpyro asks for this call; everywhere else in the package nothing calls super().
        super().__init__(batch_shape=jnp.shape(self.loc), validate_args=validate_args)

    def _masses(self):
        centre = jnp.sqrt(2 * jnp.pi) * erf(self.delta / jnp.sqrt(2.0))
        tails = 2 / self.delta * jnp.exp(-0.5 * self.delta**2)
        return centre, tails

    def log_prob(self, value):  # pyright: ignore[reportIncompatibleMethodOverride]
        z = jnp.abs(value - self.loc) / self.scale
        inside = jnp.minimum(z, self.delta)
        loss = inside * (z - 0.5 * inside)
        return -loss - jnp.log(self.scale) - jnp.log(sum(self._masses()))

    def sample(self, key: Any, sample_shape=()):
        shape = sample_shape + self.batch_shape
        key_part, key_tail, key_centre = jax.random.split(key, 3)
        centre, tails = self._masses()
        beyond = self.delta + jax.random.exponential(key_tail, shape) / self.delta
        sign = jnp.where(jax.random.bernoulli(key_part, 0.5, shape), 1.0, -1.0)
        edge = 0.5 * erf(self.delta / jnp.sqrt(2.0))
        within = ndtri(0.5 + edge * jax.random.uniform(key_centre, shape, minval=-1.0, maxval=1.0))
        is_tail = jax.random.uniform(jax.random.fold_in(key_part, 1), shape) < tails / (centre + tails)
        return self.loc + self.scale * jnp.where(is_tail, sign * beyond, within)

    @property
    def mean(self):
        return self.loc
