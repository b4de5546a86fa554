"""How a budget is best split between parameters and data."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from progressfit.analysis.allocation import optimal_allocation
from progressfit.analysis.compute_growth import PAIR
from progressfit.dataset import Record
from progressfit.report.webpage.case import Case
from progressfit.report.webpage.content import Block, Inapplicable, Table, Tile
from progressfit.report.webpage.over_inputs import compute_of, is_paired
from progressfit.report.webpage.words import number

NAME, TITLE = "allocation", "How to split a budget"
_DECADES_BEYOND = 2


def allocation(case: Case) -> Block | Inapplicable:
    """The best split at round budgets through and beyond the table, with intervals of its exponent and quotient."""
    if not is_paired(case):
        return Inapplicable(TITLE, "The law is not one of parameters and data alone, so no budget is split here.")
    compute = compute_of(case)
    budgets = 10.0 ** np.arange(
        np.floor(np.log10(compute.min())), np.ceil(np.log10(compute.max())) + _DECADES_BEYOND + 1
    )

    def split(model: Any) -> Any:
        return jax.vmap(lambda c: optimal_allocation(model, c, inputs=PAIR))(budgets)

    best = jax.tree.map(np.asarray, case.fit.map(split))
    if not np.isfinite(best.loss).any():
        return Inapplicable(TITLE, "At no budget near the table does this law have a best split.")
    drawn = jax.tree.map(lambda v: np.asarray(v)[case.draws[0].ok], case.draws[0].map(split)) if case.draws else None
    inside = case.where(Record.of(parameters=best.parameters, data=best.data)).inside
    rows = tuple(_row(case, k, budgets, best, drawn, inside) for k in range(len(budgets)) if np.isfinite(best.loss[k]))
    head = (
        "budget (FLOP)",
        "parameters",
        "data",
        "data per parameter",
        "interval",
        case.data.labels.response,
        "inside the table",
    )
    return Block(
        NAME, TITLE, (_exponent(case, best, drawn),), tables=(Table("Best split of round budgets", head, rows),)
    )


def split_tiles(case: Case) -> tuple[Tile, ...]:
    """The headline of a law without dates: exponents and quotient of the best split of its largest budget."""
    if not is_paired(case):
        return ()
    compute = float(compute_of(case).max())

    def split(model: Any) -> Any:
        return optimal_allocation(model, compute, inputs=PAIR)

    best = case.fit.map(split)
    if not np.isfinite(best.loss):
        return ()
    drawn = case.draws[0].map(split) if case.draws else None
    words = {
        "parameters_exponent": "Best parameters grow with compute to the power",
        "data_exponent": "Best data grow with compute to the power",
        "tokens_per_parameter": f"Best data per parameter at {compute:.2g} FLOP",
    }
    return tuple(
        Tile(
            label,
            f"{float(getattr(best, name)):.3g}",
            "no interval" if drawn is None else _quoted(case, getattr(drawn, name)),
        )
        for name, label in words.items()
    )


def split_exponent(case: Case) -> Callable[[Any], Any]:
    """The exponent of the best parameters at the table's largest budget, as a function of one model."""
    compute = float(compute_of(case).max())
    return lambda model: optimal_allocation(model, compute, inputs=PAIR).parameters_exponent


def _quoted(case: Case, values: Any) -> str:
    draws = case.draws[0]
    return f"{_span(case, np.asarray(values)[draws.ok])} ({case.level:.0%}, {draws.kind})"


def _row(case: Case, k: int, budgets: np.ndarray, best: Any, drawn: Any, inside: np.ndarray) -> tuple[Any, ...]:
    span = "-" if drawn is None else _span(case, drawn.tokens_per_parameter[:, k])
    amounts = tuple(f"{v[k]:.3g}" for v in (budgets, best.parameters, best.data, best.tokens_per_parameter))
    return (*amounts, span, float(best.loss[k]), "yes" if inside[k] else "no")


def _span(case: Case, values: np.ndarray) -> str:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "-"
    low, high = np.quantile(finite, [(1 - case.level) / 2, (1 + case.level) / 2])
    return f"{number(float(low))} to {number(float(high))}"


def _exponent(case: Case, best: Any, drawn: Any) -> str:
    k = int(np.flatnonzero(np.isfinite(best.loss))[-1])
    span = (
        ""
        if drawn is None
        else f" ({case.level:.0%} {case.draws[0].kind}: {_span(case, drawn.parameters_exponent[:, k])})"
    )
    return (
        f"As budgets grow, the best number of parameters grows with the power {best.parameters_exponent[k]:.3f} of "
        f"compute{span}, and data with the rest."
    )
