"""Which rows are left out together, and which rows are then fitted."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from progressfit.dataset import Dataset
from progressfit.features import decimal_year

Kind = Literal["loo", "clusters"]


class Folds(NamedTuple):
    """Splits of the rows of a table.

    Attributes
    ----------
    fitted, held_out
        Whether a fold fits, and scores, each row, ``(folds, n)``. No row is scored by two folds.
    names
        Of the folds.
    unit
        Code of what counts as one observation in standard errors: the row or its cluster, ``(n,)``.
    kind
        What was left out, in words.
    """

    fitted: np.ndarray
    held_out: np.ndarray
    names: tuple[str, ...]
    unit: np.ndarray
    kind: str

    @property
    def fold(self) -> np.ndarray:
        """The fold that scores each row, -1 where none does, ``(n,)``."""
        return np.where(self.held_out.any(axis=0), np.argmax(self.held_out, axis=0), -1)


def make_folds(
    data: Dataset,
    key: jax.Array,
    folds: Kind | int = "loo",
    whole_clusters: bool = False,
    forward: Sequence[Any] | None = None,
) -> Folds:
    """The folds that were asked for; see :func:`progressfit.cross_validate`."""
    if forward is not None:
        return _forward(data, forward)
    if folds == "loo":
        return _held_out(np.arange(len(data)), row_names(data), np.arange(len(data)), "leave-one-out")
    if folds == "clusters":
        codes = _clusters(data)
        return _held_out(codes, _cluster_names(data, codes), codes, "leave-one-cluster-out")
    if isinstance(folds, bool) or not isinstance(folds, int):
        raise ValueError(f"folds={folds!r}: choose 'loo', 'clusters' or a whole number")
    unit = _clusters(data) if whole_clusters else np.arange(len(data))
    parts = _shuffled(int(unit.max()) + 1, folds, key)[unit]
    names = tuple(f"fold {k + 1}" for k in range(folds))
    return _held_out(parts, names, unit, f"{folds}-fold" + (" by whole clusters" if whole_clusters else ""))


def row_names(data: Dataset) -> tuple[str, ...]:
    """Names of the trained models, or numbers of the rows where they have none, ``n`` of them."""
    return data.row_names


def _held_out(part: np.ndarray, names: tuple[str, ...], unit: np.ndarray, kind: str) -> Folds:
    out = part[None, :] == np.arange(len(names))[:, None]
    return Folds(~out, out, names, unit, kind)


def _clusters(data: Dataset) -> np.ndarray:
    """Codes of the clusters from 0 on, ``(n,)``."""
    found, codes = np.unique(np.asarray(data.clusters), return_inverse=True)
    if len(found) < 2:
        raise ValueError("all rows are one cluster, so leaving it out leaves nothing; name a column with several")
    return codes


def _cluster_names(data: Dataset, codes: np.ndarray) -> tuple[str, ...]:
    """Each cluster by its first row and how many more it has."""
    names, found = row_names(data), []
    for cluster in range(int(codes.max()) + 1):
        rows = np.flatnonzero(codes == cluster)
        found.append(names[rows[0]] + (f" and {len(rows) - 1} more" if len(rows) > 1 else ""))
    return tuple(found)


def _shuffled(units: int, folds: int, key: jax.Array) -> np.ndarray:
    """A fold for each unit, at random, of sizes that differ by one at most."""
    if not 2 <= folds <= units:
        raise ValueError(f"folds={folds}: give a number from 2 to {units}, the number of rows or clusters")
    return np.asarray(jax.random.permutation(key, units)) % folds


def _forward(data: Dataset, dates: Sequence[Any]) -> Folds:
    if "date" not in data.records.columns:
        raise ValueError("forward validation needs dates, and this table has none; name them with date=COLUMN")
    year = np.asarray(data.records.columns["date"], np.float64)
    cuts = np.sort([decimal_year(date) for date in dates])
    if len(cuts) == 0 or len(np.unique(cuts)) < len(cuts):
        raise ValueError("forward= wants at least one date, and no date twice")
    ends = np.append(cuts[1:], np.inf)
    fitted, out = year < cuts[:, None], (year >= cuts[:, None]) & (year < ends[:, None])
    names = tuple(f"before {cut:.2f}" for cut in cuts)
    for name, before, after in zip(names, fitted, out, strict=True):
        if before.sum() < 2 or not after.any():
            raise ValueError(
                f"forward validation '{name}' would fit {before.sum()} rows and score {after.sum()}; it takes two rows "
                "before each date and one between it and the next"
            )
    return Folds(fitted, out, names, np.arange(len(data)), "forward")
