"""The answer of ``progressfit fit``: as text for people, as JSON for scripts, as a folder of files."""

import csv
import dataclasses
import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from progressfit.dataset import Dataset
from progressfit.infer.describe import (
    certificate_sentences,
    draws_sentence,
    fit_warnings,
    prior_speaks,
    refits_warnings,
)
from progressfit.infer.result import RESULTS, Draws, Fit, Optimum
from progressfit.model import Model
from progressfit.noise import Huber
from progressfit.params import is_fixed
from progressfit.report.datatree import arviz
from progressfit.report.export import certificate_dict
from progressfit.report.facts import card_facts
from progressfit.report.frame import draw_columns, intervals, parameter_rows
from progressfit.report.netcdf import save
from progressfit.report.plain import VERSIONED, finite
from progressfit.report.table import wrapped
from progressfit.report.webpage.report import page
from progressfit.spec.text import to_toml

Interval = tuple[float, float]
_ROWS_SHOWN = 20


@dataclasses.dataclass(frozen=True)
class DerivedFigure:
    """A figure that follows from the parameters.

    Attributes
    ----------
    name, unit
        What it is; rates are in natural log units per year.
    value, interval
        Numbers, or words for doubling times; ``interval`` is ``None`` without replicates.
    data_say
        Whether the data determine it; the numbers are NaN where they do not.
    """

    name: str
    unit: str
    value: float | str
    interval: Interval | str | None
    data_say: str


@dataclasses.dataclass(frozen=True)
class FitAnswer:
    """Everything ``progressfit fit`` found.

    Attributes
    ----------
    law, arguments
        Name of the law (or of the file that held the spec), and what it was given from the table.
    spec
        The spec that was fitted, as it was before the levels of the table were filled in.
    settings
        Response, link, noise, parameters fixed by the user: what the fit was of, by name.
    fit, draws
        The fit, and bootstrap replicates or draws from the posterior if any were asked for.
    data
        The table that was fitted.
    level
        Coverage of the intervals.
    derived
        What follows from the parameters.
    notes
        Sentences about spread: where they are given, the curvature gives no standard errors.
    seconds
        Compiling and running.
    """

    law: str
    spec: Model
    arguments: dict[str, Any]
    settings: dict[str, Any]
    fit: Fit
    draws: Draws | None
    data: Dataset
    level: float
    derived: tuple[DerivedFigure, ...]
    notes: tuple[str, ...]
    seconds: dict[str, float]

    @property
    def plain(self) -> bool:
        """Whether the objective is a plain sum of robust losses, as published: Huber's with nothing of the noise free.

        The scale of such a loss means nothing, and neither do standard errors from its curvature.
        """
        return isinstance(self.fit.spec.noise, Huber) and is_fixed(self.fit.spec.noise)

    @property
    def objective_kind(self) -> str:
        """What ``objective`` is, in words."""
        return "sum of Huber losses" if self.plain else "negative log density"

    def objective(self, optimum: Optimum) -> float:
        """The figure scripts compare, at one optimum."""
        return optimum.loss if self.plain else optimum.objective

    @property
    def reason(self) -> str | None:
        """Why the answer is not certified, if it is not."""
        results = [self.fit.result] + ([] if self.draws is None else [self.draws.result])
        return next((result.value for result in results if result is not RESULTS.CONVERGED), None)


def fit_dict(answer: FitAnswer) -> dict[str, Any]:
    """The object behind :func:`fit_json`."""
    fit = answer.fit
    return {
        "law": answer.law,
        "n": fit.stats["n"],
        "objective": answer.objective(fit.optima[0]),
        "objective_kind": answer.objective_kind,
        "negative_log_density": fit.objective,
        "parameters": {path: np.asarray(value).tolist() for path, value in fit.parameters.items()},
        "intervals": {path: _ends(found) for path, found in intervals(answer.draws, answer.level).items()},
        "certificate": _certificate(answer),
        "derived": {figure.name: figure.value for figure in answer.derived},
        "derived_intervals": {
            figure.name: list(figure.interval) if isinstance(figure.interval, tuple) else figure.interval
            for figure in answer.derived
            if figure.interval is not None
        },
        "notes": list(answer.notes),
        "dropped": answer.settings.get("dropped", []),
        "level": answer.level,
        "bootstrap": _bootstrap_dict(answer.draws),
        "posterior": _posterior_dict(answer.draws),
        "settings": answer.settings,
        "law_arguments": answer.arguments,
        "seconds": answer.seconds,
        "versions": {name: importlib.metadata.version(name) for name in VERSIONED},
    }


