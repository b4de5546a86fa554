"""Besiroglu et al. 2024: a replication of the Chinchilla scaling law from the points of its figure 4."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from progressfit.infer.clock import Clock
from progressfit.infer.describe import certificate_sentences
from progressfit.studies.base import Quantity, Say, Study, StudyResult, Wanted, doubt_about
from progressfit.studies.besiroglu_2024 import published
from progressfit.studies.besiroglu_2024.evidence import Evidence, gather, letters, likelihood_ratio
from progressfit.studies.besiroglu_2024.figures import LEVEL, TAILS, interval, laplace_limit, quantities
from progressfit.studies.besiroglu_2024.pictures import BUDGETS, along, pictures

NAME = "besiroglu-2024"
_QUICK_REPLICATES = 400


def run(wanted: Wanted, say: Say) -> StudyResult:
    """Run the study; see :class:`progressfit.studies.base.Study`."""
    clock = Clock()
    found = gather(wanted.seed, _QUICK_REPLICATES if wanted.quick else published.REPLICATES, say)
    figures, shown = quantities(found), pictures(found)
    return StudyResult(
        study=NAME,
        title=published.CITATION,
        n=int(found.used.sum()),
        answer=(*_answer(found), _standard_errors(figures)),
        data=found.data,
        fit=found.huber,
        draws=(found.rows,),
        doubt=_doubt(found),
        certificate=tuple(_certificate(found)),
        quantities=figures,
        tables=_tables(found),
        pictures=shown,
        seconds=clock.seconds(),
    )


def _doubt(found: Evidence) -> str | None:
    return doubt_about(found.huber, found.everything, found.least_squares, found.free, found.rows)


def _answer(found: Evidence) -> list[str]:
    splits, rows = found.allocations, found.allocations_rows
    low, high = interval(rows.tokens_per_parameter)
    exponent_low, exponent_high = interval(rows.parameters_exponent)
    statistic, p_value = likelihood_ratio(found.likelihoods)
    knee = float(np.exp(found.free.parameters["noise.log_scale"])) * published.KNEE
    fitted = ", ".join(f"{name} {float(value):.6g}" for name, value in letters(found.free.parameters).items())
    plain = letters(found.huber.parameters)
    return [
        f"The {int(found.used.sum())} points ask for {float(splits['huber'].tokens_per_parameter):.1f} tokens per "
        f"parameter at {published.COMPUTE:.3g} FLOP ({LEVEL:.0%} interval, {found.rows.kind}, {len(found.rows)} "
        f"replicates: {low:.1f} to {high:.1f}); Hoffmann's parameters say "
        f"{float(splits['hoffmann'].tokens_per_parameter):.1f}.",
        f"The best model size grows as compute to the power {float(splits['huber'].parameters_exponent):.3f} "
        f"({exponent_low:.3f} to {exponent_high:.3f}), the data as the rest.",
        f"Hoffmann's parameters do not fit these points: twice the log likelihood ratio is {statistic:.1f} on five "
        f"degrees of freedom (p = {p_value:.2g}), and they leave a mean residual of "
        f"{np.mean(found.residuals['hoffmann']):+.4f} in ln loss.",
        f"The published fit ({fitted}) is the best of a Huber likelihood whose scale is free and whose knee is in "
        f"units of the scale: the knee ends at {knee:.1e} of ln loss, below all but five residuals. In effect it is "
        f"one of least absolute deviations (negative log likelihood {found.free.objective:.4f}; as a Laplace density "
        f"{laplace_limit(found):.4f}), not the Huber loss with its knee at {published.KNEE:g}, whose optimum is "
        f"A {float(plain['A']):.2f}, B {float(plain['B']):.2f} and so on.",
    ]


def _standard_errors(figures: Sequence[Quantity]) -> str:
    """What refits that converged say about the published standard errors."""
    errors = [figure for figure in figures if figure.name.startswith("se/")]
    said = ", ".join(
        f"{figure.name.removeprefix('se/')} {figure.value:.4g} ({figure.published:g})" for figure in errors
    )
    verdict = (
        "The published standard errors hold for refits that all converged, up to what other random resamples would "
        "change"
        if all(figure.agrees for figure in errors)
        else "Refits that all converged have other standard errors than the published ones"
    )
    return f"{verdict}: {said}."


def _certificate(found: Evidence) -> list[str]:
    others = {"all points": found.everything, "least squares": found.least_squares, "free scale": found.free}
    reached = [
        f"{name}: {fit.certificate.starts_agreeing} of {fit.certificate.starts} starts, optimality conditions to "
        f"{fit.certificate.gradient_norm:.1e}. {fit.result.value}"
        for name, fit in others.items()
    ]
    return [
        *certificate_sentences(found.huber),
        *(line[0].upper() + line[1:] for line in reached),
        f"Replicates that did not converge: {found.rows.failed} of {len(found.rows)}.",
    ]


def _tables(found: Evidence) -> dict[str, Sequence[dict[str, Any]]]:
    fits = {"huber": found.huber, "all": found.everything, "least_squares": found.least_squares, "free": found.free}
    return {
        "optima": [
            {"fit": name, "loss": optimum.loss, "objective": optimum.objective, "starts": optimum.starts}
            | {"share": optimum.share, "gradient_norm": optimum.gradient_norm}
            | {letter: float(value) for letter, value in letters(optimum.values).items()}
            for name, fit in fits.items()
            for optimum in fit.optima
        ],
        "replicates": _replicates_table(found),
        "allocation": _allocation_table(found),
    }


def _replicates_table(found: Evidence) -> list[dict[str, Any]]:
    ok, rows = found.rows.ok, found.allocations_rows
    columns = {name: np.asarray(values)[ok] for name, values in letters(found.rows.values).items()}
    columns |= {"tokens_per_parameter": rows.tokens_per_parameter, "parameters_exponent": rows.parameters_exponent}
    return [dict(zip(columns, map(float, row), strict=True)) for row in zip(*columns.values(), strict=True)]


def _allocation_table(found: Evidence) -> list[dict[str, Any]]:
    budgets = np.append(BUDGETS[::6], published.COMPUTE)
    low, high = np.quantile(along(found.allocations_rows, budgets), TAILS, axis=0)
    table = []
    for name, split in found.allocations.items():
        ratio = along(split, budgets)
        size = np.sqrt(budgets / 6 / ratio)
        for k, budget in enumerate(budgets):
            row = {"parameters_of": name, "compute": budget, "model_parameters": size[k], "tokens": ratio[k] * size[k]}
            span = {"low": low[k], "high": high[k]} if name == "huber" else {"low": np.nan, "high": np.nan}
            table.append(row | {"tokens_per_parameter": ratio[k]} | span)
    return table


STUDY = Study(NAME, published.CITATION, run)
