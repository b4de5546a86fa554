"""A study's result as plain data: JSON for scripts, a folder of files for people."""

import dataclasses
import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import pandas as pd

from progressfit.infer.as_dict import certificate_dict as certificate_dict
from progressfit.report.datatree import arviz
from progressfit.report.netcdf import save
from progressfit.report.plain import VERSIONED, finite
from progressfit.report.plots import draw
from progressfit.report.table import figures_frame, figures_text, wrapped
from progressfit.report.webpage.content import Table
from progressfit.report.webpage.report import page
from progressfit.studies.base import Quantity, StudyResult


def study_json(result: StudyResult) -> str:
    """One JSON object; figures that are not finite are ``null``, with the reason in ``why``."""
    return json.dumps(finite(study_dict(result)), ensure_ascii=False, allow_nan=False)


def study_dict(result: StudyResult) -> dict[str, Any]:
    """The object behind :func:`study_json`."""
    return {
        "study": result.study,
        "n": result.n,
        "answer": list(result.answer),
        "quantities": [_quantity(quantity) for quantity in result.quantities],
        "certificate": certificate_dict(result.fit) | {"certified": result.certified, "text": list(result.certificate)},
        "seconds": result.seconds,
        "versions": {name: importlib.metadata.version(name) for name in VERSIONED},
    }


def _quantity(quantity: Quantity) -> dict[str, Any]:
    return {
        "name": quantity.name,
        "published": quantity.published,
        "value": quantity.value,
        "interval": list(quantity.interval) if quantity.interval else None,
        "published_interval": list(quantity.published_interval) if quantity.published_interval else None,
        "level": quantity.level,
        "kind": quantity.kind,
        "unit": quantity.unit,
        "agrees": quantity.agrees,
        "why": quantity.why,
        "posterior": None if quantity.posterior is None else dataclasses.asdict(quantity.posterior),
    }


def answer_text(result: StudyResult) -> str:
    """The answer, the figures, and the certificate, in this order, as text."""
    lines = [f"{result.title}: {result.n} models", ""]
    for sentence in result.answer:
        lines += [*wrapped(sentence), ""]
    lines += [figures_text(result), "", "Certificate"]
    for sentence in result.certificate:
        lines += wrapped(sentence, "  ")
    seconds = f"Compiling took {result.seconds['compile']:.1f} s, running {result.seconds['run']:.1f} s."
    return "\n".join([*lines, "", seconds])


def write_folder(result: StudyResult, folder: Path, facts: Mapping[str, str]) -> list[Path]:
    """Write the answer as text and JSON, the report page, every table as CSV, and every picture as PNG.

    Parameters
    ----------
    result
        What the study found.
    folder
        Made if need be.
    facts
        More for the fit card of the page: the command, the seed.

    Returns
    -------
    The files written.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "answer.txt", folder / "result.json"]
    written[0].write_text(answer_text(result) + "\n", encoding="utf-8")
    written[1].write_text(study_json(result) + "\n", encoding="utf-8")
    tables = {"figures": figures_frame(result)} | {name: pd.DataFrame(rows) for name, rows in result.tables.items()}
    for name, table in tables.items():
        written.append(folder / f"{name}.csv")
        table.to_csv(written[-1], index=False)
    for name, picture in result.pictures.items():
        written.append(folder / f"{name}.png")
        draw(picture, written[-1])
    if result.posterior is not None:
        written.append(folder / "posterior.nc")
        save(arviz(result.posterior, result.data, key=jax.random.key(0), name=result.study), written[-1])
    return [*written, _write_page(result, folder / "report.html", facts)]


def _write_page(result: StudyResult, path: Path, facts: Mapping[str, str]) -> Path:
    rows = tuple(
        (one.name, one.published, one.value, "" if one.agrees is None else "yes" if one.agrees else "no", one.why)
        for one in result.quantities
    )
    head = ("figure", "published", "found", "agrees", "remark")
    return page(
        path,
        result.fit,
        result.data,
        key=jax.random.key(0),
        draws=result.draws,
        title=result.title,
        said=result.answer,
        facts=facts,
        tables=(Table("Figures of the study", head, rows),),
    )
