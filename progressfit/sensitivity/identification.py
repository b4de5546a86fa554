"""Identification: what the table says of each parameter and of the answer, and what only the priors say."""

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from progressfit.analysis.complementarity import with_interaction
from progressfit.analysis.identification import identify
from progressfit.analysis.identification_result import (
    IDENTIFIED,
    NOT_AT_ALL,
    PRIOR_ONLY,
    WEAKLY,
    Identifiability,
    Judged,
)
from progressfit.infer.optimise import fit
from progressfit.infer.profile_result import Profile
from progressfit.infer.result import Fit
from progressfit.plot.style import BLUE, DARK, GREEN, ORANGE, PALE, PURPLE
from progressfit.sensitivity.base import Question, Rows, Section
from progressfit.studies.base import doubt_about

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME, TITLE = "identification", "Identification: what the data say, and what they leave to the priors"
_COLOURS = {IDENTIFIED: BLUE, WEAKLY: GREEN, PRIOR_ONLY: ORANGE, NOT_AT_ALL: PURPLE}


def section(question: Question) -> Section:
    """Correlations of the inputs, weak directions, contraction from the prior, profile likelihood, verdicts."""
    subject = question.subject
    posterior = question.posterior if question.has_posterior else None
    of = {subject.quantity: subject.of}
    found = identify(question.point, subject.data, posterior, of=of, profiled=not question.quick)
    entries, sentences = list(found.entries), list(found.sentences)
    added = _interaction(question)
    if added is not None:
        entry = added[0]
        entries.append(entry)
        sentences.append(_interaction_sentence(entry))
    tables: dict[str, Rows] = {
        "verdicts": [entry._asdict() for entry in entries],
        "directions": found.direction_rows(),
        "correlations": found.inputs.correlation_rows(),
        "inputs": found.inputs.function_rows(),
    }
    pictures = {"verdicts": functools.partial(_draw, entries=entries, found=found)}
    if found.profile is not None:
        tables["profile"] = _profile_rows(found.profile)
        pictures["profile"] = functools.partial(_draw_profile, found=found.profile, question=question)
    doubt = doubt_about(posterior, None if added is None else added[1])
    return Section(NAME, TITLE, tuple(sentences), {k: v for k, v in tables.items() if v}, pictures, doubt)


def _interaction(question: Question) -> tuple[Judged, Fit] | None:
    """What the table says of an interaction of progress and the input, by the curvature; ``None`` without a place."""
    subject = question.subject
    try:
        law = with_interaction(subject.spec, subject.input)
    except ValueError:
        return None
    fitted = fit(law, subject.data, key=question.key_for(NAME), starts=subject.starts, weights=question.point.weights)
    found = identify(fitted, subject.data, of=(), profiled=False)
    entry = next(entry for entry in found.entries if entry.name.endswith("interaction.scaling.slope"))
    return entry, fitted


def _interaction_sentence(entry: Judged) -> str:
    size = abs(entry.value) / entry.prior
    share = f" ({entry.error / abs(entry.value):.0%} of it)" if entry.value else ""
    return (
        f"Complementarity ({entry.words}, added to the law): {entry.value:+.3g}, which is {size:.2f} standard "
        f"deviations of its prior ({entry.prior:g}), with a standard error of {entry.error:.2g}{share} that "
        f"leaves {1 - entry.contraction:.0%} of the prior's variance. "
        f"Verdict: {entry.verdict}."
    )


def _profile_rows(found: Profile) -> Rows:
    return [
        {
            "value": float(value),
            "objective_above_the_lowest": float(found.objective[k] - found.stats["lowest"]),
            "optimum": int(found.optimum[k]),
            "certified": bool(found.ok[k]),
        }
        for k, value in enumerate(found.quantity)
    ]


def _draw(figure: "Figure", entries: list[Judged], found: Identifiability) -> None:
    figure.set_size_inches(11.0, 0.9 + 0.42 * len(entries))
    left, right = figure.subplots(1, 2, width_ratios=[2, 1])
    known = [entry for entry in entries if np.isfinite(entry.contraction)]
    places = np.arange(len(known))[::-1]
    share = [min(1 - entry.contraction, 1.5) for entry in known]
    left.barh(places, share, 0.7, color=[_COLOURS[entry.verdict] for entry in known])
    left.axvline(1.0, color=DARK, linewidth=0.8)
    left.set_yticks(places, [entry.words for entry in known], fontsize=8)
    left.set_xlim(0, max([1.05, *share]))
    left.set_xlabel("posterior variance / prior variance (1: the data say nothing)", fontsize=9)
    for verdict, colour in _COLOURS.items():
        if any(entry.verdict == verdict for entry in known):
            left.barh([0], [0], color=colour, label=verdict)
    left.legend(frameon=False, fontsize=8)
    _draw_spectrum(right, found)


def _draw_spectrum(axis: Any, found: Identifiability) -> None:
    values = found.identification.eigenvalues
    axis.plot(np.arange(1, len(values) + 1), np.maximum(values, 1e-16), "o", color=BLUE)
    axis.axhline(1.0, color=DARK, linewidth=0.8, linestyle=(0, (4, 2)))
    axis.set_yscale("log")
    axis.grid(True, color=PALE, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.set_xlabel("direction, the weakest first\n(below 1 the data say less than the prior)", fontsize=9)
    axis.set_ylabel("information, in prior standard deviations", fontsize=9)


def _draw_profile(figure: "Figure", found: Profile, question: Question) -> None:
    axis, ok = figure.subplots(), found.ok
    above = found.objective - found.stats["lowest"]
    axis.plot(found.quantity[ok], above[ok], color=BLUE, linewidth=1.8)
    axis.axhline(found.cut - found.stats["lowest"], color=ORANGE, linewidth=1.0, label=f"{found.level:.0%} interval")
    axis.axvline(question.value, color=DARK, linewidth=0.8, linestyle=(0, (4, 2)), label="the fit with its priors")
    axis.grid(True, color=PALE, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.set_xlabel(f"{question.subject.quantity} ({question.subject.unit})")
    axis.set_ylabel("log likelihood below its highest")
    axis.legend(frameon=False, fontsize=8)
