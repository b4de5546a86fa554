"""What follows from a fitted law: the published letters, the best split of a budget, growth rates."""

import functools
from typing import Any

import jax
import numpy as np

from progressfit.analysis.allocation import optimal_allocation
from progressfit.growth import growth_rate
from progressfit.infer.result import Draws, Fit
from progressfit.model import Model, channels
from progressfit.params import leaves
from progressfit.report.fit_answer import DerivedFigure
from progressfit.report.table import summary

_ALLOCATED = ("parameters", "data")


def derive(
    fit: Fit, draws: Draws | None, letters: dict[str, str], inputs: tuple[str, ...], compute: float, level: float
) -> tuple[DerivedFigure, ...]:
    """All figures that make sense for a law.

    Parameters
    ----------
    fit, draws
        The fit, and replicates for intervals if there are any.
    letters
        Published letter -> path of the parameter.
    inputs
        Names of the inputs that the law reads.
    compute
        Budget in FLOP, for laws in parameters and data without a date.
    level
        Coverage of the intervals.
    """
    trends = channels(fit.model)
    results: dict[str, Fit | Draws] = {"fit": fit}
    if draws is not None and draws.ok.any():
        results["draws"] = draws
    found: list[DerivedFigure] = []
    split = not trends and set(_ALLOCATED) <= set(inputs)
    if letters or split:
        found += _figures(results, functools.partial(_static, letters=letters, compute=compute, split=split), level)
    for name in inputs if trends else ():
        found += _growth(results, name, level)
    return tuple(found)


def _static(model: Model, letters: dict[str, str], compute: float, split: bool) -> dict[str, jax.Array]:
    """Letters, and exponents ``a`` and ``b`` of the optimal allocation with its quotient at one budget."""
    values = leaves(model)
    found = {letter: values[path] for letter, path in letters.items()}
    if not split:
        return found
    best = optimal_allocation(model, compute, inputs=_ALLOCATED)
    return found | {
        "a": best.parameters_exponent,
        "b": best.data_exponent,
        "optimal_parameters": best.parameters,
        "optimal_data": best.data,
        "tokens_per_parameter": best.tokens_per_parameter,
    }


def _rows(results: dict[str, Fit | Draws], of: Any, level: float) -> dict[str, list[dict[str, Any]]]:
    """Rows of a summary by quantity, that of the fit before that of the draws."""
    found: dict[str, list[dict[str, Any]]] = {}
    # Away from any optimum derivatives may overflow; the verdict then is "not identified", and no warning is due.
    with np.errstate(over="ignore", invalid="ignore"):
        table = summary(results, of, level)
    for row in table.reset_index().to_dict("records"):
        found.setdefault(str(row["quantity"]), []).append({str(key): value for key, value in row.items()})
    return found


def _figures(results: dict[str, Fit | Draws], of: Any, level: float) -> list[DerivedFigure]:
    return [
        DerivedFigure(name, "", float(rows[0]["estimate"]), _interval(rows), str(rows[0]["data_say"]))
        for name, rows in _rows(results, of, level).items()
    ]


def _interval(rows: list[dict[str, Any]]) -> tuple[float, float] | None:
    return (float(rows[1]["low"]), float(rows[1]["high"])) if len(rows) > 1 else None


def _growth(results: dict[str, Fit | Draws], name: str, level: float) -> list[DerivedFigure]:
    """Growth of one effective input: intervals on the rate, and only then a doubling time, in words."""
    (rows,) = _rows(results, functools.partial(growth_rate, input=name), level).values()
    rate, span, say = float(rows[0]["estimate"]), _interval(rows), str(rows[0]["data_say"])
    with np.errstate(over="ignore"):
        factor, *ends = (float(np.exp(one)) for one in (rate, *(span or ())))
    words = str(rows[1]["doubling"]) if len(rows) > 1 else None
    return [
        DerivedFigure(f"growth_rate/{name}", "natural log units per year", rate, span, say),
        DerivedFigure(f"x_per_year/{name}", "", factor, (ends[0], ends[1]) if ends else None, say),
        DerivedFigure(f"doubling_time/{name}", "", str(rows[0]["doubling"]), words, say),
    ]
