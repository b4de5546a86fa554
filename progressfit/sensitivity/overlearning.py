"""Overlearning: whether progress measured on a benchmark is progress on that benchmark alone."""

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from progressfit.analysis.overlearning import Estimate, Overlearning, Retest, carried_over, control_slopes, overlearning
from progressfit.infer.optimise import fit
from progressfit.infer.result import Fit
from progressfit.laws import retests
from progressfit.plot.style import BLUE, DARK, GREEN, ORANGE, PALE
from progressfit.sensitivity.base import Question, Section
from progressfit.studies.base import Retests, doubt_about

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME, TITLE = "overlearning", "Overlearning: whether progress is specific to the benchmark"
# One number of replicates for all questions, so that they share compiled programs.
_REPLICATES = 300
_LEVEL, _STARTS = 0.95, 4


class _Found(NamedTuple):
    """What was computed: with other inputs held fixed and not, control slopes, other rows, one ratio for all inputs."""

    tests: Retests
    fixed: Overlearning
    free: Overlearning | None
    controls: dict[str, dict[str, float]]
    filters: dict[str, Overlearning]
    joint: tuple[Fit, dict[str, float]] | None

    @property
    def every(self) -> dict[str, Overlearning]:
        """The answers on all rows, by what is held fixed."""
        return {f"{_held(one)} held fixed": one for one in (self.fixed, self.free) if one is not None}


def section(question: Question) -> Section:
    """Shares of the measured progress that carry over to re-tests, with intervals by papers."""
    tests = question.subject.retests
    if tests is None:
        text = "This does not apply here: the study names no re-tests of the benchmark that it measures progress on."
        return Section(NAME, TITLE, (text,))
    found = _gather(question, tests)
    every = (*found.every.values(), *found.filters.values())
    failed = sum(one.failed for one in every)
    doubt = doubt_about(*(one.point for one in every), None if found.joint is None else found.joint[0])
    return Section(
        name=NAME,
        title=TITLE,
        sentences=tuple(_sentences(question, found)),
        tables={"shares": _share_table(found), "given": _given_table(found), "controls": _control_table(found)},
        pictures={"shares": functools.partial(_draw, found=found)},
        doubt=doubt or (f"{failed} refits did not reach an optimum; they are left out" if failed else None),
    )


def _gather(question: Question, tests: Retests) -> _Found:
    def ask(others: tuple[str, ...], rows: Any = None) -> Overlearning:
        return overlearning(
            tests.data,
            key=question.key_for(NAME),
            reference=tests.reference,
            input=question.subject.input,
            others=others,
            sd=tests.log10_sd,
            rows=rows,
            replicates=question.count(_REPLICATES),
        )

    def varying(mask: np.ndarray) -> tuple[str, ...]:
        return tuple(name for name in tests.others if np.ptp(np.asarray(tests.data.records[name])[mask]) > 0)

    return _Found(
        tests,
        ask(tests.others),
        ask(()) if tests.others else None,
        {} if tests.controls is None else control_slopes(tests.controls, reference=tests.reference),
        {name: ask(varying(mask), mask) for name, mask in tests.filters.items()},
        None if question.quick or not tests.others else _one_ratio(question, tests),
    )


def _one_ratio(question: Question, tests: Retests) -> tuple[Fit, dict[str, float]]:
    """The joint law in which one ratio on each test holds for all inputs, and the shares that follow."""
    data, inputs = tests.data, (question.subject.input, *tests.others)
    centres = {name: float(np.exp(np.mean(np.log(np.asarray(data.records[name]))))) for name in inputs}
    middle = float(np.mean(data.records.date("common")))
    law = retests(centres, {}, origin=middle, reference=tests.reference)
    point = fit(law, data, key=question.key_for(NAME), starts=_STARTS, objective="mle")
    at = {name: data.record(date=middle, **centres, test=name) for name in data.levels("test")}
    base = at.pop(tests.reference)
    input = question.subject.input
    return point, {name: float(carried_over(point.model, record, base, input)) for name, record in at.items()}


def _share_words(retest: Retest, name: str) -> str:
    return f"{name} {_number(retest.share().value, '.2f')} {_interval(*retest.share_interval(_LEVEL), '.2f')}"


def _number(value: float, form: str) -> str:
    return format(value, form) if np.isfinite(value) else "(not certified)"


def _interval(low: float, high: float, form: str) -> str:
    if np.isnan(low):
        return "(no certified replicate)"
    return f"[{low:{form}}, {high:{form}}]" if np.isfinite(low) else "(no bounded interval)"


def _shares(found: Overlearning, tests: Retests) -> str:
    return ", ".join(_share_words(retest, tests.names[retest.test]) for retest in _ordered(found, tests))


def _ordered(found: Overlearning, tests: Retests) -> list[Retest]:
    return [found[name] for name in tests.names if name != tests.reference]


