"""Selection and unobserved quality: what the answer would be if better models were those with more compute, or later.

Tables of published models are not experiments. A model's algorithm has a quality that nobody recorded; if whoever had
better algorithms also used more compute, or if later tables kept only better models, the scatter about the law is not
independent of what the law reads, and its slopes are biased (Whitfill 2025, arXiv 2508.11033). The data cannot tell how
strong this is, so the answer is given as a function of it.

The latent quality of a row acts on the linked response, in the direction in which the input improves it. It is a share
of the scatter about the law, and has correlations ``r`` with the logarithm of the input and with the date over the rows
of the table. Its regression on them, ``sd_q R^-1 r`` in standard deviations (``R`` their own correlations), is taken
off the response, and the law is fitted again. Only the part of quality that is independent of both is seen as scatter,
so ``sd_q^2 (1 - r' R^-1 r) = share * scatter^2``. For a law that is linear in both this is the formula for omitted
variables, exactly; for others, to first order.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.dataset import Dataset
from progressfit.density import check_weights
from progressfit.infer.bootstrap import nearest_optimum
from progressfit.infer.optimise import fitted_weights
from progressfit.infer.points import map_values
from progressfit.infer.quantity import measured
from progressfit.infer.refit import Changes, refit_around
from progressfit.infer.result import Fit
from progressfit.model import Model

_APART = 1e-9


@dataclasses.dataclass(frozen=True)
class Selection:
    """A quantity as a function of how latent quality correlates with an input and with the date.

    Attributes
    ----------
    input, share
        The input, and the share of the variance about the law that is quality.
    with_input, with_date
        Assumed correlations of quality, ``(m,)``.
    value
        The quantity refitted under each assumption, ``(m,)``; NaN where that is not possible, or not certified.
    naive
        The quantity of the fit itself, in which both are 0.
    scatter
        Standard deviation of the linked response about the law.
    input_date
        Correlation of the logarithm of the input with the date.
    possible
        Whether quality can have both correlations at once, given that of the input with the date, ``(m,)``.
    ok
        Whether each refit reached an optimum, ``(m,)``; False for what is not possible.
    mode
        Which optimum of the fit each lies nearest to, ``(m,)``.
    """

    input: str
    share: float
    with_input: np.ndarray
    with_date: np.ndarray
    value: np.ndarray
    naive: float
    scatter: float
    input_date: float
    possible: np.ndarray
    ok: np.ndarray
    mode: np.ndarray

    def along(self, which: str) -> tuple[np.ndarray, np.ndarray]:
        """Correlations with the "input" (or the "date"), the other being 0, in order, and the quantity there.

        Only as far from 0 as the quantity moves steadily: not beyond a change of optimum, nor beyond where it turns
        back, as a rate does when the slope that it is divided by passes through 0.
        """
        if which not in ("input", "date"):
            raise ValueError(f"which='{which}': choose 'input' or 'date'")
        own, other = (self.with_input, self.with_date) if which == "input" else (self.with_date, self.with_input)
        line = np.flatnonzero((other == 0) & (own != 0) & np.isfinite(self.value))
        up = self._steady(line[own[line] > 0][np.argsort(own[line][own[line] > 0])])
        down = self._steady(line[own[line] < 0][np.argsort(-own[line][own[line] < 0])])
        at = [*own[down[::-1]], 0.0, *own[up]]
        return np.array(at), np.array([*self.value[down[::-1]], self.naive, *self.value[up]])

    def _steady(self, outward: np.ndarray) -> np.ndarray:
        """The first of these points, in order from 0, as far as the quantity keeps its optimum and its direction."""
        steps = np.diff([self.naive, *self.value[outward]])
        steady = (self.mode[outward] == 0) & (np.sign(steps) == (np.sign(steps[0]) if len(steps) else 0.0))
        return outward[: len(steady) if steady.all() else int(np.argmin(steady))]

    def needed(self, which: str, target: float) -> float:
        """The correlation nearest to 0, the other being 0, at which the quantity takes a value; NaN if none does.

        Linear interpolation between neighbouring points of :meth:`along`.
        """
        at, value = self.along(which)
        off = value - target
        found = [
            at[k] - off[k] * (at[k + 1] - at[k]) / (off[k + 1] - off[k])
            for k in range(len(at) - 1)
            if off[k] * off[k + 1] <= 0 and off[k] != off[k + 1]
        ]
        return float(min(found, key=abs)) if found else np.nan


def selection(
    point: Fit, data: Dataset, of: Any, with_input: Any, with_date: Any, *, input: str = "compute", share: float = 1.0
) -> Selection:
    """Refit under assumed correlations of unobserved quality with an input and with the date; one compiled program.

    Parameters
    ----------
    point, data
        A fit and its table.
    of
        A function of one model that returns one number, or the dotted path of a parameter.
    with_input, with_date
        Correlations, scalars or arrays that broadcast to one shape ``(m,)``.
    input
        The input whose logarithm quality may correlate with.
    share
        Share of the variance about the law that is quality, between 0 and 1; the rest is noise.

    Raises
    ------
    ValueError
        If the table lacks the input or dates, or the share is out of range.
    """
    require_x64()
    _, measure = measured(of, point)
    if not 0 < share <= 1:
        raise ValueError(f"share={share}: give a fraction above 0, up to 1")
    weights = np.asarray(fitted_weights(point, data))
    wanted = np.broadcast_arrays(np.asarray(with_input, np.float64).ravel(), np.asarray(with_date, np.float64).ravel())
    r = np.stack(wanted, axis=1)
    z = _standardised(data, input, weights)
    between = float(np.average(z[:, 0] * z[:, 1], weights=weights))
    # Where the input is a function of the date nothing says which of the two quality goes with.
    apart = max(1 - between**2, 0.0)
    slopes = (r - between * r[:, ::-1]) / (apart if apart > _APART else np.nan)
    explained = np.sum(r * slopes, axis=1)
    possible = explained < 1
    scatter = _scatter(point, data, weights)
    size = scatter * np.sqrt(share / np.where(possible, 1 - explained, 1.0))
    shift = better(point.model, data, input) * np.where(possible[:, None], size[:, None] * slopes, 0.0) @ z.T
    link = point.spec.link
    response = np.asarray(link.inverse(jnp.asarray(link.forward(jnp.asarray(data.response, float)) - shift)))
    found = refit_around(point, data, Changes(response=response))
    ok = found.ok & possible
    value = np.where(ok, map_values(measure, point.spec, found.values), np.nan)
    naive, mode = float(point.map(measure)), nearest_optimum(point, found.z)
    return Selection(input, share, r[:, 0], r[:, 1], value, naive, scatter, between, possible, ok, mode)


def _standardised(data: Dataset, input: str, weights: np.ndarray) -> np.ndarray:
    """The logarithm of the input and the date in weighted standard deviations, ``(n, 2)``."""
    columns = data.records.columns
    for name in (input, "date"):
        if name not in columns:
            raise ValueError(f"the table has no column '{name}' for quality to correlate with")
    x = np.stack([np.log(np.asarray(columns[input])), np.asarray(columns["date"], np.float64)], axis=1)
    x = x - np.average(x, axis=0, weights=weights)
    spread = np.sqrt(np.average(x**2, axis=0, weights=weights))
    if not (spread > 0).all():
        raise ValueError(f"all rows have the same {input if spread[0] == 0 else 'date'}, so nothing correlates with it")
    return x / spread


def _scatter(point: Fit, data: Dataset, weights: np.ndarray) -> float:
    link, bare = point.spec.link, data.bare()
    left = np.asarray(link.forward(bare.response) - jax.vmap(point.model.linked)(bare.records))
    kept = weights > 0
    return float(np.sqrt(np.average(left[kept] ** 2, weights=weights[kept])))


def better(model: Model, data: Dataset, input: str) -> float:
    """+1 if more of an input raises the linked response over most rows of a table, -1 if it lowers it (a loss)."""

    def slope(record: Any) -> jax.Array:
        return jax.grad(lambda log: model.linked(record.replace(**{input: jnp.exp(log)})))(jnp.log(record[input]))

    found = np.asarray(jax.vmap(slope)(data.bare().records))
    return -1.0 if np.nanmedian(found) < 0 else 1.0


def state_of_the_art(data: Dataset, direction: float = 1.0) -> np.ndarray:
    """Rows that beat every row dated before them, ``(n,)``; of one date, the best.

    ``direction`` is +1 where larger responses are better, -1 for losses; see :func:`better`.
    """
    date = np.asarray(data.records.columns["date"], np.float64)
    score = direction * np.asarray(data.response, np.float64)
    before = np.where(date[None, :] < date[:, None], score[None, :], -np.inf).max(axis=1)
    same = np.where(date[None, :] == date[:, None], score[None, :], -np.inf).max(axis=1)
    return (score > before) & (score == same)


def best_of_cluster(data: Dataset, most: int, direction: float = 1.0) -> np.ndarray:
    """At most ``most`` rows of each cluster (paper), its best ones, ``(n,)``; earlier rows of the table win ties."""
    keep = np.zeros(len(data), bool)
    score = direction * np.asarray(data.response, np.float64)
    for cluster in np.unique(data.clusters):
        rows = np.flatnonzero(np.asarray(data.clusters) == cluster)
        keep[rows[np.argsort(-score[rows], kind="stable")[:most]]] = True
    return keep


def cluster_weights(data: Dataset, most: int) -> np.ndarray:
    """Row weights by which no cluster (paper) counts for more than ``most`` rows, ``(n,)``."""
    _, codes, sizes = np.unique(data.clusters, return_inverse=True, return_counts=True)
    return np.minimum(1.0, most / sizes[codes])


@dataclasses.dataclass(frozen=True)
class Filtered:
    """A quantity refitted to some of the rows.

    Attributes
    ----------
    names
        Of the filters.
    rows
        Sum of the row weights that each leaves, ``(m,)``.
    value
        The quantity, ``(m,)``; NaN where the refit is not certified.
    ok, mode
        Whether each refit reached an optimum, and which optimum of the whole fit it lies nearest to, ``(m,)``.
    """

    names: tuple[str, ...]
    rows: np.ndarray
    value: np.ndarray
    ok: np.ndarray
    mode: np.ndarray


def filtered(point: Fit, data: Dataset, of: Any, filters: Mapping[str, Any]) -> Filtered:
    """Refit with rows left out or weighted, from every known optimum; one compiled program.

    Parameters
    ----------
    point, data
        A fit and its table.
    of
        A function of one model that returns one number, or the dotted path of a parameter.
    filters
        Name -> mask or weights of the rows, ``(n,)``, on top of the fit's own weights; see :func:`state_of_the_art`,
        :func:`best_of_cluster`, :func:`cluster_weights`.

    Raises
    ------
    ValueError
        If a filter leaves fewer than two rows, or is not of the table's length.
    """
    require_x64()
    _, measure = measured(of, point)
    own = np.asarray(fitted_weights(point, data))
    weights = np.stack([own * np.asarray(check_weights(np.asarray(w, float), data)) for w in filters.values()])
    for name, row in zip(filters, weights, strict=True):
        if np.sum(row > 0) < 2:
            raise ValueError(f"the filter '{name}' leaves {int(np.sum(row > 0))} rows; it takes two at least")
    found = refit_around(point, data, Changes(weights=weights))
    value = np.where(found.ok, map_values(measure, point.spec, found.values), np.nan)
    return Filtered(tuple(filters), weights.sum(axis=1), value, found.ok, nearest_optimum(point, found.z))
