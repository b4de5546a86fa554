"""Growth of effective compute for laws in several inputs: input by input, and along the compute-optimal path."""

from typing import Any

import jax
import jax.numpy as jnp

from progressfit._x64 import require_x64
from progressfit.analysis.allocation import FLOP_PER_PARAMETER_TOKEN, Allocation, optimal_allocation
from progressfit.dataset import Record
from progressfit.growth import ALL_CHANNELS, LN2, MONTHS, growth_rate, require_input
from progressfit.model import Model, channels, mean_terms, reference_record
from progressfit.terms import AbstractTrend

PAIR = ("parameters", "data")
# What the rates of several inputs leave of the yearly change they should explain, relative to it; beyond it there are
# no such rates. Rounding of second derivatives leaves 1e-12 or so.
_UNEXPLAINED = 1e-6


def effective_compute_growth(model: Model, inputs: tuple[str, ...] = PAIR, at: Record | None = None) -> jax.Array:
    """Growth rate of effective compute as the sum of the growth rates of the effective inputs: ``1/T_N + 1/T_D``.

    Compute being proportional to the product of the inputs, effective compute grows at the sum of their rates (Ho et
    al. 2024, arXiv 2403.05812). An input's own rate is :func:`growth_rate` over the channels that augment it, and 0 if
    none does while others are augmented.

    Channels that augment no input (Hicks-neutral progress, one factor on the whole law) count in all inputs at once:
    as the rates ``r`` at which the inputs could shrink together, everywhere, without a change in performance. They
    solve ``d(grad L)/dt = H r``, with gradient and Hessian ``H`` over log inputs. For ``exp(-g t) (A N^-a + B D^-b)``
    that makes ``g (1/a + 1/b)``. The single rates of :func:`growth_rate` there say how far *one* input alone could
    shrink, and must not be added up.

    Parameters
    ----------
    model
        A model with numbers (use ``fit.map`` or ``draws.map`` for uncertainty).
    inputs
        The inputs whose product compute is.
    at
        One record at which to differentiate, needed where the law reads a group; by default every input at its stated
        reference.

    Returns
    -------
    Natural log units per year (scalar). NaN where progress that augments no input is worth no fixed amount of the
    inputs (in a law that is linear in log inputs, say, where many trade-offs explain it equally well).
    """
    require_x64()
    if not inputs:
        raise ValueError("effective_compute_growth needs one input at least, inputs=('parameters', 'data')")
    for name in inputs:
        require_input(model, name)
    record = reference_record(model) if at is None else at
    trends = [term for term in mean_terms(model) if isinstance(term, AbstractTrend)]
    augmenting = {trend.channel for trend in trends if trend.augments is not None}
    augmented = {trend.augments for trend in trends}
    own = [growth_rate(model, name, at=record) for name in inputs if name in augmented]
    neutral = tuple(name for name in channels(model) if name not in augmenting)
    joint = _joint_rates(model, inputs, neutral, record) if neutral else jnp.zeros(())
    return sum(own, jnp.zeros(())) + jnp.sum(joint)


def _joint_rates(model: Model, inputs: tuple[str, ...], moving: tuple[str, ...], record: Record) -> jax.Array:
    """Rates ``(inputs,)`` at which all inputs could shrink together over the years at the same performance."""

    def linked(years: jax.Array, logs: jax.Array) -> jax.Array:
        moved = record.with_clocks({name: record.date(name) + years for name in moving})
        return model.linked(moved.replace(**{name: jnp.exp(log) for name, log in zip(inputs, logs, strict=True)}))

    now, logs = jnp.zeros(()), jnp.log(jnp.stack([jnp.asarray(record[name], float) for name in inputs]))
    by_year, slopes = jax.grad(linked, argnums=(0, 1))(now, logs)
    twist = jax.jacfwd(jax.grad(linked, argnums=1), argnums=0)(now, logs)
    rates = jnp.linalg.solve(jax.hessian(linked, argnums=1)(now, logs), twist)
    explained = jnp.abs(by_year - slopes @ rates) <= _UNEXPLAINED * jnp.abs(by_year)
    return jnp.where(explained, rates, jnp.nan)


