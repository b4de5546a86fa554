"""Compute-optimal allocation: how a training budget is best split between model size and data."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.dataset import Record
from progressfit.growth import require_input
from progressfit.model import Model

FLOP_PER_PARAMETER_TOKEN = 6.0
# Sizes looked at before the bracket is refined; local optima closer than a 256th of the log range count as one.
_GRID = 257
# From a bracket of half a unit of ln N to rounding.
_HALVINGS = 54


class Allocation(NamedTuple):
    """The best split of one budget.

    Attributes
    ----------
    parameters, data
        Amounts of the two inputs, in natural units (model parameters, tokens).
    tokens_per_parameter
        Their quotient, ``data / parameters``.
    parameters_exponent, data_exponent
        ``d ln parameters / d ln compute`` and ``d ln data / d ln compute`` along the optimal path; they add up to 1.
    loss
        Predicted performance at the optimum, in units of the response.
    """

    parameters: jax.Array
    data: jax.Array
    tokens_per_parameter: jax.Array
    parameters_exponent: jax.Array
    data_exponent: jax.Array
    loss: jax.Array


def optimal_allocation(
    model: Model,
    compute: Any,
    *,
    inputs: tuple[str, str] = ("parameters", "data"),
    flop: Any = FLOP_PER_PARAMETER_TOKEN,
    at: Record | None = None,
) -> Allocation:
    """Split of a training budget between two inputs that gives the best performance: ``compute = flop * N * D``.

    Found by a scan over sizes and bisection of the derivative, for any model that reads the two inputs; derivatives
    with respect to the model and ``compute`` are those of the implicit function. For uncertainty use
    ``draws.map(lambda model: optimal_allocation(model, compute))``, for several budgets ``jax.vmap``.

    Parameters
    ----------
    model
        A model with numbers. Whether its response is to be low (a loss) or high (an accuracy) is read off from what
        more of both inputs does.
    compute
        The budget in FLOP (scalar).
    inputs
        Names of the two inputs.
    flop
        Operations for each parameter and token; 6 for the training of dense transformers.
    at
        One record with whatever else the model reads (a date, a group); the two inputs in it do not matter.

    Returns
    -------
    An :class:`Allocation` of scalars, all NaN where there is no best split with at least one unit of either input: the
    best lies at an end of that range, performance is flat in the split, or the budget is too small for any.
    """
    require_x64()
    for name in inputs:
        require_input(model, name)
    if jnp.ndim(compute) != 0:
        raise ValueError("optimal_allocation takes one budget; map over several with jax.vmap")
    # Arrays throughout, or each new Python number would compile again.
    model, compute, flop = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), (model, compute, flop))
    return _allocate(model, compute, flop, inputs, Record({}, {}, {}) if at is None else at)


@eqx.filter_jit
def _allocate(model: Model, compute: Any, flop: Any, inputs: tuple[str, str], at: Record) -> Allocation:
    log_product = jnp.log(compute / flop)

    def linked(model: Model, log_first: jax.Array, log_second: jax.Array) -> jax.Array:
        return model.linked(at.replace(**{inputs[0]: jnp.exp(log_first), inputs[1]: jnp.exp(log_second)}))

    nothing = jnp.zeros(())
    worse = jnp.where(linked(model, log_product, log_product) <= linked(model, nothing, nothing), 1.0, -1.0)

    def cost(x: jax.Array, model: Model, log_product: jax.Array) -> jax.Array:
        return worse * linked(model, x, log_product - x)

    best, exists = _interior_minimum(cost, model, log_product)
    bend, shift = jax.grad(jax.grad(cost), argnums=(0, 2))(best, model, log_product)
    best = jnp.where(exists & (bend > 0), best, jnp.nan)
    exponent = -shift / bend + 0.0 * best
    first, second = jnp.exp(best), jnp.exp(log_product - best)
    loss = model.link.inverse(linked(model, best, log_product - best))
    return Allocation(first, second, second / first, exponent, 1.0 - exponent, loss)


def _interior_minimum(cost: Any, model: Model, high: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Lowest local minimum of ``cost`` between 0 and ``high``, and whether there is one lower than both ends."""
    fixed = jax.lax.stop_gradient((model, high))
    grid = jnp.linspace(0.0, jnp.maximum(fixed[1], 1e-3), _GRID)
    costs, slopes = jax.vmap(lambda x: jax.value_and_grad(cost)(x, *fixed))(grid)
    falls_then_rises = (slopes[:-1] < 0) & (slopes[1:] >= 0)
    place = jnp.argmin(jnp.where(falls_then_rises, jnp.minimum(costs[:-1], costs[1:]), jnp.inf))
    found = _root(lambda x: jax.grad(cost)(x, model, high), grid[place], grid[place + 1])
    lower = cost(jax.lax.stop_gradient(found), *fixed) < jnp.minimum(costs[0], costs[-1])
    return found, falls_then_rises[place] & (high > 0) & lower


