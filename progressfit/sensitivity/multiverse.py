"""The multiverse: every combination of choices that others could have made, and which of them move the answer."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from progressfit.analysis.multiverse import Multiverse, Universe, multiverse
from progressfit.analysis.priors import rescaled_priors
from progressfit.analysis.selection import best_of_cluster, better
from progressfit.noise import Gaussian, StudentT
from progressfit.params import improper
from progressfit.plot.style import BLUE, DARK, PALE
from progressfit.sensitivity.base import Question, Section, rate_words
from progressfit.sensitivity.drawing import titled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME, TITLE = "multiverse", "Multiverse: the answer under every combination of choices"
_WIDTHS = {"half": 0.5, "as given": 1.0, "twice": 2.0}
_GIVEN, _HEAVY, _DF = "as given", "Student-t", 4.0
_MINOR = 0.05

Choices = tuple[Mapping[str, Sequence[str]], Callable[..., Universe]]


def section(question: Question) -> Section:
    """The answer under every combination of choices, sorted, and the variance by choice."""
    subject = question.subject
    if improper(subject.spec):
        said = f"The multiverse does not apply here: the prior of '{improper(subject.spec)[0]}' is flat."
        return Section(NAME, TITLE, (said,))
    choices, universe = subject.choices or usual_choices(question)
    if question.quick:
        choices = {name: tuple(options)[:2] for name, options in choices.items()}
    found = multiverse(choices, universe, subject.of, key=question.key_for(NAME))
    tables = {"combinations": found.frame.to_dict("records"), "effects": _effect_table(found)}
    failed = int(np.sum(~found.frame["certified"]))
    doubt = f"{failed} of {len(found.frame)} combinations reached no optimum; they are left out" if failed else None
    if failed == len(found.frame):
        return Section(NAME, TITLE, ("No combination reached an optimum.",), tables, {}, doubt)
    pictures = {"curve": functools.partial(_draw, question=question, found=found)}
    return Section(NAME, TITLE, tuple(_sentences(question, found)), tables, pictures, doubt)


def usual_choices(question: Question) -> Choices:
    """Choices that any law and table allow: width of the priors, rows, and the noise where it is normal."""
    data, spec = question.subject.data, question.subject.spec
    rows = {"all": np.ones(len(data))}
    if np.unique(data.clusters).size < len(data) and question.subject.input in data.records.columns:
        rows["best of each paper"] = best_of_cluster(
            data, 1, better(question.point.model, data, question.subject.input)
        )
    if "date" in data.records.columns:
        date = np.asarray(data.records.columns["date"])
        rows["earlier half"], rows["later half"] = date <= np.median(date), date >= np.median(date)
    noises = {_GIVEN: spec.noise}
    if isinstance(spec.noise, Gaussian):
        noises[_HEAVY] = StudentT(spec.noise.scale, df=_DF)
    options = {"width of priors": tuple(_WIDTHS), "kept": tuple(rows), "noise": tuple(noises)}

    def universe(**picked: str) -> Universe:
        law = dataclasses.replace(
            rescaled_priors(spec, _WIDTHS[picked["width of priors"]]), noise=noises[picked["noise"]]
        )
        return Universe(law, data, np.asarray(rows[picked["kept"]], np.float64))

    return {name: given for name, given in options.items() if len(given) > 1 or name == "noise"}, universe


def _sentences(question: Question, found: Multiverse) -> list[str]:
    value, quantity = found.value, question.subject.quantity
    known = value[np.isfinite(value)]
    low, middle, high = np.quantile(known, [0.05, 0.5, 0.95])
    ends = found.frame[found.frame["certified"]]
    crossing = np.mean((ends["low"] <= 0) & (ends["high"] >= 0))
    said = [
        f"Under {len(value)} combinations of choices that others could have made the median {quantity} is "
        f"{rate_words(float(middle))}; nine in ten combinations lie between {low:.3g} and {high:.3g}, and "
        f"{np.mean(known <= 0):.1%} find no progress. In {crossing:.0%} of them the combination's own 95% interval (by "
        "the curvature at its optimum) contains zero.",
    ]
    effects = found.effects
    order = [k for k in np.argsort(-effects.total) if np.isfinite(effects.total[k])]
    if not order:
        return [*said, "No choice moves it."]
    shares = ", ".join(f"{effects.names[k]} {effects.total[k]:.0%}" for k in order)
    most, alone = effects.names[order[0]], effects.alone[order[0]]
    said.append(
        f"The choice that moves the answer most is {most}: {_medians(found, most)}. By itself it accounts for "
        f"{alone:.0%} of the variance between combinations; with the interactions that it takes part in for "
        f"{effects.total[order[0]]:.0%} (all choices in this sense: {shares}; interactions count in each of theirs)."
    )
    minor = [effects.names[k] for k in order if effects.total[k] < _MINOR]
    if minor:
        said.append(f"Hardly any difference comes from: {', '.join(minor)}.")
    return said


def _medians(found: Multiverse, choice: str) -> str:
    values = {option: found.value[(found.frame[choice] == option).to_numpy()] for option in found.choices[choice]}
    return ", ".join(
        f"{np.nanmedian(own):.3g} a year with {option}" for option, own in values.items() if np.isfinite(own).any()
    )


def _effect_table(found: Multiverse) -> list[dict[str, Any]]:
    effects = found.effects
    return [
        {"choice": name, "share_alone": float(effects.alone[k]), "share_with_interactions": float(effects.total[k])}
        for k, name in enumerate(effects.names)
    ]


def _draw(figure: "Figure", question: Question, found: Multiverse) -> None:
    """The specification curve: sorted values with intervals, and below, for each option, where it is chosen."""
    options = [(choice, option) for choice, given in found.choices.items() for option in given]
    figure.set_size_inches(10.0, 3.5 + 0.22 * len(options))
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, max(0.22 * len(options), 1.0)))
    order = np.argsort(found.value)[: int(np.isfinite(found.value).sum())]
    frame = found.frame.iloc[order].reset_index(drop=True)
    places = np.arange(len(frame))
    top.vlines(places, frame["low"], frame["high"], color=BLUE, alpha=0.15, linewidth=1)
    top.plot(places, frame["value"], color=BLUE, linewidth=2)
    top.axhline(0.0, color=DARK, linewidth=0.8)
    top.axhline(question.value, color=DARK, linewidth=0.8, linestyle=(0, (4, 2)))
    ends = np.concatenate([frame["low"], frame["high"], frame["value"]])
    top.set_ylim(*np.quantile(ends[np.isfinite(ends)], [0.02, 0.98]))
    top.set_ylabel(f"growth rate\n({question.subject.unit})", fontsize=9)
    top.set_title(
        f"{titled(question.subject.quantity)}: {len(frame)} combinations; dashed: the law as given", fontsize=11
    )
    for row, (choice, option) in enumerate(options):
        chosen = np.flatnonzero(frame[choice] == option)
        below.plot(chosen, np.full(len(chosen), row), "|", color=DARK, markersize=5, markeredgewidth=0.5)
    below.set_yticks(range(len(options)), [f"{choice}: {option}" for choice, option in options], fontsize=7)
    below.set_ylim(len(options) - 0.5, -0.5)
    below.set_xlabel("combinations, sorted by their answer")
    for axis in (top, below):
        axis.grid(True, axis="y", color=PALE, linewidth=0.6)
        axis.set_axisbelow(True)
