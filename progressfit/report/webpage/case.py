"""What a page reports on, and what all its sections read off it."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from progressfit.analysis.compute_growth import PAIR, effective_compute_growth
from progressfit.analysis.identify import determined
from progressfit.analysis.predict import Extrapolation, extrapolation
from progressfit.analysis.selection import better
from progressfit.dataset import Dataset, Record
from progressfit.growth import growth_rate
from progressfit.infer.optimise import fitted_weights
from progressfit.infer.result import Draws, Fit
from progressfit.model import Model, channels, mean_terms, reference_record
from progressfit.terms import AbstractInputTerm, Function

_NOT_IDENTIFIED = "not identified"


@dataclasses.dataclass(frozen=True)
class Rate:
    """The growth rate a page answers with: a function of one model, natural log units a year, and its words."""

    of: Callable[[Model], Any]
    words: str


@dataclasses.dataclass(frozen=True)
class NoRate:
    """Why there is no growth rate, in a sentence."""

    why: str


@dataclasses.dataclass(frozen=True)
class Case:
    """A fit and all that is reported with it.

    Attributes
    ----------
    fit, data
        The fit and its table.
    draws
        Sets of draws that have certified ones among them, the one that is quoted first.
    refused
        Sentences on sets of draws that have none.
    rate
        What is quoted, or why nothing is.
    level
        Coverage of intervals.
    ends
        Positions of the two rows between which a gain is attributed; ``None`` for the first and the best.
    years
        How far beyond the last date the forecast runs.
    facts
        More for the fit card, by what it is.
    key
        A JAX random key, for the scatter of new models.
    """

    fit: Fit
    data: Dataset
    draws: tuple[Draws, ...]
    refused: tuple[str, ...]
    rate: Rate | NoRate
    level: float
    ends: tuple[int, int] | None
    years: float
    facts: Mapping[str, str]
    key: jax.Array

    @functools.cached_property
    def columns(self) -> dict[str, np.ndarray]:
        """Columns of the table, ``(n,)`` each."""
        return {name: np.asarray(values, np.float64) for name, values in self.data.records.columns.items()}

    @functools.cached_property
    def observed(self) -> np.ndarray:
        """The response, ``(n,)``."""
        return np.asarray(self.data.response, np.float64)

    @functools.cached_property
    def fitted(self) -> np.ndarray:
        """The fitted response, ``(n,)``."""
        return np.asarray(self.fit.model.predict(self.data.bare().records))

    @functools.cached_property
    def used(self) -> np.ndarray:
        """Which rows were fitted, ``(n,)``."""
        return np.asarray(fitted_weights(self.fit, self.data)) > 0

    @functools.cached_property
    def direction(self) -> float:
        """+1 where a larger response is better, -1 where a smaller one is."""
        names = [name for name in self.inputs if (self.columns[name] > 0).all()]
        return better(self.fit.model, self.data, names[0]) if names else 1.0

    @functools.cached_property
    def inputs(self) -> tuple[str, ...]:
        """Inputs that the law reads, in order; all of the table where a function of the user's may read any."""
        return inputs_of(self.fit.model, self.data)

    @property
    def dated(self) -> bool:
        """Whether time enters the law."""
        return bool(channels(self.fit.model)) and "date" in self.columns

    @functools.cached_property
    def verdict(self) -> str:
        """What the data say of the rate: "identified", "weak" or "not identified"."""
        return str(determined(self.fit, self.rate.of)) if isinstance(self.rate, Rate) else _NOT_IDENTIFIED

    @property
    def quotable(self) -> bool:
        """Whether there is a rate and the data determine it."""
        return isinstance(self.rate, Rate) and self.verdict != _NOT_IDENTIFIED

    @functools.cached_property
    def best_rate(self) -> float:
        """The rate at the best fit, natural log units a year."""
        return float(self.fit.map(self.rate.of)) if isinstance(self.rate, Rate) else np.nan

    @functools.cached_property
    def rates(self) -> tuple[np.ndarray, ...]:
        """Finite rates of the certified draws, for each set of draws."""
        if not isinstance(self.rate, Rate):
            return ()
        found = [np.asarray(draws.map(self.rate.of), np.float64)[draws.ok] for draws in self.draws]
        return tuple(rates[np.isfinite(rates)] for rates in found)

    def where(self, records: Record) -> Extrapolation:
        """How far records lie outside the fitted rows, by what the law reads."""
        read = {name for name in (*self.inputs, *(("date",) if self.dated else ())) if name in records.columns}
        own = Record({name: records.columns[name] for name in records.columns if name in read}, {}, {})
        return extrapolation(self.data.take(self.used), own)


def inputs_of(model: Model, data: Dataset) -> tuple[str, ...]:
    """Inputs of a table that a law reads, in order of appearance; any of them where a function may read any."""
    terms = list(mean_terms(model))
    if any(isinstance(term, Function) for term in terms):
        return tuple(name for name in data.records.columns if name != "date")
    names = dict.fromkeys(term.input for term in terms if isinstance(term, AbstractInputTerm))
    return tuple(name for name in names if name in data.records.columns)


def usual_rate(model: Model, data: Dataset) -> Rate | NoRate:
    """The growth rate that suits a law: of effective compute, or else of the effective input that it reads first."""
    names = inputs_of(model, data)
    if not channels(model) or "date" not in data.records.columns:
        return NoRate("The law has no date in it, so there is no growth rate to quote.")
    if not names:
        return NoRate("The law reads no input, so there is nothing whose need could shrink; pass of= with a rate.")
    at = None if _has_references(model) else data.bare().records.row(len(data) - 1)
    if set(PAIR) <= set(names) and "compute" not in names:
        return Rate(lambda one: effective_compute_growth(one, PAIR, at), "effective compute")
    name = "compute" if "compute" in names else names[0]
    return Rate(lambda one: growth_rate(one, name, at=at), f"effective {name}")


def _has_references(model: Model) -> bool:
    try:
        reference_record(model)
    except ValueError:
        return False
    return True
