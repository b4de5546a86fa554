"""Progress trends: log efficiency as a function of date."""

import equinox as eqx
import jax

from progressfit.dataset import Record
from progressfit.terms.base import AbstractTrend, Leaf


class ExponentialProgress(AbstractTrend):
    """``rate * (date - origin)``: efficiency that grows by a constant factor a year.

    ``rate`` is per year, in the unit of the sum it stands in: natural log units of the input inside an
    :class:`EffectiveInput`, units of the index when it is added to slopes. ``origin`` is a decimal year.
    """

    rate: Leaf
    origin: Leaf = eqx.field(kw_only=True)
    channel: str = eqx.field(static=True, kw_only=True)
    augments: str | None = eqx.field(static=True, kw_only=True, default=None)

    def value(self, record: Record) -> jax.Array:
        return self.rate * (record.date(self.channel) - self.origin)
