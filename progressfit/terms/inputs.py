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


class LogEffectiveEpochs(AbstractInputTerm):
    """``ln(1 + s (1 - exp(-epochs / s)))``: how far repeated passes over the data act like more data, in logarithms.

    ``s`` is ``saturation``, the number of epochs' worth that repetition can add at most (Muennighoff et al. 2023,
    arXiv 2305.16264, as Ho et al. 2024 use it). Add it to ``LogSlope(data, 1.0)`` to get ln effective data.
    """

    input: str = eqx.field(static=True)
    saturation: Leaf = eqx.field(kw_only=True)
    reference: Leaf = eqx.field(kw_only=True, default=1.0)

    def value(self, record: Record) -> jax.Array:
        return jnp.log1p(-self.saturation * jnp.expm1(-record[self.input] / (self.saturation * self.reference)))
