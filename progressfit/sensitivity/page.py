"""The sections in order, run one by one, and the folder of files that they become.

A section that fails says so in its place and the others stand. Files are replaced whole, never written in part.
"""

import dataclasses
import functools
import importlib
import importlib.metadata
import json
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from progressfit.atomic import replacing
from progressfit.catalogue import SECTIONS
from progressfit.compiled import release_programs
from progressfit.report.export import certificate_dict
from progressfit.report.plain import VERSIONED, finite
from progressfit.report.plots import write_png
from progressfit.sensitivity.base import Question, Rows, Section, rate_words

PAGE = "sensitivity.md"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A section that was run: what it found, or why it could not, and its seconds."""

    name: str
    title: str
    section: Section | None
    error: str | None
    seconds: float

    @property
    def doubt(self) -> str | None:
        """Why this section is not certified; ``None`` if it is."""
        found = self.error if self.section is None else self.section.doubt
        return None if found is None else found.removeprefix("Not certified: ")


def sections(only: Iterable[str] = ()) -> tuple[str, ...]:
    """Names of the sections asked for, all by default, in the order of the page; see ``catalogue.SECTIONS``."""
    wanted = set(only)
    return tuple(name for name in SECTIONS if not wanted or name in wanted)


def run_section(name: str, question: Question, folder: Path | None = None) -> Outcome:
    """Run one section, and write its tables and pictures if there is a folder; a failure is part of the outcome.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.
    """
    module, about = SECTIONS[name]
    begin = time.perf_counter()
    try:
        section: Section = importlib.import_module(module).section(question)
        if folder is not None:
            _write_section(section, folder)
    except OSError:
        raise
    except Exception as failure:  # whatever it is, the other sections stand
        if folder is not None:
            _write_text(traceback.format_exc(), folder / f"{name}-error.txt")
        error = f"{type(failure).__name__}: {failure}"
        return Outcome(name, about, None, error, time.perf_counter() - begin)
    finally:
        release_programs()
    return Outcome(name, section.title, section, None, time.perf_counter() - begin)


def page_text(question: Question, outcomes: Sequence[Outcome]) -> str:
    """The page in Markdown: the answer, then each section's sentences and the names of its files."""
    subject, point = question.subject, question.point
    verdict = point.certificate.identification.verdict
    lines = [
        f"# What drives the answer: {subject.title}",
        "",
        f"The {subject.quantity} at the best fit of {len(subject.data)} rows is {rate_words(question.value)}; judged "
        f"on the likelihood alone the parameters as a whole are {verdict}.",
        *(() if point.converged else (f"**{point.result.value}**",)),
    ]
    for outcome in outcomes:
        lines += ["", f"## {outcome.title}", "", *_body(outcome)]
    return "\n".join(lines) + "\n"


def _body(outcome: Outcome) -> list[str]:
    if outcome.section is None:
        return [f"**This section failed and says nothing: {outcome.error}**"]
    section, lines = outcome.section, []
    for sentence in section.sentences:
        lines += [sentence, ""]
    if outcome.doubt is not None:
        lines += [f"**Not certified: {outcome.doubt}**", ""]
    lines += [f"![{section.title}: {name}]({section.name}-{name}.png)" for name in section.pictures]
    tables = [f"`{section.name}-{name}.csv`" for name in section.tables]
    lines += ["", f"Tables: {', '.join(tables)}."] if tables else []
    return lines


def page_json(question: Question, outcomes: Sequence[Outcome], seconds: float) -> str:
    """One JSON object; numbers that are not finite are ``null``."""
    subject = question.subject
    found = {
        "study": subject.name,
        "n": len(subject.data),
        "quantity": {"name": subject.quantity, "value": question.value, "unit": subject.unit},
        "sections": [_section_dict(outcome) for outcome in outcomes],
        "certificate": certificate_dict(question.point),
        "seconds": {"total": seconds},
        "versions": {name: importlib.metadata.version(name) for name in VERSIONED},
    }
    return json.dumps(finite(_plain(found)), ensure_ascii=False, allow_nan=False)


def _section_dict(outcome: Outcome) -> dict[str, Any]:
    section = outcome.section
    return {
        "name": outcome.name,
        "title": outcome.title,
        "sentences": [] if section is None else list(section.sentences),
        "tables": {} if section is None else {name: list(rows) for name, rows in section.tables.items()},
        "doubt": outcome.doubt,
        "seconds": outcome.seconds,
    }


def _plain(found: Any) -> Any:
    """Plain Python in place of NumPy's numbers and of tuples."""
    if isinstance(found, dict):
        return {str(key): _plain(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [_plain(value) for value in found]
    if isinstance(found, np.generic | np.ndarray):
        return found.tolist()
    return found


def write_page(question: Question, outcomes: Sequence[Outcome], folder: Path) -> None:
    """Write the page of sentences; see :func:`page_text`.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.
    """
    _write_text(page_text(question, outcomes), folder / PAGE)


def _write_section(section: Section, folder: Path) -> None:
    for name, rows in section.tables.items():
        _replace(folder / f"{section.name}-{name}.csv", functools.partial(_write_table, rows))
    for name, draw in section.pictures.items():
        _replace(folder / f"{section.name}-{name}.png", functools.partial(_picture, draw))


def _write_text(text: str, path: Path) -> None:
    _replace(path, lambda part: part.write_text(text, encoding="utf-8"))


def _write_table(rows: Rows, path: Path) -> None:
    pd.DataFrame(list(rows)).to_csv(path, index=False)


def _picture(draw: Callable[[Any], None], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 5.0), layout="constrained")
    draw(figure)
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
    write_png(figure, path)


def _replace(path: Path, write: Callable[[Path], Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, shared=True) as beside:
        write(beside)
