"""Forecasts: scenarios, how such forecasts did before, and what carries over to software in general."""

import functools
import re
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from progressfit.analysis.forecast import Forecast, forecast
from progressfit.analysis.transfer import PRESETS, Transferred, transfer
from progressfit.datasets import estimates
from progressfit.frame import rows_frame
from progressfit.infer.bootstrap import bootstrap
from progressfit.infer.result import Draws
from progressfit.plot.style import BLUE, DARK, GREEN, ORANGE, PALE
from progressfit.sensitivity.base import Question, Section

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

NAME, TITLE = "forecast", "Forecast: how far the answer reaches"
_LEVEL, _AHEAD, _REPLICATES = 0.95, 5, 400
_MOST_PANELS = 9
_POOR = 0.8


def section(question: Question) -> Section:
    """Scenarios with predictive intervals, a back-test, general software progress, and published rates beside it."""
    subject = question.subject
    draws = question.posterior if question.has_posterior else _replicates(question)
    scenarios = subject.scenarios if subject.scenarios is not None else usual_scenarios(question)
    first, *keys = jax.random.split(question.key_for(NAME), 1 + len(PRESETS))
    found = forecast(draws, subject.data, scenarios, key=first, level=_LEVEL)
    general = _general(question, draws, keys)
    tables: dict[str, Any] = {"scenarios": found.frame.to_dict("records"), "transfer": _transfer_table(general)}
    if found.tested is not None:
        tables |= {
            "backtest": found.tested.scores.to_dict("records"),
            "backtest-rows": found.tested.frame.to_dict("records"),
        }
    pictures = {
        "scenarios": functools.partial(_violins, question=question, found=found),
        "rates": functools.partial(_forest, question=question, draws=draws, general=general),
    }
    sentences = (*_forecast_sentences(question, found), *(str(one) for one in general.values()), *_beside(question))
    return Section(NAME, TITLE, sentences, tables, pictures, _doubt(draws, found))


def _general(question: Question, draws: Draws, keys: list[jax.Array]) -> dict[str, Transferred]:
    """Rates of software in general by preset; none where the law has no growth rate that varies."""
    try:
        return {
            name: transfer(draws, name, key=key, of=question.subject.of)
            for name, key in zip(PRESETS, keys, strict=True)
        }
    except ValueError:
        return {}


def usual_scenarios(question: Question) -> "pd.DataFrame":
    """Years from the first row to five after the last, at median and largest inputs, in the group of most rows."""
    data = question.subject.data
    columns = {name: np.asarray(column, np.float64) for name, column in data.records.columns.items()}
    dates = columns.pop("date", np.array([np.nan]))
    years = np.linspace(np.floor(dates.min()), np.ceil(dates.max()) + _AHEAD, 6) if np.isfinite(dates).all() else [None]
    rows = []
    for middle in (True, False):
        at = {name: float(np.median(column) if middle else column.max()) for name, column in columns.items()}
        rows += [at | ({} if year is None else {"date": float(year)}) for year in years]
    frame = rows_frame(rows)
    for group, levels in data.labels.levels:
        codes = np.asarray(data.records.codes[group])
        frame[group] = levels[int(np.bincount(codes).argmax())]
    return frame


def _replicates(question: Question) -> Draws:
    question.say("row bootstrap, because a prior is flat")
    key = question.key_for("bootstrap")
    return bootstrap(question.point, question.subject.data, key=key, replicates=question.count(_REPLICATES))


def _doubt(draws: Draws, found: Forecast) -> str | None:
    if draws.result.name != "CONVERGED":
        return draws.result.value
    if found.tested is not None and not found.tested.ok.all():
        return f"the chains of {int((~found.tested.ok).sum())} refits of the back-test did not settle"
    return None


def _forecast_sentences(question: Question, found: Forecast) -> list[str]:
    prediction, frame = found.prediction, found.scenarios
    outside = ~prediction.inside
    width = prediction.new_high - prediction.new_low
    said = [
        f"Of {len(frame)} scenarios {int(outside.sum())} lie outside the range of the table"
        + (f", up to {prediction.distance.max():.2g} times its width away" if outside.any() else "")
        + ". The 95% interval for a new model is "
        + (f"{np.median(width[~outside]):.3g} wide inside (median)" if (~outside).any() else "")
        + (" and " if outside.any() and (~outside).any() else "")
        + (f"{np.median(width[outside]):.3g} outside" if outside.any() else "")
        + (
            ". It takes this law to be true, so outside the range it is, if anything, too narrow."
            if outside.any()
            else "."
        )
    ]
    if found.tested is None:
        return [*said, f"No back-test: {found.why_not}"]
    scores: Any = found.tested.scores
    worst = scores.loc[scores["inside"].idxmin()]
    inside = float((scores["inside"] * scores["scored"]).sum() / scores["scored"].sum())
    said += [
        f"Back-test: fitted to the rows before each of {len(scores)} dates, the law put {inside:.0%} of the rows that "
        f"came after into its 95% intervals, at worst {worst['inside']:.0%} (of {int(worst['scored'])} rows after "
        f"{worst['cut']:.0f}), with a mean error between {scores['mean_error'].min():+.2g} and "
        f"{scores['mean_error'].max():+.2g}." + (" Its forecasts claim more than they keep." if inside < _POOR else "")
    ]
    return said


