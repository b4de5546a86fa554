"""The spread of the growth rate over draws, with an interval of any level."""

import itertools
from typing import Any

import numpy as np

from progressfit.growth import doubling_interval
from progressfit.infer.result import Draws
from progressfit.report.webpage.answer import ends
from progressfit.report.webpage.case import Case, NoRate
from progressfit.report.webpage.content import Block, Chart, Inapplicable, Lookup, Table
from progressfit.report.webpage.drawing import INSIDE, OUTSIDE, finished, source
from progressfit.report.webpage.words import LN10, factor, interval_sentence, magnitudes

NAME, TITLE = "rates", "How sure: the growth rate over draws"
_LEVELS = range(50, 100)
_BINS, _EDGE = 48, 0.002


def rates_over_draws(case: Case) -> Block | Inapplicable:
    """A histogram for each set of draws; a slider sets the level of the interval."""
    if isinstance(case.rate, NoRate):
        return Inapplicable(TITLE, case.rate.why)
    if not case.quotable:
        return Inapplicable(
            TITLE, "The data do not determine the growth rate, so its draws would show the prior alone."
        )
    kept = {d.kind: (d, r) for d, r in zip(case.draws, case.rates, strict=True) if len(r) and np.ptp(r) > 0}
    if not kept:
        return Inapplicable(TITLE, "There are no draws whose spread could be shown.")
    caption = (
        "Growth rate of every certified draw, in orders of magnitude a year. The slider sets the level of the central "
        "interval (shaded); draws without progress are vermillion; the dashed line is the best fit."
    )
    said = {f"{kind}|{level}": _sentence(d, r, level) for kind, (d, r) in kept.items() for level in _LEVELS}
    lookup = Lookup(("draws", "level"), said)
    chart = Chart("chart-rates", caption, finished(_chart(case, kept), 260, caption), _numbers(case, kept), lookup)
    return Block(NAME, TITLE, tuple(_outside(d, r) for d, r in kept.values()), charts=(chart,))


def _sentence(draws: Draws, rates: np.ndarray, level: int) -> str:
    return interval_sentence(*ends(rates, level / 100), level / 100, draws.kind, float(np.mean(rates <= 0)), len(rates))


def _outside(draws: Draws, rates: np.ndarray) -> str:
    undefined = int(draws.ok.sum()) - len(rates)
    shares = [
        f"{np.mean(draws.mode[draws.ok] == k):.1%} nearest to optimum {k + 1}" for k in np.unique(draws.mode[draws.ok])
    ]
    return (
        f"{draws.kind[:1].upper()}{draws.kind[1:]}: {len(draws)} draws, {draws.failed} not certified and left out"
        + (f", {undefined} without a finite rate" if undefined else "")
        + f"; {', '.join(shares)}."
    )


def _bins(rates: np.ndarray) -> np.ndarray:
    """Edges in orders of magnitude a year; zero is one of them, so that no bar holds rates of both signs."""
    low, high = np.quantile(rates / LN10, [_EDGE, 1 - _EDGE])
    width = (high - low) / _BINS
    return width * np.arange(np.floor(low / width), np.ceil(high / width) + 1)


def _bars(kind: str, rates: np.ndarray) -> list[dict[str, Any]]:
    counts, edges = np.histogram(rates / LN10, _bins(rates))
    return [
        {
            "draws": kind,
            "from": float(a),
            "to": float(b),
            "count": int(n),
            "floor": 0,
            "sign": "progress" if a + b > 0 else "no progress",
        }
        for n, (a, b) in zip(counts, itertools.pairwise(edges), strict=True)
    ]


def _bands(kind: str, rates: np.ndarray) -> list[dict[str, Any]]:
    found = []
    for level in _LEVELS:
        low, high = ends(rates, level / 100)
        found.append({"draws": kind, "level": level, "from": low / LN10, "to": high / LN10})
    return found


def _chart(case: Case, kept: dict[str, tuple[Draws, np.ndarray]]) -> Any:
    import altair as alt

    kinds, start = list(kept), round(100 * case.level)
    slider: Any = alt.binding_range(min=_LEVELS[0], max=_LEVELS[-1], step=1, name="Level in per cent ")
    level = alt.param(name="level", value=min(max(start, _LEVELS[0]), _LEVELS[-1]), bind=slider)
    menu: Any = alt.binding_select(options=kinds, name="Draws ") if len(kinds) > 1 else alt.Undefined
    draws = alt.param(name="draws", value=kinds[0], bind=menu)
    x = alt.X("from:Q", title="growth rate, orders of magnitude a year", scale=alt.Scale(zero=False, nice=False))
    colour = alt.Color(
        "sign:N", title=None, scale=alt.Scale(domain=["progress", "no progress"], range=[INSIDE, OUTSIDE])
    )
    bars = (
        alt.Chart(source([row for kind, (_, r) in kept.items() for row in _bars(kind, r)]))
        .transform_filter("datum.draws == draws")
        .mark_rect(opacity=0.85)
        .encode(
            x,
            alt.X2("to:Q"),
            alt.Y("count:Q", title="draws"),
            alt.Y2("floor:Q"),
            colour,
            tooltip=[
                alt.Tooltip("from:Q", format=".3f"),
                alt.Tooltip("to:Q", format=".3f"),
                "count:Q",
                alt.Tooltip("sign:N", title="rate"),
            ],
        )
    )
    band = (
        alt.Chart(source([row for kind, (_, r) in kept.items() for row in _bands(kind, r)]))
        .transform_filter("datum.draws == draws && datum.level == level")
        .mark_rect(opacity=0.16, color="currentColor", clip=True)
        .encode(x, alt.X2("to:Q"))
    )
    lines = [_line(0.0, []), _line(case.best_rate / LN10, [5, 4])]
    return alt.layer(band, bars, *lines).add_params(level, draws)


def _line(at: float, dash: list[int]) -> Any:
    import altair as alt

    return (
        alt.Chart(source([{"from": at}])).mark_rule(strokeDash=dash, strokeWidth=1.5, clip=True).encode(alt.X("from:Q"))
    )


def _numbers(case: Case, kept: dict[str, tuple[Draws, np.ndarray]]) -> Table:
    rows = []
    for kind, (_, rates) in kept.items():
        for level in (0.5, 0.8, 0.9, 0.95, 0.99):
            low, high = ends(rates, level)
            span = (f"{magnitudes(low)} to {magnitudes(high)}", f"{factor(low)} to {factor(high)}")
            rows.append((kind, f"{level:.0%}", *span, doubling_interval(low, high).text))
    head = ("draws", "level", "orders of magnitude a year", "factor a year", "doubling time")
    return Table("Intervals of the growth rate", head, tuple(rows))
