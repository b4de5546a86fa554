"""Design: how well other tables would know the answer, and how many rows, how decorrelated, complementarity takes."""

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from progressfit.analysis.complementarity import with_interaction
from progressfit.analysis.designs import OWN, designs
from progressfit.analysis.inputs import DATE, Inputs, input_table
from progressfit.analysis.recover import recover
from progressfit.analysis.recovery import EXTRAPOLATED, FEWER, NEVER, Needed, Recovery
from progressfit.hyper import WIDTH, with_hyper
from progressfit.infer.optimise import fit
from progressfit.infer.result import Fit
from progressfit.params import free, priors
from progressfit.plot.style import BLUE, DARK, GREEN, ORANGE, PALE, PURPLE
from progressfit.sensitivity.base import Question, Section
from progressfit.studies.base import doubt_about

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME, TITLE = "design", "Design: what other tables would say"
_RATE_ERROR, _INTERACTION_ERROR = 0.25, 0.5
_CORRELATIONS = (OWN, 0.0, 0.8, 0.9, 0.95, 0.99, 1.0)
_INTERACTION_CORRELATIONS = (OWN, 0.0, 0.5, 0.8, 0.95)
_SHARES, _NOISES = (0.25, 0.5, 0.9), (0.5, 2.0)
_WIDER = 10.0
# Refits take as long as the longest table, so that a table of more rows than this is not made as many times longer.
_LONG = 150
_FACTORS, _LONG_FACTORS = (0.5, 1.0, 2.0, 4.0), (0.5, 1.0, 2.0)
_INTERACTION_FACTORS, _LONG_INTERACTION_FACTORS = (1.0, 2.0, 4.0, 8.0), (1.0, 2.0, 4.0)
_REPLICATES, _LONG_REPLICATES, _QUICK = 96, 48, 12
_FAILURES = 0.05
# A value that so many rows share is one that a table could have more or less of: a least share, and a least number.
_COMMON, _COMMON_ROWS = 0.1, 4


def section(question: Question) -> Section:
    """Simulated tables with other rows, correlations, shares and noise, refitted; and the same for complementarity."""
    subject, point = question.subject, question.point
    about = input_table(point.spec, subject.data, point.weights)
    try:
        found = _rate(question, _concentrated(about, subject.input))
    except ValueError as error:
        return Section(NAME, TITLE, (*about.warnings, f"No tables can be simulated here: {error}."))
    sentences = [*found.sentences, *_rate_sentences(question, found)]
    tables = {"cells": found.cell_rows(), "rows_needed": [need._asdict() for need in found.required(_RATE_ERROR)]}
    pictures = {"cells": functools.partial(_draw, found=found, question=question)}
    added = _interaction(question)
    if added is not None:
        power = added[0]
        sentences += _interaction_sentences(power)
        tables["complementarity"] = power.cell_rows()
        tables["complementarity_rows_needed"] = [need._asdict() for need in power.required(_INTERACTION_ERROR)]
        pictures["complementarity"] = functools.partial(_draw_power, power=power)
    parts = [found] if added is None else [found, added[0]]
    doubt = doubt_about(None if added is None else added[1]) or _failures(parts)
    return Section(NAME, TITLE, tuple(sentences), tables, pictures, doubt)


def _concentrated(about: Inputs, input: str) -> str | None:
    """The column, beside the input and the date, with the commonest value of all; ``None`` if no value is common."""
    least = max(_COMMON, _COMMON_ROWS / about.rows)
    others = [d for d in about.dependences if d.input not in (DATE, f"log {input}", input) and d.share >= least]
    return max(others, key=lambda d: d.share).input.removeprefix("log ") if others else None


def _failures(parts: list[Recovery]) -> str | None:
    share = max(float(np.max(np.where(part.apart, part.failed, 0.0))) for part in parts)
    return f"up to {share:.0%} of the refits of a design reached no optimum" if share > _FAILURES else None


def _sizes(question: Question, factors: tuple[float, ...]) -> list[int]:
    """Numbers of rows: multiples of the table's own."""
    rows = int(np.sum(question.point.weights > 0))
    return [max(round(factor * rows), len(question.point.optima[0].z) + 1) for factor in factors]


def _replicates(question: Question) -> int:
    if question.quick:
        return _QUICK
    return _REPLICATES if len(question.subject.data) <= _LONG else _LONG_REPLICATES