def _certificate(answer: FitAnswer) -> dict[str, Any]:
    """The certificate, its optima stated in the same objective as the answer."""
    found = certificate_dict(answer.fit)
    objectives = [{"objective": answer.objective(optimum)} for optimum in answer.fit.optima]
    return found | {"optima": [old | new for old, new in zip(found["optima"], objectives, strict=True)]}


def _ends(found: np.ndarray) -> list[Any]:
    """``[low, high]``, one such pair for each entry of an array parameter."""
    return np.moveaxis(found, 0, -1).tolist()


def _bootstrap_dict(draws: Draws | None) -> dict[str, Any] | None:
    if draws is None or not draws.are_refits:
        return None
    return {
        "kind": draws.kind,
        "replicates": len(draws),
        "failed": draws.failed,
        "certified": draws.result is RESULTS.CONVERGED,
        "result": draws.result.value,
        "nearest_optimum": draws.stats["mode_counts"],
    }


def _posterior_dict(draws: Draws | None) -> dict[str, Any] | None:
    if draws is None or not draws.are_sampled:
        return None
    found = draws.stats["diagnosis"]
    return {
        "kind": draws.kind,
        "chains": draws.chains,
        "draws": len(draws),
        "certified": draws.result is RESULTS.CONVERGED,
        "result": draws.result.value,
        "highest_r_hat": found.worst_rhat.value,
        "fewest_effective_draws": found.worst_ess_bulk.value,
        "divergences": found.divergences,
        "diagnosis": list(found.sentences),
        "mode_shares": [float(share) for share in draws.stats["mode_shares"]],
        "log_evidence": draws.stats["log_evidence"],
        "log_evidence_error": draws.stats["log_evidence_error"],
        "pareto_k": draws.stats["pareto_k"],
    }


def fit_json(answer: FitAnswer) -> str:
    """One JSON object; numbers that are not finite are ``null``."""
    return json.dumps(finite(fit_dict(answer)), ensure_ascii=False, allow_nan=False)


def fit_text(answer: FitAnswer) -> str:
    """The certificate, parameters with intervals, what follows, and how long it took, as text."""
    fit, kind = answer.fit, answer.objective_kind
    words = {name: value for name, value in answer.settings.items() if isinstance(value, str) and name != "command"}
    settings = ", ".join(f"{name} {value}" for name, value in words.items())
    lines = [f"Law {answer.law}, {fit.stats['n']} rows: {settings}", *_argument_lines(answer.arguments)]
    lines += [*_table_lines(answer.settings), ""]
    for sentence in certificate_sentences(fit):
        lines += wrapped(sentence)
    lines += ["", f"{kind[0].upper()}{kind[1:]}: {answer.objective(fit.optima[0]):.12g}"]
    if answer.draws is not None:
        lines += wrapped(_draws_sentence(answer.draws))
        for sentence in getattr(answer.draws.stats.get("diagnosis"), "sentences", ()):
            lines += wrapped(sentence)
    for sentence in (*fit_warnings(answer.fit), *refits_warnings(answer.draws)):
        lines += wrapped(f"Warning: {sentence}")
    lines += ["", *_parameter_lines(answer)]
    if answer.derived:
        lines += ["", "What follows", *map(_derived_line, answer.derived)]
    seconds = f"Compiling took {answer.seconds['compile']:.1f} s, running {answer.seconds['run']:.1f} s."
    return "\n".join([*lines, "", seconds])


def _draws_sentence(draws: Draws) -> str:
    if draws.ok.any():
        return draws_sentence(draws)
    return f"{len(draws)} draws, {draws.kind}; none of them is certified, so there are no intervals."


def _table_lines(settings: Mapping[str, Any]) -> list[str]:
    """What was recognised in the table, and how many of its rows were left out; all cells are in the JSON."""
    lines = [line for note in settings.get("recognised", ()) for line in wrapped(f"The table: {note}.")]
    rows = sorted({cell["row"] for cell in settings.get("dropped", ())})
    if rows:
        said = ", ".join(map(str, rows[:_ROWS_SHOWN])) + (", ..." if len(rows) > _ROWS_SHOWN else "")
        lines += wrapped(f"{len(rows)} of {settings['rows_looked_at']} rows were left out (--lenient), lines {said}.")
    return lines


def _argument_lines(arguments: Mapping[str, Any]) -> list[str]:
    shown = {**arguments.get("references", {}), **{k: v for k, v in arguments.items() if k != "references"}}
    return ["References from the table: " + ", ".join(f"{k} {v:.6g}" for k, v in shown.items())] if shown else []


