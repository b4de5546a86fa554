"""Selection and unobserved quality: the answer as a function of what nobody recorded, and under filters of the rows."""

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from progressfit.analysis.selection import (
    Filtered,
    Selection,
    best_of_cluster,
    better,
    cluster_weights,
    filtered,
    selection,
    state_of_the_art,
)
from progressfit.growth import doubling_time
from progressfit.params import dimension
from progressfit.plot.style import BLUE, DARK, ORANGE, PALE
from progressfit.sensitivity.base import Question, Section, rate_words
from progressfit.sensitivity.drawing import titled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME, TITLE = "selection", "Selection: unobserved quality, and which rows were published"
_GRID = np.round(np.linspace(-0.8, 0.8, 17), 10)
_SHOWN, _FEW_ROWS = 0.2, 3


def section(question: Question) -> Section:
    """The answer under assumed correlations of latent quality, and under filters of the rows."""
    point, subject = question.point, question.subject
    sentences, tables, pictures, doubts = [], {}, {}, []
    try:
        first, second = (axis.ravel() for axis in np.meshgrid(_GRID, _GRID, indexing="ij"))
        found = selection(point, subject.data, subject.of, first, second, input=subject.input)
    except ValueError as error:
        sentences.append(f"Unobserved quality does not apply here: {error}.")
    else:
        if not found.possible.any():
            sentences.append(
                f"The date fixes log {subject.input} in this table (correlation {found.input_date:.6f}), so nothing "
                "can be said about quality that goes with one of them."
            )
        else:
            sentences += _quality_sentences(question, found)
        tables["quality"] = _quality_table(found)
        if found.ok.any():
            pictures["quality"] = functools.partial(_draw, question=question, found=found)
        failed = int(np.sum(found.possible & ~found.ok))
        doubts += [f"{failed} refits under assumed correlations"] if failed else []
    filters = _filters(question)
    if filters:
        kept = filtered(point, subject.data, subject.of, filters)
        sentences += _filter_sentences(question, kept)
        tables["filters"] = _filter_table(kept)
        doubts += [f"the refit to {name}" for name, ok in zip(kept.names, kept.ok, strict=True) if not ok]
    doubt = f"no optimum was reached by {', '.join(doubts)}; they are left out" if doubts else None
    return Section(NAME, TITLE, tuple(sentences), tables, pictures, doubt)


def _filters(question: Question) -> dict[str, np.ndarray]:
    data, input = question.subject.data, question.subject.input
    if input not in data.records.columns:
        return {}
    direction, filters = better(question.point.model, data, input), {}
    if "date" in data.records.columns and state_of_the_art(data, direction).sum() > 1:
        filters["rows that were the state of the art when published"] = state_of_the_art(data, direction)
    largest = int(np.max(np.unique(data.clusters, return_counts=True)[1]))
    for most in range(1, min(largest, 4)):
        filters[f"the best {most} of each paper" if most > 1 else "the best row of each paper"] = best_of_cluster(
            data, most, direction
        )
    if largest > 1:
        filters["all rows, each paper counting as one"] = cluster_weights(data, 1)
    return filters


def _quality_sentences(question: Question, found: Selection) -> list[str]:
    input, quantity = found.input, question.subject.quantity
    said = [
        f"Suppose that the scatter about the law (standard deviation {found.scatter:.3g} on the linked scale) is "
        "unobserved quality, and that it correlates with what the law reads (Whitfill 2025). The data cannot tell; the "
        f"{quantity} would be as follows, and is {rate_words(found.naive)} if quality is independent of both."
    ]
    for which, name in (("input", f"log {input}"), ("date", "the date")):
        at, value = found.along(which)
        ends = [f"at {at[k]:+g}: {rate_words(float(value[k]))}" for k in np.flatnonzero(np.isclose(abs(at), _SHOWN))]
        said.append(f"If quality correlates with {name} {'; '.join(ends)}. " + _tipping(found, which))
    return said


