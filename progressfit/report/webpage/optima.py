"""Every optimum that was found: how high it lies, how many starts end there, and what it answers."""

from typing import Any

import numpy as np

from progressfit.infer.describe import certificate_sentences
from progressfit.infer.result import Optimum
from progressfit.params import bind, is_fixed
from progressfit.report.webpage.case import Case, Rate
from progressfit.report.webpage.content import Block, Chart, Table
from progressfit.report.webpage.drawing import INSIDE, finished, source
from progressfit.report.webpage.words import LN10, factor

NAME, TITLE = "optima", "The optima, and the certificate"
_ABOVE = "above the best"


def optima(case: Case) -> Block:
    """The certificate in sentences, a table of the optima, and a chart where there are several."""
    rows = _rows(case)
    table = Table("Distinct optima, best first", tuple(rows[0]), tuple(tuple(row.values()) for row in rows))
    sentences = tuple(certificate_sentences(case.fit))
    if len(rows) == 1:
        one = "All starts that finished found the same optimum, so there is nothing to compare."
        return Block(NAME, TITLE, (*sentences, one), tables=(table,))
    if not case.quotable:
        return Block(NAME, TITLE, sentences, tables=(table,))
    caption = (
        "Each optimum by the growth rate it gives and by how far its objective (negative log density) lies above the "
        "best one; the larger the point, the more starts end there. Optima less than 2 apart are hardly told apart by "
        "the data."
    )
    chart = Chart("chart-optima", caption, finished(_chart(case, rows), 220, caption), table)
    return Block(NAME, TITLE, sentences, charts=(chart,))


def _rows(case: Case) -> list[dict[str, Any]]:
    found = []
    for k, one in enumerate(case.fit.optima):
        row: dict[str, Any] = {
            "optimum": f"{k + 1}",
            **_height(case, one),
        }
        row |= {
            "starts": float(one.starts),
            "share of starts": f"{one.share:.1%}",
            "gradient": f"{one.gradient_norm:.1e}",
        }
        if isinstance(case.rate, Rate) and case.quotable:
            rate = float(case.rate.of(bind(case.fit.spec, one.values)))
            row |= {"orders of magnitude a year": rate / LN10, "factor a year": factor(rate)}
        found.append(row | _leading(one.values))
    return found


def _leading(values: Any) -> dict[str, float]:
    """The scalar parameters."""
    return {path: float(v) for path, v in values.items() if np.ndim(v) == 0}


def _height(case: Case, one: Optimum) -> dict[str, Any]:
    """The objective with the digits in which optima differ: the plain loss where that is all there is."""
    best = case.fit.optima[0]
    if case.fit.stats["objective"] == "mle" and is_fixed(case.fit.spec.noise):
        return {"loss": f"{one.loss:.9g}", _ABOVE: one.loss - best.loss}
    return {"objective": f"{one.objective:.6f}", _ABOVE: one.objective - best.objective}


def _chart(case: Case, rows: list[dict[str, Any]]) -> Any:
    import altair as alt

    points = [
        {
            "optimum": row["optimum"],
            "above": row[_ABOVE],
            "rate": row["orders of magnitude a year"],
            "starts": row["starts"],
            "factor": row["factor a year"],
        }
        for row in rows
    ]
    base = alt.Chart(source(points)).encode(
        alt.X("rate:Q", title="growth rate, orders of magnitude a year", scale=alt.Scale(padding=24)),
        alt.Y("above:Q", title="objective above the best", scale=alt.Scale(padding=14)),
    )
    shown = ["optimum:N", alt.Tooltip("factor:N", title="a year"), alt.Tooltip("above:Q", format=".3~g"), "starts:Q"]
    size = alt.Size("starts:Q", legend=None, scale=alt.Scale(range=[60, 500]))
    dots = base.mark_circle(color=INSIDE, opacity=0.85).encode(size=size, tooltip=shown)
    return alt.layer(dots, base.mark_text(dx=16, align="left").encode(text="optimum:N"))
