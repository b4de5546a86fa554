"""An input that is known with an error: the law at the expected true input, and the scatter that is left.

The true log input of a row is taken to be normal about a straight line in what else is known of the row (the structural
model of errors-in-variables regression; Fuller 1987; Carroll et al. 2006). Given its measured value it is normal with a
mean between measurement and line, and a standard deviation smaller than the error. :class:`Calibrated` evaluates a law
at that mean; :class:`InputScatter` adds to the noise what the remaining spread does to the linked response, to first
order. Both take records without the column of errors as exact.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from progressfit.dataset import Record
from progressfit.links import AbstractLink
from progressfit.params import ENTRIES, WRAPPER
from progressfit.terms.base import AbstractComposite, AbstractPositiveTerm, AbstractTerm, Leaf, is_positive, log_value

SCATTER = "log_scatter"


class Calibrated(AbstractComposite):
    """A term at the expected true value of an input, given its measured value.

    Attributes
    ----------
    term
        Any term; it is positive, and knows its logarithm, if that term does.
    structure
        Coefficients of the true log input on the columns ``line``, and the logarithm of its scatter about that line.
    input, error
        Names of the measured input, and of the column with the standard error of its natural logarithm.
    line
        Names of the columns that the line is in, a column of ones among them.
    """

    term: AbstractTerm = eqx.field(metadata=WRAPPER)
    structure: Leaf = eqx.field(metadata={ENTRIES: "entries"})
    input: str = eqx.field(static=True)
    error: str = eqx.field(static=True)
    line: tuple[str, ...] = eqx.field(static=True)

    def __init__(self, term: AbstractTerm, structure: Leaf, *, input: str, error: str, line: tuple[str, ...]):
        self.term, self.structure = term, structure
        self.input, self.error, self.line = input, error, line

    @property
    def names(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """One name: that of the input."""
        return (self.input,)

    @property
    def terms(self) -> tuple[AbstractTerm, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The term itself."""
        return (self.term,)

    @property
    def entries(self) -> tuple[str, ...]:
        """Names of the entries of ``structure``."""
        return (*self.line, SCATTER)

    def true_log(self, record: Record) -> tuple[jax.Array, jax.Array]:
        """Mean and standard deviation of the true natural log input, given what was measured."""
        numbers: Any = jnp.asarray(self.structure)
        on_line = sum((numbers[k] * record[name] for k, name in enumerate(self.line)), jnp.zeros(()))
        scatter2, error2 = jnp.exp(2 * numbers[-1]), record[self.error] ** 2
        reliability = scatter2 / (scatter2 + error2)
        mean = reliability * jnp.log(record[self.input]) + (1 - reliability) * on_line
        return mean, jnp.sqrt(reliability * error2)

    def calibrated(self, record: Record) -> Record:
        """The record with its expected true input; as it is where it has no error."""
        if self.error not in record.columns:
            return record
        return record.replace(**{self.input: jnp.exp(self.true_log(record)[0])})

    def value(self, record: Record) -> jax.Array:
        return self.term.value(self.calibrated(record))

    def log_value(self, record: Record) -> jax.Array:
        return log_value(self.term, self.calibrated(record))


class InputScatter(AbstractPositiveTerm):
    """Scale of the noise with the error of an input in it: ``sqrt(scale**2 + (slope * spread)**2)``.

    ``slope`` is the derivative of the linked mean with respect to the natural log input and ``spread`` the standard
    deviation that the true log input has given the measured one; both come from ``of``, whose parameters are tied to
    those of the model's mean. Exact for normal noise and a linked mean that is linear in the log input.
    """

    scale: AbstractTerm = eqx.field(metadata=WRAPPER)
    of: Calibrated
    link: AbstractLink

    def slope_and_spread(self, record: Record) -> tuple[jax.Array, jax.Array]:
        """Derivative of the linked mean by the true log input at its mean, and the spread of that log input."""
        mean, spread = self.of.true_log(record)
        # Forward mode: one number in, one out, and other derivatives are taken of this one.
        _, slope = jax.jvp(lambda log: linked_at(self.of, self.link, record, log), (mean,), (jnp.ones_like(mean),))
        return slope, spread

    def log_value(self, record: Record) -> jax.Array:
        own = log_value(self.scale, record)
        if self.of.error not in record.columns:
            return own
        slope, spread = self.slope_and_spread(record)
        return 0.5 * jnp.log(jnp.exp(2 * own) + (slope * spread) ** 2)


def linked_at(of: Calibrated, link: AbstractLink, record: Record, log: Any) -> jax.Array:
    """Linked mean of a record whose true natural log input is ``log``: a scalar."""
    record = record.replace(**{of.input: jnp.exp(log)})
    return link.from_log(log_value(of.term, record)) if is_positive(of.term) else link.forward(of.term.value(record))
