"""Priors: how far the answer hangs on them."""

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from progressfit.analysis.priors import (
    SENSITIVE,
    HyperDerivative,
    PowerScaling,
    PriorSweep,
    power_scaling,
    prior_derivatives,
    prior_sweep,
    rescaled_priors,
)
from progressfit.growth import doubling_time
from progressfit.hyper import WIDTH
from progressfit.params import improper, priors
from progressfit.plot.style import BLUE, DARK, ORANGE, PALE
from progressfit.sensitivity.base import Question, Rows, Section, rate_words
from progressfit.sensitivity.drawing import bars
from progressfit.studies.base import doubt_about

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME, TITLE = "priors", "Priors: how far the answer hangs on them"
_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
_WIDER = 0.1


def section(question: Question) -> Section:
    """Derivatives with respect to every hyper-parameter, a sweep of refits, and power scaling of the posterior."""
    point, data, of = question.point, question.subject.data, question.subject.of
    if question.subject.sweep is None and len(improper(point.spec)) == len(priors(point.spec)):
        return Section(NAME, TITLE, ("Every prior of this law is flat, so nothing hangs on their widths.",))
    sentences, tables, pictures = [], {}, {}
    what, sweep = _sweep(question)
    sentences += _sweep_sentences(question, what, sweep)
    tables["sweep"] = _sweep_table(what, sweep)
    pictures["sweep"] = functools.partial(_draw_sweep, what=what, sweep=sweep, question=question)
    try:
        slopes = prior_derivatives(point, data, of)
    except ValueError as error:
        sentences.append(f"There are no derivatives with respect to the priors: {error}.")
    else:
        sentences.append(_derivative_sentence(question, slopes))
        tables["derivatives"] = [entry._asdict() for entry in slopes]
        pictures["derivatives"] = functools.partial(_draw_derivatives, slopes=slopes)
    if question.has_posterior:
        scaled = power_scaling(question.posterior, data, of)
        sentences.append(_power_sentence(question, scaled[0]))
        tables["power"] = [_power_row(entry) for entry in scaled]
    else:
        sentences.append("A prior is flat, so there is no posterior whose prior could be powered.")
    failed = [name for name, ok in zip(sweep.names, sweep.ok, strict=True) if not ok]
    doubt = f"some refits under the prior {', '.join(failed)} did not reach an optimum" if failed else None
    doubt = doubt or doubt_about(question.posterior if question.has_posterior else None)
    return Section(NAME, TITLE, tuple(sentences), tables, pictures, doubt)


def _sweep(question: Question) -> tuple[str, PriorSweep]:
    """What was swept, and the refits: the study's own sweep, or all prior widths by a common factor."""
    own = question.subject.sweep
    if own is None:
        what = "factor on the widths of all priors"
        specs = {f"{factor:g}": rescaled_priors(question.point.spec, factor) for factor in _FACTORS}
    else:
        what, specs = own[0], {f"{value:g}": spec for value, spec in own[1].items()}
    key = question.key_for(NAME)
    point, subject = question.point, question.subject
    return what, prior_sweep(point, subject.data, subject.of, specs, key=key, held_out=not question.quick)


def _sweep_sentences(question: Question, what: str, sweep: PriorSweep) -> list[str]:
    known = np.isfinite(sweep.value)
    if not known.any():
        return [f"No refit with another {what} reached an optimum."]
    low, high = np.nanargmin(sweep.value), np.nanargmax(sweep.value)
    ends = f"from {sweep.names[0]} to {sweep.names[-1]}"
    said = [
        f"As the {what} goes {ends}, the {question.subject.quantity} at the best fit runs from "
        f"{rate_words(float(sweep.value[low]))} (at {sweep.names[low]}) to {rate_words(float(sweep.value[high]))} (at "
        f"{sweep.names[high]})."
    ]
    switched = [name for name, mode, ok in zip(sweep.names, sweep.mode, sweep.ok, strict=True) if ok and mode != 0]
    if switched:
        said.append(f"At {', '.join(switched)} the best fit lies nearer to another optimum than to the fit's own.")
    if np.isfinite(sweep.held_out).any():
        best = int(np.nanargmax(sweep.held_out))
        near = np.flatnonzero(sweep.held_out > sweep.held_out[best] - 1 / len(question.subject.data))
        said.append(
            f"Rows left out one at a time are predicted best at {sweep.names[best]}; values from "
            f"{sweep.names[near[0]]} to {sweep.names[near[-1]]} lie within one unit of held-out log density in all, "
            f"and among them the answer runs from {np.nanmin(sweep.value[near]):.3g} to "
            f"{np.nanmax(sweep.value[near]):.3g} a year."
        )
    return said


