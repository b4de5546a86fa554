"""Effects of belonging to a group: an architecture, a benchmark, a laboratory."""

from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp

from progressfit.dataset import Record
from progressfit.params import ENTRIES, NAMED
from progressfit.terms.base import (
    AbstractComposite,
    AbstractGroupTerm,
    AbstractTerm,
    Leaf,
    check_children,
    log_value,
)

Coding = Literal["levels", "reference", "sum"]


class GroupEffect(AbstractGroupTerm):
    """``scale * effect of the row's level``: one number for each level of a group.

    Give ``effects`` one scalar prior; it is copied to all free levels once the data are known. Independent effects: a
    prior in natural units and ``scale=1``. Partial pooling, non-centred: ``effects ~ Normal(0, 1)`` and a positive
    prior on ``scale``, the standard deviation between levels. The joint mode of ``scale`` and ``effects`` is then no
    estimate of that standard deviation, only their product is meaningful; sample to learn it.

    ``coding`` says which numbers are free. "levels": one for each level. "reference": ``reference`` names the level
    whose effect is 0, and the others are differences from it. "sum": effects add up to 0, and that of the last level
    follows from the others. The last two stand beside a constant, which "levels" alone would make redundant.

    ``levels`` names the levels of the fitted table; it is filled in by ``prepare``.
    """

    group: str = eqx.field(static=True)
    effects: Leaf = eqx.field(metadata={ENTRIES: "free_levels"})
    scale: Leaf = eqx.field(kw_only=True, default=1.0)
    coding: Coding = eqx.field(static=True, kw_only=True, default="levels")
    reference: str | None = eqx.field(static=True, kw_only=True, default=None)
    levels: tuple[str, ...] = eqx.field(static=True, kw_only=True, default=())

    def __check_init__(self):
        if self.coding not in ("levels", "reference", "sum"):
            raise ValueError(f"coding='{self.coding}': choose 'levels', 'reference' or 'sum'")
        if (self.coding == "reference") != (self.reference is not None):
            raise ValueError(
                "coding='reference' needs the level whose effect is zero, reference='LEVEL'; other codings have none"
            )
        if self.levels and self.reference is not None and self.reference not in self.levels:
            raise ValueError(
                f"the reference level '{self.reference}' is not one of the group '{self.group}', which has: "
                f"{', '.join(self.levels)}"
            )

    @property
    def free_levels(self) -> tuple[str, ...]:
        """Levels whose effects are numbers of their own, in the order of ``effects``."""
        if self.coding == "sum":
            return self.levels[:-1]
        return tuple(level for level in self.levels if level != self.reference)

    def value(self, record: Record) -> jax.Array:
        effects = jnp.asarray(self.effects)
        if effects.ndim == 0:  # not prepared: one number for no level in particular, whose shape the caller refuses
            return self.scale * effects[None]
        levels = known_levels(self, record)
        return self.scale * _picked(record.code(self.group, levels), self._by_level(effects, levels))

    def _by_level(self, effects: jax.Array, levels: tuple[str, ...]) -> list[jax.Array]:
        own = [effects[k] for k in range(effects.shape[0])]
        if self.coding == "reference":
            own.insert(levels.index(str(self.reference)), jnp.zeros(()))
        if self.coding == "sum":
            own.append(-jnp.sum(effects))
        return own


class ByGroup(AbstractComposite, AbstractGroupTerm):
    """A term for each level of a group: ``ByGroup("transformer", yes=Logistic(gain), no=PositiveConstant(1.0))``.

    Every level of the table needs a term, which ``prepare`` sees to; numbers and priors become constants.
    """

    group: str = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    terms: tuple[AbstractTerm, ...] = eqx.field(metadata=NAMED)
    levels: tuple[str, ...] = eqx.field(static=True)

    def __init__(self, group: str, *, levels: tuple[str, ...] = (), **terms: Any):
        self.group, self.levels = group, levels
        self.names, self.terms = check_children("ByGroup", terms)
        missing = [level for level in levels if level not in terms]
        if missing:
            raise ValueError(
                f"ByGroup('{group}') has no term for the level '{missing[0]}'; it has: {', '.join(self.names)}"
            )

    def value(self, record: Record) -> jax.Array:
        return self._picked(record, lambda term: term.value(record))

    def log_value(self, record: Record) -> jax.Array:
        return self._picked(record, lambda term: log_value(term, record))

    def _picked(self, record: Record, read: Callable[[AbstractTerm], jax.Array]) -> jax.Array:
        levels = known_levels(self, record) or self.names
        terms = dict(zip(self.names, self.terms, strict=True))
        return _picked(record.code(self.group, levels), [read(terms[level]) for level in levels])


def known_levels(term: AbstractGroupTerm, record: Record) -> tuple[str, ...]:
    """Levels of the group of a term: those of the fitted table, or those that the record names."""
    return term.levels or dict(record.levels).get(term.group, ())


def _picked(code: Any, by_level: list[jax.Array]) -> jax.Array:
    """The entry of one level. Written as selections, which XLA fuses; the derivative of indexing is a slow scatter."""
    found = by_level[0]
    for k, value in enumerate(by_level[1:], 1):
        found = jnp.where(code == k, value, found)
    return found