def _rate(question: Question, concentrated: str | None) -> Recovery:
    rows = int(np.sum(question.point.weights > 0))
    sizes = _sizes(question, _FACTORS if rows <= _LONG else _LONG_FACTORS)
    wanted = designs(sizes, [OWN, 0.0]) + designs(rows, _CORRELATIONS[2:]) + designs(rows, noise=_NOISES)
    if concentrated is not None:
        wanted += designs(rows, share=_SHARES)
    return recover(
        question.point,
        question.subject.data,
        wanted,
        key=question.key_for(NAME),
        of=question.subject.of,
        input=question.subject.input,
        concentrated=concentrated,
        replicates=_replicates(question),
    )


def _interaction(question: Question) -> tuple[Recovery, Fit] | None:
    """The power to see an interaction of progress and the input; ``None`` where the law has no place for one."""
    subject = question.subject
    try:
        law = with_interaction(subject.spec, subject.input)
    except ValueError:
        return None
    key = question.key_for(f"{NAME} of complementarity")
    fitted = fit(law, subject.data, key=key, starts=subject.starts, weights=question.point.weights)
    path = next(path for path in fitted.parameters if path.endswith("interaction.scaling.slope"))
    prior: Any = priors(law)[path]
    # A prior as narrow as the effect would shrink it whatever the data say.
    wide = free(law, {path: with_hyper(prior, {WIDTH: _WIDER * prior.scale})})
    factors = _INTERACTION_FACTORS if len(subject.data) <= _LONG else _LONG_INTERACTION_FACTORS
    found = recover(
        fitted,
        subject.data,
        designs(_sizes(question, factors), _INTERACTION_CORRELATIONS),
        key=key,
        of=path,
        input=subject.input,
        replicates=_replicates(question),
        spec=wide,
    )
    return found, fitted


def _rate_sentences(question: Question, found: Recovery) -> list[str]:
    quantity = question.subject.quantity
    said = [_cliff(question, found)]
    needs = [need for need in found.required(_RATE_ERROR) if _plain(need, found)]
    listed = "; ".join(f"{_rows_words(need)} {_where(need, found)}" for need in needs)
    if listed:
        said.append(f"To know the {quantity} to {_RATE_ERROR:.0%} (bias and spread together) takes {listed}.")
    rows = found.own.rows
    shares = [k for k, one in enumerate(found.designs) if not np.isnan(one.share)]
    if shares:
        cells = ", ".join(f"{found.spread[k]:.2g} with {found.designs[k].share:.0%}" for k in shares)
        said.append(
            f"The share of rows on the commonest {found.concentrated} ({found.own.share:.0%} here) matters as follows: "
            f"spread {cells}, of {rows} rows."
        )
    noisy = sorted((one.noise, k) for k, one in enumerate(found.designs) if one.noise != 1.0)
    cells = ", with ".join(f"{noise:g} times the noise {found.spread[k]:.2g}" for noise, k in noisy)
    return [*said, f"Spread of the refits with {cells}."]


def _cliff(question: Question, found: Recovery) -> str:
    line = _by_correlation(found)
    cells = "; ".join(
        f"{found.designs[k].correlation:g}: median {found.median[k]:.2g}, spread {found.spread[k]:.2g} "
        f"({_bound_words(found.bound[k])})"
        for k in line
    )
    return (
        f"Median and spread of the refits of {found.own.rows} rows (in brackets the standard error that the likelihood "
        f"alone allows) at a correlation of date and log {question.subject.input} (in the table "
        f"{found.own.correlation:.2f}) of {cells}. Refits spread less than the likelihood allows where priors hold "
        "them, which shows as bias or by luck not at all, and more where some end in another optimum. "
        f"The Monte Carlo error of each spread is {found.monte_carlo:.0%} of it."
    )


def _by_correlation(found: Recovery) -> list[int]:
    """Positions of the designs of the table's own length with a correlation of their own, in its order."""
    own = [
        k
        for k, one in enumerate(found.designs)
        if one.rows == found.own.rows and not np.isnan(one.correlation) and np.isnan(one.share) and one.noise == 1.0
    ]
    return sorted(own, key=lambda k: found.designs[k].correlation)


def _plain(need: Needed, found: Recovery) -> bool:
    """Whether only the correlation differs from the table."""
    own = need.share == found.own.share or np.isnan(need.share)
    return own and need.noise == 1.0 and len(found.line(correlation=need.correlation, share=need.share, noise=1.0)) > 1


def _bound_words(bound: float) -> str:
    return f"{bound:.2g}" if np.isfinite(bound) else "infinite"


