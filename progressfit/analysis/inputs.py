"""How far the inputs of a law can be told apart in a table: correlations, overall and within years and groups.

What is a function of something else in the table cannot be told from it by any law that is free in both. That is said
before any number of a fit.
"""

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from progressfit.analysis.roles import groups_of, read_by
from progressfit.dataset import Dataset
from progressfit.frame import rows_frame
from progressfit.model import Model, mean_terms
from progressfit.terms import Slope

if TYPE_CHECKING:
    import pandas as pd

EXACT = 1e-9
"""An input is a function of others if they leave less than this share of its variance."""

DATE, YEAR = "date", "year"
_CURVE, _COMMON = 3, 0.25


class Dependence(NamedTuple):
    """How far the other inputs fix one input.

    Attributes
    ----------
    input
        Its name; "log compute" for an input that enters by its logarithm.
    linear
        Share of its variance that a linear function of all others explains.
    curved
        The same for cubic polynomials of each of the others, added up; NaN where the table is too short to tell.
    partner, correlation
        The other input with which it correlates most, and that correlation.
    within_year
        Share of its variance that lies within calendar years; NaN without dates, and for the date itself.
    commonest, share
        Its most frequent value in its own unit, and the share of the rows with it.
    """

    input: str
    linear: float
    curved: float
    partner: str
    correlation: float
    within_year: float
    commonest: float
    share: float

    @property
    def exact(self) -> bool:
        """Whether it is a linear function of the others."""
        return 1 - self.linear < EXACT

    @property
    def fixed(self) -> bool:
        """Whether it is a function of the others, a straight or a curved one."""
        return self.exact or 1 - self.curved < EXACT


class Pair(NamedTuple):
    """Correlation of two inputs over all rows, and by what is held fixed: "year", or the name of a group."""

    first: str
    second: str
    overall: float
    within: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The inputs that a law reads, in one table.

    Attributes
    ----------
    names
        Of the inputs; logarithms are named so.
    rows
        How many rows count.
    pairs
        Correlations, for every two inputs.
    dependences
        For every input; empty with fewer than two inputs.
    constant
        Inputs that have one value in all rows.
    """

    names: tuple[str, ...]
    rows: int
    pairs: tuple[Pair, ...]
    dependences: tuple[Dependence, ...]
    constant: tuple[str, ...]

    @property
    def correlations(self) -> "pd.DataFrame":
        """A row for every two inputs: overall, and within years and groups."""
        return rows_frame(self.correlation_rows())

    @property
    def functions(self) -> "pd.DataFrame":
        """A row for every input: how far the others fix it."""
        return rows_frame(self.function_rows())

    def correlation_rows(self) -> list[dict[str, Any]]:
        """:attr:`correlations` as plain rows."""
        return [
            {"first": p.first, "second": p.second, "overall": p.overall}
            | {f"within_{name}": value for name, value in p.within.items()}
            for p in self.pairs
        ]

    def function_rows(self) -> list[dict[str, Any]]:
        """:attr:`functions` as plain rows."""
        return [
            {
                "input": d.input,
                "r2_linear": d.linear,
                "r2_cubic": d.curved,
                "function_of_the_others": d.fixed,
                "most_correlated_with": d.partner,
                "correlation": d.correlation,
                "share_of_variance_within_years": d.within_year,
                "commonest_value": d.commonest,
                "share_of_rows_with_it": d.share,
            }
            for d in self.dependences
        ]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What has to be said before any number: inputs that are functions of others, or constant."""
        said = [f"All rows have the same {name}, so the table says nothing about its effect." for name in self.constant]
        pairs, rest = [], []
        for d in self.dependences:
            if d.exact and 1 - d.correlation**2 < EXACT:
                pairs.append(frozenset((d.input, d.partner)))
            elif d.exact:
                rest.append(d.input)
        for one in dict.fromkeys(pairs):
            first, second = sorted(one, key=self.names.index)
            said.append(
                f"{_capital(first)} is an exact function of {second} in this table (correlation "
                f"{self._between(first, second):+.6f}): no number of rows of this kind tells their effects apart, and "
                "what is said about either alone comes from the prior."
            )
        if rest:
            said.append(
                f"{_capital(', '.join(rest))} are linear functions of each other in this table: no number of rows of "
                "this kind tells their effects apart, and what is said about one alone comes from the prior."
            )
        bent = [d.input for d in self.dependences if d.fixed and not d.exact]
        if bent:
            said.append(
                f"{_capital(', '.join(bent))}: the others determine it, by a curve. Only the form of the law tells its "
                "effect from a curved effect of the others."
            )
        return tuple(said)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Warnings first, then the correlations."""
        said = list(self.warnings)
        for pair in self.pairs:
            held = [
                f"{value:+.2f} within {'years' if name == YEAR else name}"
                for name, value in pair.within.items()
                if np.isfinite(value)
            ]
            inside = f", {', '.join(held)}" if held else ""
            said.append(
                f"Over {self.rows} rows {pair.first} and {pair.second} correlate at {pair.overall:+.2f}{inside}."
            )
        return (*said, *(_inflation(d) for d in self.dependences if not d.exact))

    def _between(self, first: str, second: str) -> float:
        return next(p.overall for p in self.pairs if {p.first, p.second} == {first, second})


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _inflation(d: Dependence) -> str:
    within = f"; {d.within_year:.0%} of its variance lies within years" if np.isfinite(d.within_year) else ""
    if d.share > _COMMON:
        within += f"; {d.share:.0%} of the rows share one value ({d.commonest:.6g})"
    return (
        f"The other inputs explain {d.linear:.0%} of the variance of {d.input}, which makes the standard error of its "
        f"linear effect {1 / np.sqrt(1 - d.linear):.2g} times what it would be without them{within}."
    )


def input_table(spec: Model, data: Dataset, weights: Any = None) -> Inputs:
    """Correlations and dependences of the inputs that a law reads.

    Parameters
    ----------
    spec, data
        The law and the table.
    weights
        Of the rows, ``(n,)``; ones if not given.
    """
    w = np.ones(len(data)) if weights is None else np.asarray(weights, np.float64)
    columns, raw = read_columns(spec, data)
    spread = {name: np.sqrt(np.average((x - np.average(x, weights=w)) ** 2, weights=w)) for name, x in columns.items()}
    still = tuple(name for name in columns if not spread[name] > 1e-12 * np.max(np.abs(columns[name])))
    names = tuple(name for name in columns if name not in still)
    held = _held(spec, data, w)
    pairs = tuple(
        Pair(a, b, _correlation(columns[a], columns[b], w), {g: _within(columns[a], columns[b], c, w) for g, c in held})
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    )
    chosen = {name: columns[name] for name in names}
    found = tuple(_dependence(name, chosen, raw[name], dict(held), w, pairs) for name in names if len(names) > 1)
    return Inputs(names, int(np.sum(w > 0)), pairs, found, still)


def read_columns(spec: Model, data: Dataset) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What a law reads of each row, by name, as it enters (logarithms where it reads these) and as the table has it."""
    terms = list(mean_terms(spec))
    inputs, dated, anything = read_by(terms)
    known = data.records.columns
    linear = {term.input for term in terms if isinstance(term, Slope)}
    listed = tuple(name for name in known if name != DATE) if anything else inputs
    columns, raw = {}, {}
    if dated and DATE in known:
        columns[DATE] = raw[DATE] = np.asarray(known[DATE], np.float64)
    for name in listed:
        x = np.asarray(known[name], np.float64)
        logs = name not in linear and bool((x > 0).all())
        label = f"log {name}" if logs else name
        columns[label], raw[label] = (np.log(x) if logs else x), x
    return columns, raw


