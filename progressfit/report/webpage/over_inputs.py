"""The fit over its inputs: every row by compute or an input of the reader's choice, with curves of equal size."""

from typing import Any

import jax
import numpy as np

from progressfit.analysis.allocation import FLOP_PER_PARAMETER_TOKEN, optimal_allocation
from progressfit.analysis.compute_growth import PAIR
from progressfit.dataset import Record
from progressfit.report.webpage.case import Case
from progressfit.report.webpage.content import Block, Chart, Inapplicable, Table
from progressfit.report.webpage.drawing import INSIDE, OUTSIDE, finished, short, source, thinned, thinned_note

NAME, TITLE = "over-inputs", "The fit over compute and inputs"
_SIZES, _STEPS, _BEYOND, _MOST = 6, 40, 100.0, 30


def over_inputs(case: Case) -> Block | Inapplicable:
    """Observed and fitted response by compute for laws in parameters and data, else by each input."""
    positive = [name for name in case.inputs if (case.columns[name] > 0).all()]
    if not positive:
        return Inapplicable(TITLE, "The law reads no positive input, so there is nothing to draw the response over.")
    paired = is_paired(case)
    axis = "training compute, 6ND (FLOP)" if paired else positive[0]
    caption = (
        f"{case.data.labels.response} by {axis}, observed (points) and fitted (short lines). "
        + (
            "Each thin curve is the law for one model size as data grow; the thick one is the best split of each "
            "budget, dashed outside the table. "
            if paired
            else ""
        )
        + "Hover or tap names a model."
        + thinned_note(len(case.data))
    )
    chart = Chart("chart-inputs", caption, finished(_chart(case, positive, paired), 380, caption), _numbers(case))
    return Block(NAME, TITLE, () if case.dated else (_worst(case),), charts=(chart,))


def is_paired(case: Case) -> bool:
    """Whether the law is one in parameters and data, without a date or a group, so that budgets can be split."""
    return set(PAIR) <= set(case.inputs) and not case.dated and not case.data.records.codes


def budgets(case: Case) -> np.ndarray:
    """Budgets in FLOP from the smallest of the table to a hundred times the largest."""
    compute = compute_of(case)
    return np.geomspace(compute.min(), compute.max() * _BEYOND, _MOST)


def compute_of(case: Case) -> np.ndarray:
    """Training compute of every row, six operations for each parameter and token, ``(n,)``."""
    return FLOP_PER_PARAMETER_TOKEN * case.columns[PAIR[0]] * case.columns[PAIR[1]]


def _points(case: Case, positive: list[str], paired: bool) -> list[dict[str, Any]]:
    names = case.data.row_names
    columns = {f"i_{k}": case.columns[name] for k, name in enumerate(positive)}
    columns["x"] = compute_of(case) if paired else case.columns[positive[0]]
    return [
        {"name": short(names[i]), "observed": float(case.observed[i]), "fitted": float(case.fitted[i])}
        | {"off": float(case.observed[i] - case.fitted[i]), "fit": "fitted" if case.used[i] else "left out of the fit"}
        | {key: float(values[i]) for key, values in columns.items()}
        for i in thinned(len(case.data))
    ]


def _chart(case: Case, positive: list[str], paired: bool) -> Any:
    import altair as alt

    base, params = alt.Chart(source(_points(case, positive, paired))), []
    field, title = "x", "training compute, 6ND (FLOP)" if paired else positive[0]
    if not paired and len(positive) > 1:
        options = [f"i_{k}" for k in range(len(positive))]
        menu: Any = alt.binding_select(options=options, labels=positive, name="Over ")
        params, field, title = [alt.param(name="over", value="i_0", bind=menu)], "place", "input chosen below"
        base = base.transform_calculate(place="datum[over]")
    log = alt.Scale(type="log", nice=False, padding=8)
    x = alt.X(f"{field}:Q", title=title, scale=log, axis=alt.Axis(format="~e", grid=False))
    y = alt.Y("observed:Q", title=case.data.labels.response, scale=alt.Scale(zero=False))
    fill: Any = _by_size(positive, alt.Fill, _ramp()) if paired else alt.value(INSIDE)
    shown = [
        alt.Tooltip("name:N", title="model"),
        *(alt.Tooltip(f"{n}:Q", format=".4~g") for n in ("observed", "fitted")),
    ]
    shown += [alt.Tooltip("off:Q", title="observed - fitted", format=".3~g")]
    shown += [alt.Tooltip(f"i_{k}:Q", title=name, format=".3~e") for k, name in enumerate(positive)]
    shown.append(alt.Tooltip("fit:N", title="row"))
    points = base.mark_point(filled=True, size=50, opacity=0.85).encode(
        x, y, fill=fill, shape=alt.Shape("fit:N", legend=None), tooltip=shown
    )
    ticks = base.mark_tick(thickness=2, size=9, orient="horizontal").encode(x, alt.Y("fitted:Q"), fill=fill)
    return alt.layer(*(_curves(case, positive) if paired else []), ticks, points).add_params(*params)


