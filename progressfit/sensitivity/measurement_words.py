"""What the section on measurement says, and the rows of its tables."""

from typing import TYPE_CHECKING, Any

import numpy as np

from progressfit.analysis.conventions import Conventions, Switched
from progressfit.analysis.simex import Extrapolated
from progressfit.growth import doubling_time, duration
from progressfit.sensitivity.base import Question, interval_words, rate_words

if TYPE_CHECKING:
    from progressfit.sensitivity.measurement import Error, Pair, Version

_SHOWN = 10
_LEVEL = 0.95
# Share of a correction by which its two shapes may differ.
_LONG = 0.5


def version_sentence(question: Question, versions: "list[Version]") -> str:
    """The answer under every version of the table."""
    said = "; ".join(f"{version.name}: {rate_words(version.value)}" for version in versions)
    return f"The same law fitted to {len(versions)} versions of the same rows: {said}."


def range_sentence(question: Question, versions: "list[Version]", errors: "list[Error]") -> str:
    """How far the answer at the best fit moves with the version and with the error, in one sentence."""
    found = {
        f"the table as {version.name}" if len(versions) > 1 else "the input taken as exact": version.value
        for version in versions
    }
    for error in errors:
        of = f" ({error.version.name})" if len(versions) > 1 else ""
        found[f"an error in {error.simex.input} extrapolated away{of}"] = error.simex.value.corrected()
        found[f"latent true {error.simex.input}{of}"] = error.corrected
    found = {name: value for name, value in found.items() if np.isfinite(value)}
    low, high = min(found, key=lambda name: found[name]), max(found, key=lambda name: found[name])
    return (
        f"Over versions of the table and corrections for an error in {question.subject.input}, the best fit's "
        f"{question.subject.quantity} runs from {rate_words(found[low])} with {low} to {rate_words(found[high])} with "
        f"{high}."
    )


def pair_sentences(question: Question, pair: "Pair") -> list[str]:
    """What carries the change from one version to another."""
    found, unit = pair.found, question.subject.unit
    rows, order = found.rows, found.rows.order[:_SHOWN]
    which = ", ".join(f"{rows.names[k]} ({rows.carries[k]:+.3f})" for k in order)
    together = found.cumulative[len(order)] - found.first
    said = [
        f"From {pair.first} to {pair.second} the numbers of {len(rows.names)} rows differ, and the answer changes by "
        f"{found.change:+.3f} {unit}. The {len(order)} rows that carry most of it, with what each carries (mean of "
        f"switching it alone in the one version and in the other): {which}. Switched together, these change it by "
        f"{together:+.3f}{_share(together, found.change)}."
    ]
    moving = [part for part in (found.columns, found.papers) if part is not None and len(part.names) > 1]
    parts = [f"by {_WORDS[part.kind]}, {_listed(part, 3)}" for part in moving]
    if parts:
        said.append(f"From {pair.first} to {pair.second}, whole parts switched: {'; '.join(parts)}.")
    said += _first_order(pair, found)
    return said


_WORDS = {"column": "column", "cluster": "paper"}


def _share(part: float, whole: float) -> str:
    return f" ({part / whole:.0%} of the change)" if whole != 0 and np.isfinite(part / whole) else ""


def _listed(part: Switched, most: int) -> str:
    moved = [k for k in part.order[:most] if np.isfinite(part.carries[k]) and part.carries[k] != 0]
    rows = ["1 row" if part.sizes[k] == 1 else f"{part.sizes[k]} rows" for k in moved]
    return ", ".join(f"{part.names[k]} ({part.carries[k]:+.3f}, {row})" for k, row in zip(moved, rows, strict=True))


def _first_order(pair: "Pair", found: Conventions) -> list[str]:
    if not found.first_order:
        return []
    total = float(sum(change.sum() for change in found.first_order.values()))
    return [
        f"Derivatives at the fit of {pair.first} would give {total:+.3f} for the step to {pair.second}; the exact "
        f"refits say {found.change:+.3f}."
    ]


def error_sentences(question: Question, error: "Error", assumed: float) -> list[str]:
    """What an error in the input does to one version of the table."""
    return [_extrapolation(question, error, assumed), *_latent(question, error)]


def _extrapolation(question: Question, error: "Error", assumed: float) -> str:
    found, n, sd = error.simex, len(error.version.data), error.measured.log10_sd
    of = f", {error.version.name}" if question.subject.tables else ""
    if error.known == 0:
        known = f"nothing says how well log10 {found.input} is known, so {assumed} is assumed in every row"
    elif error.known == n:
        known = f"log10 {found.input} is known to {np.median(sd):.2g} (median over the rows)"
    else:
        known = (
            f"log10 {found.input} is known to {np.median(sd):.2g} (median over the rows; stated for {error.known} of "
            f"{n}, {assumed} assumed for the others)"
        )
    said = (
        f"Error in {found.input}{of}: {known}. It multiplies the mean slope of the law in log {found.input} by "
        f"{found.slope.factor:.2f}, says simulation-extrapolation ({found.replicates} replicates a level); without it "
        f"the {question.subject.quantity} would be {rate_words(found.value.corrected())}, where it is "
        f"{rate_words(found.value.naive)} (quadratic; linear {found.value.corrected('linear'):.3g}; Monte Carlo "
        f"standard error {found.value.error():.2g})."
    )
    if error.shared is not None:
        said += f" If the rows of a paper share their error, {rate_words(error.shared.value.corrected())}."
    quadratic, linear = found.value.corrected(), found.value.corrected("linear")
    if abs(quadratic - linear) > _LONG * abs(quadratic - found.value.naive):
        said += (
            f" The two shapes of extrapolation differ by {abs(quadratic - linear):.2g}: this error is too large for it."
        )
    lost = found.elsewhere + (error.shared.elsewhere if error.shared is not None else 0)
    verb = (
        "refit ended nearer to another optimum and is"
        if lost == 1
        else "refits ended nearer to another optimum and are"
    )
    return said + (f" {lost} {verb} left out, with the refits of the same noise at other levels." if lost else "")


