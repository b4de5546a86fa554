"""Progress trends: log efficiency as a function of date."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from progressfit.dataset import Record
from progressfit.params import ENTRIES
from progressfit.terms.base import AbstractTrend, Leaf, shape_of


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


class SaturatingProgress(AbstractTrend):
    """Progress that slows down towards a limit: ``rate * timescale * (1 - exp(-(date - origin) / timescale))``.

    ``rate`` is the yearly rate at ``origin``; it falls by a factor e in every ``timescale`` years, a positive number,
    so that all progress from the origin on adds up to ``rate * timescale``. For long timescales it is
    :class:`ExponentialProgress`. Before the origin it is steeper, without limit: choose an origin at the first row.
    """

    rate: Leaf
    timescale: Leaf
    origin: Leaf = eqx.field(kw_only=True)
    channel: str = eqx.field(static=True, kw_only=True)
    augments: str | None = eqx.field(static=True, kw_only=True, default=None)

    def value(self, record: Record) -> jax.Array:
        years = record.date(self.channel) - self.origin
        return -self.rate * self.timescale * jnp.expm1(-years / self.timescale)


class RandomWalkProgress(AbstractTrend):
    """A random walk with drift in log efficiency, one Gaussian innovation for each calendar year; zero at ``origin``.

    In year ``first_year + k`` progress grows at the rate ``drift + scale * innovations[k]``, evenly within the year.
    Non-centred: ``innovations ~ Normal(0, 1).expand([years])`` and a positive prior on ``scale``, the standard
    deviation of a year's progress about the drift; sample to learn it, as the joint mode is no estimate of it.
    Innovations of years without rows keep their prior: give as many as a forecast reaches, and its uncertainty grows
    with the root of the years. Outside the years that have one, progress goes on by the drift alone.
    """

    drift: Leaf
    scale: Leaf
    innovations: Leaf = eqx.field(metadata={ENTRIES: "years"})
    first_year: int = eqx.field(static=True, kw_only=True)
    origin: Leaf = eqx.field(kw_only=True)
    channel: str = eqx.field(static=True, kw_only=True)
    augments: str | None = eqx.field(static=True, kw_only=True, default=None)

    def __check_init__(self):
        shape = shape_of(self.innovations)
        if len(shape) != 1:
            raise ValueError(
                f"the innovations of a random walk have the shape {shape}; give one for each year, such as "
                "Normal(0, 1).expand([YEARS])"
            )

    @property
    def years(self) -> tuple[str, ...]:
        """Names of the years that have an innovation, in order."""
        return tuple(str(self.first_year + k) for k in range(shape_of(self.innovations)[-1]))

    def value(self, record: Record) -> jax.Array:
        date = record.date(self.channel)
        walk = jnp.sum(jnp.asarray(self.innovations) * (self._years_in(date) - self._years_in(self.origin)))
        return self.drift * (date - self.origin) + self.scale * walk

    def _years_in(self, date: Any) -> jax.Array:
        """How much of each year has passed by a date, ``(years,)``; at a turn of the year the new one's rate counts."""
        passed = date - (self.first_year + jnp.arange(shape_of(self.innovations)[-1], dtype=float))
        return jnp.where(passed < 0, 0.0, jnp.where(passed < 1, passed, 1.0))
