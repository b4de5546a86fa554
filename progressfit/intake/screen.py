"""Every cell that plays a part is read, converted and judged; all problems of all columns at once."""

import dataclasses
from collections import Counter
from typing import Any, Final

import numpy as np
import pandas as pd

from progressfit.intake import cells, findings
from progressfit.intake.csv_text import LINE
from progressfit.intake.findings import Findings, Kind, Problem, gather
from progressfit.intake.judge import Domain, Rule, inside, judge, positive, weighing
from progressfit.intake.recognise import Known, counts_tokens
from progressfit.intake.uncertainty import log10_errors, off_by
from progressfit.intake.units import COMPUTE, LEAST_LOG10, MOST_LOG10, Scaled, named_error, scale_input, scale_response
from progressfit.printable import excerpt

RESPONSE, WEIGHT, DATE = "the response", "the weight", "the date"
# A table of published figures is off 6ND by a factor of two now and then: by more than three it is worth a look.
FAR_OFF: Final = 3.0
_LANGUAGE = "language"


@dataclasses.dataclass(frozen=True)
class Parts:
    """Which column plays which part, and what the user said of units; ``None`` or empty where nothing does.

    ``language`` says that the law is one of language models, so that data are tokens.
    """

    response: str | None
    inputs: dict[str, str]
    date: str | None
    groups: dict[str, str]
    cluster: str | None
    weights: str | None
    known: Known
    domain: Domain | None = None
    response_unit: str | None = None
    input_units: dict[str, str] = dataclasses.field(default_factory=dict)
    language: bool = False


@dataclasses.dataclass(frozen=True)
class Screened:
    """A table whose cells have been read: ``numbers`` by part, each ``(n,)``, in the units of the law."""

    frame: pd.DataFrame
    parts: Parts
    numbers: dict[str, np.ndarray]
    findings: Findings


def screen(frame: pd.DataFrame, parts: Parts) -> Screened:
    """Read and judge every column that plays a part."""
    work = _Work(frame, parts)
    for name, column in parts.inputs.items():
        work.input(name, column)
    if parts.response is not None:
        work.response(parts.response, parts.domain)
    if parts.weights is not None:
        work.weights(parts.weights)
    if parts.date is not None:
        work.date(parts.date)
    for column in _coded(parts):
        work.group(column)
    work.certainty()
    work.consistency()
    return work.finish()


def _coded(parts: Parts) -> list[str]:
    """Columns of categories: groups and the cluster."""
    found = [*parts.groups.values(), parts.cluster]
    return [column for column in dict.fromkeys(found) if column is not None]


