"""The fit card: what someone else needs to judge this fit and to do it again.

It answers, as far as a fit and its table can, the questions that Li, Kudugunta and Zettlemoyer (2025, "(Mis)Fitting: a
survey of scaling laws", arXiv 2502.18969) found most scaling-law papers to leave open: the form that was fitted and its
variables; the models trained and their ranges; which of them were used; the objective, the optimiser and its starts;
and how the result was checked.
"""

import importlib.metadata

import numpy as np

from progressfit.model import channels
from progressfit.noise import Huber
from progressfit.params import is_fixed, leaves
from progressfit.report.plain import VERSIONED
from progressfit.report.webpage.case import Case, Rate
from progressfit.report.webpage.content import Block, Table
from progressfit.report.webpage.words import number

NAME, TITLE = "card", "The fit card"
_SOURCE = (
    "The card follows the checklist of Li, Kudugunta and Zettlemoyer 2025, (Mis)Fitting: a survey of scaling laws "
    "(arXiv 2502.18969). What only those who trained the models know (hyperparameters, training data, how parameters "
    "and compute were counted) is for the source of the table to say."
)
LEFT_OUT = "Rows left out before the fit"
"""The fact that says which rows of the file never reached the fit."""
_MOST_NAMES = 12
Rows = tuple[tuple[str, str], ...]


def card(case: Case) -> Block:
    """Hypothesis, data, fitting procedure, checks and provenance, a table each."""
    parts = {
        "The law": _law(case),
        "The models": _models(case),
        "The fit": _procedure(case),
        "The checks": _checks(case),
        "Provenance": _provenance(case),
    }
    return Block(NAME, TITLE, (_SOURCE,), tables=tuple(Table(name, ("", ""), rows) for name, rows in parts.items()))


def _law(case: Case) -> Rows:
    model = case.fit.model
    known = leaves(model)
    trends = ", ".join(channels(model)) or "none: time does not enter"
    groups = ", ".join(case.data.records.codes) or "none"
    return (
        ("Response", f"{case.data.labels.response}, in the unit of its range below"),
        ("Variables the law reads", ", ".join((*case.inputs, *(("date",) if case.dated else ()))) or "none"),
        ("Channels through which time enters", trends),
        ("Groups of the table", groups),
        ("Scale on which noise is additive (link)", type(model.link).__name__),
        ("Noise", type(model.noise).__name__),
        (
            "Parameters",
            f"{len(case.fit.parameters)} free of {len(known)}; priors and values in the table of parameters",
        ),
        ("Quantity quoted", f"growth rate of {case.rate.words}" if isinstance(case.rate, Rate) else case.rate.why),
    )


def _models(case: Case) -> Rows:
    ranges = tuple(
        (
            f"Range of {name}",
            f"{_end(name, values.min())} to {_end(name, values.max())}, median {_end(name, np.median(values))}",
        )
        for name, all_values in case.columns.items()
        for values in [all_values[case.used]]
    )
    response = case.observed[case.used]
    clusters = len(np.unique(np.asarray(case.data.clusters)[case.used]))
    return (
        ("Rows fitted", f"{int(case.used.sum())} of {len(case.data)} handed to the fit"),
        (LEFT_OUT, str(case.facts.get(LEFT_OUT, "not known here: the fit sees the rows it is handed"))),
        ("Rows left out by the fit", _left_out(case)),
        (
            "Clusters (papers) of rows",
            f"{clusters}" if clusters < int(case.used.sum()) else "none: every row stands alone",
        ),
        *ranges,
        (f"Range of the response ({case.data.labels.response})", f"{response.min():.4g} to {response.max():.4g}"),
        ("Fingerprint of the table", str(case.fit.stats["table"])),
    )


def _end(name: str, value: float) -> str:
    return f"{value:.2f}" if name == "date" else number(float(value))


def _left_out(case: Case) -> str:
    names = [case.data.row_names[i] for i in np.flatnonzero(~case.used)]
    if not names:
        return "none"
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{len(names)} of weight 0: {', '.join(names[:_MOST_NAMES])}{more}"


def _procedure(case: Case) -> Rows:
    fit, found = case.fit, case.fit.certificate
    plain = fit.stats["objective"] == "mle" and is_fixed(fit.spec.noise)
    kind = {
        "map": "posterior density (priors included), maximised",
        "mle": "likelihood, maximised; priors supply starts only",
    }
    loss = (
        f"sum of {type(fit.model.noise).__name__} losses of the rows, minimised"
        if plain
        else kind[fit.stats["objective"]]
    )
    knee = f", knee at {float(np.asarray(fit.model.noise.delta)):.3g}" if isinstance(fit.model.noise, Huber) else ""
    weights = np.unique(np.asarray(fit.weights)[case.used])
    return (
        ("Objective", loss + knee),
        ("Value at the best optimum", f"negative log density {fit.objective:.9g}; plain loss {fit.loss:.9g}"),
        ("Row weights", "all 1" if weights.tolist() == [1.0] else f"from {weights.min():.4g} to {weights.max():.4g}"),
        (
            "Optimiser",
            "trust region on exact derivatives: reweighted Gauss-Newton steps, the exact Hessian near the end",
        ),
        ("Starts", f"{found.starts}; {found.moved} moved out of regions where a parameter has no effect"),
        (
            "Starts that agree on the best optimum",
            f"{found.starts_agreeing} of {found.starts}; {found.unfinished} unfinished",
        ),
        ("Distinct optima", f"{len(fit.optima)}, listed above"),
    )


def _checks(case: Case) -> Rows:
    fit, found = case.fit, case.fit.certificate
    definite = "positive definite" if found.positive_definite else "not positive definite"
    draws = "; ".join(f"{d.kind}, {len(d)} draws, {d.failed} not certified" for d in case.draws)
    return (
        ("Certificate", fit.result.value),
        ("Gradient, in units of the curvature", f"{found.gradient_norm:.1e}"),
        ("Hessian", f"{definite}, condition {found.condition:.3g}"),
        ("At a bound or running to infinity", ", ".join(found.at_bound) or "no parameter"),
        ("Identification", f"{found.identification.verdict} (weakest: {found.identification.direction()})"),
        ("Uncertainty", "; ".join(s for s in (draws, *case.refused) if s) or "no draws were made"),
        ("Predictions outside the table", "marked wherever they are shown; ranges above"),
    )


def _provenance(case: Case) -> Rows:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in VERSIONED)
    facts = ((str(what), str(value)) for what, value in case.facts.items() if what != LEFT_OUT)
    return (*facts, ("Versions", versions))
