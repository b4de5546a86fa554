"""Power laws."""

import equinox as eqx
import jax
import jax.numpy as jnp

from progressfit.dataset import Record
from progressfit.params import WRAPPER
from progressfit.terms.base import AbstractPositiveTerm, AbstractTerm, Leaf


class PowerLaw(AbstractPositiveTerm):
    """``coefficient * x ** -exponent``, where ``of`` gives ``ln x``: an :class:`EffectiveInput` or a unit ``LogSlope``.

    The coefficient has to be positive; it carries the unit of the value at ``ln x = 0``, the reference of ``of``.
    """

    coefficient: Leaf
    exponent: Leaf
    of: AbstractTerm = eqx.field(metadata=WRAPPER)

    def log_value(self, record: Record) -> jax.Array:
        return jnp.log(self.coefficient) - self.exponent * self.of.value(record)
