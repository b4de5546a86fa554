"""The fit over time: every row observed and fitted, the course of the law, and where the table ends."""

from typing import Any

import numpy as np

from progressfit.analysis.outlook import outlook
from progressfit.report.webpage.case import Case
from progressfit.report.webpage.content import Block, Chart, Inapplicable, Listing, Table
from progressfit.report.webpage.drawing import COLOURS, OUTSIDE, finished, lean, short, source, thinned, thinned_note

NAME, TITLE = "over-time", "The fit over time"
BRUSH = "period"
_PLAIN = "all rows"
_MOST_LEVELS, _OTHER = 7, "other levels"
_HINT = (
    "Drag across the chart to pick out a period: its rows are named here, and the chart of components shows them alone."
)


def over_time(case: Case) -> Block | Inapplicable:
    """Observed and fitted response by date, with the law carried on beyond the last date."""
    if "date" not in case.columns:
        return Inapplicable(TITLE, "The table has no dates, so nothing can be shown over time.")
    caption = (
        f"{case.data.labels.response}, observed (points) and fitted (short lines), by date. The curve is the law for "
        "the inputs of the best row, dashed and on shaded ground where dates lie outside the table. "
        "Hover or tap to name a model; drag across to pick out a period; a double click ends it."
        + thinned_note(len(case.data))
    )
    rows = point_rows(case)
    listing = Listing(
        BRUSH,
        tuple(
            lean({"x": r["date"], "name": r["name"], "observed": r["observed"], "fitted": r["fitted"]}) for r in rows
        ),
        _HINT,
    )
    chart = Chart("chart-time", caption, finished(_chart(case, rows), 380, caption), _numbers(case), listing)
    return Block(NAME, TITLE, (_furthest(case),), charts=(chart,))


def point_rows(case: Case) -> list[dict[str, Any]]:
    """One mapping a row that is drawn: what a tooltip shows, and the level of each group."""
    groups = {f"g{k}": _levels(case, name) for k, name in enumerate(case.data.records.codes)}
    names, found = case.data.row_names, []
    for i in thinned(len(case.data)):
        row: dict[str, Any] = {
            "name": short(names[i]),
            "observed": float(case.observed[i]),
            "fitted": float(case.fitted[i]),
        }
        row |= {"date" if name == "date" else f"i_{k}": float(v[i]) for k, (name, v) in enumerate(case.columns.items())}
        row |= {key: levels[i] for key, levels in groups.items()}
        found.append(
            row | {"fit": "fitted" if case.used[i] else "left out of the fit", "off": row["observed"] - row["fitted"]}
        )
    return found


def tooltips(case: Case) -> list[Any]:
    """What hovering shows: the name and the numbers of the row."""
    import altair as alt

    digits = ".4~g"
    shown = [alt.Tooltip("name:N", title="model"), alt.Tooltip("observed:Q", format=digits)]
    shown += [alt.Tooltip("fitted:Q", format=digits), alt.Tooltip("off:Q", title="observed - fitted", format=digits)]
    for k, name in enumerate(case.columns):
        field, form = ("date:Q", ".2f") if name == "date" else (f"i_{k}:Q", ".3~e")
        shown.append(alt.Tooltip(field, title=name, format=form))
    shown += [alt.Tooltip(f"g{k}:N", title=name) for k, name in enumerate(case.data.records.codes)]
    return [*shown, alt.Tooltip("fit:N", title="row")]


def _levels(case: Case, group: str) -> list[str]:
    """The level of every row; the rarest levels go by one name, since eyes tell few colours apart."""
    names = np.asarray(case.data.levels(group), object)
    codes = np.asarray(case.data.records.codes[group])
    counts = np.bincount(codes, minlength=len(names))
    often = set(np.argsort(-counts, kind="stable")[: _MOST_LEVELS if len(names) > _MOST_LEVELS + 1 else len(names)])
    return [short(str(names[code])) if code in often else _OTHER for code in codes]


def colour_choice(case: Case) -> tuple[Any, dict[str, Any]]:
    """The parameter that chooses the colour of points, and how a row's colour follows from it."""
    import altair as alt

    groups = list(case.data.records.codes)
    options = [_PLAIN, *(f"g{k}" for k in range(len(groups)))]
    menu: Any = alt.binding_select(options=options, labels=[_PLAIN, *groups], name="Colour by ")
    choice = alt.param(name="colour_by", value=options[1] if len(options) > 1 else _PLAIN, bind=menu)
    return choice, {"shade": f"colour_by == '{_PLAIN}' ? '{_PLAIN}' : datum[colour_by]"}


