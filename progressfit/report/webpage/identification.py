"""What the data say, and what they leave to the priors."""

from typing import Any

import numpy as np

from progressfit.analysis.identification import identify
from progressfit.analysis.identification_result import Identifiability
from progressfit.infer.describe import describe_identification
from progressfit.infer.identification import NOT_IDENTIFIED, WEAK
from progressfit.report.webpage.case import Case, Rate
from progressfit.report.webpage.content import Block, Chart, Table
from progressfit.report.webpage.drawing import INSIDE, OUTSIDE, decades, finished, source

NAME, TITLE = "identification", "What the data determine"
_FLOOR = 1e-8
_MOST, _FIRST = 40, 4


def identification(case: Case) -> Block:
    """Eigenvalues of the likelihood's information, weak directions in words, a verdict on each parameter."""
    found = case.fit.certificate.identification
    if found.saturated:
        return Block(NAME, TITLE, (describe_identification(found),))
    judged = _judged(case)
    caption = (
        "Information of the likelihood along each direction of the parameters, in prior standard deviations: below 1 "
        "(dashed) the data say less than the prior, below a millionth nothing. Hover shows the direction."
    )
    rows = [_row(found.eigenvalues[k], k, found.direction(k)) for k in range(min(len(found.eigenvalues), _MOST))]
    table = Table(
        "Directions, the weakest first", ("information", "direction"), tuple((r["raw"], r["direction"]) for r in rows)
    )
    chart = Chart("chart-information", caption, finished(_chart(rows), 24 * len(rows) + 40, caption), table)
    if judged is None:
        return Block(NAME, TITLE, (describe_identification(found),), charts=(chart,))
    first, more = judged.sentences[:_FIRST], judged.sentences[_FIRST:]
    return Block(NAME, TITLE, first, charts=(chart,), tables=(_verdicts(judged),), more=more)


def _judged(case: Case) -> Identifiability | None:
    """The whole judgement; ``None`` where the fit allows none."""
    of = {f"growth rate of {case.rate.words}": case.rate.of} if isinstance(case.rate, Rate) else []
    # Where the data say nothing, refits all end at the prior's mode: their spread is no posterior's.
    posterior = next((draws for draws in case.draws if not draws.are_refits), None)
    try:
        return identify(case.fit, case.data, posterior, of=of, profiled=False)
    except ValueError:
        return None


def _row(value: float, k: int, direction: str) -> dict[str, Any]:
    kind = "identified" if value >= WEAK else "weak" if value >= NOT_IDENTIFIED else "not identified"
    return {
        "k": f"{k + 1}",
        "raw": float(value),
        "value": float(max(value, _FLOOR)),
        "direction": direction,
        "say": kind,
    }


def _chart(rows: list[dict[str, Any]]) -> Any:
    import altair as alt

    lowest = min(_FLOOR if row["value"] <= _FLOOR else row["value"] / 3 for row in rows)
    low, high = min(lowest, 0.1), max(3 * max(row["value"] for row in rows), 10.0)
    scale = alt.Scale(type="log", domain=[low, high])
    colour = alt.Color(
        "say:N",
        title=None,
        scale=alt.Scale(domain=["identified", "weak", "not identified"], range=[INSIDE, "#E69F00", OUTSIDE]),
    )
    x = alt.X("value:Q", title="information", scale=scale, axis=alt.Axis(format="~e", values=decades(low, high)))
    shown = [
        "direction:N",
        alt.Tooltip("raw:Q", title="information", format=".3~g"),
        alt.Tooltip("say:N", title="data"),
    ]
    points = (
        alt.Chart(source(rows))
        .mark_circle(size=110)
        .encode(x, alt.Y("k:N", title="direction", sort=None), colour, tooltip=shown)
    )
    prior = alt.Chart(source([{"value": 1.0}])).mark_rule(strokeDash=[5, 4]).encode(x)
    return alt.layer(prior, points)


def _verdicts(judged: Identifiability) -> Table:
    head = ("quantity", "name", "verdict", "best fit", "low", "high", "of the prior's variance left")
    rows = tuple(
        (e.words, e.name, e.verdict, e.value, e.low, e.high, _left(e.contraction)) for e in judged.entries[: 2 * _MOST]
    )
    return Table(
        f"Verdicts; intervals of 95% by the {judged.source}, of logarithms where a parameter is positive", head, rows
    )


def _left(contraction: float) -> str:
    return "-" if not np.isfinite(contraction) else f"{1 - contraction:.0%}"