def _sentences(question: Question, found: _Found) -> list[str]:
    tests, fixed = found.tests, found.fixed
    base, input = tests.names[tests.reference], question.subject.input
    widest = max(fixed.retests, key=lambda retest: retest.rows)
    trend, others = widest.reference.trend, _held(fixed)
    return [
        f"{widest.rows} networks from {widest.clusters} papers were scored on {base} and on re-tests of it. With "
        f"{others} held fixed, accuracy on {base} moves by {_words(trend, '+.4f')} logits a year ({_LEVEL:.0%} "
        f"interval by papers, {len(trend.draws)} replicates). The share of this progress that carries over, in units "
        f"of what {input} does to each test (1: all of it; less: some is specific to {base}): {_shares(fixed, tests)}.",
        _verdict(fixed, tests),
        _differences(fixed, tests),
        *_without_sentences(found, input),
        *_error_sentences(found, input),
        *_control_sentences(found),
        *_joint_sentences(found, others),
        _given_sentence(found),
        *_filter_sentences(found),
    ]


def _words(estimate: Estimate, form: str = ".4f") -> str:
    return f"{_number(estimate.value, form)} {_interval(*estimate.interval(_LEVEL), form)}"


def _error_sentences(found: _Found, input: str) -> list[str]:
    if found.tests.log10_sd is None:
        return []
    base = found.tests.names[found.tests.reference]
    return [
        f"Stated errors of {input} flatten its slope on {base} to {_number(found.fixed.attenuation, '.3f')} of what it "
        f"would be; this is taken off in every replicate by simulation and extrapolation."
    ]


def _verdict(found: Overlearning, tests: Retests) -> str:
    """Which intervals exclude 1, and on which side."""
    sides: dict[str, list[str]] = {"less": [], "more": [], "open": [], "unknown": []}
    for retest in _ordered(found, tests):
        low, high = retest.share_interval(_LEVEL)
        unknown = np.isnan([low, high, retest.share().value]).any()
        side = "unknown" if unknown else "less" if high < 1 else "more" if low > 1 else "open"
        sides[side].append(tests.names[retest.test])
    base, said = tests.names[tests.reference], []
    if sides["less"]:
        said.append(f"on {_list(sides['less'])} less than all of it does, so that part is specific to {base}")
    if sides["more"]:
        said.append(f"on {_list(sides['more'])} there is more progress than on {base}")
    if sides["open"]:
        said.append(f"on {_list(sides['open'])} the interval does not tell the share from 1")
    if sides["unknown"]:
        said.append(f"on {_list(sides['unknown'])} the share is not certified, so nothing is said")
    text = "; ".join(said)
    return text[0].upper() + text[1:] + "."


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _differences(found: Overlearning, tests: Retests) -> str:
    base = tests.names[tests.reference]
    said = [f"{tests.names[r.test]} {_words(r.specific())}" for r in _ordered(found, tests)]
    return (
        f"As a difference, progress on the re-test beyond that on {base}, in logits of {base} a year (negative: "
        f"specific to {base}): {', '.join(said)}."
    )


def _without_sentences(found: _Found, input: str) -> list[str]:
    """The shares with one input alone held fixed, and what the others do where it is equal."""
    tests = found.tests
    if found.free is None:
        return []
    ordered = _ordered(found.fixed, tests)
    slopes = {tests.names[tests.reference]: max(ordered, key=lambda r: r.rows).reference} | {
        tests.names[retest.test]: retest.own for retest in ordered
    }
    moves = [
        f"{_number(np.log(10) * effects.others[name].value, '+.3f')} on {test}"
        for name in tests.others
        for test, effects in slopes.items()
    ]
    return [
        f"With {input} alone held fixed the shares are {_shares(found.free, tests)}. The two differ because ten times "
        f"as much {' or '.join(tests.others)} at equal {input} moves each test by its own amount, in logits: "
        f"{', '.join(moves)}."
    ]


def _control_sentences(found: _Found) -> list[str]:
    said, tests = [], found.tests
    for retest in _ordered(found.fixed, tests):
        slopes = [of[retest.test] for of in found.controls.values() if np.isfinite(of.get(retest.test, np.nan))]
        if slopes and np.isfinite(retest.share().value):
            ends = sorted(float(retest.share(slope).value) for slope in slopes)
            said.append(
                f"{tests.names[retest.test]} {min(slopes):.2f} to {max(slopes):.2f} (model {retest.ratio.value:.2f}), "
                f"share {ends[0]:.2f} to {ends[-1]:.2f}"
            )
    if not said:
        return []
    return [
        f"Runs that hold the algorithm fixed ({', '.join(found.controls)}) give other slopes of the re-tests on "
        f"{tests.names[tests.reference]}, logit on logit, and with them other shares: {'; '.join(said)}."
    ]