class _Work:
    """Columns read so far, and what was found in them."""

    def __init__(self, frame: pd.DataFrame, parts: Parts):
        self.frame, self.parts = frame, parts
        self.numbers: dict[str, np.ndarray] = {}
        self.rules: list[Rule] = []
        self.known: dict[str, int] = {}
        self.notes: list[str] = []
        self.errors: list[Problem] = []
        self.doubts: list[Problem] = []

    def _read(self, column: str, units: frozenset[str] = frozenset()) -> cells.Numbers:
        found = cells.numbers(self.frame[column], units)
        self._wrong(column, found.wrong, findings.UNREADABLE, np.isfinite(found.values))
        self.doubts += [Problem(i, column, text, Kind("")) for i, text in found.remarks.items()]
        return found

    def _wrong(self, column: str, wrong: dict[int, str], kind: Kind, known: np.ndarray) -> None:
        blank = ~known
        blank[list(wrong)] = False
        self.known[column] = len(self.frame) - int(blank.sum())
        self.errors += [Problem(i, column, words, kind) for i, words in wrong.items()]
        self.errors += [Problem(int(i), column, "has no value", findings.BLANK) for i in np.flatnonzero(blank)]

    def _scaled(self, column: str, read: np.ndarray, scaled: Scaled, kind: Kind) -> np.ndarray:
        """The converted values; what conversion has lost is an error."""
        lost = np.isfinite(read) & ~np.isfinite(scaled.values)
        words = "holds {:g}, which has no value in the unit that was read"
        self.errors += [Problem(int(i), column, words.format(read[i]), kind) for i in np.flatnonzero(lost)]
        self.notes += [scaled.sentence] if scaled.sentence else []
        return np.where(lost, np.nan, scaled.values)

    def input(self, name: str, column: str) -> None:
        read = self._read(column, cells.UNITS.get(name, frozenset())).values
        scaled = scale_input(name, column, read, self.parts.input_units.get(name))
        self.numbers[name] = self._scaled(column, read, scaled, findings.NOT_POSITIVE)
        self.rules.append(positive(column, self.numbers[name]))
        if name == COMPUTE:
            self._no_training_run(column)

    def _no_training_run(self, column: str) -> None:
        """Compute that no training run takes, as read: such a cell may be in another unit than its column."""
        flop = self.numbers[COMPUTE]
        with np.errstate(invalid="ignore"):
            odd = (flop > 0) & ((flop < 10.0**LEAST_LOG10) | (flop > 10.0**MOST_LOG10))
        for i in np.flatnonzero(odd):
            words = f"is read as {flop[i]:.3g} FLOP, which no training run takes; see whether it is a logarithm"
            self.doubts.append(Problem(int(i), column, words, Kind("")))

    def response(self, column: str, domain: Domain | None) -> None:
        found = self._read(column)
        fractional = None if domain is None else domain.fractional
        scaled = scale_response(column, found.values, found.signed, self.parts.response_unit, fractional)
        self.numbers[RESPONSE] = self._scaled(column, found.values, scaled, findings.OUTSIDE)
        self.rules += [] if domain is None else [inside(column, self.numbers[RESPONSE], domain)]
        if named_error(column) and fractional:
            self.notes.append(
                f"column '{excerpt(column)}' is named an error and is used as it is: laws that rise with compute fit "
                "accuracies, which are 1 less the error"
            )
        if "per cent" in scaled.sentence:
            small = np.flatnonzero((found.values <= 1) & ~found.signed)
            words = "is 1 or less among per cents, so it may be a fraction"
            self.doubts += [Problem(int(i), column, words, Kind("")) for i in small]

    def weights(self, column: str) -> None:
        self.numbers[WEIGHT] = self._read(column).values
        self.rules.append(weighing(column, self.numbers[WEIGHT]))

    def date(self, column: str) -> None:
        found = cells.dates(self.frame[column])
        self._wrong(column, found.wrong, findings.NO_DATE, np.isfinite(found.years))
        self.numbers[DATE] = found.years
        partial = Counter(known for known, sd in zip(found.known, found.sd, strict=True) if sd > 0)
        if partial:
            self.numbers["date_sd"] = found.sd
            self.notes.append(self._partial(column, partial, found.sd > 0))

    def _partial(self, column: str, partial: Counter[str], which: np.ndarray) -> str:
        what = ", ".join(f"{count} with the {known} only" for known, count in partial.items())
        where = ", ".join(self._places()[i] for i in np.flatnonzero(which)[:5])
        more = ", ..." if which.sum() > 5 else ""
        dates = findings.counted(int(which.sum()), "partial date")
        return (
            f"column '{excerpt(column)}' has {dates} ({what}: {where}{more}); each is taken as the middle of its "
            "period, with half the period over the square root of 3 as standard deviation, date_sd"
        )

    def group(self, column: str) -> None:
        self._wrong(column, {}, findings.BLANK, cells.filled(self.frame[column]))

    def certainty(self) -> None:
        """Standard errors of log10 compute, where the table has bounds or grades and the law reads compute."""
        known = self.parts.known
        if COMPUTE not in self.numbers or not (known.confidence or known.lower or known.upper):
            return
        low, high = (self._side(column) for column in (known.lower, known.upper))
        grades = list(self.frame[known.confidence]) if known.confidence else [None] * len(self.frame)
        found = log10_errors(self.numbers[COMPUTE], low, high, grades)
        self.numbers["compute_log10_sd"] = found.log10_sd
        column = known.lower or known.upper or ""
        words = "does not enclose the estimate of compute together with the other bound, so the bounds are left out"
        self.doubts += [Problem(int(i), column, words, Kind("")) for i in np.flatnonzero(found.odd)]
        self.notes.append(
            "standard errors of log10 compute (compute_log10_sd), for pf.errors_in_variables and pf.simex; "
            f"rows with bounds, taken as 90% intervals: {found.from_bounds}; with a confidence "
            f"(Confident: a factor of 3, Likely 10, Speculative 30, as 90% intervals): {found.graded}; with "
            f"neither, taken as speculative: {found.unstated}. The fit itself takes compute as exact"
        )

    def _side(self, column: str | None) -> np.ndarray:
        """A bound of compute, in the unit that compute itself was read in; a cell that cannot be read is no bound."""
        if column is None:
            return np.full(len(self.frame), np.nan)
        found = cells.numbers(self.frame[column], cells.UNITS[COMPUTE])
        self.doubts += [Problem(i, column, words, Kind("")) for i, words in found.wrong.items()]
        converted = any(note.startswith(f"'{COMPUTE}' is 10 to the power") for note in self.notes)
        return scale_input(COMPUTE, column, found.values, "log10" if converted else "natural").values

    def consistency(self) -> None:
        """Rows of language models whose compute is far from 6 x parameters x tokens."""
        found = {name: self._wherever(name) for name in ("parameters", "data", COMPUTE)}
        if any(values is None for values in found.values()):
            return
        factor = off_by(*(np.asarray(values) for values in found.values()))
        with np.errstate(invalid="ignore"):
            far = (np.maximum(factor, 1 / factor) > FAR_OFF) & self._tokens()
        column = self.parts.inputs.get(COMPUTE) or self.parts.known.inputs[COMPUTE]
        for i in np.flatnonzero(far):
            words = f"is {factor[i]:.3g} times 6 x parameters x data, which it should be near for a language model"
            self.doubts.append(Problem(int(i), column, words, Kind("")))

    def _wherever(self, name: str) -> np.ndarray | None:
        """An input that the law reads, or one that the table has all the same."""
        if name in self.numbers:
            return self.numbers[name]
        column = self.parts.known.inputs.get(name)
        if column is None:
            return None
        return scale_input(name, column, cells.numbers(self.frame[column], cells.UNITS[name]).values, None).values

    def _tokens(self) -> np.ndarray:
        """Rows whose data are tokens: all of them by the column's name or the law, or those of language models."""
        column = self.parts.inputs.get("data") or self.parts.known.inputs.get("data", "")
        if counts_tokens(column) or self.parts.known.domain is None:
            return np.full(len(self.frame), counts_tokens(column) or self.parts.language)
        return np.array([_LANGUAGE in str(cell).lower() for cell in self.frame[self.parts.known.domain]], bool)

    def _places(self) -> tuple[str, ...]:
        return tuple(map(str, self.frame[LINE]))

    def finish(self) -> Screened:
        places = self._places()
        errors, whole = gather([*self.errors, *judge(self.rules)], self.known, places)
        doubts = sorted(dict.fromkeys(self.doubts), key=lambda problem: (problem.row, problem.column))
        labels = self._labels()
        found = Findings(places, labels, tuple(errors), tuple(doubts), tuple(whole), tuple(self.notes))
        return Screened(self.frame, self.parts, self.numbers, found)

    def _labels(self) -> tuple[str, ...]:
        column = self.parts.known.label
        if column is None:
            return ("",) * len(self.frame)
        named = zip(self.frame[column], cells.filled(self.frame[column]), strict=True)
        return tuple(_name(cell) if known else "" for cell, known in named)


def _name(cell: Any) -> str:
    return " ".join(str(cell).split())
