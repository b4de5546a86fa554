"""Progress trends: log efficiency as a function of date."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

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


class LogarithmicProgress(AbstractTrend):
    """``rate * ln(date / origin)``: a trend in the logarithm of the calendar year, with ``origin=1`` as published.

    Ho et al. 2024 (arXiv 2403.05812) let exponents drift this way; over a decade it is all but a straight line.
    """

    rate: Leaf
    origin: Leaf = eqx.field(kw_only=True, default=1.0)
    channel: str = eqx.field(static=True, kw_only=True)
    augments: str | None = eqx.field(static=True, kw_only=True, default=None)

    def value(self, record: Record) -> jax.Array:
        return self.rate * jnp.log(record.date(self.channel) / self.origin)


class PiecewiseProgress(AbstractTrend):
    """Progress at one yearly rate before a date and at another after it, without a jump; zero at ``origin``.

    ``rate * (date - origin) + (later_rate - rate) * (years after the break)``. A break whose date is fixed may be sharp
    (``width=0``). To fit the date, give it a prior and a positive ``width``: the years over which the rate changes,
    without which the likelihood would have a kink at the date of every row.
    """

    rate: Leaf
    later_rate: Leaf
    change: Leaf
    width: Leaf = eqx.field(kw_only=True, default=0.0)
    origin: Leaf = eqx.field(kw_only=True)
    channel: str = eqx.field(static=True, kw_only=True)
    augments: str | None = eqx.field(static=True, kw_only=True, default=None)

    def value(self, record: Record) -> jax.Array:
        date = record.date(self.channel)
        after = self._years_after(date) - self._years_after(self.origin)
        return self.rate * (date - self.origin) + (self.later_rate - self.rate) * after

    def _years_after(self, date: Any) -> jax.Array:
        years, width = date - self.change, jnp.asarray(self.width)
        smooth = jnp.where(width > 0, width, 1.0)
        return jnp.where(width > 0, smooth * jax.nn.softplus(years / smooth), jnp.maximum(years, 0.0))
