"""Thresholds: the need for an input at fixed performance, level by level, and where no amount suffices."""

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from progressfit.analysis.threshold import ThresholdReading, ceiling, reduction_rate, threshold_readings
from progressfit.dataset import Record
from progressfit.growth import doubling_interval, doubling_time, duration
from progressfit.infer.bootstrap import bootstrap
from progressfit.infer.result import Draws
from progressfit.model import Model, mean_terms
from progressfit.plot.style import BLUE, DARK, GREEN, ORANGE, PALE
from progressfit.sensitivity.base import Question, Section, rate_words
from progressfit.sensitivity.drawing import titled
from progressfit.studies.base import Window, doubt_about
from progressfit.terms import AbstractInputTerm, AbstractTrend, Function

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME, TITLE = "thresholds", "Thresholds: the reading at a fixed level of performance"
_REPLICATES, _LEVEL, _SPREAD, _SHOWN = 300, 0.95, 24, 5


class _Found(NamedTuple):
    """Readings at all levels, ceilings by year, and replicates of the rates, ``(replicates, levels)``."""

    window: Window
    shown: tuple[float, ...]
    readings: tuple[ThresholdReading, ...]
    ceilings: np.ndarray
    draws: Draws
    rates: np.ndarray


def section(question: Question) -> Section:
    """How fast the need for the input shrinks at each level, with intervals, ceilings marked."""
    model, subject = question.point.model, question.subject
    dated = any(isinstance(term, AbstractTrend) for term in mean_terms(model))
    if subject.input not in subject.data.records.columns or not dated:
        text = f"This does not apply here: the law or the table has no date or no input '{subject.input}'."
        return Section(NAME, TITLE, (text,))
    found = _gather(question)
    return Section(
        name=NAME,
        title=TITLE,
        sentences=tuple(_sentences(question, found)),
        tables={"readings": _reading_table(found), "needs": _need_table(found), "ceilings": _ceiling_table(found)},
        pictures={"readings": functools.partial(_draw, question=question, found=found)},
        doubt=doubt_about(found.draws),
    )


class _Rates(eqx.Module):
    """Rate at which the compute needed for each level falls; a module, so that its program is compiled once."""

    levels: jax.Array
    record: Record
    first: float
    last: float
    input: str = eqx.field(static=True)

    def __call__(self, model: Model) -> jax.Array:
        """The rates of one model, ``(levels,)``."""
        return jax.vmap(lambda level: reduction_rate(model, level, self.record, self.first, self.last, self.input))(
            self.levels
        )


def _gather(question: Question) -> _Found:
    point, subject = question.point, question.subject
    window = subject.window or _spread(question)
    low, high = np.quantile(np.asarray(subject.data.response), [0.05, 0.95])
    between = np.linspace(min(low, *window.levels), max(high, *window.levels), _SPREAD)
    levels = np.unique([*window.levels, *between])
    readings = threshold_readings(point.model, levels, window.record, window.years, subject.input)
    one = functools.partial(ceiling, record=window.record, input=subject.input)
    ceilings = [float(one(point.model, record=window.record.replace(date=year))) for year in window.years]
    clusters = len(np.unique(subject.data.clusters))
    kind = "clusters" if 1 < clusters < len(subject.data) else "rows"
    replicates = question.count(_REPLICATES)
    draws = bootstrap(point, subject.data, key=question.key_for(NAME), replicates=replicates, kind=kind)
    rates = _Rates(jnp.asarray(levels), window.record, window.years[0], window.years[-1], subject.input)
    values = np.asarray(draws.map(rates))[draws.ok]
    return _Found(window, window.levels, readings, np.array(ceilings), draws, values)


def _spread(question: Question) -> Window:
    """Levels between the tails of the responses; other inputs at their medians, groups at their commonest level."""
    data, columns = question.subject.data, question.subject.data.records.columns
    levels = np.quantile(np.asarray(data.response, np.float64), np.linspace(0.1, 0.9, _SHOWN))
    others = {name: float(np.median(np.asarray(columns[name]))) for name in _read_by(question.point.model, columns)}
    codes = {name: np.bincount(np.asarray(code)).argmax() for name, code in data.records.codes.items()}
    groups = {name: data.levels(name)[int(code)] for name, code in codes.items() if name in dict(data.labels.levels)}
    date = np.asarray(columns["date"], np.float64)
    years = np.arange(np.floor(date.min()), np.ceil(date.max()) + 1)
    record = data.record(date=float(years[0]), **others, **groups)
    return Window(tuple(float(level) for level in levels), record, tuple(float(year) for year in years))


def _read_by(model: Model, columns: dict[str, Any]) -> list[str]:
    """Columns other than the date that the law reads; a function may read any."""
    terms = list(mean_terms(model))
    named = {term.input for term in terms if isinstance(term, AbstractInputTerm)}
    anything = any(isinstance(term, Function) for term in terms)
    return [name for name in columns if name != "date" and (anything or name in named)]