def _tipping(found: Selection, which: str) -> str:
    targets = {"no progress at all": 0.0, "half the rate": found.naive / 2, "twice the rate": 2 * found.naive}
    needed = {words: found.needed(which, target) for words, target in targets.items()}
    known = [f"{at:+.2f} for {words}" for words, at in needed.items() if np.isfinite(at)]
    beyond = [words for words, at in needed.items() if not np.isfinite(at)]
    said = f"It would take a correlation of {', '.join(known)}" if known else ""
    if beyond:
        at, _ = found.along(which)
        rest = f"no correlation from {at[0]:g} to {at[-1]:g}, as far as the fit keeps its character, gives "
        rest += " or ".join(beyond)
        said += f"; {rest}" if said else rest[0].upper() + rest[1:]
    return said + "."


def _filter_sentences(question: Question, kept: Filtered) -> list[str]:
    few = _FEW_ROWS * dimension(question.point.spec)
    said = []
    for name, rows, value, mode in zip(kept.names, kept.rows, kept.value, kept.mode, strict=True):
        if not np.isfinite(value):
            continue
        notes = []
        if rows < few:
            notes.append(f"fewer than {_FEW_ROWS} rows for each parameter, so the priors carry much of it")
        if mode != 0:
            notes.append("nearer to another optimum than to that of all rows")
        note = f" ({'; '.join(notes)})" if notes else ""
        said.append(f"Fitted to {name} (weight of {rows:.0f} rows): {rate_words(float(value))}{note}.")
    return said


def _months(rate: float) -> float | None:
    return float(doubling_time(rate)) if np.isfinite(rate) and rate > 0 else None


def _quality_table(found: Selection) -> list[dict[str, Any]]:
    return [
        {
            f"correlation_with_log_{found.input}": float(found.with_input[k]),
            "correlation_with_date": float(found.with_date[k]),
            "share_of_scatter": found.share,
            "possible": bool(found.possible[k]),
            "value": float(value),
            "doubling_months": _months(float(value)),
            "optimum": int(found.mode[k]),
            "certified": bool(found.ok[k]),
        }
        for k, value in enumerate(found.value)
    ]


def _filter_table(kept: Filtered) -> list[dict[str, Any]]:
    return [
        {
            "filter": name,
            "rows": float(kept.rows[k]),
            "value": float(kept.value[k]),
            "doubling_months": _months(float(kept.value[k])),
            "optimum": int(kept.mode[k]),
            "certified": bool(kept.ok[k]),
        }
        for k, name in enumerate(kept.names)
    ]


def _draw(figure: "Figure", question: Question, found: Selection) -> None:
    figure.set_size_inches(11.0, 4.6)
    left, right = figure.subplots(1, 2)
    for which, name, colour in (("input", f"log {found.input}", BLUE), ("date", "the date", ORANGE)):
        left.plot(*found.along(which), "o-", color=colour, markersize=4, label=f"with {name}, the other at 0")
    left.axhline(0.0, color=DARK, linewidth=0.8)
    left.axvline(0.0, color=DARK, linewidth=0.8, linestyle=(0, (4, 2)))
    left.grid(True, color=PALE, linewidth=0.6)
    left.set_axisbelow(True)
    left.set_xlabel("assumed correlation of unobserved quality")
    left.set_ylabel(f"growth rate ({question.subject.unit})", fontsize=9)
    left.legend(frameon=False, fontsize=8)
    size = len(_GRID)
    order = np.lexsort((found.with_input, found.with_date))
    shown, ends = found.value[order].reshape(size, size), np.nanquantile(found.value, [0.05, 0.95])
    picture = right.pcolormesh(_GRID, _GRID, shown, cmap="viridis", shading="nearest", vmin=ends[0], vmax=ends[1])
    right.set_xlabel(f"correlation with log {found.input}")
    right.set_ylabel("correlation with the date")
    figure.colorbar(picture, ax=right, label="growth rate")
    figure.suptitle(f"{titled(question.subject.quantity)} if quality nobody recorded is not independent", fontsize=11)
