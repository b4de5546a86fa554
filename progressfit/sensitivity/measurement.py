"""Measurement: which version of the table, and how well its input is known."""

import functools
import itertools
from typing import NamedTuple

import numpy as np

from progressfit.analysis.comparison import Answer
from progressfit.analysis.conventions import Conventions, conventions
from progressfit.analysis.measurement import Measured, errors_in_variables
from progressfit.analysis.simex import Simex, simex
from progressfit.dataset import Dataset
from progressfit.infer.optimise import fit
from progressfit.infer.refit import known_optima
from progressfit.infer.result import RESULTS, Draws, Fit
from progressfit.infer.sample import sample
from progressfit.sensitivity.base import Question, Section
from progressfit.sensitivity.measurement_pictures import draw_errors, draw_switches
from progressfit.sensitivity.measurement_words import (
    error_sentences,
    error_table,
    level_table,
    pair_sentences,
    range_sentence,
    switch_table,
    version_sentence,
    version_table,
)
from progressfit.studies.base import doubt_about

NAME, TITLE = "measurement", "Measurement: conventions of the table, and errors in its input"
ASSUMED = 0.3  # of log10 of the input where nothing better is known: a factor of two
_REPLICATES, _DRAWS, _QUICK_DRAWS = 100, 750, 250
_LEAST = 0.1  # share of the draws
_PREFIX = "Not certified: "


class Version(NamedTuple):
    """One version of the table and its fit."""

    name: str
    data: Dataset
    point: Fit
    value: float


class Pair(NamedTuple):
    """Two versions and what carries the change between them."""

    first: str
    second: str
    found: Conventions


class Error(NamedTuple):
    """What an error in the input does to one version.

    Attributes
    ----------
    version, known
        Name of the version, and for how many rows the size of the error is known rather than assumed.
    simex, shared
        Simulation-extrapolation, with errors of each row and with errors that the rows of a paper share; ``None`` where
        each row is a paper of its own.
    measured, point, corrected
        The law that knows of the error, its fit together with the line of the true inputs, and the answer there.
    draws, answer, effective
        Its posterior, the answer there, and the effective number of draws; ``None`` where a prior is flat.
    """

    version: Version
    known: int
    simex: Simex
    shared: Simex | None
    measured: Measured
    point: Fit
    corrected: float
    draws: Draws | None
    answer: Answer | None
    effective: float


def section(question: Question) -> Section:
    """Versions of the table switched row by row; simulation-extrapolation; errors in variables."""
    versions = _versions(question)
    pairs, refused = _pairs(question, versions)
    sentences, tables, pictures = [], {"versions": version_table(versions)}, {}
    if len(versions) > 1:
        sentences.append(version_sentence(question, versions))
    for pair in pairs:
        sentences += pair_sentences(question, pair)
    sentences += refused
    if pairs:
        tables["switched"] = [row for pair in pairs for row in switch_table(pair)]
        pictures["switched"] = functools.partial(draw_switches, question=question, pairs=pairs)
    errors, refused, doubts = _errors(question, versions)
    sentences += refused
    for error in errors:
        sentences += error_sentences(question, error, ASSUMED)
    if errors:
        sentences = [range_sentence(question, versions, errors), *sentences]
        tables["errors"] = [row for error in errors for row in error_table(error)]
        tables["levels"] = [row for error in errors for row in level_table(error)]
        pictures["errors"] = functools.partial(draw_errors, question=question, errors=errors)
    return Section(NAME, TITLE, tuple(sentences), tables, pictures, _doubt(versions, pairs, errors, doubts))


def _versions(question: Question) -> list[Version]:
    subject = question.subject
    found = []
    for k, (name, data) in enumerate((subject.tables or {"the table": subject.data}).items()):
        # The first version is the table that was fitted already.
        question.say(f"measurement: {name}")
        key = question.key_for(f"{NAME} {name}")
        point = question.point if k == 0 else fit(subject.spec, data, key=key, starts=subject.starts)
        found.append(Version(name, data, point, float(point.map(subject.of))))
    return found


