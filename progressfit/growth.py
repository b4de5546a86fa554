"""Growth rates of effective inputs, and the doubling times that follow from them.

Intervals belong on the rate. A doubling time is its inverse: it has no mean, flips sign where the rate does, and is
derived only at the end, by :func:`doubling_interval`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.dataset import Record
from progressfit.model import Model, channels, mean_terms, reference_record
from progressfit.terms import AbstractInputTerm, AbstractTrend, Function

LN2 = float(np.log(2.0))
MONTHS = 12.0
ALL_CHANNELS = "total"


def growth_rate(
    model: Model, input: str = "compute", channel: str | None = None, at: Record | None = None
) -> jax.Array:
    """How fast the need for an input shrinks at fixed performance: ``(df/dt) / (df/d ln input)``, by differentiation.

    Parameters
    ----------
    model
        A model with numbers (use ``fit.map`` or ``draws.map`` for uncertainty).
    input
        The input, in natural units.
    channel
        One named channel of progress, or "total" for all at once. By default the channels that augment ``input``,
        which makes this the growth rate of *effective* input; all channels if none does.
    at
        One record at which to differentiate; by default every input at its stated reference and every date at its
        origin. For log-linear laws the rate is the same everywhere.

    Returns
    -------
    Natural log units per year (scalar). NaN or infinite where performance no longer responds to the input.
    """
    require_x64()
    moving = _moving(model, input, channel)
    require_input(model, input)
    record = reference_record(model) if at is None else at
    if jnp.ndim(record[input]) != 0:
        raise ValueError("growth_rate is taken at one record; give at=records.row(i), or map over rows with jax.vmap")

    def linked(years: jax.Array, log_input: jax.Array) -> jax.Array:
        moved = record.with_clocks({name: record.date(name) + years for name in moving})
        return model.linked(moved.replace(**{input: jnp.exp(log_input)}))

    by_year, by_input = jax.grad(linked, argnums=(0, 1))(jnp.zeros(()), jnp.log(jnp.asarray(record[input], float)))
    return by_year / by_input


def require_input(model: Model, input: str) -> None:
    """Raise if no term can read an input; a function may read any."""
    terms = list(mean_terms(model))
    names = dict.fromkeys(term.input for term in terms if isinstance(term, AbstractInputTerm))
    if input not in names and not any(isinstance(term, Function) for term in terms):
        raise ValueError(f"no term of this model reads the input '{input}'; it reads: {', '.join(names) or 'none'}")


def _moving(model: Model, input: str, channel: str | None) -> tuple[str, ...]:
    known = channels(model)
    if channel is None:
        trends = [t for t in mean_terms(model) if isinstance(t, AbstractTrend)]
        augmenting = tuple(dict.fromkeys(t.channel for t in trends if t.augments == input))
        return augmenting or known
    if channel == ALL_CHANNELS:
        return known
    if channel not in known:
        raise ValueError(
            f"no channel '{channel}' in this model; it has: {', '.join(known) or 'none'} "
            f"('{ALL_CHANNELS}' moves all of them)"
        )
    return (channel,)


def doubling_time(rate: Any) -> Any:
    """Months in which the effective input doubles (the need for it halves): ``12 ln 2 / rate``; elementwise.

    Infinite at a rate of zero; negative rates give a negative time, a halving. For intervals use
    :func:`doubling_interval`.
    """
    return MONTHS * LN2 / rate


class DoublingInterval(NamedTuple):
    """A doubling time in months, as far as an interval of the rate supports one; ``longest`` may be infinite."""

    shortest: float
    longest: float
    text: str


def doubling_interval(low: float, high: float, not_positive: float | None = None) -> DoublingInterval:
    """Turn an interval of the growth rate (natural log units per year) into a statement about doubling times.

    If the interval contains 0 no pair of times describes it, and the statement says so; ``not_positive`` is the
    probability that the rate is at or below 0, added in words.
    """
    said = "" if not_positive is None else f" (probability that the rate is not positive: {not_positive:.3g})"
    if not np.isfinite([low, high]).all() or low > high:
        return DoublingInterval(np.nan, np.nan, f"not defined: the interval of the rate is [{low:g}, {high:g}]")
    if low > 0:
        shortest, longest = doubling_time(high), doubling_time(low)
        return DoublingInterval(shortest, longest, f"{duration(shortest)} to {duration(longest)}{said}")
    if high > 0:
        shortest = doubling_time(high)
        return DoublingInterval(shortest, np.inf, f"more than {duration(shortest)}, or no progress{said}")
    return DoublingInterval(np.inf, np.inf, f"no progress: the whole interval of the rate is at or below 0{said}")


def chance(probability: float, draws: int | None = None) -> str:
    """A probability in words for a sentence; where no draw, or every one, is on one side, what that many can tell."""
    least = 1e-3 if draws is None else 1 / draws
    if probability < least:
        return f"below {least:.2g}"
    return f"above {1 - least:.3g}" if probability > 1 - least else f"{probability:.3f}"


def duration(months: float) -> str:
    """Months in words; years from two years on."""
    return f"{months:.1f} months" if months < 24 else f"{months / MONTHS:.1f} years"