def _joint_sentences(found: _Found, others: str) -> list[str]:
    if found.joint is None:
        return []
    (point, shares), names = found.joint, found.tests.names
    cost, sizes = point.objective - found.fixed.objective, {retest.rows for retest in found.fixed.retests}
    apart = " (each test on all networks that it scored, also where the reference has more)" if len(sizes) > 1 else ""
    said = ", ".join(f"{names[test]} {shares[test]:.2f}" for test in names if test in shares)
    return [
        f"One ratio on each test for {others} alike, errors left in, costs {cost:.0f} in log likelihood against a "
        f"slope of its own for each ({len(shares) * len(found.tests.others)} parameters fewer; rows counted as "
        f"independent) and gives shares of {said}{apart}."
    ]


def _given_sentence(found: _Found) -> str:
    tests = found.tests
    base = tests.names[tests.reference]
    said = [
        f"{tests.names[r.test]} {_number(r.given.trend.value, '+.4f')} (standard error "
        f"{_number(r.given.trend.error, '.4f')}), joint model {_number(r.drift.value, '+.4f')} "
        f"({_number(r.drift.error, '.4f')})"
        for r in _ordered(found.fixed, tests)
    ]
    return (
        f"The date effect on each re-test given {' and '.join((f'accuracy on {base}', *tests.others))}, in logits of "
        f"the re-test a year, beside that of the joint model for networks of equal ability: {'; '.join(said)}. A "
        f"negative one would mean a growing overfit to {base}; the two differ where scatter of {base} accuracy "
        "flattens the slope on it."
    )


def _filter_sentences(found: _Found) -> list[str]:
    tests, said = found.tests, []
    for name, one in found.filters.items():
        retest = max(one.retests, key=lambda r: r.rows)
        trend = f"{tests.names[tests.reference]} {_words(retest.reference.trend)} logits a year"
        said.append(f"Among networks {name} ({retest.rows}; {trend}) the shares are {_shares(one, tests)}.")
    return said


def _share_table(found: _Found) -> list[dict[str, Any]]:
    every = {f"all, {held}": one for held, one in found.every.items()} | found.filters
    return [
        {"rows": rows, "test": retest.test, "networks": retest.rows, "papers": retest.clusters}
        | _named("share", retest.share().value, *retest.share_interval(_LEVEL))
        | {"probability_below_1": float(np.mean(retest.share().draws < 1)) if len(retest.share().draws) else np.nan}
        | _columns("specific", retest.specific())
        | _columns("ratio", retest.ratio)
        | _columns("reference_trend", retest.reference.trend)
        | _columns("trend", retest.own.trend)
        for rows, one in every.items()
        for retest in _ordered(one, found.tests)
    ]


def _held(found: Overlearning) -> str:
    return " and ".join((found.input, *found.others))


def _columns(name: str, estimate: Estimate) -> dict[str, float]:
    return _named(name, estimate.value, *estimate.interval(_LEVEL))


def _named(name: str, value: float, low: float, high: float) -> dict[str, float]:
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _given_table(found: _Found) -> list[dict[str, Any]]:
    every = {"all": found.fixed} | found.filters
    return [
        {"rows": rows, "test": retest.test, "slope": retest.given.slope.value}
        | _columns("date_effect", retest.given.trend)
        | {"date_effect_se": retest.given.trend.error}
        | _columns("joint_date_effect", retest.drift)
        for rows, one in every.items()
        for retest in _ordered(one, found.tests)
    ]


def _control_table(found: _Found) -> list[dict[str, Any]]:
    return [
        {"control": kind, "test": test, "slope": slope, "share": float(found.fixed[test].share(slope).value)}
        for kind, of in found.controls.items()
        for test, slope in of.items()
        if np.isfinite(slope)
    ]


def _draw(figure: "Figure", found: _Found) -> None:
    figure.set_size_inches(8.0, 4.2)
    axis, tests = figure.subplots(), found.tests
    for (label, one), colour, lift in zip(found.every.items(), (BLUE, ORANGE), (0.16, -0.16), strict=False):
        ordered = _ordered(one, tests)
        for k, retest in enumerate(ordered):
            place = len(ordered) - 1 - k + lift
            if retest.bounded(_LEVEL):
                axis.plot(retest.share_interval(_LEVEL), [place, place], color=colour, linewidth=2.0)
            axis.plot(retest.share().value, place, "o", color=colour, markersize=6, label=None if k else label)
    names = [retest.test for retest in _ordered(found.fixed, tests)]
    lines = [(line["share"], len(names) - 1 - names.index(line["test"])) for line in _control_table(found)]
    if lines:
        axis.plot(*zip(*lines, strict=True), "x", color=GREEN, markersize=5, label="slope ratios of control runs")
    axis.axvline(1.0, color=DARK, linewidth=0.9)
    axis.axvline(0.0, color=DARK, linewidth=0.6, linestyle=(0, (4, 2)))
    axis.set_yticks(np.arange(len(names))[::-1], [tests.names[name] for name in names])
    axis.grid(True, axis="x", color=PALE, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.set_xlabel(f"share of progress on {tests.names[tests.reference]} that carries over ({_LEVEL:.0%}, by papers)")
    axis.legend(frameon=False, fontsize=8)
    axis.set_title("Is progress specific to the benchmark?", fontsize=11)
