"""Terms that read one input: slopes on the raw or log input, and effective inputs."""

import equinox as eqx
import jax
import jax.numpy as jnp

from progressfit.dataset import Record
from progressfit.terms.base import AbstractInputTerm, AbstractTrend, Leaf


def _no_date(name: str) -> None:
    if name == "date":
        raise ValueError("a date enters through a progress trend with a named channel, not through a slope on 'date'")


class Slope(AbstractInputTerm):
    """``slope * (x - reference)`` in a raw input; the slope is per unit of the input."""

    input: str = eqx.field(static=True)
    slope: Leaf
    reference: Leaf = eqx.field(kw_only=True)

    def __check_init__(self):
        _no_date(self.input)

    def value(self, record: Record) -> jax.Array:
        return self.slope * (record[self.input] - self.reference)


class LogSlope(AbstractInputTerm):
    """``slope * ln(x / reference)`` in a positive input; the slope is per e-fold of the input."""

    input: str = eqx.field(static=True)
    slope: Leaf
    reference: Leaf = eqx.field(kw_only=True)

    def __check_init__(self):
        _no_date(self.input)

    def value(self, record: Record) -> jax.Array:
        return self.slope * jnp.log(record[self.input] / self.reference)


class EffectiveInput(AbstractInputTerm):
    """Log effective input, ``ln(x / reference) + progress``: an input multiplied by its efficiency."""

    input: str = eqx.field(static=True)
    progress: AbstractTrend
    reference: Leaf = eqx.field(kw_only=True)

    def __check_init__(self):
        _no_date(self.input)
        if self.progress.augments not in (None, self.input):
            raise ValueError(
                f"this progress augments '{self.progress.augments}' but stands in the effective input '{self.input}'"
            )

    def value(self, record: Record) -> jax.Array:
        return jnp.log(record[self.input] / self.reference) + self.progress.value(record)
