"""Two versions of one table: which rows, papers and columns carry the change of an answer from one to the other.

A table of published models rests on conventions: what counts as an operation, which version of a paper gives the date.
Two versions of it have the same rows and differ in some numbers. Every row that differs is switched from one version to
the other by itself, both ways, and so is every paper and every column; all refits are one compiled program.
"""

import dataclasses
from typing import Any

import numpy as np

from progressfit._x64 import require_x64
from progressfit.analysis.folds import row_names
from progressfit.analysis.influence import influence
from progressfit.dataset import Dataset
from progressfit.infer.bootstrap import nearest_optimum
from progressfit.infer.points import map_values
from progressfit.infer.quantity import measured
from progressfit.infer.refit import Changes, known_optima, refit_around
from progressfit.infer.result import Fit

RESPONSE = "response"


@dataclasses.dataclass(frozen=True)
class Switched:
    """One kind of part (rows, papers, columns) switched from a version of a table to another, one at a time.

    Attributes
    ----------
    kind
        "row", "cluster" or "column".
    names, sizes
        Of the parts that differ, and how many rows differ in each, ``(m,)``.
    there
        Change of the quantity when the part alone is switched from the first version to the second, ``(m,)``.
    back
        Change when the part alone is switched in the second version, from the first to the second, ``(m,)``: by how
        much it would fall if this part were taken back.
    mode
        Which optimum of the first fit each of the two refits lies nearest to, ``(2, m)``.
    """

    kind: str
    names: tuple[str, ...]
    sizes: np.ndarray
    there: np.ndarray
    back: np.ndarray
    mode: np.ndarray

    @property
    def carries(self) -> np.ndarray:
        """Mean of the change among otherwise old parts and among otherwise new ones, ``(m,)``; NaN where one failed."""
        return (self.there + self.back) / 2

    @property
    def order(self) -> np.ndarray:
        """Positions, the part that carries most first; refits that failed last."""
        return np.argsort(-np.nan_to_num(np.abs(self.carries), nan=-1.0), kind="stable")


@dataclasses.dataclass(frozen=True)
class Conventions:
    """How a quantity changes from one version of a table to another.

    Attributes
    ----------
    name
        The quantity.
    first, second
        Its value under each version, refitted.
    rows, papers, columns
        Parts switched one at a time; papers only where they are not single rows.
    cumulative
        The quantity as rows are switched together, in the order of ``rows.order``, ``(m + 1,)``: from first to second.
    first_order
        Change to first order from derivatives at the first version, by column ``{name: (n,)}`` for every row of the
        table; empty where the optimum has no derivatives.
    failed
        How many refits reached no optimum; their entries are NaN.
    """

    name: str
    first: float
    second: float
    rows: Switched
    papers: Switched | None
    columns: Switched
    cumulative: np.ndarray
    first_order: dict[str, np.ndarray]
    failed: int

    @property
    def change(self) -> float:
        """Second minus first."""
        return self.second - self.first