def _sweep_table(what: str, sweep: PriorSweep) -> Rows:
    return [
        {
            "swept": what,
            "at": name,
            "value": float(value),
            "doubling_months": float(doubling_time(value)) if value > 0 else None,
            "log_likelihood": float(sweep.log_likelihood[k]),
            "held_out_mean_log_density": float(sweep.held_out[k]),
            "optimum": int(sweep.mode[k]),
            "certified": bool(sweep.ok[k]),
        }
        for k, (name, value) in enumerate(zip(sweep.names, sweep.value, strict=True))
    ]


def _effect(entry: HyperDerivative) -> float:
    """Change of the answer if a hyper-parameter grows by a tenth, to first order."""
    return entry.derivative * entry.value * _WIDER


def _derivative_sentence(question: Question, slopes: tuple[HyperDerivative, ...]) -> str:
    widths = sorted((e for e in slopes if e.name == WIDTH), key=lambda e: -abs(_effect(e)))
    if not widths:
        most = max(slopes, key=lambda e: abs(e.derivative))
        return f"The derivative is largest for {most.name} of {most.path}: {most.derivative:+.3g} per unit."
    first = ", ".join(f"{e.path} ({_effect(e):+.3f})" for e in widths[:3])
    total = sum(_effect(e) for e in widths)
    return (
        f"If one prior is made {_WIDER:.0%} wider, the {question.subject.quantity} moves most for {first}; if all are, "
        f"by {total:+.3f} ({question.subject.unit}; exact derivatives at the best fit)."
    )


def _power_sentence(question: Question, found: PowerScaling) -> str:
    most = max(found.prior_of, key=lambda path: found.prior_of[path])
    return (
        f"Power scaling of the posterior (Kallioinen et al. 2024; above {SENSITIVE} is informative): the sensitivity "
        f"of the {question.subject.quantity} to all priors together is {found.prior:.3f}, to the data "
        f"{found.likelihood:.3f}: {found.verdict}. The single prior that moves it most is that of {most} "
        f"({found.prior_of[most]:.3f})."
    )


def _power_row(entry: PowerScaling) -> dict[str, Any]:
    single = {f"prior of {path}": value for path, value in entry.prior_of.items()}
    row = {"quantity": entry.name, "prior": entry.prior, "likelihood": entry.likelihood, "verdict": entry.verdict}
    return row | single


def _draw_sweep(figure: "Figure", what: str, sweep: PriorSweep, question: Question) -> None:
    axis, at = figure.subplots(), np.array([float(name) for name in sweep.names])
    axis.plot(at, sweep.value, "o-", color=BLUE, linewidth=1.8)
    axis.axhline(question.value, color=DARK, linewidth=0.8, linestyle=(0, (4, 2)))
    axis.set_xscale("log")
    axis.grid(True, color=PALE, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.set_xlabel(what)
    axis.set_ylabel(f"growth rate ({question.subject.unit})", color=BLUE)
    axis.set_title(f"Dashed: the fit itself, {question.value:.3g} a year", fontsize=10)
    if np.isfinite(sweep.held_out).any():
        other = axis.twinx()
        other.plot(at, sweep.held_out, "s--", color=ORANGE, linewidth=1.2, markersize=4)
        other.set_ylabel("mean held-out log density", color=ORANGE)


def _draw_derivatives(figure: "Figure", slopes: tuple[HyperDerivative, ...]) -> None:
    widths = sorted((e for e in slopes if e.name == WIDTH), key=lambda e: -abs(_effect(e)))[:15]
    chosen = widths or sorted(slopes, key=lambda e: -abs(e.derivative))[:15]
    values = np.array([_effect(e) if widths else e.derivative for e in chosen])
    label = f"change of the answer if a prior is {_WIDER:.0%} wider" if widths else "derivative of the answer per unit"
    bars(figure.subplots(), [e.path if widths else f"{e.path}: {e.name}" for e in chosen], values, label)
