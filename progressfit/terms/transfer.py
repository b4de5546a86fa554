"""Amounts of data that came from another data set than the one performance is measured on."""

import equinox as eqx
import jax
import jax.numpy as jnp

from progressfit.dataset import Record
from progressfit.terms.base import AbstractInputTerm, Leaf
from progressfit.terms.effects import GroupEffect, known_levels


class TransferredInput(AbstractInputTerm):
    """``slope * ln(effective / reference)``, where data from elsewhere count with a transfer exponent.

    A row whose data set is the reference level of ``departure``, the home data set, counts its input ``x`` in full.
    Any other counts ``anchor * (x / anchor) ** tau``, ``anchor`` being the amount in the home data set and ``tau`` the
    ``exponent`` plus the departure of its data set (compare Hernandez et al. 2021, arXiv 2102.01293): 1 if an image
    from elsewhere is worth as much, 0 if all beyond the anchor is worth nothing. Partial pooling: ``departure`` a
    :class:`GroupEffect` with ``coding="reference"`` and a prior on its scale.
    """

    input: str = eqx.field(static=True)
    slope: Leaf
    exponent: Leaf
    departure: GroupEffect
    anchor: Leaf = eqx.field(kw_only=True)
    reference: Leaf = eqx.field(kw_only=True)

    def __check_init__(self):
        if self.departure.coding != "reference":
            raise ValueError(
                "the departures of a transferred input need the data set at home as their reference level: "
                "GroupEffect(..., coding='reference', reference=LEVEL)"
            )

    def value(self, record: Record) -> jax.Array:
        departure = self.departure
        away = self.exponent + departure.value(record)  # of shape (1,) if not prepared, which the caller refuses
        levels = known_levels(departure, record)
        home = levels.index(str(departure.reference)) if levels else 0
        tau = jnp.where(record.code(departure.group, levels) == home, 1.0, away)
        beyond = jnp.log(record[self.input] / self.anchor)
        return self.slope * (jnp.log(self.anchor / self.reference) + tau * beyond)
