"""Transfer exponent: whether rows pre-trained on another data set count their data in full."""

import functools
from typing import TYPE_CHECKING

import numpy as np

from progressfit.analysis.transfer_exponent import DataTransfer, data_transfer
from progressfit.growth import doubling_time
from progressfit.infer.result import RESULTS, Draws
from progressfit.plot.style import BLUE, DARK, ORANGE, PALE
from progressfit.sensitivity.base import Question, Rows, Section, interval_words, rate_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME, TITLE = "transfer-exponent", "Transfer exponent: whether data from elsewhere count in full"
_DRAWS, _QUICK_DRAWS = 1000, 500
_LEVEL = 0.95


def section(question: Question) -> Section:
    """A transfer exponent for each pre-training data set, partially pooled, against the law without."""
    subject = question.subject
    if subject.pretraining is None:
        return _not_here("nothing says which data set each row was pre-trained on")
    if not question.has_posterior:
        return _not_here("a prior is flat, so there is no posterior, and a pooled spread has to be sampled")
    group, home, input = subject.pretraining
    try:
        found = data_transfer(
            question.posterior,
            subject.data,
            group,
            home,
            input,
            key=question.key_for(NAME),
            spec=subject.spec,
            draws=_QUICK_DRAWS if question.quick else _DRAWS,
            starts=subject.starts,
            refits=0 if question.quick else 4,
        )
    except ValueError as error:
        return _not_here(str(error))
    doubt = doubt_about_pooled(found.draws)
    if not np.isfinite(found.mean).any():
        said = "No draw of the law with transfer exponents is certified, so nothing is said of them."
        return Section(NAME, TITLE, (said, _mode_sentence(found)), doubt=doubt or "no draw is certified")
    rates = np.asarray(found.draws.map(subject.of))[found.draws.ok]
    return Section(
        name=NAME,
        title=TITLE,
        sentences=(
            _exponents_sentence(found, input),
            _held_out_sentence(found),
            _rate_sentence(question, found, rates),
            _mode_sentence(found),
        ),
        tables={"exponents": _table(found, rates)},
        pictures={"exponents": functools.partial(_draw, found=found)},
        doubt=doubt,
    )


def doubt_about_pooled(draws: Draws) -> str | None:
    """Why draws of a law with pooled effects are not certified.

    That the likelihood alone does not determine each of its effects is by design, and no reason.
    """
    known = draws.result in (RESULTS.CONVERGED, RESULTS.NOT_IDENTIFIED) and draws.stats["diagnosis"].mixed
    return None if known else draws.result.value


def _not_here(why: str) -> Section:
    return Section(NAME, TITLE, (f"This does not apply here: {why}.",))


def _ends(values: np.ndarray) -> tuple[float, float, float]:
    """Lower end, median and upper end of the finite values; NaN if there is none."""
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return np.nan, np.nan, np.nan
    low, median, high = np.quantile(finite, [(1 - _LEVEL) / 2, 0.5, (1 + _LEVEL) / 2])
    return float(low), float(median), float(high)


def _exponents_sentence(found: DataTransfer, input: str) -> str:
    low, mean, high = _ends(found.mean)
    _, spread, most = _ends(found.spread)
    each = ", ".join(
        f"{level} {median:.2f} [{less:.2f}, {more:.2f}] ({found.rows[level]} rows)"
        for level, (less, median, more) in ((level, _ends(values)) for level, values in found.exponents.items())
    )
    holds = "contains" if low <= 1 <= high else "excludes"
    return (
        f"Where {input} from another data set than {found.home} count {found.anchor:.3g} (n / {found.anchor:.3g})^tau, "
        f"tau has the mean {mean:.2f}, {_LEVEL:.0%} interval [{low:.2f}, {high:.2f}], which {holds} the 1 of "
        f"the law without; its standard deviation between data sets is {spread:.2f} (up to {most:.2f}). "
        f"By data set: {each}."
    )


def _held_out_sentence(found: DataTransfer) -> str:
    score = found.held_out
    if not (np.isfinite(score.value) and np.isfinite(score.error)):
        verdict = "Whether rows left out one at a time are predicted better than by the law without is not known"
    elif abs(score.value) < 2 * score.error:
        verdict = "By its predictions of rows left out one at a time it is not told apart from the law without"
    else:
        side = "better" if score.value > 0 else "worse"
        verdict = f"Rows left out one at a time are predicted {side} than by the law without"
    said = f"{verdict}: {score.value:+.2f} in log density (standard error {score.error:.2f})"
    if found.bad_rows:
        said += f"; importance sampling cannot handle {found.bad_rows} rows, of which the worst were refitted without"
    if found.unsettled:
        said += f"; not settled: {', '.join(found.unsettled)}"
    return said + "."


def _rate_sentence(question: Question, found: DataTransfer, rates: np.ndarray) -> str:
    without = np.asarray(question.posterior.map(question.subject.of))[question.posterior.ok]
    (_, before, _), (low, median, high) = _ends(without), _ends(rates)
    if not np.isfinite(median):
        return (
            f"No certified draw has a finite {question.subject.quantity}; without transfer its median is {before:.3g}."
        )
    return (
        f"The {question.subject.quantity} is then {rate_words(median)}, "
        f"{interval_words(low, high, _LEVEL, found.draws.kind)}; without transfer its median is {before:.3g}."
    )


def _mode_sentence(found: DataTransfer) -> str:
    return (
        f"The joint mode of exponents and their spread says: {found.point.result.value.rstrip('.')}. It is not "
        "reported: the joint mode of a spread and its effects is no estimate of the spread; figures given are from the "
        "posterior."
    )


def _table(found: DataTransfer, rates: np.ndarray) -> Rows:
    rows = [
        {"quantity": f"tau of {level}", "rows": found.rows[level]} | _columns(values)
        for level, values in found.exponents.items()
    ]
    rows.append({"quantity": "mean of tau", "rows": None} | _columns(found.mean))
    rows.append({"quantity": "standard deviation of tau", "rows": None} | _columns(found.spread))
    rows.append({"quantity": "growth rate", "rows": None} | _columns(rates))
    median = _ends(rates)[1]
    months = float(doubling_time(median)) if median > 0 else None
    rows.append({"quantity": "doubling_months", "rows": None, "median": months})
    score = found.held_out
    rows.append({"quantity": "held_out_gain", "rows": score.rows, "median": score.value, "standard_error": score.error})
    return rows


def _columns(values: np.ndarray) -> dict[str, float]:
    low, median, high = _ends(values)
    return {"low": low, "median": median, "high": high, "level": _LEVEL}


def _draw(figure: "Figure", found: DataTransfer) -> None:
    axis = figure.subplots()
    names = [*found.exponents, "mean"]
    for place, (name, values) in enumerate(zip(names, [*found.exponents.values(), found.mean], strict=True)):
        low, median, high = _ends(values)
        colour = ORANGE if name == "mean" else BLUE
        axis.plot([low, high], [-place, -place], color=colour, linewidth=2)
        axis.plot(median, -place, "o", color=colour, markersize=5)
    labels = [f"{name} ({found.rows[name]})" if name in found.rows else name for name in names]
    axis.set_yticks([-place for place in range(len(names))], labels, fontsize=9)
    axis.axvline(1.0, color=DARK, linewidth=0.9, linestyle=(0, (4, 2)))
    axis.grid(True, axis="x", color=PALE, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.set_xlabel(f"transfer exponent tau, {_LEVEL:.0%} posterior intervals; dashed: the law without", fontsize=9)
