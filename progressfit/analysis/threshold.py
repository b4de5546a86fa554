"""Reading a law at fixed performance: how much of an input a level takes, and how that shrinks with time."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.dataset import Record
from progressfit.features import decimal_year
from progressfit.growth import doubling_time
from progressfit.model import Model

# Natural logarithms of the smallest and largest amounts of an input that are looked at, in any unit.
_LOG_LOW, _LOG_HIGH = -500.0, 500.0


def required_input(model: Model, level: Any, record: Record, input: str = "compute") -> jax.Array:
    """Smallest amount of an input at which predicted performance is as good as a level.

    Performance is taken to change in one direction with the input: up for an accuracy, down for a loss. Solved by
    bisection in the logarithm, to full precision.

    Parameters
    ----------
    level
        Performance, in units of the response (scalar).
    record
        One record; its own value of ``input`` does not matter and may be absent.

    Returns
    -------
    Natural units (scalar): infinite if the level lies beyond what any amount reaches, given the other inputs; 0 if
    the level is met without any.
    """
    require_x64()
    target = model.link.forward(jnp.asarray(level, float))

    def linked(log_input: jax.Array) -> jax.Array:
        return model.linked(record.replace(**{input: jnp.exp(log_input)}))

    return jnp.exp(log_reaching(linked, target, _LOG_LOW, _LOG_HIGH))


def log_reaching(linked: Callable[[jax.Array], jax.Array], target: Any, low: Any, high: Any) -> jax.Array:
    """Where a function that changes in one direction reaches a target: bisection to the last digit.

    Parameters
    ----------
    linked
        Performance as a function of the logarithm of an amount (scalar to scalar).
    target
        The value looked for (scalar).
    low, high
        The ends between which it is looked for.

    Returns
    -------
    The logarithm (scalar), with its derivatives as an implicit function: infinite if the target lies beyond ``high``,
    minus infinity if ``low`` is as good.
    """
    import optimistix as optx  # here, because most commands never solve anything

    low, high = jnp.asarray(low, float), jnp.asarray(high, float)
    better = jnp.where(linked(high) >= linked(low), 1.0, -1.0)

    def excess(x: jax.Array) -> jax.Array:
        return better * (linked(x) - target)

    reachable, trivial = excess(high) > 0, excess(low) >= 0
    middle = 0.5 * (low + high)
    found = optx.root_find(
        lambda x, _: jnp.where(reachable & ~trivial, excess(x), x - middle),
        optx.Bisection(rtol=1e-14, atol=1e-14, flip=False),
        middle,
        options={"lower": low, "upper": high},
        max_steps=128,
        throw=False,
    ).value
    return jnp.where(trivial, -jnp.inf, jnp.where(reachable, found, jnp.inf))


@dataclasses.dataclass(frozen=True)
class ThresholdReading:
    """How the input needed for one level shrank over a window of years.

    Attributes
    ----------
    level
        Performance held fixed.
    years, required
        Decimal years and the amount of the input needed in each, infinite where the level is out of reach.
    halving
        Months in which the need halved, from the geometric mean over the window: infinite if the level is out of reach
        in any year, NaN if it is met without any of the input, negative if the need grew.
    text
        The reading in words.
    """

    level: float
    years: tuple[float, ...]
    required: tuple[float, ...]
    halving: float
    text: str


def threshold_reading(
    model: Model, level: float, record: Record, years: Any, input: str = "compute"
) -> ThresholdReading:
    """The reading of Hernandez and Brown 2020 taken from a fitted law: the input needed for one level, year by year.

    Where the level lies above the ceiling set by the other inputs in any year, no finite rate exists over the window
    and the reading says in which years.
    """
    return threshold_readings(model, (level,), record, years, input)[0]


def threshold_readings(
    model: Model, levels: Any, record: Record, years: Any, input: str = "compute"
) -> tuple[ThresholdReading, ...]:
    """:func:`threshold_reading` at several levels of performance ``(m,)``, in one program."""
    decimal = tuple(decimal_year(year) for year in years)
    if len(decimal) < 2 or decimal[-1] <= decimal[0]:
        raise ValueError("a rate needs at least two years, in order")
    wanted = np.asarray(levels, np.float64)
    found = np.asarray(_required_by_year(model, jnp.asarray(wanted), record, jnp.asarray(decimal), input))
    return tuple(
        ThresholdReading(float(level), decimal, tuple(map(float, amounts)), *_read(amounts, decimal, record, input))
        for level, amounts in zip(wanted, found, strict=True)
    )


def reduction_rate(
    model: Model, level: Any, record: Record, first: Any, last: Any, input: str = "compute"
) -> jax.Array:
    """How fast the input needed for a level shrinks from one date to another, for ``draws.map``.

    Parameters
    ----------
    level, first, last
        Performance in units of the response, and two decimal years (scalars).

    Returns
    -------
    Natural log units a year (scalar). Infinite if the level is out of reach at the first date, minus infinity if at
    the last, NaN if at both or if it is met without any of the input.
    """
    amounts = [required_input(model, level, record.replace(date=date), input) for date in (first, last)]
    rate = (jnp.log(amounts[0]) - jnp.log(amounts[1])) / (last - first)
    return jnp.where(jnp.minimum(*amounts) > 0, rate, jnp.nan)


def ceiling(model: Model, record: Record, input: str = "compute") -> jax.Array:
    """Performance that more and more of an input comes near to, the other inputs being those of a record (scalar)."""
    require_x64()
    return model.link.inverse(model.linked(record.replace(**{input: jnp.exp(_LOG_HIGH)})))


def _read(amounts: np.ndarray, years: tuple[float, ...], record: Record, input: str) -> tuple[float, str]:
    """Halving time in months and the reading in words."""
    out = [year for year, amount in zip(years, amounts, strict=True) if not np.isfinite(amount)]
    if out:
        span = f"{out[0]:.0f}" if len(out) == 1 else f"{out[0]:.0f}-{out[-1]:.0f}"
        limits = "-".join(name for name in record.columns if name not in ("date", input)) or "input"
        return np.inf, f"infinite: above the {limits}-limited ceiling in {span}"
    if (amounts == 0).any():
        return np.nan, f"not defined: in some year the level is met without any {input}"
    months = float(doubling_time(np.log(amounts[0] / amounts[-1]) / (years[-1] - years[0])))
    verb = "halves" if months > 0 else "doubles"
    return months, f"the {input} needed {verb} every {abs(months):.2f} months"


@eqx.filter_jit
def _required_by_year(model, levels, record, years, input):
    """Amounts of the input, ``(levels, years)``."""

    def needed(level: jax.Array, year: jax.Array) -> jax.Array:
        return required_input(model, level, record.replace(date=year), input)

    return jax.vmap(lambda level: jax.vmap(lambda year: needed(level, year))(years))(levels)


def pareto_frontier(
    model: Model, level: Any, date: Any, over: Any, inputs: tuple[str, str] = ("data", "compute")
) -> jax.Array:
    """The trade-off between two inputs at one level of performance and one date.

    Parameters
    ----------
    level, date
        Performance in units of the response; decimal year (scalars).
    over
        Amounts of the first input, shape ``(k,)``.
    inputs
        The input that is given and the one that is solved for.

    Returns
    -------
    Smallest amount of the second input for each amount of the first, ``(k,)``; infinite below the frontier's asymptote.
    """
    given, solved = inputs

    def needed(amount: jax.Array) -> jax.Array:
        return required_input(model, level, Record({"date": date, given: amount}, {}, {}), solved)

    return jax.vmap(needed)(jnp.asarray(over, float))
