"""Trends: the shape of progress over time, its forecasts, and the law without each of its parts."""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import jax
import numpy as np

from progressfit.analysis.outlook import require_dates
from progressfit.analysis.trend_shapes import Breaks, trend_breaks
from progressfit.analysis.trends import Trends, TrendShape, forward_cuts, trends
from progressfit.analysis.variants import Variant, variants
from progressfit.growth import doubling_time
from progressfit.infer.result import RESULTS
from progressfit.model import mean_terms
from progressfit.plot.style import BLUE, DARK, GREEN, ORANGE, PALE, PURPLE
from progressfit.sensitivity.base import TELLING, Question, Rows, Section, rate_words
from progressfit.studies.base import doubt_about
from progressfit.terms import RandomWalkProgress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME, TITLE = "trends", "Trends: the shape of progress over time, and which terms matter"
_DRAWS, _QUICK_DRAWS = 1000, 500
_QUICK_CUTS = (0.5,)
_BREAKS = 17
_COLOURS = (DARK, BLUE, GREEN, ORANGE, PURPLE)


def section(question: Question) -> Section:
    """Four shapes compared by forward validation and stacking, breaks date by date, and the law without each part."""
    subject, key = question.subject, question.key_for(NAME)
    break_key, trend_key, variant_key = jax.random.split(key, 3)
    sentences, tables, pictures, doubts = [], {}, {}, []
    try:
        breaks = _breaks(question, break_key)
    except ValueError as error:
        sentences.append(f"Other shapes of progress do not apply here: {str(error).rstrip('.')}.")
    else:
        tables["breaks"] = _break_table(breaks)
        try:
            found = _trends(question, trend_key) if question.has_posterior else None
        except ValueError as error:
            sentences.append(f"Shapes of progress were not compared: {str(error).rstrip('.')}.")
            doubts.append(f"shapes of progress were not compared: {str(error).rstrip('.')}")
        else:
            sentences += _shape_sentences(found)
            if found is not None:
                tables |= {"shapes": _shape_table(found), "forecasts": _forecast_table(found)}
                pictures["forecasts"] = functools.partial(_draw, question=question, found=found)
                doubts += _doubts(found)
        sentences.append(_break_sentence(breaks))
    whole = variants(
        question.point,
        subject.data,
        subject.of,
        subject.input,
        key=variant_key,
        spec=subject.spec,
        starts=subject.starts,
    )
    if len(whole) > 1:
        sentences.append(_variant_sentence(question, whole))
        tables["variants"] = _variant_table(whole)
        left = doubt_about(*(one.point for one in whole[1:]))
        doubts += [f"a law without one of its parts: {left}"] if left else []
    return Section(NAME, TITLE, tuple(sentences), tables, pictures, "; ".join(doubts) or None)


def _dates(question: Question) -> np.ndarray:
    """Decimal years of the rows that count."""
    require_dates(question.subject.data, "a comparison of trends")
    return np.asarray(question.subject.data.records.columns["date"], np.float64)[question.point.weights > 0]


def _breaks(question: Question, key: jax.Array) -> Breaks:
    subject, date = question.subject, _dates(question)
    dates = np.linspace(date.min(), date.max(), _BREAKS + 2)[1:-1]
    return trend_breaks(question.point, subject.data, tuple(dates), subject.input, key=key, spec=subject.spec)


def _trends(question: Question, key: jax.Array) -> Trends:
    subject, quick = question.subject, question.quick
    return trends(
        question.point,
        subject.data,
        subject.input,
        key=key,
        spec=subject.spec,
        cuts=forward_cuts(_dates(question), _QUICK_CUTS) if quick else None,
        draws=_QUICK_DRAWS if quick else _DRAWS,
    )


def _doubts(found: Trends) -> list[str]:
    """Shapes whose posteriors are not certified, and densities that are not numbers."""
    said = [f"{found.dropped} later rows have no density under some shape"] if found.dropped else []
    for name, shape in found.shapes.items():
        if not _settled(shape):
            said.append(f"{name}: {shape.draws.result.value}")
        if shape.forward.failed:
            said.append(f"{name}: the posterior of rows {', '.join(shape.forward.failed)} did not settle")
    return said


def _settled(shape: TrendShape) -> bool:
    """Whether a posterior is certified. That the likelihood alone determines no innovation of a walk is by design."""
    walks = any(isinstance(term, RandomWalkProgress) for term in mean_terms(shape.draws.spec))
    return shape.draws.result is RESULTS.CONVERGED or (walks and shape.draws.result is RESULTS.NOT_IDENTIFIED)