def _root(slope: Any, low: jax.Array, high: jax.Array) -> jax.Array:
    """Where ``slope`` rises through zero: bisection to the last digit; with its derivatives as an implicit function."""

    def bisect(slope: Any, _: jax.Array) -> jax.Array:
        def halve(_: Any, bracket: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            low, high = bracket
            middle = 0.5 * (low + high)
            below = slope(middle) < 0
            return jnp.where(below, middle, low), jnp.where(below, high, middle)

        left, right = jax.lax.fori_loop(0, _HALVINGS, halve, (low, high))
        return 0.5 * (left + right)

    return jax.lax.custom_root(slope, 0.5 * (low + high), bisect, lambda tangent, y: y / tangent(jnp.ones(())))


class AllocationLaw(NamedTuple):
    """Power laws ``parameters = k compute**a`` and ``data = k' compute**b`` through the optima of several budgets.

    Attributes
    ----------
    parameters_coefficient, parameters_exponent
        ``k`` and ``a`` (scalars); NaN if fewer than two budgets are used.
    data_coefficient, data_exponent
        ``k' = 1 / (flop k)`` and ``b = 1 - a``.
    compute, parameters, loss
        The optimum of each budget, ``(budgets,)``; NaN where none was found.
    used
        Budgets whose optimum counts, ``(budgets,)``; the others are left out of the power laws.
    """

    parameters_coefficient: jax.Array
    parameters_exponent: jax.Array
    data_coefficient: jax.Array
    data_exponent: jax.Array
    compute: jax.Array
    parameters: jax.Array
    loss: jax.Array
    used: jax.Array


def allocation_law(compute: Any, parameters: Any, loss: Any, used: Any, flop: Any) -> AllocationLaw:
    """Least-squares line of ln parameters on ln compute through the optima ``(budgets,)`` that are ``used``."""
    weight = jnp.asarray(used, float)
    x, y = jnp.log(jnp.asarray(compute, float)), jnp.log(jnp.where(used, parameters, 1.0))
    count = jnp.sum(weight)
    x_mean, y_mean = jnp.sum(weight * x) / count, jnp.sum(weight * y) / count
    slope = jnp.sum(weight * (x - x_mean) * y) / jnp.sum(weight * (x - x_mean) ** 2)
    slope = jnp.where(count >= 2, slope, jnp.nan)
    coefficient = jnp.exp(y_mean - slope * x_mean)
    budgets, parameters, loss = (jnp.asarray(column, float) for column in (compute, parameters, loss))
    data_coefficient = 1 / (flop * coefficient)
    return AllocationLaw(
        coefficient, slope, data_coefficient, 1 - slope, budgets, parameters, loss, jnp.asarray(used, bool)
    )


def runs(compute: Any, parameters: Any, loss: Any) -> tuple[np.ndarray, np.ndarray, jax.Array]:
    """Natural logarithms of compute and parameters, and the loss, of runs given as plain arrays ``(n,)``.

    Raises
    ------
    ValueError
        If they are not of one length, or compute or parameters are not positive.
    """
    compute, parameters = np.asarray(compute, float), np.asarray(parameters, float)
    if compute.ndim != 1 or {compute.shape, parameters.shape, jnp.shape(loss)} != {compute.shape}:
        raise ValueError(
            "compute, parameters and loss need one entry for each run; they have the shapes "
            f"{compute.shape}, {parameters.shape} and {jnp.shape(loss)}"
        )
    if not len(compute) or not (np.isfinite([compute, parameters]).all() and min(compute.min(), parameters.min()) > 0):
        raise ValueError("compute and parameters have to be positive numbers, of one run at least")
    return np.log(compute), np.log(parameters), jnp.asarray(loss, float)
