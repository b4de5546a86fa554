"""The parts of the mean, row by row, each of which can be shown or hidden."""

from typing import Any

import numpy as np

from progressfit.model import components
from progressfit.report.webpage.case import Case
from progressfit.report.webpage.content import Block, Chart, Inapplicable, Table
from progressfit.report.webpage.drawing import COLOURS, finished, short, source, thinned, thinned_note

NAME, TITLE = "components", "Parts of the law"
_MOST_PARTS, _MOST_POINTS = 8, 1000


def parts_over_time(case: Case) -> Block | Inapplicable:
    """Every part of the mean that varies, over time, as a difference from its mean."""
    if "date" not in case.columns:
        return Inapplicable(TITLE, "The table has no dates, so the parts of the law have no course over time.")
    found = {
        name: np.asarray(v, np.float64) for name, v in components(case.fit.model, case.data.bare().records).items()
    }
    varying = {name: v for name, v in found.items() if name != "mean" and np.isfinite(v).all() and np.ptp(v) > 1e-12}
    if not varying:
        return Inapplicable(TITLE, "The law has a single part that varies: what it predicts.")
    names = list(varying)[:_MOST_PARTS]
    caption = (
        "Each part of the law at each row, by date, less its mean over all rows, on the part's own scale: children of "
        "a sum add up, those of a product multiply. Tick boxes show and hide parts; a period picked out above applies "
        "here." + thinned_note(len(case.data), _MOST_POINTS // len(names))
    )
    kept = {name: varying[name] for name in names}
    chart = Chart(
        "chart-parts", caption, finished(_chart(case, kept), 280, caption), _numbers(case, kept), follows=True
    )
    more = (
        (f"Of {len(varying)} parts that vary the first {_MOST_PARTS} are shown.",) if len(varying) > _MOST_PARTS else ()
    )
    return Block(NAME, TITLE, more, charts=(chart,))


def _rows(case: Case, kept: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    names, date = case.data.row_names, case.columns["date"]
    return [
        {"date": float(date[i]), "value": float(v[i] - v.mean()), "part": part, "k": k, "name": short(names[i])}
        for i in thinned(len(case.data), _MOST_POINTS // len(kept))
        for k, (part, v) in enumerate(kept.items())
    ]


def _chart(case: Case, kept: dict[str, np.ndarray]) -> Any:
    import altair as alt

    shown = [
        alt.param(name=f"part_{k}", value=_is_innermost(part, kept), bind=alt.binding_checkbox(name=f"{part} "))
        for k, part in enumerate(kept)
    ]
    bounds = [alt.param(name="period_from", value=None), alt.param(name="period_to", value=None)]
    ticked = " || ".join(f"(datum.k == {k} && part_{k})" for k in range(len(kept)))
    within = "period_from == null || (datum.date >= period_from && datum.date <= period_to)"
    colour = alt.Color("part:N", title=None, scale=alt.Scale(domain=list(kept), range=list(COLOURS)))
    return (
        alt.Chart(source(_rows(case, kept)))
        .transform_filter(ticked)
        .transform_filter(within)
        .mark_point(filled=True, size=26, opacity=0.7)
        .encode(
            alt.X("date:Q", title="date", scale=alt.Scale(zero=False), axis=alt.Axis(format="d", tickMinStep=1)),
            alt.Y("value:Q", title="part less its mean"),
            colour,
            tooltip=[alt.Tooltip("name:N", title="model"), "part:N", alt.Tooltip("value:Q", format=".3~g")],
        )
        .add_params(*shown, *bounds)
    )


def _is_innermost(part: str, kept: dict[str, np.ndarray]) -> bool:
    """Whether a part is made of no others; these are shown first, or all would lie on top of each other."""
    return not part.endswith(".argument") and not any(name.startswith(f"{part}.") for name in kept)


def _numbers(case: Case, kept: dict[str, np.ndarray]) -> Table:
    order = np.argsort(case.columns["date"], kind="stable")
    first, last = order[0], order[-1]
    rows = [(part, float(v[first]), float(v[last]), float(v.min()), float(v.max())) for part, v in kept.items()]
    return Table("Parts at the first and last date", ("part", "first", "last", "lowest", "highest"), tuple(rows))