def _by_size(positive: list[str], channel: Any, legend: Any) -> Any:
    """Colour by the size of the model: as a fill with a ramp for a legend, or as a stroke without one."""
    import altair as alt

    scale = alt.Scale(type="log", scheme="viridis")
    return channel(f"i_{positive.index(PAIR[0])}:Q", title=PAIR[0], scale=scale, legend=legend)


def _ramp() -> Any:
    import altair as alt

    return alt.Legend(orient="top", format="~s", gradientLength=180, tickCount=3)


def _curves(case: Case, positive: list[str]) -> list[Any]:
    """The law for several sizes, and for the best split of every budget."""
    import altair as alt

    x, y = alt.X("x:Q"), alt.Y("observed:Q")
    sizes = (
        alt.Chart(source(_iso(case, positive)))
        .mark_line(strokeWidth=1, opacity=0.8)
        .encode(x, y, _by_size(positive, alt.Stroke, None), detail="curve:N")
    )
    rows = frontier(case)
    best = alt.Chart(source(rows)).encode(x, y)
    inside = best.transform_filter("datum.inside").mark_line(strokeWidth=3, color="currentColor", opacity=0.8)
    beyond = best.transform_filter("datum.dashed").mark_line(strokeWidth=2, strokeDash=[5, 4], color=OUTSIDE)
    return [sizes, inside, beyond] if rows else [sizes]


def _iso(case: Case, positive: list[str]) -> list[dict[str, Any]]:
    sizes = np.geomspace(case.columns[PAIR[0]].min(), case.columns[PAIR[0]].max(), _SIZES)
    data = np.geomspace(case.columns[PAIR[1]].min(), case.columns[PAIR[1]].max(), _STEPS)
    law = {
        float(n): np.asarray(case.fit.model.predict(Record.of(parameters=np.full(_STEPS, n), data=data))) for n in sizes
    }
    key = f"i_{positive.index(PAIR[0])}"
    return [
        {"curve": f"{k}", key: n, "x": float(FLOP_PER_PARAMETER_TOKEN * n * d), "observed": float(v)}
        for k, (n, values) in enumerate(law.items())
        for d, v in zip(data, values, strict=True)
    ]


def frontier(case: Case) -> list[dict[str, Any]]:
    """The best split of each budget and the response there; empty where no split is best."""
    compute = budgets(case)
    best = jax.vmap(lambda c: optimal_allocation(case.fit.model, c, inputs=PAIR))(compute)
    records = Record.of(parameters=np.asarray(best.parameters), data=np.asarray(best.data))
    inside = case.where(records).inside
    joined = ~inside | np.append(~inside[1:], False)
    found = zip(compute, np.asarray(best.loss), inside, joined, strict=True)
    return [
        {"x": float(c), "observed": float(v), "inside": bool(i), "dashed": bool(o)}
        for c, v, i, o in found
        if np.isfinite(v)
    ]


def _worst(case: Case) -> str:
    off = np.where(case.used, np.abs(case.observed - case.fitted), -np.inf)
    k = int(np.argmax(off))
    return (
        f"{int(case.used.sum())} rows; observed and fitted {case.data.labels.response} differ by "
        f"{np.median(off[case.used]):.3g} in the middle, most for {case.data.row_names[k]} (observed "
        f"{case.observed[k]:.4g}, fitted {case.fitted[k]:.4g})."
    )


def _numbers(case: Case) -> Table:
    """The rows that lie furthest from the law."""
    off = np.where(case.used, np.abs(case.observed - case.fitted), -np.inf)
    order = np.argsort(-off, kind="stable")[:_MOST]
    names = list(case.inputs)
    rows = tuple(
        (
            case.data.row_names[i],
            float(case.observed[i]),
            float(case.fitted[i]),
            *(float(case.columns[n][i]) for n in names),
        )
        for i in order
    )
    return Table("Rows furthest from the law", ("model", "observed", "fitted", *names), rows)
