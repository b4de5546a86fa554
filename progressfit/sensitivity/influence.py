"""Influence: which rows, papers, years and architectures move the answer."""

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from progressfit.analysis.influence import Influence, LeftOut, influence, leave_out
from progressfit.growth import doubling_time, duration
from progressfit.sensitivity.base import Question, Section, rate_words
from progressfit.sensitivity.drawing import agreement, bars

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME, TITLE = "influence", "Influence: which rows move the answer"
_SHOWN = 10
_ERROR = 0.3  # of log10 of an input: a factor of two
_WORDS = {"row": "row", "cluster": "paper", "year": "year"}


def section(question: Question) -> Section:
    """Derivatives at the optimum, exact refits without rows and groups, and first-order standard errors."""
    point, data, of = question.point, question.subject.data, question.subject.of
    rows = leave_out(point, data, of)
    groups = [leave_out(point, data, of, by) for by in _groupings(question)]
    try:
        slopes, refusal = influence(point, data, of), None
    except ValueError as error:
        slopes, refusal = None, f"There are no derivatives: {error}. The refits below are exact."
    failed = sum(int(np.sum(~found.ok)) for found in (rows, *groups))
    sentences = [_most_moving(question, rows)]
    sentences += [_group_sentence(found) for found in groups]
    if slopes is not None:
        sentences += _derivative_sentences(question, slopes, rows)
    tables = {"rows": _row_table(question, rows, slopes)}
    pictures = {"rows": functools.partial(_picture, rows=rows, question=question)}
    if groups:
        tables["groups"] = [line for found in groups for line in _group_table(found)]
        pictures["groups"] = functools.partial(_groups, groups=groups)
    return Section(
        name=NAME,
        title=TITLE,
        sentences=(*([] if refusal is None else [refusal]), *sentences),
        tables=tables,
        pictures=pictures,
        doubt=f"{failed} refits without rows did not reach an optimum; they are left out" if failed else None,
    )


def _groupings(question: Question) -> list[str]:
    """Groupings of the table that have more than one group and are not single rows."""
    data = question.subject.data
    found = []
    if 1 < len(np.unique(data.clusters)) < len(data):
        found.append("cluster")
    if "date" in data.records.columns and len(np.unique(np.floor(np.asarray(data.records.columns["date"])))) > 1:
        found.append("year")
    return found + [name for name, codes in data.records.codes.items() if len(np.unique(codes)) > 1]


def _order(found: LeftOut) -> np.ndarray:
    """Positions of the groups, the one that moves the answer most first; refits that failed last."""
    return np.argsort(-np.nan_to_num(np.abs(found.shift), nan=-1.0), kind="stable")


def _most_moving(question: Question, rows: LeftOut) -> str:
    order = _order(rows)[:_SHOWN]
    said = ", ".join(f"{rows.names[k]} ({rows.shift[k]:+.3f})" for k in order)
    extremes = sorted((float(rows.value[k]) for k in order), reverse=True)
    text = (
        f"Leaving out one row at a time moves the {question.subject.quantity} from {rate_words(rows.full)} to between "
        f"{rate_words(extremes[-1])} and {rate_words(extremes[0])}. The {len(order)} rows that move it most, with the "
        f"change if the row is left out ({question.subject.unit}): {said}."
    )
    return text + _switched(rows)


def _switched(found: LeftOut) -> str:
    names = [found.names[k] for k in np.flatnonzero((found.mode != 0) & found.ok)]
    return f" Without {', '.join(names)} another optimum becomes the best." if names else ""


def _group_sentence(found: LeftOut) -> str:
    k = _order(found)[0]
    kind = _WORDS.get(found.kind, found.kind)
    rows = "1 row" if found.sizes[k] == 1 else f"{found.sizes[k]} rows"
    text = (
        f"Leaving out one {kind} at a time (there are {len(found.names)}), {found.names[k]} ({rows}) moves it most: to "
        f"{rate_words(float(found.value[k]))}."
    )
    return text + _switched(found)