def conventions(point: Fit, data: Dataset, other: Dataset, of: Any, *, starts: Any = None) -> Conventions:
    """Switch parts of a table to another version of it and back, and refit each time; one compiled program.

    Parameters
    ----------
    point, data
        A fit and its table, the first version.
    other
        The second version: the same rows and columns, some numbers of which differ (inputs, date, response).
    of
        A function of one model that returns one number, or the dotted path of a parameter.
    starts
        More starts of the refits, ``(k, d)`` unconstrained, beside the known optima of the fit: those of a fit of the
        other version, where it may have other optima.

    Raises
    ------
    ValueError
        If the versions do not have the same rows, columns, groups and clusters, or do not differ.
    """
    require_x64()
    name, measure = measured(of, point)
    first, second = _same_rows(data, other)
    differs = np.stack([first[column] != second[column] for column in first])
    if not differs.any():
        raise ValueError("the two versions of the table have the same numbers, so nothing can be switched")
    parts = _parts(data, tuple(first), differs)
    masks = np.concatenate([mask for _, _, mask in parts])
    begin = known_optima(point) if starts is None else np.concatenate([known_optima(point), np.atleast_2d(starts)])

    def refitted(switched: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        columns = {column: np.where(switched[:, k], second[column], first[column]) for k, column in enumerate(first)}
        response = columns.pop(RESPONSE)
        found = refit_around(point, data, Changes(response=response, columns=columns), begin)
        values = np.where(found.ok, map_values(measure, point.spec, found.values), np.nan)
        return values, nearest_optimum(point, found.z)

    ends = np.stack([np.zeros_like(differs), differs])
    value, mode = refitted(np.concatenate([ends, masks, differs & ~masks]))
    (start, end), there, back = value[:2], value[2 : 2 + len(masks)], value[2 + len(masks) :]
    found, at = [], 0
    for kind, names, mask in parts:
        own = slice(at, at + len(names))
        both = np.stack([mode[2:][own], mode[2 + len(masks) :][own]])
        sizes = (mask & differs).any(axis=1).sum(axis=1)
        found.append(Switched(kind, names, sizes, there[own] - start, end - back[own], both))
        at += len(names)
    rows = found[0]
    along = differs & np.cumsum(parts[0][2][rows.order], axis=0, dtype=bool)
    # Filled up to the length of the first batch, so that both are one program.
    filled = np.concatenate([along, np.repeat(along[-1:], len(value) - len(along), axis=0)])
    cumulative = refitted(filled)[0][: len(along)]
    failed = int(np.isnan(value).sum() + np.isnan(cumulative).sum())
    papers = next((part for part in found if part.kind == "cluster"), None)
    first_order = _first_order(point, data, of, first, second)
    path = np.append(start, cumulative)
    return Conventions(name, float(start), float(end), rows, papers, found[-1], path, first_order, failed)


def _same_rows(data: Dataset, other: Dataset) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The numbers of both versions by column, the response among them, once they are known to belong together."""
    if len(data) != len(other):
        raise ValueError(f"the versions have {len(data)} and {len(other)} rows; they have to be the same rows")
    mine, others = dict(data.records.columns), dict(other.records.columns)
    if set(mine) != set(others):
        raise ValueError(f"only one of the versions has the columns {', '.join(sorted(set(mine) ^ set(others)))}")
    if data.labels.rows != other.labels.rows:
        bad = next(i for i, (a, b) in enumerate(zip(data.labels.rows, other.labels.rows, strict=False)) if a != b)
        raise ValueError(
            f"row {bad} is {data.labels.rows[bad]} in one version and {other.labels.rows[bad]} in the other"
        )
    codes = [(data.clusters, other.clusters)]
    codes += [(code, other.records.codes.get(group, -1)) for group, code in data.records.codes.items()]
    if not all(np.array_equal(a, b) for a, b in codes):
        raise ValueError("the versions differ in groups or clusters; only inputs, dates and responses may differ")
    return tuple(
        {name: np.asarray(columns[name], np.float64) for name in mine} | {RESPONSE: np.asarray(table.response, float)}
        for columns, table in ((mine, data), (others, other))
    )  # pyright: ignore[reportReturnType]


def _parts(
    data: Dataset, columns: tuple[str, ...], differs: np.ndarray
) -> list[tuple[str, tuple[str, ...], np.ndarray]]:
    """Kind, names and masks ``(m, columns, n)`` of the parts that can be switched: rows, papers, columns."""
    touched = differs.any(axis=0)
    names = row_names(data)
    rows = np.flatnonzero(touched)
    found = [("row", tuple(names[i] for i in rows), np.eye(len(data), dtype=bool)[rows][:, None, :] & differs)]
    clusters = np.asarray(data.clusters)
    papers = np.unique(clusters[touched])
    if len(papers) < len(rows):
        first = [names[int(np.flatnonzero(clusters == paper)[0])] for paper in papers]
        sizes = [int(np.sum(clusters == paper)) for paper in papers]
        called = tuple(f"paper of {name}" if size > 1 else name for name, size in zip(first, sizes, strict=True))
        found.append(("cluster", called, (clusters == papers[:, None])[:, None, :] & differs))
    moved = np.flatnonzero(differs.any(axis=1))
    masks = np.eye(len(columns), dtype=bool)[moved][:, :, None] & differs
    return [*found, ("column", tuple(columns[k] for k in moved), masks)]


def _first_order(
    point: Fit, data: Dataset, of: Any, first: dict[str, np.ndarray], second: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """First-order change by column and row, in logs where the column is positive."""
    try:
        slopes = influence(point, data, of)
    except ValueError:
        return {}
    found = {RESPONSE: slopes.response * (second[RESPONSE] - first[RESPONSE])}
    if slopes.date is not None:
        found["date"] = slopes.date * (second["date"] - first["date"])
    for name, slope in slopes.inputs.items():
        found[name] = slope * (np.log(second[name]) - np.log(first[name]))
    return {name: change for name, change in found.items() if change.any()}
