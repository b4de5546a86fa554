"""How much each row of a table moves an answer: exact derivatives at the optimum, and exact refits without rows.

Derivatives with respect to row weights give the infinitesimal jackknife (Jaeckel 1972; Efron 1982): first-order
predictions of every leave-out refit, and standard errors.
"""

import dataclasses
from typing import Any

import jax
import numpy as np

from progressfit._x64 import require_x64
from progressfit.analysis.folds import make_folds, row_names
from progressfit.dataset import Dataset
from progressfit.infer.bootstrap import nearest_optimum
from progressfit.infer.implicit import derivatives_at, held_at_kinks
from progressfit.infer.optimise import prior_weight_of
from progressfit.infer.points import map_values
from progressfit.infer.quantity import measured
from progressfit.infer.refit import Changes, refit_around
from progressfit.infer.result import Fit


@dataclasses.dataclass(frozen=True)
class Influence:
    """First-order influence of every row on one quantity, the parameters refitted.

    Attributes
    ----------
    name, value
        The quantity, and its value at the best optimum.
    rows
        Names of the rows.
    weight
        Derivative with respect to each row's weight, ``(n,)``; minus the first-order shift if the row is left out.
    response
        Derivative with respect to each row's response, per unit of the response, ``(n,)``.
    inputs
        Derivative with respect to the natural logarithm of each positive column, by name, ``(n,)``.
    date
        Derivative with respect to each row's date, per year, ``(n,)``; ``None`` for a table without dates.
    fitted, clusters
        Row weights of the fit, and the cluster of each row, ``(n,)``.
    """

    name: str
    value: float
    rows: tuple[str, ...]
    weight: np.ndarray
    response: np.ndarray
    inputs: dict[str, np.ndarray]
    date: np.ndarray | None
    fitted: np.ndarray
    clusters: np.ndarray

    def stderr(self, by: str = "row") -> float:
        """Infinitesimal-jackknife standard error: the first-order standard deviation of a bootstrap.

        Parameters
        ----------
        by
            Whether whole "row"s or whole "cluster"s are resampled.

        Raises
        ------
        ValueError
            If ``by`` is something else, or all rows are one cluster.
        """
        if by not in ("row", "cluster"):
            raise ValueError(f"by='{by}': choose 'row' or 'cluster'")
        pull = self.fitted * self.weight
        if by == "cluster":
            _, codes = np.unique(self.clusters, return_inverse=True)
            pull = np.bincount(codes, weights=pull)
            if len(pull) < 2:
                raise ValueError("all rows are one cluster, so clusters have no spread")
        # Resampling keeps the number of units, so what all of them have in common does not count.
        return float(np.sqrt(np.sum((pull - pull.mean()) ** 2)))

    def without(self, out: np.ndarray) -> np.ndarray:
        """First-order shift of the quantity when rows are left out: masks ``(m, n)`` to shifts ``(m,)``."""
        return -np.asarray(out, np.float64) @ (self.fitted * self.weight)


def influence(point: Fit, data: Dataset, of: Any) -> Influence:
    """Exact derivative of a quantity with respect to every row's weight, response, inputs and date.

    Parameters
    ----------
    point
        A fit; its best optimum is differentiated, whatever others there are.
    data
        The table that was fitted.
    of
        A function of one model that returns one number, such as :func:`progressfit.growth_rate`, or the dotted path of
        a parameter.

    Returns
    -------
    :class:`Influence`. These are derivatives of the refitted quantity, by implicit differentiation at the optimum, so
    they see every way in which a row matters but not that another optimum may become the better one:
    :func:`leave_out` does.

    Raises
    ------
    ValueError
        If the optimum has no derivatives (kinks; not a minimum), or the quantity does not move with the parameters.
    """
    require_x64()
    found = derivatives_at(point, data, of)
    columns = {name: np.asarray(values, np.float64) for name, values in data.records.columns.items()}
    by_column = {name: np.asarray(values) for name, values in found.columns.items()}
    return Influence(
        name=found.name,
        value=found.value,
        rows=row_names(data),
        weight=np.asarray(found.weight),
        response=np.asarray(found.response),
        inputs={name: by_column[name] * x for name, x in columns.items() if name != "date" and (x > 0).all()},
        date=by_column.get("date"),
        fitted=np.asarray(point.weights),
        clusters=np.asarray(data.clusters),
    )


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """Exact refits without groups of rows, beside what the derivatives predict.

    Attributes
    ----------
    kind
        What was left out together.
    names, sizes
        Of the groups, and how many rows each has, ``(m,)``.
    full
        The quantity with all rows.
    value
        The quantity without each group, ``(m,)``; NaN where the refit is not certified.
    predicted
        Its first-order prediction, ``(m,)``; NaN throughout where the optimum has no derivatives.
    ok
        Whether each refit reached an optimum, ``(m,)``.
    mode
        Which optimum of the full fit each refit lies nearest to, ``(m,)``.
    released
        Whether Laplace priors hold other parameters exactly at their kinks (at zero, mostly) than in the full fit,
        ``(m,)``: a derivative knows nothing of parameters that come off a kink.
    """

    kind: str
    names: tuple[str, ...]
    sizes: np.ndarray
    full: float
    value: np.ndarray
    predicted: np.ndarray
    ok: np.ndarray
    mode: np.ndarray
    released: np.ndarray

    @property
    def shift(self) -> np.ndarray:
        """How far the quantity moves when each group is left out, ``(m,)``."""
        return self.value - self.full

    @property
    def correlation(self) -> float:
        """Correlation of exact and predicted shifts over the refits that keep the optimum; NaN with fewer than three.

        A derivative knows one optimum only, so refits that end nearer to another one are left out.
        """
        return self._agreement(self.mode == 0)

    @property
    def correlation_on_face(self) -> float:
        """The same without refits in which other parameters lie on the kinks of their priors."""
        return self._agreement((self.mode == 0) & ~self.released)

    def _agreement(self, which: np.ndarray) -> float:
        both = np.isfinite(self.shift) & np.isfinite(self.predicted) & which
        if both.sum() < 3:
            return np.nan
        return float(np.corrcoef(self.shift[both], self.predicted[both] - self.full)[0, 1])