def optimal_growth(
    model: Model,
    compute: Any,
    at: Record,
    *,
    inputs: tuple[str, str] = PAIR,
    flop: Any = FLOP_PER_PARAMETER_TOKEN,
) -> jax.Array:
    """Growth rate of effective compute along the compute-optimal path: ``(d best loss/dt) / (d best loss/d ln C)``.

    The best loss is that of :func:`optimal_allocation`. By the envelope theorem its derivatives are those at the best
    split, held fixed: in the date over all channels, and in either of the two inputs.

    Parameters
    ----------
    model
        A model with numbers, in two inputs.
    compute
        The budget in FLOP (scalar).
    at
        One record with the date and whatever else the model reads; the two inputs in it do not matter.
    inputs, flop
        As for :func:`optimal_allocation`.

    Returns
    -------
    Natural log units per year (scalar); NaN where no split is best.
    """
    best = optimal_allocation(model, compute, inputs=inputs, flop=flop, at=at)
    return _growth_at(model, best, at, inputs)


def optimal_doubling_time(
    model: Model,
    compute: Any,
    at: Record,
    *,
    inputs: tuple[str, str] = PAIR,
    flop: Any = FLOP_PER_PARAMETER_TOKEN,
) -> jax.Array:
    """Months until the best loss at a budget is what twice the budget gives today, as Ho et al. 2024 compute it.

    The finite version of :func:`optimal_growth`: the years ``d`` such that the best loss at ``compute`` and date ``d``
    later equals the best loss at ``2 compute`` now, by Newton's method from ``ln 2 / optimal_growth``. The two agree
    where progress is a constant factor on the inputs.

    Parameters
    ----------
    model, compute, at, inputs, flop
        As for :func:`optimal_growth`.

    Returns
    -------
    Months (scalar): negative where progress goes backwards, infinite where there is none, NaN where no split is best at
    either budget or no date is found.
    """
    import optimistix as optx  # here, because most commands never solve anything

    def best(budget: Any, record: Record) -> tuple[Allocation, jax.Array]:
        split = optimal_allocation(model, budget, inputs=inputs, flop=flop, at=record)
        return split, model.linked(_placed(record, split, inputs))

    moving = channels(model)
    (split, now), (_, target) = best(compute, at), best(2 * jnp.asarray(compute, float), at)
    rate = _growth_at(model, split, at, inputs)
    usable = jnp.isfinite(rate) & (rate != 0) & jnp.isfinite(target)
    guess = jax.lax.stop_gradient(jnp.where(usable, LN2 / jnp.where(usable, rate, 1.0), 1.0))

    def gap(years: jax.Array, _: Any) -> jax.Array:
        later = best(compute, at.with_clocks({name: at.date(name) + years for name in moving}))[1]
        # In units of the gain that is looked for. Where there is nothing to look for, any root will do.
        return jnp.where(usable, (later - target) / (target - now), years - guess)

    solver = optx.Newton(rtol=1e-12, atol=1e-12)
    found = optx.root_find(gap, solver, guess, max_steps=64, throw=False)
    solved = usable & (found.result == optx.RESULTS.successful)
    nowhere = jnp.where(rate == 0, jnp.inf, jnp.nan)
    return MONTHS * jnp.where(solved, found.value, nowhere)


def _growth_at(model: Model, best: Allocation, at: Record, inputs: tuple[str, str]) -> jax.Array:
    return growth_rate(model, inputs[1], ALL_CHANNELS, _placed(at, best, inputs))


def _placed(at: Record, best: Allocation, inputs: tuple[str, str]) -> Record:
    return at.replace(**{inputs[0]: best.parameters, inputs[1]: best.data})
