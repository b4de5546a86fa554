"""The rows that move the answer most."""

from typing import Any

import numpy as np

from progressfit.analysis.influence import Influence, influence
from progressfit.report.webpage.allocation import split_exponent
from progressfit.report.webpage.case import Case, Rate
from progressfit.report.webpage.content import Block, Chart, Inapplicable, Table
from progressfit.report.webpage.drawing import INSIDE, OUTSIDE, finished, short, source
from progressfit.report.webpage.over_inputs import is_paired
from progressfit.report.webpage.words import LN10, factor

NAME, TITLE = "influence", "The rows that move the answer most"
_SHOWN = 12


def influential(case: Case) -> Block | Inapplicable:
    """First-order shift of the growth rate, or else of the first parameter, if a row is left out."""
    followed = _followed(case)
    if followed is None:
        return Inapplicable(TITLE, "There is no single number here whose change could be followed.")
    of, unit, words = followed
    try:
        found = influence(case.fit, case.data, of)
    except ValueError as error:
        return Inapplicable(TITLE, f"There are no derivatives with respect to the rows: {error}.")
    rows = _rows(case, found, unit)
    caption = (
        f"Change of {words} if one row were left out and the law fitted again, to first order, for the {len(rows)} "
        "rows that move it most."
    )
    chart = Chart("chart-influence", caption, finished(_chart(rows), 26 * len(rows) + 20, caption), _numbers(rows))
    return Block(NAME, TITLE, _sentences(found, rows, unit, words), charts=(chart,))


def _followed(case: Case) -> tuple[Any, float, str] | None:
    """What is followed, the size of its unit and its words: the answer of the page, or else the first parameter."""
    if case.quotable and isinstance(case.rate, Rate):
        return case.rate.of, LN10, "the growth rate (orders of magnitude a year)"
    if is_paired(case):
        return split_exponent(case), 1.0, "the power of compute with which the best number of parameters grows"
    path = next(iter(case.fit.parameters))
    return (path, 1.0, f"the parameter {path}") if np.ndim(case.fit.parameters[path]) == 0 else None


def _rows(case: Case, found: Influence, unit: float) -> list[dict[str, Any]]:
    shift = -found.fitted * found.weight / unit
    order = np.argsort(-np.abs(shift), kind="stable")[:_SHOWN]
    # Numbered, for names need not be unique.
    return [
        {
            "k": k,
            "name": short(found.rows[i]),
            "shift": float(shift[i]),
            "observed": float(case.observed[i]),
            "fitted": float(case.fitted[i]),
        }
        for k, i in enumerate(order)
    ]


def _chart(rows: list[dict[str, Any]]) -> Any:
    import altair as alt

    labels = [row["name"] for row in rows]
    y = alt.Y("k:O", title=None, axis=alt.Axis(labelExpr="names[datum.value]"))
    names = alt.param(name="names", value=labels)
    shown = [
        alt.Tooltip("name:N", title="model"),
        *(alt.Tooltip(f"{n}:Q", format=".3~g") for n in ("shift", "observed", "fitted")),
    ]
    return (
        alt.Chart(source(rows))
        .mark_bar(opacity=0.85)
        .encode(
            alt.X("shift:Q", title="change if left out"),
            y,
            color=alt.condition("datum.shift < 0", alt.value(OUTSIDE), alt.value(INSIDE)),
            tooltip=shown,
        )
        .add_params(names)
    )


def _sentences(found: Influence, rows: list[dict[str, Any]], unit: float, words: str) -> tuple[str, ...]:
    first = rows[0]
    by_row = found.stderr() / unit
    clustered = 1 < len(np.unique(found.clusters)) < len(found.clusters)
    also = f", {found.stderr('cluster') / unit:.3g} by clusters" if clustered else ""
    now = found.value / unit
    said = f"Without {first['name']} {words} would move from {now:.3g} by about {first['shift']:+.3g}"
    said += f" (to {factor((now + first['shift']) * unit)} a year)." if unit != 1.0 else "."
    return (
        said,
        f"First-order standard error (infinitesimal jackknife): {by_row:.3g} by rows{also}. It sees the best optimum "
        "alone; where there are others, draws that may change optimum spread wider.",
    )


def _numbers(rows: list[dict[str, Any]]) -> Table:
    cells = tuple((r["name"], r["shift"], r["observed"], r["fitted"]) for r in rows)
    return Table("Rows that move it most", ("model", "change if left out", "observed", "fitted"), cells)