def _shape_sentences(found: Trends | None) -> list[str]:
    if found is None:
        return ["A prior is flat, so no posteriors were compared."]
    return [_forward_sentence(found), *_rate_sentences(found), _forecast_sentence(found)]


def _forward_sentence(found: Trends) -> str:
    names = list(found.shapes)
    scores = {name: shape.forward.elpd for name, shape in found.shapes.items()}
    best = max(names, key=lambda name: scores[name].value)
    others = []
    for name in names:
        if name != best:
            gap = found.shapes[name].forward.minus(found.shapes[best].forward)
            others.append(f"{name} {gap.value:+.2f} (standard error {gap.error:.2f})")
    left_out = f"; {found.dropped} without a density under some shape left out" if found.dropped else ""
    forward = _weights(dict(zip(names, found.forward.weights, strict=True)))
    inside = _weights({form.name: form.weight for form in found.comparison.forms})
    bad = ", ".join(f"{form.name} {len(form.loo.diagnosis.rows)}" for form in found.comparison.forms)
    return (
        f"Fitted to rows before {', '.join(f'{cut:.2f}' for cut in found.cuts)} and scored on the later ones "
        f"({scores[best].rows} rows{left_out}), the shape that predicts best is {best}; log density of the others less "
        f"its own: {', '.join(others)}. Stacking weights of these forward scores: {forward}; of rows left out one at a "
        f"time: {inside} (rows that importance sampling cannot handle: {bad})."
    )