def _where(need: Needed, found: Recovery) -> str:
    own = " as in the table" if need.correlation == found.own.correlation else ""
    return f"at a correlation of {need.correlation:.2f}{own}"


def _rows_words(need: Needed) -> str:
    if need.how == NEVER:
        return "more rows than there could be"
    how = {FEWER: "no more than ", EXTRAPOLATED: "(extrapolated) "}.get(need.how, "")
    return f"{how}{need.rows:.0f} rows"


def _interaction_sentences(power: Recovery) -> list[str]:
    listed = "; ".join(f"{_rows_words(need)} {_where(need, power)}" for need in power.required(_INTERACTION_ERROR))
    own = int(power.line(rows=power.own.rows, correlation=power.own.correlation)[0])
    return [
        f"Complementarity: if the interaction is as at the best fit ({power.truth:+.3g} a year and e-fold of "
        f"{power.input}) and its prior is {_WIDER:g} times as wide as the law's, {power.own.rows} rows like these know "
        f"it to {power.relative_error[own]:.0%} (bias and spread together). To know it to {_INTERACTION_ERROR:.0%} "
        f"takes {listed}.",
        *_allowed_sentence(power),
    ]


def _allowed_sentence(power: Recovery) -> list[str]:
    allowed = power.allowed(_INTERACTION_ERROR)
    enough = {rows: at for rows, at in allowed.items() if np.isfinite(at)}
    short = [rows for rows in allowed if rows not in enough]
    said = []
    if enough:
        cells = ", ".join(f"{at:.2f} with {rows} rows" for rows, at in enough.items())
        said.append(f"The correlation of date and log {power.input} may be as high as {cells}.")
    if short:
        said.append(f"With {' or '.join(map(str, short))} rows no correlation tried is low enough.")
    return said


def _draw(figure: "Figure", found: Recovery, question: Question) -> None:
    figure.set_size_inches(11.0, 4.4)
    left, right = figure.subplots(1, 2)
    rows = found.own.rows
    line = _by_correlation(found)
    at = np.array([found.designs[k].correlation for k in line])
    bound = found.bound[line]
    told = found.apart[line]
    right.plot(at[told], found.spread[line][told], "o-", color=BLUE, label="spread of refits, with priors")
    if not told.all():
        label = "the same, by the priors alone"
        right.plot(at[~told], found.spread[line][~told], "o", color=BLUE, mfc="white", label=label)
    right.plot(at[np.isfinite(bound)], bound[np.isfinite(bound)], "s--", color=ORANGE, label="likelihood alone")
    right.axvline(found.own.correlation, color=DARK, linewidth=0.8, linestyle=(0, (4, 2)), label="this table")
    right.set_yscale("log")
    _finish(right, f"correlation of date and log {found.input}", f"standard error of the answer ({rows} rows)")
    for name, correlation, colour in (("as in the table", found.own.correlation, BLUE), ("0", 0.0, GREEN)):
        own = found.line(correlation=correlation, share=found.own.share, noise=1.0)
        sizes = [found.designs[k].rows for k in own]
        left.errorbar(
            sizes, found.median[own], found.spread[own], fmt="o-", color=colour, capsize=3, label=f"correlation {name}"
        )
    left.axhline(found.truth, color=DARK, linewidth=0.8, linestyle=(0, (4, 2)), label="truth")
    left.set_xscale("log")
    _finish(left, "rows", f"median and spread of refits ({question.subject.unit})")


def _draw_power(figure: "Figure", power: Recovery) -> None:
    axis, colours = figure.subplots(), (BLUE, ORANGE, GREEN, PURPLE, DARK)
    for colour, correlation in zip(colours, _INTERACTION_CORRELATIONS, strict=True):
        wanted = power.own.correlation if np.isnan(correlation) else correlation
        own = power.line(correlation=wanted)
        name = f"{wanted:.2f}{' (this table)' if np.isnan(correlation) else ''}"
        sizes = [power.designs[k].rows for k in own]
        axis.plot(sizes, power.relative_error[own], "o-", color=colour, label=f"correlation {name}")
    axis.axhline(_INTERACTION_ERROR, color=DARK, linewidth=0.8, linestyle=(0, (4, 2)))
    axis.set_xscale("log")
    axis.set_yscale("log")
    _finish(axis, "rows", "relative error of the interaction of progress and scale")


def _finish(axis: "Axes", x_label: str, y_label: str) -> None:
    axis.grid(True, color=PALE, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.set_xlabel(x_label, fontsize=9)
    axis.set_ylabel(y_label, fontsize=9)
    axis.legend(frameon=False, fontsize=8)
