"""Where a gain came from: Shapley shares between two rows."""

from typing import Any

import numpy as np

from progressfit.analysis.attribution import Attribution, shapley
from progressfit.dataset import Record
from progressfit.model import channels, mean_terms
from progressfit.report.webpage.case import Case
from progressfit.report.webpage.content import Block, Chart, Inapplicable, Table
from progressfit.report.webpage.drawing import INSIDE, OUTSIDE, finished, source
from progressfit.terms import AbstractGroupTerm, Function

NAME, TITLE = "shares", "Where the gain came from"
_MOST_PLAYERS = 10


def shares(case: Case) -> Block | Inapplicable:
    """Shapley shares of the gain between two rows, with intervals over the draws that are quoted first."""
    if not case.dated:
        return Inapplicable(TITLE, "No date enters the law, so there is no progress over time to share out.")
    first, last = case.ends or _ends(case)
    start, end = _pair(case, first, last)
    players = _players(case, start, end)
    if not 1 < len(players) <= _MOST_PLAYERS:
        return Inapplicable(
            TITLE, f"{len(players)} things differ between the rows; shares need two to {_MOST_PLAYERS}."
        )

    def parts(model: Any) -> Attribution:
        return shapley(model, start, end, players)

    point = case.fit.map(parts)
    rows = [_row(case, name, point, case.draws[0].map(parts) if case.draws else None) for name in players]
    names = case.data.row_names
    caption = (
        f"Shares of the predicted change in {case.data.labels.response} from {names[first]} to {names[last]}"
        + (
            f", with {case.level:.0%} intervals ({case.draws[0].kind})."
            if case.draws
            else "; without draws, no intervals."
        )
        + " A negative share worked against the change."
    )
    chart = Chart("chart-shares", caption, finished(_chart(rows), 44 * len(rows) + 20, caption), _numbers(rows))
    return Block(NAME, TITLE, (_sentence(case, point, first, last, rows),), charts=(chart,))


def _ends(case: Case) -> tuple[int, int]:
    """The first fitted row by date, and the best of all."""
    date = np.where(case.used, case.columns["date"], np.inf)
    score = np.where(case.used, case.direction * case.observed, -np.inf)
    return int(np.argmin(date)), int(np.argmax(score))


def _pair(case: Case, first: int, last: int) -> tuple[Record, Record]:
    """Both rows; what the law does not read is made equal, so that it takes no part."""
    bare = case.data.bare().records
    start, end = bare.row(first), bare.row(last)
    unread = [name for name in start.columns if name not in (*case.inputs, "date")]
    read = _groups_read(case)
    codes = {name: start.codes[name] for name in start.codes if name not in read}
    return start, end.replace(**{name: start.columns[name] for name in unread}).with_codes(codes)


def _groups_read(case: Case) -> set[str]:
    terms = list(mean_terms(case.fit.model))
    if any(isinstance(term, Function) for term in terms):
        return set(case.data.records.codes)
    return {term.group for term in terms if isinstance(term, AbstractGroupTerm)}


def _players(case: Case, start: Record, end: Record) -> list[str]:
    moving = list(channels(case.fit.model)) if float(start.columns["date"]) != float(end.columns["date"]) else []
    moving += [name for name in case.inputs if float(start.columns[name]) != float(end.columns[name])]
    return moving + [name for name in start.codes if int(start.codes[name]) != int(end.codes[name])]


def _row(case: Case, name: str, point: Attribution, drawn: Attribution | None) -> dict[str, Any]:
    low = high = float(point.shares[name])
    if drawn is not None:
        found = np.asarray(drawn.shares[name])[case.draws[0].ok]
        low, high = np.quantile(found[np.isfinite(found)], [(1 - case.level) / 2, (1 + case.level) / 2])
    value = float(point.shares[name])
    return {
        "player": name,
        "share": value,
        "low": float(low),
        "high": float(high),
        "part": float(point.contributions[name]),
    }


def _chart(rows: list[dict[str, Any]]) -> Any:
    import altair as alt

    base = alt.Chart(source(rows))
    y = alt.Y("player:N", title=None, sort=None)
    percent = [alt.Tooltip(f"{name}:Q", format=".1%") for name in ("share", "low", "high")]
    bars = base.mark_bar(size=20, opacity=0.85).encode(
        alt.X("share:Q", title="share of the change", axis=alt.Axis(format=".0%")),
        y,
        color=alt.condition("datum.share < 0", alt.value(OUTSIDE), alt.value(INSIDE)),
        tooltip=["player:N", *percent],
    )
    spans = base.mark_rule(strokeWidth=2).encode(alt.X("low:Q"), alt.X2("high:Q"), y)
    return alt.layer(bars, spans)


def _sentence(case: Case, point: Attribution, first: int, last: int, rows: list[dict[str, Any]]) -> str:
    names, digits = case.data.row_names, ".0%"
    parts = [
        f"{row['player']} {row['share']:{digits}}"
        + (f" [{row['low']:{digits}}, {row['high']:{digits}}]" if case.draws else "")
        for row in rows
    ]
    return (
        f"From {names[first]} to {names[last]} the predicted {case.data.labels.response} changes by "
        f"{float(point.total):+.3g}. Shapley shares of that change: {', '.join(parts)}."
    )


def _numbers(rows: list[dict[str, Any]]) -> Table:
    head = ("what moved", "contribution", "share", "low", "high")
    cells = [(r["player"], r["part"], f"{r['share']:.1%}", f"{r['low']:.1%}", f"{r['high']:.1%}") for r in rows]
    return Table("Contributions to the change", head, tuple(cells))
