"""What a study is, and what running one hands back."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from progressfit.dataset import Dataset, Record
from progressfit.growth import growth_rate
from progressfit.infer.result import RESULTS, Draws, Fit
from progressfit.model import Model
from progressfit.picture import Picture


@dataclasses.dataclass(frozen=True)
class Marginal:
    """Posterior of one quantity: its median, central interval, level, and the kind of draws."""

    median: float
    low: float
    high: float
    level: float
    kind: str

    @staticmethod
    def of(draws: np.ndarray, level: float, kind: str) -> "Marginal":
        """From draws ``(draws,)``; those that are not finite are left out."""
        finite = draws[np.isfinite(draws)]
        low, median, high = np.quantile(finite, [(1 - level) / 2, 0.5, (1 + level) / 2])
        return Marginal(float(median), float(low), float(high), level, kind)


@dataclasses.dataclass(frozen=True)
class Quantity:
    """One published figure beside what was found.

    Attributes
    ----------
    name
        The study's own name for it.
    published, published_interval
        The published figure and interval; ``None`` where none was published.
    value, interval
        What was found here.
    level, kind
        Coverage and kind of ``interval``: 0.95, "row bootstrap"; ``None`` and "" without interval.
    unit
        Unit of all numbers; natural log units per year for rates.
    tolerance
        Largest difference between ``value`` and ``published`` that counts as agreement.
    agrees
        Whether the two agree; ``None`` where nothing was published.
    why
        The reason for a difference, or what the figure is.
    section
        Heading under which the figure is shown.
    posterior
        Its posterior, if the study was asked to sample.
    """

    name: str
    value: float
    published: float | None = None
    tolerance: float = 0.0
    unit: str = ""
    interval: tuple[float, float] | None = None
    published_interval: tuple[float, float] | None = None
    level: float | None = None
    kind: str = ""
    why: str = ""
    agrees: bool | None = None
    section: str = ""
    posterior: Marginal | None = None


def compare(quantity: Quantity) -> Quantity:
    """Judge agreement: the value by its tolerance, unless the study has judged already."""
    if quantity.agrees is not None or quantity.published is None:
        return quantity
    close = bool(abs(quantity.value - quantity.published) <= quantity.tolerance)
    return dataclasses.replace(quantity, agrees=close)


def doubt_about(*parts: Fit | Draws | None) -> str | None:
    """The sentence of the first fit or set of draws that is not certified; ``None`` if all are."""
    results = [part.result for part in parts if part is not None]
    return next((result.value for result in results if result is not RESULTS.CONVERGED), None)


def sectioned(parts: Mapping[str, Callable[[Any], Iterable[Quantity]]], found: Any) -> tuple[Quantity, ...]:
    """All quantities of a study, judged: heading -> what yields its quantities from the evidence."""
    return tuple(
        dataclasses.replace(compare(quantity), section=section)
        for section, part in parts.items()
        for quantity in part(found)
    )


@dataclasses.dataclass(frozen=True)
class StudyResult:
    """What a study found: the answer in sentences, every figure beside the published one, and the evidence.

    ``fit`` is the fit behind the answer, of the table ``data``; ``draws`` are those around it, the ones quoted first.
    ``doubt`` says why the study is not certified; ``None`` if it is.
    """

    study: str
    title: str
    n: int
    answer: tuple[str, ...]
    data: Dataset
    fit: Fit
    draws: tuple[Draws, ...]
    doubt: str | None
    certificate: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    tables: dict[str, Sequence[dict[str, Any]]]
    pictures: dict[str, Picture]
    seconds: dict[str, float]

    @property
    def posterior(self) -> Draws | None:
        """The posterior, if the study was asked to sample it."""
        return next((draws for draws in self.draws if draws.are_sampled), None)

    @property
    def certified(self) -> bool:
        """Whether every fit and every set of draws of the study is."""
        return self.doubt is None


Say = Callable[[str], None]
"""Told what is going on."""


@dataclasses.dataclass(frozen=True)
class Retests:
    """Networks scored on the benchmark of a study and on re-tests of it; see :func:`progressfit.overlearning`.

    Attributes
    ----------
    data
        Long form, with the group ``test`` and the input of the subject.
    reference
        The level of ``test`` that is the benchmark.
    names
        Every level in words.
    controls
        Runs that hold the algorithm fixed, in the same form, with the group ``control``.
    filters
        Other choices of rows by name, masks ``(n,)`` of ``data``.
    others
        Other inputs of ``data`` that are held fixed, by name.
    log10_sd
        The column with the standard deviation of log10 of the input; ``None`` where it is not known.
    """

    data: Dataset
    reference: str
    names: Mapping[str, str]
    controls: Dataset | None = None
    filters: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    others: tuple[str, ...] = ()
    log10_sd: str | None = None


class Window(NamedTuple):
    """Where the need for an input is read off: levels of performance, the other inputs, and decimal years, in order."""

    levels: tuple[float, ...]
    record: Record
    years: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Subject:
    """What a study (or a user with a table) hands over to be doubted; see :mod:`progressfit.sensitivity`.

    Attributes
    ----------
    name, title
        Of the study.
    spec, data
        The law with its priors and the table.
    of
        The answer: a named function of one model, differentiable, natural log units per year.
    quantity, unit
        The answer in words, and its unit.
    input
        The input whose efficiency it measures.
    tables
        Other conventions of the same table, row by row, by name; the first is the one that ``data`` holds.
    log10_sd
        Standard deviation of log10 of ``input`` row by row, ``(n,)``, NaN where it is not known, by the name of the
        version in ``tables`` that it belongs to.
    sweep
        What a sweep of the priors moves, in words, and the law for each value of it, differing in numbers only.
    window
        Levels and years at which the need for ``input`` is read; by default spread over the table.
    retests
        Re-tests of the benchmark that the answer is measured on, if there are any.
    choices
        Choices that others could have made, name -> options, and what makes the law, table and rows of one combination
        of them (see :func:`progressfit.multiverse`); by default the sections try what any law allows.
    scenarios
        A table of scenarios to forecast (see :func:`progressfit.forecast`); by default the years from the first row to
        five after the last, at the table's median inputs and at its largest.
    comparable
        The ``quantity`` of ``datasets.estimates()`` that the answer may be compared with; "" where there is none.
    starts
        Number of starts of the fit.
    pretraining
        Group of the table that says which data set a row was trained on, the level whose data count in full, and the
        name of the input of data. ``None`` without.
    """

    name: str
    title: str
    spec: Model
    data: Dataset
    of: Callable[[Model], Any] = growth_rate
    quantity: str = "growth rate of effective compute"
    unit: str = "natural log units a year"
    input: str = "compute"
    tables: Mapping[str, Dataset] = dataclasses.field(default_factory=dict)
    log10_sd: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    sweep: tuple[str, Mapping[float, Model]] | None = None
    window: Window | None = None
    retests: Retests | None = None
    choices: tuple[Mapping[str, Sequence[str]], Callable[..., Any]] | None = None
    scenarios: Any = None
    comparable: str = ""
    starts: int = 64
    pretraining: tuple[str, str, str] | None = None


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a run of a study is to do: the seed of all random keys, fewer replicates, draws from the posterior too.

    ``table`` names one of the study's long tables, which is then made instead.
    """

    seed: int = 0
    quick: bool = False
    sample: bool = False
    table: str | None = None


@dataclasses.dataclass(frozen=True)
class Study:
    """A published analysis that can be run again.

    ``run(wanted, say)`` does the work. ``samples`` says whether the study has a posterior to draw from, ``tables``
    which long tables can be made instead, name -> what it is. ``subject()`` is what ``progressfit sensitivity`` doubts;
    ``None`` where the study has no single answer to doubt.
    """

    name: str
    title: str
    run: Callable[[Wanted, Say], StudyResult]
    samples: bool = False
    tables: Mapping[str, str] = dataclasses.field(default_factory=dict)
    subject: Callable[[], Subject] | None = None
