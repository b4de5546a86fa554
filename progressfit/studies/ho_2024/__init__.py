"""Ho et al. 2024: the speed of algorithmic progress in language models, and whether the published fit is one."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from progressfit.datasets import language
from progressfit.growth import doubling_interval, doubling_time, duration
from progressfit.infer.clock import Clock
from progressfit.infer.describe import certificate_sentences
from progressfit.infer.optimise import fit
from progressfit.infer.result import Draws
from progressfit.laws.ho2024 import ho2024
from progressfit.studies.base import Quantity, Say, Study, StudyResult, Wanted, compare, doubt_about
from progressfit.studies.ho_2024 import forms, procedure, published
from progressfit.studies.ho_2024.evidence import Evidence, at_point, gather, growth, objective
from progressfit.studies.ho_2024.figures import interval, quantities, rates
from progressfit.studies.ho_2024.pictures import pictures, specification_curve
from progressfit.studies.ho_2024.subject import NAME, subject

_REPLICATES, _QUICK_REPLICATES = 1000, 100
_QUICK_FORMS = (1, 7, 12, 18)


def run(wanted: Wanted, say: Say) -> StudyResult:
    """Run the study, or one of its tables; see :class:`progressfit.studies.base.Study`."""
    if wanted.table is not None:
        return {"loo": _run_loo, "forms": _run_forms}[wanted.table](wanted, say)
    clock = Clock()
    found = gather(wanted, _QUICK_REPLICATES if wanted.quick else _REPLICATES, say)
    return StudyResult(
        study=NAME,
        title=published.CITATION,
        n=len(found.data),
        answer=tuple(_answer(found)),
        data=found.data,
        fit=found.converged,
        draws=(found.rows, found.papers, *_posterior(found)),
        doubt=doubt_about(found.converged, found.rows, found.papers, found.neutral, found.transformer, found.posterior),
        certificate=tuple(_certificate(found)),
        quantities=quantities(found),
        tables=_tables(found),
        pictures=pictures(found),
        seconds=clock.seconds(),
    )


def _posterior(found: Evidence) -> tuple[Draws, ...]:
    return () if found.posterior is None else (found.posterior,)


def _line(draws: Draws) -> str:
    spread = rates(draws)
    low, high = interval(spread)
    return (
        f"{published.LEVEL:.0%} interval, {draws.kind} ({len(spread)} of {len(draws)}): {np.exp(low):.2f}x to "
        f"{np.exp(high):.2f}x a year; doubling time {doubling_interval(low, high, float(np.mean(spread <= 0))).text}."
    )


def _answer(found: Evidence) -> list[str]:
    rows = len(found.data)
    best, *others = found.converged.optima
    rate = float(found.converged.map(growth))
    stopped = float(doubling_time(procedure.growth(found.stopped.point)))
    value = objective(best.loss, best.values, rows)
    lines = [
        f"At the optimum of the published objective effective compute for language models grew {np.exp(rate):.2f}x a "
        f"year: it doubled every {duration(float(doubling_time(rate)))}.",
        f"The published {stopped:.1f} months belong to a point that is no optimum: the optimiser stopped at "
        f"{found.stopped.objective:.7f} and said success, the optimum is {value:.7f}. The penalty counts constants "
        "too, so that the answer depends on how inputs are normalised.",
        _line(found.rows),
        _line(found.papers),
    ]
    for optimum in others:
        months = float(doubling_time(growth(at_point(found.converged.spec, optimum.z))))
        here = objective(optimum.loss, optimum.values, rows)
        lines.append(f"A second optimum, {here:.7f}, tells another story with a doubling time of {months:.1f} months.")
    first, second = found.unpenalised.optima[:2]
    months = [float(doubling_time(growth(at_point(found.unpenalised.spec, o.z)))) for o in (first, second)]
    lines.append(
        f"Without the penalty least squares doubles every {months[0]:.1f} months (mean square "
        f"{first.loss / rows:.7f}), with a second optimum at {months[1]:.1f} ({second.loss / rows:.7f})."
    )
    if found.posterior is not None:
        lines.append(_line(found.posterior))
    return lines


def _certificate(found: Evidence) -> list[str]:
    others = {
        "least squares": found.unpenalised,
        "Hicks-neutral": found.neutral,
        "multiplier for transformers": found.transformer,
        "laws by architecture": found.architectures[0],
    }
    return [
        *certificate_sentences(found.converged),
        *(
            f"{name[0].upper()}{name[1:]}: {point.certificate.starts_agreeing} of {point.certificate.starts} starts, "
            f"optimality conditions to {point.certificate.gradient_norm:.1e}. {point.result.value}"
            for name, point in others.items()
        ),
        f"Replicates that did not converge: {found.rows.failed} of {len(found.rows)} (rows), {found.papers.failed} of "
        f"{len(found.papers)} (papers).",
    ]


def _tables(found: Evidence) -> dict[str, Sequence[dict[str, Any]]]:
    fits = {"converged": found.converged, "unpenalised": found.unpenalised}
    points = {
        name: [
            {
                "fit": name,
                "objective": objective(optimum.loss, optimum.values, len(found.data)),
                "sum_of_squares": optimum.loss,
            }
            | {"starts": optimum.starts, "gradient_norm": optimum.gradient_norm}
            | {"doubling_months": float(doubling_time(growth(at_point(point.spec, optimum.z))))}
            | dict(zip(published.LETTERS, map(float, optimum.z), strict=True))
            for optimum in point.optima
        ]
        for name, point in fits.items()
    }
    stopped = {"fit": "published procedure", "objective": found.stopped.objective}
    stopped |= dict(zip(published.LETTERS, map(float, found.stopped.point), strict=True))
    return {
        "optima": [stopped, *points["converged"], *points["unpenalised"]],
        "rates": [
            {"kind": draws.kind, "rate": float(rate)} for draws in (found.rows, found.papers) for rate in rates(draws)
        ],
    }


def _run_loo(wanted: Wanted, say: Say) -> StudyResult:
    clock = Clock()
    found = list(forms.leave_one_out(wanted.seed, say, _QUICK_FORMS if wanted.quick else tuple(forms.FORMS)))
    best = forms.top_ten(found)
    pooled, weights = forms.pooled_growth(best, wanted.seed, say), forms.stacked_forms(found)
    cells = sum(one.rows * len(one.error) for one in found)
    failed = sum(round(float(np.sum((1 - one.certified) * one.rows))) for one in found)
    running = sum(one.seconds["run"] for one in found)
    low, high = interval(pooled)
    say("form 7 by the published procedure, every row left out")
    stopped = float(np.mean(procedure.published_leave_one_out(procedure.columns(language()), published.DELTA)))
    chosen = published.DELTAS.index(published.DELTA)
    core = next(float(one.error[chosen]) for one in found if one.number == 7)
    printed = published.LEAVE_ONE_OUT[7][chosen]
    names = ", ".join(f"{number} at {delta:g}" for number, delta in best)
    stack = ", ".join(f"{number} {weight:.2f}" for number, weight in weights.items() if weight > 0.005)
    answer = [
        f"{cells:,} leave-one-out refits of {len(found)} forms under {len(published.DELTAS)} penalties, "
        f"{failed} of them not certified, took {running:.0f} s after compilation.",
        f"The rank correlation with the published table is {forms.rank_correlation(found):.2f}. The two differ because "
        "the published refits are of a random 80% of the rows, start at zeros and stop early, which is a penalty of "
        f"its own: on all rows form 7 at the published penalty leaves {core:.5f} converged, {stopped:.5f} by the "
        f"published procedure ({printed:.5f} published).",
        f"The ten best cells (form at penalty: {names}), pooled over row resamples: "
        f"{np.exp(low):.2f}x to {np.exp(high):.2f}x a year, doubling time "
        f"{doubling_interval(low, high, float(np.mean(pooled <= 0))).text} (published {published.AGGREGATE_MONTHS[0]} "
        f"months, {published.AGGREGATE_MONTHS[1]} to {published.AGGREGATE_MONTHS[2]}).",
        f"Stacking weights of the forms at the published penalty: {stack}.",
    ]
    figures = tuple(compare(cell) for one in found for cell in _cells(one))
    table = [
        {"form": one.number, "rows": one.rows, "delta": delta, "error": float(one.error[k])}
        | {"published": _printed(one.number, k), "certified": float(one.certified[k])}
        for one in found
        for k, delta in enumerate(published.DELTAS)
    ]
    return _table_result(wanted, answer, figures, {"loo": table}, {}, clock)


def _printed(number: int, k: int) -> float:
    return published.LEAVE_ONE_OUT[number][k] if number in published.LEAVE_ONE_OUT else float("nan")


def _cells(one: forms.LeaveOneOut) -> list[Quantity]:
    found = []
    for k, delta in enumerate(published.DELTAS):
        # Two standard errors of what a random four fifths of these rows would have given.
        spread = float(np.std(one.squares[k]) / np.sqrt(one.rows))
        known = one.number in published.LEAVE_ONE_OUT
        why = "" if one.certified[k] == 1 else f"{1 - one.certified[k]:.1%} of the refits are not certified"
        name, section = f"loo/{one.number}/{delta:g}", f"Form {one.number}, {one.rows} rows"
        printed = _printed(one.number, k) if known else None
        found.append(Quantity(name, float(one.error[k]), printed, spread, "nats squared", why=why, section=section))
    if one.without_compute.size:
        low, high = published.COMPUTE_ONLY_RANGE
        value = float(np.mean(one.without_compute))
        spread = float(np.std(np.mean(one.without_compute, axis=0)) / np.sqrt(one.rows))
        why = (
            f"published {low:g} to {high:g}. The published code refers compute to the smallest of the rows it is "
            "given; given the one row left out, that is the row's own, and its compute drops out: done the same way, "
            "this is the error of predictions that ignore compute"
        )
        section = f"Form {one.number}, {one.rows} rows"
        found.append(
            Quantity("loo/18/as_published", value, (low + high) / 2, spread, "nats squared", why=why, section=section)
        )
    return found


def _run_forms(wanted: Wanted, say: Say) -> StudyResult:
    clock = Clock()
    replicates = _QUICK_REPLICATES if wanted.quick else _REPLICATES
    chosen = _QUICK_FORMS if wanted.quick else tuple(forms.FORMS)
    found = list(forms.growth_by_form(wanted.seed, replicates, say, chosen))
    low, first, middle, third, high = np.quantile([one.rate for one in found], (0, 0.25, 0.5, 0.75, 1))
    answer = [
        f"Over {len(found)} forms with progress the best-fit growth rate of effective compute runs from "
        f"{np.exp(low):.2f}x to {np.exp(high):.2f}x a year; the middle half from {np.exp(first):.2f}x to "
        f"{np.exp(third):.2f}x (median "
        f"{np.exp(middle):.2f}x, a doubling every {duration(float(doubling_time(middle)))}).",
        "Trends and exponents by benchmark bring wide intervals; forms in which only size, only data, or the whole "
        "law improves bring narrow ones. Form 14 lets exponents drift with the logarithm of the calendar year, which "
        "is all but constant over a decade: the penalty takes it in place of the plain exponent, and its rate says "
        "nothing about progress.",
    ]
    figures = tuple(_growth_figure(one) for one in found)
    table = [
        {"form": one.number, "rate": one.rate, "rows_low": interval(one.rows)[0], "rows_high": interval(one.rows)[1]}
        | {"papers_low": interval(one.papers)[0], "papers_high": interval(one.papers)[1], "failed": one.failed}
        | forms.choices(forms.FORMS[one.number])
        for one in found
    ]
    shown = {"specification_curve": specification_curve(found)}
    return _table_result(wanted, answer, figures, {"forms": table}, shown, clock)


def _growth_figure(one: forms.Growth) -> Quantity:
    low, high = interval(one.rows)
    return Quantity(
        f"rate/form_{one.number}",
        one.rate,
        unit="natural log units a year",
        interval=interval(one.papers),
        level=published.LEVEL,
        kind=f"cluster bootstrap ({len(one.papers)})",
        why=f"row bootstrap ({len(one.rows)}) [{low:.3g}, {high:.3g}]; {one.failed} replicates not certified; "
        f"probability that it is not positive {np.mean(one.papers <= 0):.3f}",
        section="Growth of effective compute by form, converged at the published penalty",
    )


def _table_result(
    wanted: Wanted, answer: list[str], figures: Any, tables: Any, shown: Any, clock: Clock
) -> StudyResult:
    data = language()
    core = fit(ho2024(7), data, key=jax.random.key(wanted.seed))
    return StudyResult(
        study=NAME,
        title=f"{published.CITATION}: {wanted.table}",
        n=len(data),
        answer=tuple(answer),
        data=data,
        fit=core,
        draws=(),
        doubt=doubt_about(core),
        certificate=tuple(certificate_sentences(core)),
        quantities=figures,
        tables=tables,
        pictures=shown,
        seconds=clock.seconds(),
    )


STUDY = Study(
    NAME,
    published.CITATION,
    run,
    samples=True,
    tables={
        "loo": "leave-one-out errors of twenty forms under six penalties",
        "forms": "growth rate of every form with intervals: the specification curve",
    },
    subject=subject,
)
