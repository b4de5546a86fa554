"""Results in words: sentences about certificates, and what is shown when a result is printed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from progressfit.growth import chance, doubling_interval, doubling_time, duration
from progressfit.infer.rates import Growth, counts_one_progress, growth_of_draws, growth_of_fit, why_no_growth
from progressfit.params import entry_names, is_fixed

if TYPE_CHECKING:
    from progressfit.infer.identification import Identification, Runaway
    from progressfit.infer.result import Draws, Fit, Optimum

_NEGLIGIBLE = 1e-3
_MOST_RUNAWAYS, _MOST_PATHS = 3, 4
_FEW_STARTS = 8
LEVEL = 0.95
"""Coverage of the intervals that printed results show."""
_OBJECTIVES = {"map": "maximum posterior density", "mle": "maximum likelihood"}
_SAID = {"identified": "", "weak": "weakly identified", "not identified": "not determined by the data"}


class Row(NamedTuple):
    """One parameter: estimate, standard error and interval (NaN where there is none), and a remark or ""."""

    name: str
    estimate: float
    error: float
    low: float
    high: float
    remark: str


class Description(NamedTuple):
    """What a printed result shows.

    Attributes
    ----------
    title
        What it is, of how many rows.
    answer
        Sentences on growth, or why there are none; empty for a law without a date.
    verdict
        The certificate, or the state of the draws, a sentence each.
    rows
        A row for each entry of each free parameter.
    spread
        What the intervals of the rows are; "" if there are none.
    warnings
        What to be careful about, each with a remedy.
    """

    title: str
    answer: tuple[str, ...]
    verdict: tuple[str, ...]
    rows: tuple[Row, ...]
    spread: str
    warnings: tuple[str, ...]


def describe_identification(found: "Identification") -> str:
    """One sentence on what the likelihood determines, naming the weakest direction."""
    if found.saturated:
        return (
            "Not identified: the mean has as many directions as there are rows, so it can pass through all of them; "
            "the noise scale, and every uncertainty with it, rests on the prior alone. Give more rows, or fix "
            "parameters."
        )
    smallest = found.eigenvalues[0]
    head = {
        "identified": "Identified: along every direction the data say more than the prior",
        "weak": "Weakly identified: along one direction the data say less than the prior",
        "not identified": "Not identified: along one direction the data say nothing",
    }[found.verdict]
    return (
        f"{head} (smallest eigenvalue of the likelihood's information, in prior standard deviations: {smallest:.3g}; "
        f"weakest direction: {found.direction()})."
    )


def certificate_sentences(fit: "Fit") -> list[str]:
    """The certificate of a fit, a sentence a line."""
    found, best = fit.certificate, fit.optima[0]
    definite = "positive definite" if found.positive_definite else "NOT positive definite"
    lines = [
        fit.result.value,
        f"Optimality conditions met to {found.gradient_norm:.1e} in units of the curvature; Hessian {definite}, "
        f"condition {found.condition:.3g}.",
        f"{found.starts_agreeing} of {found.starts} starts reached the best optimum ({_height(fit, best)}); "
        f"{found.unfinished} did not finish."
        + (" One start cannot tell whether there are other optima." if found.starts == 1 else ""),
    ]
    if found.moved:
        lines.append(f"{found.moved} starts were first moved out of regions where a parameter has no effect.")
    lines += [
        f"Another optimum at {_height(fit, other)}, reached by {other.starts} of {found.starts} starts."
        for other in fit.optima[1:]
    ]
    lines += [
        f"At infinity, not an optimum: {one.starts} starts ran off in {_listed(one.paths)} "
        f"({_height(fit, one)} and still falling)."
        for one in found.runaways[:_MOST_RUNAWAYS]
    ]
    if found.at_bound:
        lines.append(f"At a bound or running to infinity: {', '.join(found.at_bound)}.")
    return [*lines, describe_identification(found.identification)]


def _listed(paths: tuple[str, ...]) -> str:
    return ", ".join(paths) if len(paths) <= _MOST_PATHS else f"{', '.join(paths[:_MOST_PATHS])} and others"


def _height(fit: "Fit", optimum: "Optimum | Runaway") -> str:
    """The objective in words: the plain loss where that is all there is, else the negative log density."""
    if fit.stats["objective"] == "mle" and is_fixed(fit.spec.noise):
        return f"loss {optimum.loss:.9g}"
    return f"objective {optimum.objective:.6f}"


def describe_fit(fit: "Fit") -> Description:
    """A fit: growth, the certificate, parameters with standard errors and intervals, and warnings."""
    growth = growth_of_fit(fit, fit.smooth, LEVEL)
    kind = f"{LEVEL:.0%} interval, normal, from the curvature at the best optimum"
    errors, ends = fit.stderr(), fit.normal_intervals(LEVEL)
    return Description(
        f"Fit of {fit.stats['n']} rows by {_OBJECTIVES[fit.stats['objective']]}, from {fit.certificate.starts} starts",
        (*growth_sentences(growth, kind, counts_one_progress(fit.model)), *_no_growth(fit)),
        tuple(certificate_sentences(fit)),
        tuple(_fit_rows(fit, errors, ends)),
        kind if fit.smooth else "",
        tuple(fit_warnings(fit)),
    )


def growth_sentences(growth: tuple[Growth, ...], kind: str, same: bool) -> tuple[str, ...]:
    """Growth of each effective input: orders of magnitude a year, factor a year, doubling time, interval, verdict.

    ``same`` says that all of it is one progress, counted in one input or another.
    """
    return tuple(
        ("The same progress, counted in another input: " if same and k else "") + _growth_sentence(one, kind)
        for k, one in enumerate(growth)
    )


def _growth_sentence(one: Growth, kind: str) -> str:
    if not np.isfinite(one.rate):
        return f"Growth of effective {one.input} is not defined here: performance does not respond to {one.input}."
    said = f" ({_SAID[one.verdict]})" if _SAID[one.verdict] else ""
    doubling = f"doubling every {duration(float(doubling_time(one.rate)))}" if one.rate > 0 else "no progress"
    middle = ", the median" if one.draws else ""
    head = f"Effective {one.input} grows {_rate_words(one.rate)}, {doubling}{middle}{said}."
    if not np.isfinite([one.low, one.high]).all():
        return head
    return (
        f"{head} {kind[0].upper()}{kind[1:]}: {_span_words(one.low, one.high)}; doubling time "
        f"{doubling_interval(one.low, one.high).text}; probability that the rate is not positive "
        f"{chance(one.not_positive, one.draws or None)}."
    )


def _rate_words(rate: float) -> str:
    with np.errstate(over="ignore"):
        return f"{rate / np.log(10):.3g} orders of magnitude a year ({np.exp(rate):.3g}x a year)"


def _span_words(low: float, high: float) -> str:
    with np.errstate(over="ignore"):
        return (
            f"{low / np.log(10):.3g} to {high / np.log(10):.3g} orders of magnitude a year ({np.exp(low):.3g}x to "
            f"{np.exp(high):.3g}x)"
        )


def _no_growth(fit: "Fit") -> tuple[str, ...]:
    why = why_no_growth(fit.model)
    return () if why is None else (f"Growth is not shown: {why}; use pf.growth_rate(fit.model, INPUT, at=...).",)


def _fit_rows(fit: "Fit", errors: dict[str, np.ndarray], ends: dict[str, np.ndarray]) -> Iterator[Row]:
    for path, value in fit.parameters.items():
        silent = prior_speaks(fit.certificate.identification, path)
        columns = (np.ravel(value), np.ravel(errors[path]), np.ravel(ends[path][0]), np.ravel(ends[path][1]))
        for name, *numbers in zip(entry_names(fit.spec, path, np.shape(value)), *columns, strict=True):
            estimate, error, low, high = map(float, numbers)
            yield Row(str(name), estimate, error, low, high, "not determined by the data" if silent else "")


def fit_warnings(fit: "Fit") -> Iterator[str]:
    """What a reader of a fit has to be careful about, with what to do."""
    found = fit.certificate
    if len(fit.optima) > 1:
        yield (
            f"There are {len(fit.optima)} optima, and the curvature sees one: take intervals from pf.bootstrap or "
            "pf.sample, which know them all."
        )
    elif not fit.smooth:
        yield "The density has kinks, so its curvature gives no standard errors: take intervals from pf.bootstrap."
    if found.identification.verdict != "identified":
        yield (
            "The data leave a direction open: pf.identify(fit, data) says which and why; fix a parameter that is known "
            "with pf.fix, state what is known as a prior, or report the answer as resting on the prior."
        )
    if found.starts < _FEW_STARTS:
        yield f"{found.starts} starts may miss an optimum: use starts=64 or more."
    if found.unfinished:
        yield f"{found.unfinished} starts did not finish: raise max_steps, or look at the range of the priors."


def draws_sentence(draws: "Draws") -> str:
    """How many draws, how many failed, how they spread over the known optima, and the verdict."""
    head = f"{len(draws)} draws, {draws.kind}; {draws.failed} failed"
    if not draws.ok.any():
        return f"{head}. {draws.result.value}"
    shares = [f"{np.mean(draws.mode[draws.ok] == k):.1%} by optimum {k + 1}" for k in range(int(draws.mode.max()) + 1)]
    verdict = draws.result.value
    if draws.are_sampled and draws.result.name == "CONVERGED":
        verdict = "The draws passed every check."
    return f"{head}. Nearest optimum: {', '.join(shares)}. {verdict}"


def refits_warnings(draws: "Draws | None") -> tuple[str, ...]:
    """Whether refits spread less than the parameters may: where the prior decides, all of them end at its mode."""
    if draws is None or not draws.are_refits:
        return ()
    fit = draws.origin
    if fit.stats["objective"] != "map" or fit.certificate.identification.verdict == "identified":
        return ()
    return (
        "Along a direction where the data say less than the prior, refits of resampled tables all end near the prior's "
        "mode, so their intervals may be far too narrow: compare with draws from the posterior (pf.sample, --sample).",
    )


def describe_draws(draws: "Draws") -> Description:
    """Draws: how many and how good, growth with intervals, and the parameters."""
    title, kind = draws_sentence(draws), f"{LEVEL:.0%} interval, {draws.kind}"
    if not draws.ok.any():
        return Description(title, (), (), (), "", ())
    answer = growth_sentences(growth_of_draws(draws, LEVEL), kind, counts_one_progress(draws.origin.model))
    return Description(
        title, (*answer, *_no_growth(draws.origin)), (), tuple(_draws_rows(draws)), kind, refits_warnings(draws)
    )


def _draws_rows(draws: "Draws") -> Iterator[Row]:
    for path in draws.origin.parameters:
        values = np.asarray(draws.values[path])[draws.ok]
        silent = prior_speaks(draws.origin.certificate.identification, path)
        table = values.reshape(len(values), -1)
        low, middle, high = np.quantile(table, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2], axis=0)
        columns = (middle, np.std(table, axis=0, ddof=min(1, len(table) - 1)), low, high)
        for name, *numbers in zip(entry_names(draws.spec, path, values.shape[1:]), *columns, strict=True):
            estimate, error, low, high = map(float, numbers)
            yield Row(str(name), estimate, error, low, high, "not determined by the data" if silent else "")


def prior_speaks(found: "Identification", path: str) -> bool:
    """Whether a parameter takes part in a direction of which the data say nothing."""
    own = [name == path or name.startswith(f"{path}[") for name in found.names]
    return bool(np.linalg.norm(found.silent[own]) > _NEGLIGIBLE)
