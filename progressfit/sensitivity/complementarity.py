"""Complementarity: whether progress multiplies the input by the same factor at every scale."""

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from progressfit.analysis.complementarity import INTERACTION, Complementarity, complementarity, with_interaction
from progressfit.growth import doubling_time, duration
from progressfit.plot.style import BLUE, DARK, ORANGE, PALE
from progressfit.sensitivity.base import Question, Section, rate_words, row_names
from progressfit.studies.base import doubt_about

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME, TITLE = "complementarity", "Complementarity: whether progress and scale multiply"
_DRAWS, _QUICK_DRAWS = 2000, 1000


def section(question: Question) -> Section:
    """An interaction and a CES combination of progress and the input: coefficient, held-out gain, verdict."""
    point, subject = question.point, question.subject
    try:
        with_interaction(subject.spec, subject.input)
    except ValueError as error:
        return Section(NAME, TITLE, (f"This does not apply here: {error}.",))
    posterior = question.posterior if question.has_posterior else None
    found = complementarity(
        point,
        subject.data,
        subject.input,
        key=question.key_for(NAME),
        spec=subject.spec,
        posterior=posterior,
        draws=_QUICK_DRAWS if question.quick else _DRAWS,
        starts=subject.starts,
    )
    sentences = [text for form in found for text in _sentences(question, form)]
    if posterior is None:
        sentences.append("A prior is flat, so there is no posterior and no held-out comparison.")
    return Section(
        name=NAME,
        title=TITLE,
        sentences=tuple(sentences),
        tables={"forms": [_form_row(question, form) for form in found], "rows": _row_table(question, found)},
        pictures={"rows": functools.partial(_draw, question=question, found=found)},
        doubt=doubt_about(*(part for form in found for part in (form.point, form.draws))),
    )


def _sentences(question: Question, form: Complementarity) -> list[str]:
    input = question.subject.input
    if form.name == INTERACTION:
        what = f"an interaction of date and log {input} (coefficient per year and e-fold, prior sd {form.prior_sd:g})"
    else:
        what = (
            f"progress and {input} combined with a constant elasticity of substitution (parameter 0 is the law itself, "
            f"negative means complements, prior sd {form.prior_sd:g})"
        )
    said = (
        f"With {what} the coefficient at the best fit is {form.coefficient:+.3g} and log likelihood rises by "
        f"{form.gain:.2f} to {form.log_likelihood:.2f}"
    )
    if form.held_out is not None:
        none, gain = form.low <= 0 <= form.high, form.held_out.value
        said += (
            f"; its posterior median is {form.median:+.3g}, {form.level:.0%} interval [{form.low:+.3g}, "
            f"{form.high:+.3g}], which {'contains' if none else 'excludes'} 0, and its variance is "
            f"{1 - form.contraction:.0%} of the prior's. Rows left out one at a time are predicted "
            f"{'better' if gain >= 0 else 'worse'} by {abs(gain):.2f} in log density (standard error "
            f"{form.held_out.error:.2f}): "
            + ("the table speaks for one" if gain > 0 and not none else "the table cannot tell whether there is one")
        )
    judged = f"Judged on the likelihood alone, against a prior of this width, it is {form.data_say}."
    return [f"{said}. {judged}", _varying(question, form)]


def _varying(question: Question, form: Complementarity) -> str:
    rates = form.by_row[np.isfinite(form.by_row)]
    if len(rates) == 0:
        return "The growth rate is not defined at any row."
    low, high = float(rates.min()), float(rates.max())
    times = " to ".join(duration(float(doubling_time(rate))) if rate > 0 else "no progress" for rate in (high, low))
    return (
        f"The growth rate, and so the halving time, then varies by row: {low:.3g} to {high:.3g} a year over the rows "
        f"of the table ({times}); the {question.subject.quantity} at the law's reference point is "
        f"{rate_words(float(form.point.map(question.subject.of)))}."
    )


def _form_row(question: Question, form: Complementarity) -> dict[str, Any]:
    score = form.held_out
    return {
        "form": form.name,
        "parameter": form.path,
        "coefficient": form.coefficient,
        "prior_sd": form.prior_sd,
        "posterior_median": form.median,
        "low": form.low,
        "high": form.high,
        "level": form.level,
        "contraction": form.contraction,
        "data_say": form.data_say,
        "log_likelihood": form.log_likelihood,
        "log_likelihood_gain": form.gain,
        "held_out_gain": None if score is None else score.value,
        "held_out_gain_se": None if score is None else score.error,
        "rows_psis_cannot_handle": form.bad_rows,
        "value": float(form.point.map(question.subject.of)),
        "slowest_rate_of_a_row": float(np.nanmin(form.by_row)),
        "fastest_rate_of_a_row": float(np.nanmax(form.by_row)),
        "certified": form.point.converged,
    }


def _row_table(question: Question, found: tuple[Complementarity, ...]) -> list[dict[str, Any]]:
    columns = question.subject.data.records.columns
    return [
        {"row": name}
        | {column: float(columns[column][k]) for column in ("date", question.subject.input) if column in columns}
        | {f"rate with {form.name}": float(form.by_row[k]) for form in found}
        for k, name in enumerate(row_names(question))
    ]


def _draw(figure: "Figure", question: Question, found: tuple[Complementarity, ...]) -> None:
    figure.set_size_inches(5.2 * len(found), 4.4)
    columns, input = question.subject.data.records.columns, question.subject.input
    axes, shade = figure.subplots(1, len(found), squeeze=False, sharey=True)[0], np.log10(columns[input])
    drawn = [
        axis.scatter(columns["date"], form.by_row, c=shade, cmap="viridis", s=22, linewidths=0)
        for axis, form in zip(axes, found, strict=True)
    ]
    for axis, form in zip(axes, found, strict=True):
        axis.axhline(question.value, color=ORANGE, linewidth=1.2, label="the law itself")
        axis.axhline(0.0, color=DARK, linewidth=0.6)
        axis.grid(True, color=PALE, linewidth=0.6)
        axis.set_axisbelow(True)
        axis.set_xlabel("date")
        span = "" if form.held_out is None else f" [{form.low:+.3g}, {form.high:+.3g}]"
        axis.set_title(f"{form.name}: {form.coefficient:+.3g}{span}", fontsize=10, color=BLUE)
        axis.legend(frameon=False, fontsize=8)
    axes[0].set_ylabel("growth rate at each row (natural log units a year)", fontsize=9)
    figure.colorbar(drawn[0], ax=list(axes), label=f"log10 {input}")