def _sentences(question: Question, found: _Found) -> list[str]:
    input, window = question.subject.input, found.window
    by_level = {reading.level: k for k, reading in enumerate(found.readings)}
    held = ", ".join(
        f"{name} {float(value):.3g}" for name, value in window.record.columns.items() if name not in (input, "date")
    )
    span = f"{window.years[0]:.0f} to {window.years[-1]:.0f}"
    finite = [reading for reading in found.readings if np.isfinite(reading.halving)]
    said = [
        f"The {input} needed for one level of performance, read off the law year by year as Hernandez and Brown (2020) "
        f"did from {span}"
        + (f" with {held}" if held else "")
        + ": "
        + "; ".join(f"at {level:.3g} {found.readings[by_level[level]].text}" for level in found.shown)
        + f". The growth rate of the law itself is {rate_words(question.value)}."
    ]
    if len(finite) > 1:
        fast, slow = (pick(finite, key=lambda r: 1 / r.halving) for pick in (max, min))
        said.append(
            f"Over the {len(finite)} levels that can be read, of {len(found.readings)}, the halving time runs from "
            f"{_months(fast.halving)} (at {fast.level:.3g}) to {_months(slow.halving)} (at {slow.level:.3g})."
        )
    said.append(_ceiling_sentence(question, found))
    said.append(_interval_sentence(question, found, by_level))
    return said


def _months(halving: float) -> str:
    return duration(halving) if halving > 0 else f"doubling of the need in {duration(-halving)}"


def _ceiling_sentence(question: Question, found: _Found) -> str:
    years, input = found.window.years, question.subject.input
    out = [reading for reading in found.readings if np.isinf(reading.halving)]
    if not out:
        return "Each of these levels can be reached in every year."
    nearest = out[-1] if np.isinf(found.readings[0].halving) else out[0]
    count = f"{len(out)} of the {len(found.readings)} levels"
    return (
        f"No amount of {input} reaches beyond {found.ceilings[0]:.3g} in {years[0]:.0f} and "
        f"{found.ceilings[-1]:.3g} in {years[-1]:.0f}. {count}, from {nearest.level:.3g} on, lie beyond in some year: "
        "no finite halving time exists there, and one read off a grid of amounts would tell where the grid ends."
    )


def _interval_sentence(question: Question, found: _Found, by_level: dict[float, int]) -> str:
    said = []
    for level in found.shown:
        rates = found.rates[:, by_level[level]]
        beyond = float(np.mean(~np.isfinite(rates)))
        if beyond <= (1 - _LEVEL) / 2:
            low, high = np.quantile(rates[np.isfinite(rates)], [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
            said.append(f"at {level:.3g} {doubling_interval(float(low), float(high)).text}")
        else:
            said.append(f"at {level:.3g} no finite one in {beyond:.0%} of the replicates")
    about = f"{found.draws.kind}, {len(found.rates)} replicates"
    return f"{_LEVEL:.0%} intervals of the halving time ({about}): {'; '.join(said)}."


def _reading_table(found: _Found) -> list[dict[str, Any]]:
    table = []
    for reading, rates in zip(found.readings, found.rates.T, strict=True):
        finite = rates[np.isfinite(rates)]
        beyond = float(np.mean(~np.isfinite(rates)))
        ends = np.quantile(finite, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2]) if beyond <= (1 - _LEVEL) / 2 else [np.nan] * 2
        rate = 12 * np.log(2) / reading.halving if np.isfinite(reading.halving) else np.nan
        table.append(
            {"level": reading.level, "halving_months": reading.halving, "rate": rate}
            | {"rate_low": float(ends[0]), "rate_high": float(ends[1]), "replicates_without_rate": beyond}
            | {"reading": reading.text}
        )
    return table


def _need_table(found: _Found) -> list[dict[str, Any]]:
    return [
        {"level": reading.level, "year": year, "needed": amount}
        for reading in found.readings
        for year, amount in zip(reading.years, reading.required, strict=True)
    ]


def _ceiling_table(found: _Found) -> list[dict[str, Any]]:
    return [
        {"year": year, "ceiling": float(value)} for year, value in zip(found.window.years, found.ceilings, strict=True)
    ]


def _draw(figure: "Figure", question: Question, found: _Found) -> None:
    figure.set_size_inches(11.0, 4.6)
    left, right = figure.subplots(1, 2)
    level = np.array([reading.level for reading in found.readings])
    halving = np.array([reading.halving for reading in found.readings])
    good = np.isfinite(halving)
    left.plot(level[good], halving[good], "o-", color=BLUE, markersize=3.5, label="halving time of the need")
    if question.value > 0:
        rate = float(doubling_time(question.value))
        left.axhline(rate, color=GREEN, linewidth=1.0, label="doubling time of the law itself")
    for value in level[np.isinf(halving)]:
        left.axvline(value, color=ORANGE, linewidth=0.8, linestyle=(0, (2, 2)))
    left.plot([], [], color=ORANGE, linestyle=(0, (2, 2)), label="infinite: beyond the ceiling in some year")
    left.set_xlabel("level of performance held fixed")
    left.set_ylabel("months")
    left.legend(frameon=False, fontsize=8)
    for name in found.shown:
        reading = found.readings[int(np.flatnonzero(level == name)[0])]
        amounts = np.asarray(reading.required)
        right.plot(
            reading.years, np.where(np.isfinite(amounts), amounts, np.nan), "o-", markersize=3, label=f"{name:.3g}"
        )
    right.set_yscale("log")
    right.set_xlabel("year")
    right.set_ylabel(f"{question.subject.input} needed")
    right.legend(frameon=False, fontsize=8, title="level")
    for axis in (left, right):
        axis.grid(True, color=PALE, linewidth=0.6)
        axis.set_axisbelow(True)
    figure.suptitle(f"{titled(question.subject.input)} needed at fixed performance", fontsize=11, color=DARK)
