"""How far the answer reaches: a fan of predictions, shaded where it leaves the table."""

from typing import Any

import numpy as np

from progressfit.analysis.outlook import best_row, outlook
from progressfit.analysis.predict import Prediction, predict_intervals
from progressfit.report.webpage.case import Case
from progressfit.report.webpage.content import Block, Chart, Inapplicable, Table
from progressfit.report.webpage.drawing import INSIDE, OUTSIDE, finished, short, source, thinned

NAME, TITLE = "forecast", "How far it reaches"


def forecast_fan(case: Case) -> Block | Inapplicable:
    """Predictions with intervals through and beyond the table, inputs growing on as they did at the front."""
    if not case.dated:
        return Inapplicable(TITLE, "No date enters the law, so there is no forecast over time.")
    if not case.draws:
        return Inapplicable(TITLE, "A forecast needs draws (a bootstrap or a posterior): the best fit alone misleads.")
    table = case.data.take(case.used)
    records = outlook(case.fit.model, table, case.years, case.direction, growing=True)
    found = predict_intervals(case.draws[0], records, table, key=case.key, level=case.level)
    found = found._replace(inside=case.where(records).inside, distance=case.where(records).distance)
    dates = np.asarray(records.columns["date"])
    best = table.row_names[best_row(case.fit.model, table, case.direction)]
    response, kind = case.data.labels.response, case.draws[0].kind
    caption = (
        f"Predicted {response} for the inputs of {best}, growing on after the last date as they did among the best "
        f"rows of their time. Dark: {case.level:.0%} interval of the expected value; light: of a new model ({kind}). "
        "Shaded ground: outside the table. Points: the table."
    )
    rows = _rows(dates, found)
    chart = Chart("chart-forecast", caption, finished(_chart(case, rows), 320, caption), _numbers(rows))
    return Block(NAME, TITLE, _sentences(case, dates, found), charts=(chart,))


def _rows(dates: np.ndarray, found: Prediction) -> list[dict[str, Any]]:
    fields = ("median", "low", "high", "new_low", "new_high", "distance")
    columns = {name: np.asarray(getattr(found, name), np.float64) for name in fields}
    return [
        {"date": float(d), "inside": bool(found.inside[k])} | {name: float(v[k]) for name, v in columns.items()}
        for k, d in enumerate(dates)
    ]


def _chart(case: Case, rows: list[dict[str, Any]]) -> Any:
    import altair as alt

    x = alt.X("date:Q", title="date", scale=alt.Scale(zero=False, nice=False), axis=alt.Axis(format="d", tickMinStep=1))
    y = alt.Y("median:Q", title=case.data.labels.response, scale=alt.Scale(zero=False))
    base = alt.Chart(source(rows))
    digits = ".4~g"
    shown = [alt.Tooltip("date:Q", format=".1f")]
    shown += [alt.Tooltip(f"{name}:Q", title=words, format=digits) for name, words in _COLUMNS.items()]
    shown.append(alt.Tooltip("inside:N", title="inside the table"))
    wide = base.mark_area(opacity=0.18, color=INSIDE).encode(
        x, alt.Y("new_low:Q", title=case.data.labels.response), alt.Y2("new_high:Q")
    )
    narrow = base.mark_area(opacity=0.35, color=INSIDE).encode(x, alt.Y("low:Q"), alt.Y2("high:Q"))
    line = base.mark_line(color=INSIDE, strokeWidth=2).encode(x, y)
    dots = base.mark_circle(color=INSIDE, size=50).encode(x, y, tooltip=shown)
    date = case.columns["date"]
    points = [
        {"date": float(date[i]), "median": float(case.observed[i]), "name": short(case.data.row_names[i])}
        for i in thinned(len(case.data), 400)
    ]
    named = [alt.Tooltip("name:N", title="model"), alt.Tooltip("median:Q", title="observed", format=digits)]
    table = (
        alt.Chart(source(points))
        .mark_point(size=16, color="currentColor", opacity=0.45, filled=True)
        .encode(x, y, tooltip=named)
    )
    return alt.layer(*_ground(rows), wide, narrow, table, line, dots)


def _ground(rows: list[dict[str, Any]]) -> list[Any]:
    """The shaded part, from the last date inside the table on; none where every date lies inside."""
    import altair as alt

    outside = [k for k, row in enumerate(rows) if not row["inside"]]
    if not outside:
        return []
    pieces = [{"from": rows[max(k - 1, 0)]["date"], "to": rows[k]["date"]} for k in outside if k > 0] or [
        {"from": rows[0]["date"], "to": rows[-1]["date"]}
    ]
    return [
        alt.Chart(source(pieces))
        .mark_rect(opacity=0.12, color=OUTSIDE, stroke=None)
        .encode(alt.X("from:Q"), alt.X2("to:Q"))
    ]


_COLUMNS = {
    "median": "median",
    "low": "expected, low",
    "high": "expected, high",
    "new_low": "new model, low",
    "new_high": "new model, high",
    "distance": "ranges of the table away",
}


def _sentences(case: Case, dates: np.ndarray, found: Prediction) -> tuple[str, ...]:
    last = len(dates) - 1
    first = (
        f"By {dates[last]:.1f} the law puts a new model of this kind between {found.new_low[last]:.3g} and "
        f"{found.new_high[last]:.3g} ({case.level:.0%}, {case.draws[0].kind}; median {found.median[last]:.3g})."
    )
    outside = int(np.sum(~found.inside))
    if not outside:
        return (first,)
    second = (
        f"{outside} of {len(dates)} dates lie outside the table, up to {found.distance.max():.2g} times its range "
        "away. The intervals take the law to be true, so out there they are, if anything, too narrow; a back-test "
        "(progressfit.forecast) says how such forecasts did before."
    )
    return (first, second)


def _numbers(rows: list[dict[str, Any]]) -> Table:
    cells = tuple((f"{r['date']:.1f}", *(r[name] for name in _COLUMNS), "yes" if r["inside"] else "no") for r in rows)
    return Table("Predictions", ("date", *_COLUMNS.values(), "inside the table"), cells)