def switch(name: str, words: str, on: bool = True) -> Any:
    """A tick box that shows or hides a layer."""
    import altair as alt

    return alt.param(name=name, value=on, bind=alt.binding_checkbox(name=f"{words} "))


def _chart(case: Case, rows: list[dict[str, Any]]) -> Any:
    import altair as alt

    choice, shade = colour_choice(case)
    base = alt.Chart(source(rows)).transform_calculate(**shade)
    x = alt.X(
        "date:Q",
        title="date",
        scale=alt.Scale(zero=False, nice=False, padding=8),
        axis=alt.Axis(format="d", tickMinStep=1),
    )
    y = alt.Y("observed:Q", title=case.data.labels.response, scale=alt.Scale(zero=False))
    colour = alt.Color("shade:N", title=None, scale=alt.Scale(range=list(COLOURS)))
    inside = alt.selection_interval(name=BRUSH, encodings=["x"])
    fade = alt.condition(inside, alt.value(0.85), alt.value(0.12))
    points = base.mark_point(filled=True, size=60).encode(
        x, y, colour, alt.Shape("fit:N", title=None, legend=None), opacity=fade, tooltip=tooltips(case)
    )
    left = (
        base.transform_filter("show_residuals")
        .mark_rule(opacity=0.3)
        .encode(x, alt.Y("observed:Q"), alt.Y2("fitted:Q"))
    )
    ticks = (
        base.transform_filter("show_fitted")
        .mark_tick(thickness=2, size=9, orient="horizontal")
        .encode(x, alt.Y("fitted:Q"), colour, opacity=fade)
    )
    switches = [switch("show_fitted", "fitted"), switch("show_residuals", "distance of each row", on=False)]
    return alt.layer(*_course(case), left, ticks, points.add_params(inside)).add_params(choice, *switches)


def _course(case: Case) -> list[Any]:
    """The law over the years for the best row's inputs, and the ground outside the table."""
    import altair as alt

    rows = _course_rows(case)
    last = float(case.columns["date"][case.used].max())
    x, y = alt.X("date:Q"), alt.Y("law:Q")
    ground = alt.Chart(source([{"from": last, "to": max(r["date"] for r in rows)}])).mark_rect(
        opacity=0.1, color=OUTSIDE
    )
    line = alt.Chart(source(rows)).transform_filter("show_law")
    shown = (
        line.transform_filter("datum.inside").mark_line(color="currentColor", opacity=0.7, strokeWidth=2).encode(x, y)
    )
    beyond = (
        line.transform_filter("datum.dashed")
        .mark_line(color=OUTSIDE, strokeDash=[5, 4], strokeWidth=2)
        .encode(x, y)
        .add_params(switch("show_law", "course of the law"))
    )
    return [ground.encode(alt.X("from:Q"), alt.X2("to:Q")), shown, beyond]


def _course_rows(case: Case) -> list[dict[str, Any]]:
    records = outlook(case.fit.model, case.data.take(case.used), case.years, case.direction)
    law = np.asarray(case.fit.model.predict(records))
    dates, inside = np.asarray(records.columns["date"]), case.where(records).inside
    # The last point inside begins the dashed part, so that the two meet.
    joined = ~inside | np.append(~inside[1:], False)
    return [
        {"date": float(d), "law": float(v), "inside": bool(i), "dashed": bool(o)}
        for d, v, i, o in zip(dates, law, inside, joined, strict=True)
    ]


def _furthest(case: Case) -> str:
    off = np.where(case.used, np.abs(case.observed - case.fitted), -np.inf)
    k = int(np.argmax(off))
    date = case.columns["date"]
    return (
        f"{int(case.used.sum())} rows from {date.min():.1f} to {date.max():.1f}; observed and fitted "
        f"{case.data.labels.response} differ by {np.median(off[case.used]):.3g} in the middle, most for "
        f"{case.data.row_names[k]} (observed {case.observed[k]:.4g}, fitted {case.fitted[k]:.4g})."
    )


def _numbers(case: Case) -> Table:
    """Year by year: rows, and mean observed and fitted response."""
    years = np.floor(case.columns["date"]).astype(int)
    rows = [
        (str(year), int(own.sum()), float(case.observed[own].mean()), float(case.fitted[own].mean()))
        for year in np.unique(years)
        for own in [years == year]
    ]
    response = case.data.labels.response
    return Table("Means by year", ("year", "rows", f"observed {response}", f"fitted {response}"), tuple(rows))