def _beside(question: Question) -> list[str]:
    table: Any = _comparable(question)
    if table.empty:
        return []
    low, high = float(table["rate"].min()), float(table["rate"].max())
    return [
        f"Beside it, {len(table)} published rates for {question.subject.comparable} run from {low:.3g} to {high:.3g} a "
        "year (their tables and domains differ)."
    ]


def _comparable(question: Question) -> "pd.DataFrame":
    table: Any = estimates()
    if not question.subject.comparable:
        return table.iloc[:0]
    return table[table["quantity"].str.startswith(question.subject.comparable)].reset_index(drop=True)


def _transfer_table(general: dict[str, Transferred]) -> list[dict[str, Any]]:
    return [
        {"factor": name}
        | {f"q{level}": float(value) for level, value in one.quantiles().items()}
        | {"no_progress": one.probability_below(0.0), "source": one.source}
        for name, one in general.items()
    ]


def _violins(figure: "Figure", question: Question, found: Forecast) -> None:
    """A panel for each combination of inputs, a violin for each date; pale where outside the range of the table."""
    frame, inside = found.scenarios, found.prediction.inside
    others = [name for name in frame.columns if name != "date"]
    panels = list(frame.groupby(others, sort=False).indices.items()) if others else [((), np.arange(len(frame)))]
    panels = panels[:_MOST_PANELS]
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure.set_size_inches(3.6 * columns, 2.6 * rows + 0.6)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axis, (at, own) in zip(axes, panels, strict=False):
        dates = frame["date"].to_numpy()[own] if "date" in frame else np.arange(len(own), dtype=float)
        step = float(np.diff(np.unique(dates)).min()) if len(np.unique(dates)) > 1 else 1.0
        drawn = axis.violinplot(found.draws[:, own], positions=dates, widths=0.8 * step, showextrema=False)
        for k, body in enumerate(drawn["bodies"]):
            body.set(facecolor=BLUE if inside[own[k]] else ORANGE, alpha=0.7 if inside[own[k]] else 0.35, linewidth=0)
        axis.plot(dates, found.prediction.median[own], color=DARK, linewidth=1)
        axis.set_title(_named(others, at), fontsize=8)
        axis.xaxis.get_major_locator().set_params(integer=True, nbins=4)
        axis.tick_params(labelsize=8)
        axis.grid(True, color=PALE, linewidth=0.6)
        axis.set_axisbelow(True)
    figure.suptitle("Performance of a new model; orange: outside the range of the table", fontsize=11)


def _named(names: list[str], at: Any) -> str:
    values = at if isinstance(at, tuple) else (at,)
    return ", ".join(
        str(value) if isinstance(value, str) else f"{name} {value:.3g}"
        for name, value in zip(names, values, strict=True)
    )


def _of_what(row: Any) -> str:
    """The study, and what its quantity says in brackets."""
    detail = re.findall(r"\((.*)\)", row["quantity"])
    return f"{row['study']}, {detail[0]}" if detail else row["study"]


def _forest(figure: "Figure", question: Question, draws: Draws, general: dict[str, Transferred]) -> None:
    """Growth rates with 95% intervals: this one, what carries over, and published ones."""
    rates = np.asarray(draws.map(question.subject.of), np.float64)[draws.ok]
    lines = [("this table, " + draws.kind, *np.quantile(rates, [0.025, 0.5, 0.975]), BLUE)]
    lines += [
        (f"software in general, factor {name}", *np.quantile(one.draws, [0.025, 0.5, 0.975]), GREEN)
        for name, one in general.items()
    ]
    for row in _comparable(question).to_dict("records"):
        lines.append((_of_what(row), row["low_rate"], row["rate"], row["high_rate"], DARK))
    figure.set_size_inches(8.0, 1.2 + 0.28 * len(lines))
    axis = figure.subplots()
    for place, (_, low, middle, high, colour) in enumerate(lines):
        axis.plot([low, high], [place, place], color=colour, linewidth=2, alpha=0.6)
        axis.plot(middle, place, "o", color=colour, markersize=5)
    axis.set_yticks(range(len(lines)), [line[0] for line in lines], fontsize=8)
    axis.invert_yaxis()
    axis.axvline(0.0, color=DARK, linewidth=0.8)
    axis.set_xlabel(f"growth rate ({question.subject.unit}); intervals as published", fontsize=9)
    axis.grid(True, axis="x", color=PALE, linewidth=0.6)
    axis.set_axisbelow(True)