def _held(spec: Model, data: Dataset, weights: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """What correlations are taken within: years, and the groups of the table that have several levels."""
    found = [(YEAR, np.floor(np.asarray(data.records.columns[DATE])))] if DATE in data.records.columns else []
    first = groups_of(spec)
    codes = {name: np.asarray(code) for name, code in data.records.codes.items()}
    several = [name for name, code in codes.items() if len(np.unique(code[weights > 0])) > 1]
    return found + [(name, codes[name]) for name in sorted(several, key=lambda name: name not in first)]


def _centred(x: np.ndarray, weights: np.ndarray, codes: np.ndarray | None = None) -> np.ndarray:
    """Away from the weighted mean, of each code if there are codes."""
    _, own = np.unique(np.zeros(len(x)) if codes is None else codes, return_inverse=True)
    total = np.bincount(own, weights)
    return x - (np.bincount(own, weights * x) / np.where(total > 0, total, 1.0))[own]


def _correlation(x: np.ndarray, y: np.ndarray, weights: np.ndarray, codes: np.ndarray | None = None) -> float:
    a, b = _centred(x, weights, codes), _centred(y, weights, codes)
    size = np.sqrt((weights @ a**2) * (weights @ b**2))
    least = 1e-12 * np.sqrt((weights @ _centred(x, weights) ** 2) * (weights @ _centred(y, weights) ** 2))
    return float(np.clip(weights @ (a * b) / size, -1, 1)) if size > least else np.nan


def _within(x: np.ndarray, y: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> float:
    return _correlation(x, y, weights, codes)


def _explained(x: np.ndarray, others: np.ndarray, weights: np.ndarray) -> float:
    """Weighted R squared of a linear function of the columns of ``others (n, k)`` and a constant."""
    root = np.sqrt(weights)
    design = np.column_stack([np.ones(len(x)), others]) * root[:, None]
    y = _centred(x, weights) * root
    left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return float(1 - left @ left / (y @ y))


def _dependence(
    name: str,
    columns: dict[str, np.ndarray],
    raw: np.ndarray,
    held: dict[str, np.ndarray],
    weights: np.ndarray,
    pairs: tuple[Pair, ...],
) -> Dependence:
    x, rest = columns[name], [other for other in columns if other != name]
    others = np.column_stack([_centred(columns[other], weights) for other in rest])
    others = others / np.sqrt(np.average(others**2, axis=0, weights=weights))
    curves = np.concatenate([others**power for power in range(1, _CURVE + 1)], axis=1)
    enough = np.sum(weights > 0) > 3 * (curves.shape[1] + 1)
    mine = [p for p in pairs if name in (p.first, p.second)]
    most = max(mine, key=lambda p: abs(p.overall))
    inside = np.nan
    if YEAR in held and name != DATE:
        inside = weights @ _centred(x, weights, held[YEAR]) ** 2 / (weights @ _centred(x, weights) ** 2)
    values, own = np.unique(raw, return_inverse=True)
    mass = np.bincount(own, weights)
    return Dependence(
        input=name,
        linear=_explained(x, others, weights),
        curved=_explained(x, curves, weights) if enough else np.nan,
        partner=most.second if most.first == name else most.first,
        correlation=most.overall,
        within_year=float(inside),
        commonest=float(values[np.argmax(mass)]),
        share=float(np.max(mass) / np.sum(mass)),
    )
