"""Irreducible error: how much a floor that nothing removes changes the answer, inside the table and beyond it."""

import functools
from typing import TYPE_CHECKING

import numpy as np

from progressfit.analysis.irreducible import (
    SCENARIOS,
    FreeError,
    IrreducibleError,
    free_irreducible_error,
    irreducible_error,
)
from progressfit.growth import doubling_time
from progressfit.plot.style import BLUE, DARK, ORANGE, PALE
from progressfit.sensitivity.base import TELLING, Question, Rows, Section, interval_words, rate_words, row_names
from progressfit.studies.base import doubt_about

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME, TITLE = "ceiling", "Irreducible error: what the law tends to"
_DRAWS, _QUICK_DRAWS = 1000, 500


def section(question: Question) -> Section:
    """The answer and its ten-year extrapolation under fixed irreducible errors, and under a free one."""
    subject = question.subject
    try:
        found = irreducible_error(question.point, subject.data, subject.of, input=subject.input, spec=subject.spec)
    except ValueError as error:
        return Section(NAME, TITLE, (f"This does not apply here: {error}.",))
    if not found.ok.any():
        return Section(NAME, TITLE, ("No refit with an irreducible error reached an optimum.",), doubt="no refit did")
    failed = ", ".join(f"{error:.1%}" for error in found.errors[~found.ok])
    doubt = f"no optimum was reached with an irreducible error of {failed}" if failed else None
    free, why = None, "A prior is flat, so there is no posterior of the irreducible error."
    if question.has_posterior:
        try:
            free = _free(question)
        except ValueError as error:
            why = f"There is no posterior of the irreducible error: {str(error).rstrip('.')}."
            doubt = doubt or str(error)
    sentences = [*_grid_sentences(question, found), why if free is None else _free_sentence(question, found, free)]
    return Section(
        name=NAME,
        title=TITLE,
        sentences=tuple(sentences),
        tables={"grid": _grid_table(found), "outlook": _outlook_table(found)}
        | ({} if free is None else {"free": _free_table(found, free)}),
        pictures={"outlook": functools.partial(_draw, question=question, found=found)},
        doubt=doubt or (None if free is None else doubt_about(free.draws)),
    )


def _free(question: Question) -> FreeError:
    subject = question.subject
    return free_irreducible_error(
        question.point,
        subject.data,
        subject.of,
        key=question.key_for(NAME),
        input=subject.input,
        spec=subject.spec,
        draws=_QUICK_DRAWS if question.quick else _DRAWS,
        starts=subject.starts,
    )


def _unit(found: IrreducibleError) -> str:
    return "" if found.fraction else f" of the lowest loss of the table ({found.lowest:.3g})"


def _grid_sentences(question: Question, found: IrreducibleError) -> list[str]:
    first, last = (int(np.flatnonzero(found.ok)[k]) for k in (0, -1))
    low, high = (float(pick(found.log_likelihood)) for pick in (np.nanmin, np.nanmax))
    said = [
        f"With an irreducible error fixed at {found.errors[first]:.1%} to {found.errors[last]:.1%}{_unit(found)}, the "
        f"{question.subject.quantity} at the best fit goes from {rate_words(float(found.value[first]))} to "
        f"{rate_words(float(found.value[last]))}. The log likelihood lies between {low:.2f} and {high:.2f}: the table "
        f"{_tells(found)}."
    ]
    inside = float(np.abs(found.fitted[last] - found.fitted[first]).max())
    ends = found.forecast[:, :, -1]
    away = [abs(float(ends[last, k] - ends[first, k])) for k in range(len(SCENARIOS))]
    beyond = "; ".join(
        f"with {name} it is {ends[first, k]:.4f} and {ends[last, k]:.4f}, a difference of {away[k]:.4f} "
        f"({_times(away[k], inside)})"
        for k, name in enumerate(SCENARIOS)
    )
    said.append(
        f"Inside the table this changes predictions by {inside:.4f} at most. For the best row, "
        f"{row_names(question)[found.best]}, {found.horizon:g} years after the last date: {beyond}. "
        + _range_words(found)
    )
    grown = ", ".join(f"{name} {np.exp(rate):.3g}x" for name, rate in found.growth.items())
    if grown:
        said.append(f"Growing inputs grow like those of the state of the art of the table: {grown} a year.")
    return said


def _tells(found: IrreducibleError) -> str:
    """Which of the errors the table tells from the one that fits best."""
    best, reached = int(np.nanargmax(found.log_likelihood)), np.isfinite(found.log_likelihood)
    near = found.log_likelihood > found.log_likelihood[best] - TELLING
    if near.sum() == reached.sum():
        return "does not tell them apart"
    others = ", ".join(f"{error:.1%}" for k, error in enumerate(found.errors) if near[k] and k != best)
    return f"prefers {found.errors[best]:.1%} to all others" + (f" but {others}" if others else "")


def _times(away: float, inside: float) -> str:
    return f"{away / inside:.1f} times the largest inside" if inside > 0 else "there is none inside"


def _range_words(found: IrreducibleError) -> str:
    outside = ~found.where.inside[:, -1]
    if not outside.any():
        return "These points lie in the fitted range."
    far = found.where.distance[:, -1].max()
    return f"These are out of range, by {far:.2g} times the range of the table, and no forecasts to be trusted."