def leave_out(point: Fit, data: Dataset, of: Any, by: Any = "row") -> LeftOut:
    """Refit without each row, or each group of rows, from every known optimum; one compiled program.

    Parameters
    ----------
    point, data
        A fit and its table.
    of
        A function of one model that returns one number, or the dotted path of a parameter.
    by
        "row", "cluster" (paper), "year" (of the date), the name of a group of the table (an architecture), or a label
        for every row, ``(n,)``.

    Returns
    -------
    :class:`LeftOut`, groups in order of first appearance (years in order of time).

    Raises
    ------
    ValueError
        If the table has no such grouping, or only one group, whose absence would leave nothing.
    """
    require_x64()
    kind, labels = _labels(data, by)
    names, out = _groups(data, kind, labels)
    _, measure = measured(of, point)
    found = refit_around(point, data, Changes(weights=np.asarray(point.weights) * ~out))
    full = float(point.map(measure))
    value = np.where(found.ok, map_values(measure, point.spec, found.values), np.nan)
    return LeftOut(
        kind=kind,
        names=names,
        sizes=out.sum(axis=1),
        full=full,
        value=value,
        predicted=full + _first_order(point, data, of, out),
        ok=found.ok,
        mode=nearest_optimum(point, found.z),
        released=_released(point, found.z),
    )


def _released(point: Fit, z: np.ndarray) -> np.ndarray:
    """Whether refits ``(m, d)`` have other parameters on the kinks of their priors than the fit."""
    weight = float(prior_weight_of(point.stats["objective"]))
    held = held_at_kinks(point.spec, np.concatenate([point.optima[0].z[None], z]), weight)
    return np.any(held[1:] != held[0], axis=1)


def _first_order(point: Fit, data: Dataset, of: Any, out: np.ndarray) -> np.ndarray:
    try:
        return influence(point, data, of).without(out)
    except ValueError:
        return np.full(len(out), np.nan)


def _labels(data: Dataset, by: Any) -> tuple[str, np.ndarray]:
    """What is left out together, in a word, and a label for every row."""
    if not isinstance(by, str):
        labels = np.asarray(by)
        if labels.shape != (len(data),):
            raise ValueError(f"by has shape {labels.shape}; give a label for each of the {len(data)} rows")
        return "group", labels
    if by == "row":
        return "row", np.arange(len(data))
    if by == "cluster":
        return "cluster", np.asarray(data.clusters)
    if by == "year":
        if "date" not in data.records.columns:
            raise ValueError("by='year' needs dates, and this table has none; name them with date=COLUMN")
        return "year", np.floor(np.asarray(data.records.columns["date"])).astype(int)
    if by in data.records.codes:
        return by, np.asarray(data.levels(by), object)[np.asarray(data.records.codes[by])]
    known = ", ".join(["row", "cluster", "year", *data.records.codes])
    raise ValueError(f"by='{by}': this table knows {known}; or give a label for every row")


def _groups(data: Dataset, kind: str, labels: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the groups and which rows each has, ``(m, n)``."""
    if kind in ("row", "cluster"):
        folds = make_folds(data, jax.random.key(0), "loo" if kind == "row" else "clusters")
        return folds.names, folds.held_out
    found = sorted(set(labels.tolist())) if kind == "year" else list(dict.fromkeys(labels.tolist()))
    if len(found) < 2:
        raise ValueError(f"all rows are of one {kind} ({found[0]}), so leaving it out leaves nothing")
    return tuple(map(str, found)), labels[None, :] == np.asarray(found, labels.dtype)[:, None]