def _latent(question: Question, error: "Error") -> list[str]:
    measured, input = error.measured, error.simex.input
    what = ", ".join(measured.line[1:]) or "a constant"
    said = (
        f"With latent true {input}, normal about a line in {what}: log10 {input} as measured scatters by "
        f"{measured.scatter:.3g} about it, of whose variance {measured.reliability:.0%} is not error. The "
        f"{question.subject.quantity} at the best fit is {rate_words(error.corrected)}"
    )
    if error.answer is None or error.draws is None:
        return [f"{said}; a prior is flat, so there is no posterior."]
    answer, plain = error.answer, float(np.nanmedian(measured.map(error.draws, question.subject.of)))
    return [
        f"{said}; in the posterior its median is {rate_words(answer.median)}, "
        f"{interval_words(answer.low, answer.high, _LEVEL, 'posterior, errors in variables')}, and the probability "
        f"that it is not positive {answer.not_positive:.3f}. Integrating over the true inputs, instead of "
        f"straightening the law, moved the median from {plain:.3g} ({error.effective:.0f} of {len(error.draws)} draws "
        "are effective)."
    ]


def _months(rate: float) -> float | None:
    return float(doubling_time(rate)) if np.isfinite(rate) and rate > 0 else None


def version_table(versions: "list[Version]") -> list[dict[str, Any]]:
    """A row for each version."""
    return [
        {
            "version": version.name,
            "rows": len(version.data),
            "value": version.value,
            "doubling_months": _months(version.value),
            "objective": version.point.objective,
            "optima": len(version.point.optima),
            "certified": version.point.converged,
        }
        for version in versions
    ]


def switch_table(pair: "Pair") -> list[dict[str, Any]]:
    """A row for each part that was switched."""
    found = pair.found
    lines = []
    for part in (found.rows, found.papers, found.columns):
        for rank, k in enumerate(part.order if part is not None else ()):
            assert part is not None
            after = float(found.cumulative[rank + 1]) if part.kind == "row" else None
            lines.append(
                {
                    "from": pair.first,
                    "to": pair.second,
                    "part": _WORDS.get(part.kind, part.kind),
                    "name": part.names[k],
                    "rows": int(part.sizes[k]),
                    "switched_alone": float(part.there[k]),
                    "switched_last": float(part.back[k]),
                    "carries": float(part.carries[k]),
                    "value_after_all_so_far": after,
                    "optimum_alone": int(part.mode[0, k]),
                    "optimum_last": int(part.mode[1, k]),
                }
            )
    return lines


def error_table(error: "Error") -> list[dict[str, Any]]:
    """A row for each way to take the error into account."""
    found, name = error.simex, error.version.name
    lines = [_line(name, "ignored", found.value.naive, found.slope.naive)]
    for by, one in (("row", found), ("paper", error.shared)):
        for shape in ("quadratic", "linear") if one is not None else ():
            assert one is not None
            row = _line(name, f"simex by {by}, {shape}", one.value.corrected(shape), one.slope.corrected(shape))
            lines.append(row | {"monte_carlo_error": one.value.error(shape)})
    lines.append(_line(name, "errors in variables, best fit", error.corrected, None))
    if error.answer is not None:
        own = _line(name, "errors in variables, posterior", error.answer.median, None)
        own |= {"low": error.answer.low, "high": error.answer.high, "not_positive": error.answer.not_positive}
        lines.append(own | {"effective_draws": error.effective})
    return lines


def _line(version: str, error: str, value: float, slope: float | None) -> dict[str, Any]:
    months = _months(value)
    return {"version": version, "error": error, "value": value, "doubling_months": months, "mean_slope": slope}


def level_table(error: "Error") -> list[dict[str, Any]]:
    """A row for each level of added noise."""
    lines = []
    for by, found in (("row", error.simex), ("paper", error.shared)):
        for what, part in (("value", found.value), ("mean slope", found.slope)) if found is not None else ():
            lines += [
                {
                    "version": error.version.name,
                    "by": by,
                    "of": what,
                    "added_variance": float(level),
                    "mean": float(mean),
                }
                for level, mean in zip(part.levels, part.mean, strict=True)
            ]
    return lines


def months_words(value: float) -> str:
    """A doubling time in words, for titles."""
    months = _months(value)
    return "no progress" if months is None else f"doubling every {duration(months)}"


def extrapolated_curve(part: Extrapolated) -> tuple[np.ndarray, np.ndarray]:
    """The quadratic from no error to the most that was added."""
    at = np.linspace(-1.0, part.levels[-1], 61)
    return at, part.at(at)
