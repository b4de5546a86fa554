"""Erdil and Besiroglu 2022: the speed of algorithmic progress on ImageNet."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from progressfit.analysis.identify import determined
from progressfit.growth import doubling_interval, doubling_time, duration, growth_rate
from progressfit.infer.clock import Clock
from progressfit.infer.describe import certificate_sentences
from progressfit.infer.result import Draws
from progressfit.model import components
from progressfit.studies.base import Say, Study, StudyResult, Wanted, doubt_about
from progressfit.studies.erdil_besiroglu_2022 import published
from progressfit.studies.erdil_besiroglu_2022.evidence import Evidence, gather
from progressfit.studies.erdil_besiroglu_2022.figures import LEVEL, interval, quantities
from progressfit.studies.erdil_besiroglu_2022.pictures import pictures
from progressfit.studies.erdil_besiroglu_2022.subject import NAME, subject

_REPLICATES, _QUICK_REPLICATES = 1000, 100
_HEADLINE_PAIR = "AlexNet -> ViT-e"


def run(wanted: Wanted, say: Say) -> StudyResult:
    """Run the study; see :class:`progressfit.studies.base.Study`."""
    clock = Clock()
    found = gather(wanted.seed, _QUICK_REPLICATES if wanted.quick else _REPLICATES, wanted.sample, say)
    say("published figures beside those found here; pictures")
    figures = quantities(found)
    shown = pictures(found)
    return StudyResult(
        study=NAME,
        title=published.CITATION,
        n=len(found.data),
        answer=tuple(_answer(found)),
        data=found.data,
        fit=found.point,
        draws=(found.rows, found.papers, found.laplace, *_posterior(found)),
        doubt=_doubt(found),
        certificate=tuple(_certificate(found)),
        quantities=figures,
        tables=_tables(found),
        pictures=shown,
        seconds=clock.seconds(),
    )


def _posterior(found: Evidence) -> tuple[Draws, ...]:
    return () if found.posterior is None else (found.posterior,)


def _doubt(found: Evidence) -> str | None:
    conventions = [fit for _, fit in found.conventions.values()]
    replicates = (found.rows, found.one_start, found.papers, found.laplace)
    return doubt_about(found.point, *replicates, found.baseline, *conventions, found.posterior)


def _growth_line(draws: Draws, rates: np.ndarray) -> str:
    low, high = interval(rates)
    factor = " to ".join(f"{np.exp(end):.2f}x" for end in (low, high))
    magnitudes = " to ".join(f"{end / np.log(10):.2f}" for end in (low, high))
    time = doubling_interval(low, high).text
    noun = "draws" if draws.chains > 1 else "replicates"
    return (
        f"{LEVEL:.0%} interval, {draws.kind} ({len(rates)} of {len(draws)} {noun}): {factor} a year "
        f"({magnitudes} orders of magnitude); doubling time {time}; "
        f"probability that the rate is not positive {np.mean(rates <= 0):.3f}."
    )


def _posterior_lines(found: Evidence) -> list[str]:
    return [] if found.posterior is None else [_growth_line(found.posterior, found.rates["posterior"])]


def _answer(found: Evidence) -> list[str]:
    rate = float(found.point.map(growth_rate))
    shares, draws = found.shares[_HEADLINE_PAIR], found.shares_rows[_HEADLINE_PAIR]
    parts = {
        "algorithms": (published.COMPUTE_EFF, published.DATA_EFF),
        "compute": ("compute",),
        "data": ("data",),
    }
    said = []
    for name, members in parts.items():
        low, high = interval(np.sum([draws[m] for m in members], axis=0))
        said.append(f"{name} {sum(float(shares[m]) for m in members):.0%} [{low:.0%}, {high:.0%}]")
    columns = {name: np.asarray(column) for name, column in found.data.records.columns.items()}
    others = {name: float(doubling_time(fit.map(growth_rate))) for name, (_, fit) in found.conventions.items()}
    return [
        f"Effective compute on ImageNet grew {np.exp(rate):.2f}x a year at the best fit "
        f"({rate / np.log(10):.2f} orders of magnitude a year): it doubled every {duration(doubling_time(rate))}.",
        _growth_line(found.rows, found.rates["rows"]),
        _growth_line(found.papers, found.rates["papers"]),
        *_posterior_lines(found),
        f"Where the gain from {_HEADLINE_PAIR.replace('->', 'to')} came from (Shapley shares of accuracy, {LEVEL:.0%} "
        f"{found.rows.kind}): {', '.join(said)}.",
        f"Judged on the likelihood alone this growth rate is {determined(found.point, growth_rate)}, the parameters "
        f"as a whole {found.point.certificate.identification.verdict}. With clear errors of the table corrected the "
        f"doubling time at the best fit is {others['corrected']:.1f} months, with recounted compute as well "
        f"{others['recounted']:.1f}.",
        f"{np.mean(columns['date'] >= 2021):.0%} of the rows are from 2021 on and "
        f"{np.mean(columns['data'] == published.COMMON_DATA):.0%} share one training set: do not extrapolate the best "
        "fit.",
    ]


def _certificate(found: Evidence) -> list[str]:
    replicates = [found.rows, found.one_start, found.papers]
    failed = ", ".join(f"{draws.failed} of {len(draws)} ({draws.kind})" for draws in replicates)
    mass = ", ".join(f"{weight:.4f}" for weight in found.laplace.stats["mode_weights"])
    return [
        *certificate_sentences(found.point),
        f"Replicates that did not converge: {failed}.",
        f"Laplace masses of the optima: {mass}.",
        *([] if found.posterior is None else [str(found.posterior), *found.posterior.stats["diagnosis"].sentences]),
    ]


def _tables(found: Evidence) -> dict[str, Sequence[dict[str, Any]]]:
    return {
        "shapley": _shapley_table(found),
        "optima": [
            {"objective": o.objective, "starts": o.starts, "share": o.share, "gradient_norm": o.gradient_norm}
            | {path: float(value) for path, value in o.values.items()}
            for o in found.point.optima
        ],
        "models": _models_table(found),
        "replicates": [
            {"mode": int(mode), "rate": float(rate), "objective": float(objective)}
            for mode, rate, objective in zip(
                found.rows.mode[found.rows.ok], found.rates["rows"], found.rows.objective[found.rows.ok], strict=True
            )
        ],
        "thresholds": [
            {"accuracy": level, "year": year, "compute_needed": amount, "reading": reading.text}
            for level, reading in found.thresholds.items()
            for year, amount in zip(reading.years, reading.required, strict=True)
        ],
    }


def _shapley_table(found: Evidence) -> list[dict[str, Any]]:
    rows = []
    for (a, b), figures in published.SHAPLEY.items():
        pair = f"{a} -> {b}"
        for player, figure in zip(published.PLAYERS, figures, strict=True):
            low, high = interval(found.shares_rows[pair][player])
            share = float(found.shares[pair][player])
            rows.append({"pair": pair, "player": player, "published": figure, "share": share, "low": low, "high": high})
    return rows


def _models_table(found: Evidence) -> list[dict[str, Any]]:
    parts = {name: np.asarray(values) for name, values in components(found.point.model, found.data.records).items()}
    columns = {name: np.asarray(values) for name, values in found.data.records.columns.items()}
    return [
        {"model": label, "accuracy": float(found.data.response[i])}
        | {name: float(values[i]) for name, values in columns.items()}
        | {f"component {name}": float(values[i]) for name, values in parts.items()}
        for i, label in enumerate(found.data.labels.rows)
    ]


STUDY = Study(NAME, published.CITATION, run, samples=True, subject=subject)