def _parameter_lines(answer: FitAnswer) -> list[str]:
    rows = _parameter_rows(answer)[1:]
    width = max(len(str(name)) for name, *_ in rows)
    head = f"{'parameter':<{width}}  {'estimate':>12}  {'std. error':>12}"
    lines = [head + (f"  {100 * answer.level:g}% interval" if intervals(answer.draws, answer.level) else "")]
    for name, value, error, low, high in rows:
        span = "" if low == "" else f"  [{low:.6g}, {high:.6g}]"
        silent = prior_speaks(answer.fit.certificate.identification, str(name).partition("[")[0])
        note = "  (not determined by the data)" if silent else ""
        lines.append(f"{name:<{width}}  {_shown(value, '.6g'):>12}  {_shown(error, '.3g'):>12}{span}{note}")
    for note in answer.notes:
        lines += wrapped(note)
    if answer.plain and answer.draws is None:
        lines += wrapped("A plain robust loss has no scale, hence no standard errors; --bootstrap N gives intervals.")
    return lines


def _shown(value: float | str, digits: str) -> str:
    """A number, words as they are, a dash where there is nothing."""
    if isinstance(value, str):
        return value or "-"
    return format(value, digits) if np.isfinite(value) else "-"


def _derived_line(figure: DerivedFigure) -> str:
    value, span = _shown(figure.value, ".6g"), ""
    if isinstance(figure.interval, str):
        span = f"  [{figure.interval}]"
    elif figure.interval is not None and np.isfinite(figure.interval).any():
        span = f"  [{', '.join(_shown(end, '.6g') for end in figure.interval)}]"
    said = "" if figure.data_say == "identified" else f"  ({figure.data_say} by the data)"
    said = "  (weakly identified)" if figure.data_say == "weak" else said
    return f"  {figure.name:<22}  {value:>12} {figure.unit}{span}{said}".rstrip()


def write_fit(answer: FitAnswer, folder: Path) -> list[Path]:
    """Write ``fit.json``, ``parameters.csv``, ``spec.toml``, the page ``report.html``, and the draws.

    Replicates go into ``replicates.csv``, draws from a posterior into ``posterior.nc``.

    Returns
    -------
    The files written.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "fit.json", folder / "parameters.csv", folder / "spec.toml"]
    written[0].write_text(fit_json(answer) + "\n", encoding="utf-8")
    _write_rows(written[1], _parameter_rows(answer))
    written[2].write_text(to_toml(answer.spec, name=answer.law), encoding="utf-8")
    if answer.draws is not None and answer.draws.are_refits:
        written.append(folder / "replicates.csv")
        _write_rows(written[-1], _replicate_rows(answer.draws))
    elif answer.draws is not None:
        written.append(folder / "posterior.nc")
        save(arviz(answer.draws, answer.data, key=jax.random.key(0), name=answer.law), written[-1])
    return [*written, _write_page(answer, folder / "report.html")]


def _write_page(answer: FitAnswer, path: Path) -> Path:
    return page(
        path,
        answer.fit,
        answer.data,
        key=jax.random.key(0),
        draws=() if answer.draws is None else answer.draws,
        level=answer.level,
        title=f"{answer.law}: {Path(str(answer.settings['table'])).name}",
        facts=card_facts(answer.law, answer.settings),
    )


def _parameter_rows(answer: FitAnswer) -> list[list[Any]]:
    errors = {} if answer.plain or answer.notes else answer.fit.stderr()
    rows = parameter_rows(answer.fit, errors, answer.draws, answer.level)
    head: list[list[Any]] = [["parameter", "estimate", "std_error", "low", "high"]]
    return head + [[name, *map(_cell, row)] for _, name, row in rows]


def _replicate_rows(draws: Draws) -> list[list[Any]]:
    columns = draw_columns(draws)
    head = ["replicate", "certified", "negative_log_density", "optimum", *columns]
    body = zip(range(len(draws)), draws.ok, draws.objective, draws.mode, *columns.values(), strict=True)
    return [head] + [
        [i, str(bool(ok)).lower(), _cell(objective), int(mode) + 1, *map(_cell, values)]
        for i, ok, objective, mode, *values in body
    ]


def _cell(value: Any) -> float | str:
    """A number, or an empty cell where there is none."""
    return float(value) if np.isfinite(value) else ""


def _write_rows(path: Path, rows: list[list[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