def _derivative_sentences(question: Question, slopes: Influence, rows: LeftOut) -> list[str]:
    by_row = slopes.stderr()
    clustered = 1 < len(np.unique(slopes.clusters)) < len(slopes.clusters)
    also = f", {slopes.stderr('cluster'):.3f} by whole papers" if clustered else ""
    said = [
        f"First-order standard error of the {question.subject.quantity} (infinitesimal jackknife): {by_row:.3f} by "
        f"rows{also}, in {question.subject.unit}; it sees the best optimum alone, and where there are others a "
        "bootstrap that may change optimum is wider.",
        f"Shifts predicted by implicit differentiation and those of exact refits that keep the optimum correlate at "
        f"{rows.correlation:.4f}." + _released(rows),
    ]
    name = question.subject.input
    if name in slopes.inputs:
        effect = _ERROR * np.log(10) * slopes.inputs[name]
        order = np.argsort(-np.abs(effect))[:3]
        which = ", ".join(f"{slopes.rows[k]} ({effect[k]:+.3f})" for k in order)
        said.append(
            f"If the {name} of one row is in truth {_ERROR} higher in log10 (a factor of {10**_ERROR:.1f}), the answer "
            f"moves most for {which}; if it is so for every row independently, with this standard deviation, the "
            f"answer scatters by {float(np.sqrt(np.sum(effect**2))):.3f} to first order, before any attenuation."
        )
    return said


def _released(rows: LeftOut) -> str:
    """Where predictions fail for a known reason: a parameter comes off the kink of its prior, or moves onto it."""
    which = np.flatnonzero(rows.released & rows.ok & (rows.mode == 0))
    if len(which) == 0:
        return ""
    worst = which[np.argsort(-np.abs(rows.value - rows.predicted)[which])][:3]
    names = ", ".join(
        f"{rows.names[k]} ({rows.shift[k]:+.3f} instead of {rows.predicted[k] - rows.full:+.3f})" for k in worst
    )
    return (
        f" In {len(which)} of {len(rows.names)} refits other parameters lie exactly on the kinks of their Laplace "
        f"priors than with all rows, which no derivative foresees: most of all without {names}. Over the others the "
        f"correlation is {rows.correlation_on_face:.4f}."
    )


def _months(rate: float) -> float | None:
    return float(doubling_time(rate)) if np.isfinite(rate) and rate > 0 else None


def _row_table(question: Question, rows: LeftOut, slopes: Influence | None) -> list[dict[str, Any]]:
    date = question.subject.data.records.columns.get("date")
    table = []
    for k in _order(rows):
        line: dict[str, Any] = {"row": rows.names[k], "cluster": int(question.subject.data.clusters[k])}
        line |= {} if date is None else {"date": float(date[k])}
        line |= _shifts(rows, int(k))
        if slopes is not None:
            line |= {"d_weight": float(slopes.weight[k]), "d_response": float(slopes.response[k])}
            line |= {f"d_log_{name}": float(values[k]) for name, values in slopes.inputs.items() if values.any()}
            line |= {} if slopes.date is None else {"d_date": float(slopes.date[k])}
        table.append(line)
    return table


def _shifts(found: LeftOut, k: int) -> dict[str, Any]:
    return {
        "value_without": float(found.value[k]),
        "shift": float(found.shift[k]),
        "predicted_shift": float(found.predicted[k] - found.full),
        "doubling_months_without": _months(float(found.value[k])),
        "optimum": int(found.mode[k]),
        "other_parameters_on_kinks": bool(found.released[k]),
        "certified": bool(found.ok[k]),
    }


def _group_table(found: LeftOut) -> list[dict[str, Any]]:
    kind = _WORDS.get(found.kind, found.kind)
    return [
        {"left_out": kind, "group": found.names[k], "rows": int(found.sizes[k])} | _shifts(found, int(k))
        for k in _order(found)
    ]


def _picture(figure: "Figure", rows: LeftOut, question: Question) -> None:
    figure.set_size_inches(11.0, 4.8)
    left, right = figure.subplots(1, 2)
    order, unit = _order(rows)[:_SHOWN], question.subject.unit
    bars(left, [rows.names[k] for k in order], rows.shift[order], f"change if the row is left out ({unit})")
    if np.isfinite(rows.predicted).any():
        agreement(right, rows.predicted - rows.full, rows.shift, "predicted by the derivative", "exact refit")
        right.set_title(f"correlation {rows.correlation:.4f}", fontsize=10)
    else:
        right.set_axis_off()
    months = _months(rows.full)
    now = "" if months is None else f" (doubling every {duration(months)} with all rows)"
    figure.suptitle(f"Rows that move the {question.subject.quantity}{now}", fontsize=11)


def _groups(figure: "Figure", groups: list[LeftOut]) -> None:
    figure.set_size_inches(4.2 * len(groups), 4.2)
    axes = figure.subplots(1, len(groups), squeeze=False)[0]
    for axis, found in zip(axes, groups, strict=True):
        order = _order(found)[:_SHOWN]
        bars(axis, [found.names[k] for k in order], found.shift[order], "change (natural log units a year)")
        axis.set_title(f"without one {_WORDS.get(found.kind, found.kind)}", fontsize=10)
    figure.suptitle("Groups of rows that move the answer", fontsize=11)
