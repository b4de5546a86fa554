"""Effects of belonging to a group: an architecture, a benchmark, a laboratory."""

import equinox as eqx
import jax
import jax.numpy as jnp

from progressfit.dataset import Record
from progressfit.terms.base import AbstractTerm, Leaf


class GroupEffect(AbstractTerm):
    """``scale * effects[level]``: one number for each level of a group.

    Give ``effects`` one scalar prior; it is copied to all levels once the data are known. Independent effects: a
    prior in natural units and ``scale=1``. Partial pooling, non-centred: ``effects ~ Normal(0, 1)`` and a positive
    prior on ``scale``, the standard deviation between levels. The joint mode of ``scale`` and ``effects`` is then no
    estimate of that standard deviation, only their product is meaningful; sample to learn it.

    ``levels`` names the levels of the fitted table; it is filled in by ``prepare``.
    """

    group: str = eqx.field(static=True)
    effects: Leaf
    scale: Leaf = eqx.field(kw_only=True, default=1.0)
    levels: tuple[str, ...] = eqx.field(static=True, kw_only=True, default=())

    def value(self, record: Record) -> jax.Array:
        return self.scale * jnp.asarray(self.effects)[record.code(self.group, self.levels)]