def _free_sentence(question: Question, found: IrreducibleError, free: FreeError) -> str:
    (low, median, high), (less, middle, more) = free.prior, free.interval(free.error)
    rate_low, rate, rate_high = free.interval(free.value)
    part = free.forecast
    ends = "; ".join(
        f"with {name} {part.median[k, -1]:.4f} [{part.low[k, -1]:.4f}, {part.high[k, -1]:.4f}]"
        for k, name in enumerate(SCENARIOS)
    )
    answer = f"{rate_words(rate)}, {interval_words(rate_low, rate_high, free.level, free.draws.kind)}"
    answer = answer if np.isfinite(rate) else "not defined under any certified draw"
    return (
        f"As a parameter with the prior {median:.1%} [{low:.1%}, {high:.1%}] it has the posterior {middle:.1%} "
        f"[{less:.1%}, {more:.1%}], an interval of {(more - less) / (high - low):.0%} of the prior's width; the "
        f"{question.subject.quantity} is then {answer}. The prediction for the best row "
        f"{found.horizon:g} years on ({'out of' if not found.where.inside[:, -1].all() else 'in'} range) is {ends}."
    )


def _grid_table(found: IrreducibleError) -> Rows:
    return [
        {
            "irreducible_error": float(error),
            "amount": float(error * found.lowest),
            "value": float(found.value[k]),
            "doubling_months": float(doubling_time(found.value[k])) if found.value[k] > 0 else None,
            "log_likelihood": float(found.log_likelihood[k]),
            "largest_change_inside": float(np.abs(found.fitted[k] - found.fitted[0]).max()),
            "predicted_at_last_date": float(found.forecast[k, 0, found.last]),
        }
        | {f"predicted_at_end_{name}": float(found.forecast[k, j, -1]) for j, name in enumerate(SCENARIOS)}
        | {f"end_{name}_inside": bool(found.where.inside[j, -1]) for j, name in enumerate(SCENARIOS)}
        | {"optimum": int(found.mode[k]), "certified": bool(found.ok[k])}
        for k, error in enumerate(found.errors)
    ]


def _outlook_table(found: IrreducibleError) -> Rows:
    return [
        {
            "scenario": name,
            "date": float(date),
            "inside": bool(found.where.inside[j, i]),
            "distance": float(found.where.distance[j, i]),
        }
        | {f"predicted at {error:.1%}": float(found.forecast[k, j, i]) for k, error in enumerate(found.errors)}
        for j, name in enumerate(SCENARIOS)
        for i, date in enumerate(found.dates)
    ]


def _free_table(found: IrreducibleError, free: FreeError) -> Rows:
    rows = {"irreducible_error": free.interval(free.error), "value": free.interval(free.value)}
    for k, name in enumerate(SCENARIOS):
        part = free.forecast
        rows[f"predicted_at_end_{name}"] = (part.low[k, -1], part.median[k, -1], part.high[k, -1])
    return [{"quantity": "prior of irreducible_error"} | _ends(free.prior, free.level)] + [
        {"quantity": name} | _ends(ends, free.level) for name, ends in rows.items()
    ]


def _ends(ends: tuple[float, float, float], level: float) -> dict[str, float]:
    return {"low": float(ends[0]), "median": float(ends[1]), "high": float(ends[2]), "level": level}


def _draw(figure: "Figure", question: Question, found: IrreducibleError) -> None:
    figure.set_size_inches(10.5, 4.4)
    left, right = figure.subplots(1, 2)
    shown = np.flatnonzero(found.ok)
    left.plot(found.errors[shown], found.value[shown], "o-", color=BLUE, linewidth=1.8)
    finite = found.value[shown][np.isfinite(found.value[shown])]
    if len(finite):
        left.set_ylim(min(0.0, 1.05 * float(finite.min())), max(0.0, 1.05 * float(finite.max())))
    left.set_xlabel("irreducible error" + _unit(found))
    left.set_ylabel(f"growth rate ({question.subject.unit})")
    _draw_outlook(right, found, shown)
    for axis in (left, right):
        axis.grid(True, color=PALE, linewidth=0.6)
        axis.set_axisbelow(True)


def _draw_outlook(axis, found: IrreducibleError, shown: np.ndarray) -> None:
    """Predictions to the end, inputs growing: solid inside the fitted range, dashed outside, limits dotted."""
    for index, colour in ((shown[0], BLUE), (shown[len(shown) // 2], DARK), (shown[-1], ORANGE)):
        line, inside = found.forecast[index, 1], found.where.inside[1]
        axis.plot(found.dates[inside], line[inside], color=colour, linewidth=1.8, label=f"{found.errors[index]:.1%}")
        axis.plot(found.dates[found.last :], line[found.last :], color=colour, linewidth=1.4, linestyle=(0, (4, 2)))
        limit = 1 - found.errors[index] if found.kind == "ceiling" else found.errors[index] * found.lowest
        axis.axhline(limit, color=colour, linewidth=0.8, linestyle=":")
    axis.axvspan(found.dates[found.last], found.dates[-1], color=PALE, alpha=0.5, linewidth=0)
    axis.set_title("best row, inputs growing; out of range shaded, limits dotted", fontsize=9)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set_xlabel("date")
    axis.set_ylabel("predicted response")
    axis.legend(frameon=False, fontsize=8, title="irreducible error", title_fontsize=8)