def _weights(weights: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {weight:.2f}" for name, weight in sorted(weights.items(), key=lambda pair: -pair[1]))


def _rate_sentences(found: Trends) -> list[str]:
    answers = {form.name: form.answer for form in found.comparison.forms}
    means, ends = [], []
    for name, shape in found.shapes.items():
        answer, (low, median, high) = answers[name], shape.rates[:, found.last]
        if answer is not None:
            means.append(f"{name} {answer.median:.3g} [{answer.low:.3g}, {answer.high:.3g}]")
        ends.append(f"{name} {median:.3g} [{low:.3g}, {high:.3g}]")
    said = [
        f"Growth rate of the effective input, mean over the dates of the table (posterior median and {found.level:.0%} "
        f"interval, natural log units a year): {'; '.join(means)}. At the last date: {'; '.join(ends)}."
    ]
    stacked = found.comparison.stacked
    if stacked is not None:
        said.append(f"The stack of all has the mean rate {stacked.median:.3g} [{stacked.low:.3g}, {stacked.high:.3g}].")
    return said


def _forecast_sentence(found: Trends) -> str:
    each = {
        name: (shape.forecast.median[-1], shape.forecast.low[-1], shape.forecast.high[-1])
        for name, shape in found.shapes.items()
    }
    medians = [median for median, _, _ in each.values()]
    widest = max(each, key=lambda name: each[name][2] - each[name][1])
    forecast = next(iter(found.shapes.values())).forecast
    where = "in range" if forecast.inside[-1] else f"out of range by {forecast.distance[-1]:.2g} ranges of the table"
    said = "; ".join(f"{name} {median:.4f} [{low:.4f}, {high:.4f}]" for name, (median, low, high) in each.items())
    return (
        f"{found.horizon:g} years after the last date, the inputs of the best row held, which is {where}, the expected "
        f"response is: {said}. The medians differ by {max(medians) - min(medians):.4f}; the widest interval, that of "
        f"{widest}, is {each[widest][2] - each[widest][1]:.4f} wide."
    )


def _break_sentence(found: Breaks) -> str:
    if not found.ok.any():
        return "No refit with a break reached an optimum."
    best = int(np.nanargmax(found.gain))
    gain = float(found.gain[best])
    telling = "more than" if gain > TELLING else "no more than"
    return (
        f"Of {len(found.dates)} dates a break in {found.dates[best]:.1f} fits best: it raises log likelihood by "
        f"{gain:.2f}, {telling} the {TELLING} that a second rate gains in 1 of 20 tables without a break, its "
        f"date named beforehand. The growth rate at the best fit is {found.before[best]:.3g} a year before and "
        f"{found.after[best]:.3g} after."
    )


def _variant_sentence(question: Question, whole: tuple[Variant, ...]) -> str:
    first, *rest = whole
    said = "; ".join(
        f"{one.name}: {one.log_likelihood - first.log_likelihood:+.2f} to {one.log_likelihood:.2f}, "
        + ("not certified" if not np.isfinite(one.value) else "rate " + rate_words(one.value))
        for one in rest
    )
    return (
        f"Without one part at a time, the log likelihood ({first.log_likelihood:.2f} with all) and the "
        f"{question.subject.quantity}: {said}."
    )


def _break_table(found: Breaks) -> Rows:
    return [
        {
            "break": float(date),
            "log_likelihood_gain": float(found.gain[k]),
            "rate_before": float(found.before[k]),
            "rate_after": float(found.after[k]),
            "certified": bool(found.ok[k]),
        }
        for k, date in enumerate(found.dates)
    ]


def _shape_table(found: Trends) -> Rows:
    rows = []
    for k, (name, shape) in enumerate(found.shapes.items()):
        form, forward = found.comparison[name], shape.forward.elpd
        answer, (low, median, high) = form.answer, shape.rates[:, found.last]
        rows.append(
            {
                "shape": name,
                "forward_log_density": forward.value,
                "forward_se": forward.error,
                "forward_rows": forward.rows,
                "forward_weight": float(found.forward.weights[k]),
                "loo_log_density": form.loo.elpd.value,
                "loo_difference": form.difference.value,
                "loo_difference_se": form.difference.error,
                "loo_weight": form.weight,
                "rows_psis_cannot_handle": len(form.loo.diagnosis.rows),
                "mean_rate": None if answer is None else answer.median,
                "mean_rate_low": None if answer is None else answer.low,
                "mean_rate_high": None if answer is None else answer.high,
                "last_rate": float(median),
                "last_rate_low": float(low),
                "last_rate_high": float(high),
                "level": found.level,
                "result": shape.draws.result.value,
            }
        )
    return rows


def _forecast_table(found: Trends) -> Rows:
    return [
        {
            "shape": name,
            "date": float(date),
            "inside": bool(shape.forecast.inside[i]),
            "distance": float(shape.forecast.distance[i]),
            "median": float(shape.forecast.median[i]),
            "low": float(shape.forecast.low[i]),
            "high": float(shape.forecast.high[i]),
            "new_low": float(shape.forecast.new_low[i]),
            "new_high": float(shape.forecast.new_high[i]),
            "rate_median": float(shape.rates[1, i]),
            "rate_low": float(shape.rates[0, i]),
            "rate_high": float(shape.rates[2, i]),
            "level": found.level,
        }
        for name, shape in found.shapes.items()
        for i, date in enumerate(found.dates)
    ]


def _variant_table(whole: tuple[Variant, ...]) -> Rows:
    return [
        {
            "variant": one.name,
            "log_likelihood": one.log_likelihood,
            "log_likelihood_change": one.log_likelihood - whole[0].log_likelihood,
            "parameters_fewer": one.parameters,
            "value": one.value,
            "doubling_months": float(doubling_time(one.value)) if one.value > 0 else None,
            "certified": one.point.converged,
        }
        for one in whole
    ]


def _draw(figure: "Figure", question: Question, found: Trends) -> None:
    figure.set_size_inches(11.0, 4.6)
    left, right = figure.subplots(1, 2)
    for colour, (name, shape) in zip(_COLOURS, found.shapes.items(), strict=False):
        part = shape.forecast
        _line(left, found, part.median, part.low, part.high, colour, name)
        _line(right, found, shape.rates[1], shape.rates[0], shape.rates[2], colour, name)
    left.set_ylabel("expected response, best row's inputs held")
    right.set_ylabel(f"growth rate ({question.subject.unit})")
    for axis in (left, right):
        axis.axvspan(found.dates[found.last], found.dates[-1], color=PALE, alpha=0.5, linewidth=0)
        axis.set_title(f"median and {found.level:.0%} bounds; out of range shaded and dashed", fontsize=9)
        axis.set_xlabel("date")
        axis.grid(True, color=PALE, linewidth=0.6)
        axis.set_axisbelow(True)
    left.legend(frameon=False, fontsize=8, loc="upper left")


def _line(
    axis: "Axes", found: Trends, middle: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str, name: str
) -> None:
    """A median, solid in the range of the table and dashed beyond, with thin bounds."""
    cut = found.last
    axis.plot(found.dates[: cut + 1], middle[: cut + 1], color=colour, linewidth=1.8, label=name)
    axis.plot(found.dates[cut:], middle[cut:], color=colour, linewidth=1.6, linestyle=(0, (4, 2)))
    for bound in (low, high):
        axis.plot(found.dates, bound, color=colour, linewidth=0.7, alpha=0.7)
