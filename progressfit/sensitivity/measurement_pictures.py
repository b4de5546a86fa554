"""Pictures of the section on measurement; figures come from the page."""

from typing import TYPE_CHECKING

import numpy as np

from progressfit.plot.style import BLUE, DARK, GREEN, ORANGE, PALE, PURPLE
from progressfit.sensitivity.base import Question
from progressfit.sensitivity.drawing import bars
from progressfit.sensitivity.measurement_words import extrapolated_curve, months_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from progressfit.sensitivity.measurement import Error, Pair

_SHOWN = 10


def draw_switches(figure: "Figure", question: Question, pairs: "list[Pair]") -> None:
    """Rows that carry the largest change, and every change as rows are switched one after the other."""
    figure.set_size_inches(11.0, 4.8)
    left, right = figure.subplots(1, 2)
    largest = max(pairs, key=lambda pair: abs(pair.found.change))
    rows, order = largest.found.rows, largest.found.rows.order[:_SHOWN]
    bars(left, [rows.names[k] for k in order], rows.carries[order], f"change carried ({question.subject.unit})")
    left.set_title(f"{largest.first} to {largest.second}", fontsize=10)
    for pair, colour in zip(pairs, (BLUE, ORANGE, GREEN, PURPLE), strict=False):
        path = pair.found.cumulative
        right.plot(np.arange(len(path)), path, color=colour, label=f"{pair.first} to {pair.second}")
        right.plot(len(path) - 1, path[-1], "o", color=colour, markersize=4)
    right.grid(True, color=PALE, linewidth=0.6)
    right.set_axisbelow(True)
    right.set_xlabel("rows switched, those that carry most first", fontsize=9)
    right.set_ylabel(f"growth rate ({question.subject.unit})", fontsize=9)
    right.legend(frameon=False, fontsize=8)
    ends = f"{months_words(largest.found.first)} as {largest.first}, {months_words(largest.found.second)} as "
    figure.suptitle(f"Versions of the table: {ends}{largest.second}", fontsize=11)


def draw_errors(figure: "Figure", question: Question, errors: "list[Error]") -> None:
    """The answer against the error variance, extrapolated to none, and the posterior with latent inputs there."""
    figure.set_size_inches(5.2 * len(errors), 4.6)
    for axis, error in zip(figure.subplots(1, len(errors), squeeze=False, sharey=True)[0], errors, strict=True):
        found = error.simex.value
        axis.plot(*extrapolated_curve(found), color=BLUE, linewidth=1.0, linestyle=(0, (4, 2)))
        axis.plot(found.levels, found.mean, "o", color=BLUE, markersize=5, label="refits with noise added")
        axis.plot(-1.0, found.corrected(), "s", color=BLUE, markersize=6, label="extrapolated")
        if error.answer is not None:
            low, high = [[error.answer.median - error.answer.low], [error.answer.high - error.answer.median]]
            axis.errorbar(
                -1.15,
                error.answer.median,
                [low, high],
                fmt="D",
                color=ORANGE,
                capsize=3,
                label="latent true inputs, 95%",
            )
        axis.axvline(0.0, color=DARK, linewidth=0.8)
        axis.axhline(0.0, color=DARK, linewidth=0.8)
        axis.set_xticks([-1, 0, 1, 2], ["none", "as measured", "twice", "three times"])
        axis.grid(True, color=PALE, linewidth=0.6)
        axis.set_axisbelow(True)
        axis.set_xlabel(f"error variance of log {error.simex.input}", fontsize=9)
        axis.set_ylabel(f"growth rate ({question.subject.unit})", fontsize=9)
        title = f"{error.version.name}: " if question.subject.tables else ""
        axis.set_title(f"{title}error {np.median(error.measured.log10_sd):.2g} in log10 (median row)", fontsize=10)
        axis.legend(frameon=False, fontsize=8)
    figure.suptitle(f"If {errors[0].simex.input} were exact: {question.subject.quantity}", fontsize=11)