def _pairs(question: Question, versions: list[Version]) -> tuple[list[Pair], list[str]]:
    """Each version against the next, and the first against the last; and why some cannot be switched."""
    ends = list(itertools.pairwise(versions))
    ends += [(versions[0], versions[-1])] if len(versions) > 2 else []
    pairs, refused = [], []
    for a, b in ends:
        try:
            found = conventions(a.point, a.data, b.data, question.subject.of, starts=known_optima(b.point))
        except ValueError as refusal:
            refused.append(f"From {a.name} to {b.name} no rows are switched: {refusal}.")
        else:
            pairs.append(Pair(a.name, b.name, found))
    return pairs, refused


def _errors(question: Question, versions: list[Version]) -> tuple[list[Error], list[str], list[str]]:
    """Of the first version, and of those whose errors are known; why it does not apply to some; what went wrong."""
    subject = question.subject
    errors, refused, doubts = [], [], []
    for k, version in enumerate(versions):
        if k > 0 and version.name not in subject.log10_sd:
            continue
        question.say(f"measurement: errors in {subject.input}, {version.name}")
        own = np.asarray(subject.log10_sd.get(version.name, np.full(len(version.data), np.nan)), np.float64)
        sd = np.where(np.isfinite(own), own, ASSUMED)
        try:
            measured = errors_in_variables(subject.spec, version.data, sd, input=subject.input)
        except ValueError as refusal:
            of = f" ({version.name})" if len(versions) > 1 else ""
            refused.append(f"Errors in {subject.input} do not apply here{of}: {refusal}.")
            continue
        try:
            errors.append(_error(question, version, measured, int(np.isfinite(own).sum())))
        except ValueError as failure:
            doubts.append(f"errors of {version.name}: {failure}")
    return errors, refused, doubts


def _error(question: Question, version: Version, measured: Measured, known: int) -> Error:
    subject, data, point, sd = question.subject, version.data, version.point, measured.log10_sd
    key = question.key_for(f"{NAME} errors {version.name}")
    extrapolate = functools.partial(
        simex, point, data, subject.of, sd, key=key, input=subject.input, replicates=question.count(_REPLICATES)
    )
    papers = len(np.unique(np.asarray(data.clusters)))
    latent = fit(measured.joint, measured.data, key=key, starts=subject.starts)
    draws, answer, effective = None, None, np.nan
    if question.has_posterior:
        # Chains give two optima their weights more surely, importance sampling is done in a fraction of the time.
        count, method = (_QUICK_DRAWS, "importance") if question.quick else (_DRAWS, "nuts")
        draws = sample(measured.joint, measured.data, key=key, point=latent, draws=count, method=method)
        answer = measured.answer(draws, subject.of)
        effective = float(1 / np.sum(answer.shares**2))
    return Error(
        version=version,
        known=known,
        simex=extrapolate(),
        shared=extrapolate(by="cluster") if 1 < papers < len(data) else None,
        measured=measured,
        point=latent,
        corrected=float(measured.map(latent, subject.of)),
        draws=draws,
        answer=answer,
        effective=effective,
    )


def _line_only(error: Error, part: Fit | Draws | None) -> bool:
    """Whether all that is not identified is the line of the true inputs, of which the responses need not tell."""
    own = error.version.point.result
    return part is not None and part.result is RESULTS.NOT_IDENTIFIED and own is not RESULTS.NOT_IDENTIFIED


def _doubt(versions: list[Version], pairs: list[Pair], errors: list[Error], doubts: list[str]) -> str | None:
    said = [f"{v.name}: {doubt.removeprefix(_PREFIX)}" for v in versions if (doubt := doubt_about(v.point)) is not None]
    said += [f"{p.first} to {p.second}: {p.found.failed} refits reached no optimum" for p in pairs if p.found.failed]
    said += doubts
    for error in errors:
        about = f"errors of {error.version.name}"
        doubt = doubt_about(*(part for part in (error.point, error.draws) if not _line_only(error, part)))
        said += [f"{about}: {doubt.removeprefix(_PREFIX)}"] if doubt is not None else []
        lost = sum(found.failed for found in (error.simex, error.shared) if found is not None)
        said += [f"{about}: {lost} refits with added noise reached no optimum and are left out"] if lost else []
        if error.draws is not None and error.effective < _LEAST * len(error.draws):
            said.append(
                f"{about}: only {error.effective:.0f} of {len(error.draws)} draws are effective once the law is "
                "integrated over the true inputs"
            )
    return "; ".join(text.rstrip(".") for text in said) or None
