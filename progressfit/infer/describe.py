"""Results in words."""

from typing import TYPE_CHECKING

import numpy as np

from progressfit.params import entry_names, is_fixed

if TYPE_CHECKING:
    from progressfit.infer.identification import Identification, Runaway
    from progressfit.infer.result import Draws, Fit, Optimum

_NEGLIGIBLE = 1e-3
_MOST_RUNAWAYS, _MOST_PATHS = 3, 4


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


def describe_fit(fit: "Fit") -> str:
    """A fit as text: the certificate, then the parameters of the best optimum with standard errors."""
    lines = [f"Fit of {fit.stats['n']} rows by {fit.stats['objective']}", *certificate_sentences(fit), ""]
    errors = fit.stderr()
    width = max(len(name) for path, v in fit.parameters.items() for name in entry_names(fit.spec, path, np.shape(v)))
    lines.append(f"{'parameter':<{width}}  {'estimate':>12}  {'std. error':>12}")
    for path, value in fit.parameters.items():
        note = "  (not determined by the data)" if prior_speaks(fit.certificate.identification, path) else ""
        names = entry_names(fit.spec, path, np.shape(value))
        for name, v, e in zip(names, np.ravel(value), np.ravel(errors[path]), strict=True):
            lines.append(f"{name:<{width}}  {v:>12.6g}  {e:>12.3g}{note}")
    return "\n".join(lines)


def prior_speaks(found: "Identification", path: str) -> bool:
    """Whether a parameter takes part in a direction of which the data say nothing."""
    own = [name == path or name.startswith(f"{path}[") for name in found.names]
    return bool(np.linalg.norm(found.silent[own]) > _NEGLIGIBLE)


def describe_draws(draws: "Draws") -> str:
    """Draws as text: how many, how many failed, and how they spread over the known optima."""
    head = f"{len(draws)} draws, {draws.kind}; {draws.failed} failed"
    if not draws.ok.any():
        return f"{head}. {draws.result.value}"
    shares = [f"{np.mean(draws.mode[draws.ok] == k):.1%} by optimum {k + 1}" for k in range(int(draws.mode.max()) + 1)]
    verdict = draws.result.value
    if "diagnosis" in draws.stats and draws.result.name == "CONVERGED":
        verdict = "The draws passed every check."
    return f"{head}. Nearest optimum: {', '.join(shares)}. {verdict}"
