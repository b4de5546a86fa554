"""The picture of a fit: the law along one column with the other inputs held, and the rows moved to these inputs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.analysis.predict import extrapolation
from progressfit.dataset import Dataset, Record
from progressfit.infer.result import Draws, Fit
from progressfit.model import Model, mean_terms
from progressfit.plot.reading import require_level
from progressfit.plot.style import (
    BLUE,
    DARK,
    DASHED,
    GREY,
    axes_of,
    column_label,
    is_logarithmic,
    require,
    shade_outside,
)
from progressfit.terms import AbstractGroupTerm

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 121


def fit(
    result: Fit | Draws,
    data: Dataset,
    *,
    over: str = "date",
    at: Mapping[str, Any] | None = None,
    beyond: float = 0.2,
    level: float = 0.95,
    label: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw a fitted law along one column, among the rows of the table.

    Parameters
    ----------
    result
        A fit, whose law is drawn as a line; or draws, whose median is drawn with an interval of the expected
        performance.
    data
        The table that was fitted.
    over
        The column along which to draw: "date", or an input.
    at
        Where the other columns are held, by name, groups by level. By default medians, and the level of most rows.
    beyond
        How far the line goes on beyond the table, as a share of its range; dashed there, on shaded ground.
    level
        Coverage of the central interval of draws.
    label
        The performance with its unit, for the vertical axis; by default the name of the table's response.
    ax
        Where to draw; by default in a new figure.

    Returns
    -------
    The axes. Grey rings are the rows as observed. Blue points are the same rows moved to the inputs of the line, their
    residuals (on the link scale) kept: what scatters about the line is what the law leaves unexplained, while rings
    lie apart from it because their inputs differ.

    Raises
    ------
    TypeError
        If ``result`` or ``data`` is something else.
    ValueError
        If the table has no such column, or no draw is certified.
    """
    require(result, (Fit, Draws), "fit", "give what pf.fit, pf.bootstrap, pf.laplace or pf.sample returned")
    require(data, Dataset, "fit", "give the Dataset that was fitted")
    require_level(level)
    held = _held(data, over, dict(at or {}))
    x = np.asarray(data.records.columns[over], np.float64)
    grid = _grid(x, is_logarithmic(over, x), beyond)
    records = data.record(**{over: grid}, **held)
    ax = axes_of(ax)
    model = result.origin.model if isinstance(result, Draws) else result.model
    _draw_rows(ax, model, data, x, data.record(**{over: x}, **held))
    _draw_law(ax, result, records, grid, extrapolation(data, records).inside, level)
    ax.set_xscale("log" if is_logarithmic(over, x) else "linear")
    ax.margins(x=0.02)
    ax.set(xlabel=column_label(over), ylabel=label or data.labels.response)
    shade_outside(ax, x.min(), x.max())
    ax.set_title(_about(held, model, data), fontsize=8, color=GREY, loc="right")
    ax.legend(frameon=False, fontsize=8)
    return ax


def _held(data: Dataset, over: str, at: dict[str, Any]) -> dict[str, Any]:
    """Where every column but one is held: as given, else medians and the level of most rows."""
    columns, codes = data.records.columns, data.records.codes
    unknown = [name for name in (over, *at) if name not in {*columns, *codes}]
    if unknown or over not in columns:
        have = ", ".join([*columns, *codes])
        raise ValueError(f"the table has no column '{(unknown or [over])[0]}' to draw along or hold; it has: {have}")
    middle: dict[str, Any] = {name: float(np.median(np.asarray(values))) for name, values in columns.items()}
    for group, levels in data.labels.levels:
        middle[group] = levels[int(np.bincount(np.asarray(codes[group])).argmax())]
    found = middle | at
    found.pop(over)
    return found


def _grid(x: np.ndarray, logarithmic: bool, beyond: float) -> np.ndarray:
    """From the first row to beyond the last one, evenly on the scale of the axis; the last row's place is on it."""
    low, high = (np.log(x.min()), np.log(x.max())) if logarithmic else (x.min(), x.max())
    last = high + beyond * (high - low)
    places = np.union1d(np.linspace(low, last, _POINTS), [high])
    found = np.exp(places) if logarithmic else places
    # Rounding of logarithms must not put the ends of the table outside its range.
    found[0], found[np.searchsorted(places, high)] = x.min(), x.max()
    return found


def _draw_rows(ax: "Axes", model: Model, data: Dataset, x: np.ndarray, moved: Record) -> None:
    link = model.link
    unexplained = link.forward(data.response) - jax.vmap(model.linked)(data.records)
    adjusted = link.inverse(jax.vmap(model.linked)(moved) + unexplained)
    observed = np.asarray(data.response)
    ax.scatter(x, observed, s=16, facecolors="none", edgecolors=GREY, linewidths=0.7, alpha=0.6, label="rows")
    ax.scatter(x, np.asarray(adjusted), s=16, color=BLUE, linewidths=0, alpha=0.75, label="rows, moved to these inputs")


def _draw_law(
    ax: "Axes", result: Fit | Draws, records: Record, grid: np.ndarray, inside: np.ndarray, level: float
) -> None:
    """The line, dashed outside the table, and the interval of draws."""
    values = np.asarray(result.map(lambda model: model.predict(records)))
    if isinstance(result, Draws):
        if not result.ok.any():
            raise ValueError(f"none of the {len(result)} draws is certified: {result.result.value}")
        low, values, high = np.quantile(values[result.ok], [(1 - level) / 2, 0.5, (1 + level) / 2], axis=0)
        about = f"{level:.0%} {result.kind}, expected"
        ax.fill_between(grid, low, high, color=DARK, alpha=0.15, linewidth=0, label=about)
    name = "median of draws" if isinstance(result, Draws) else "best fit"
    ax.plot(grid, values, color=DARK, linestyle=DASHED, linewidth=1.1)
    ax.plot(grid, np.where(inside, values, np.nan), color=DARK, linewidth=2.0, label=name)


def _about(held: dict[str, Any], model: Model, data: Dataset) -> str:
    """Where the columns are held that the law reads."""
    where = {name: value for name, value in held.items() if _reads(model, data, name)}
    said = [f"{name} {value if isinstance(value, str) else format(value, '.4g')}" for name, value in where.items()]
    return f"at {', '.join(said)}" if said else ""


def _reads(model: Model, data: Dataset, name: str) -> bool:
    """Whether the prediction depends on a column (it is lost with it) or on a group."""
    row = jax.tree.map(jnp.asarray, data.records.row(0))
    if name in row.columns:
        return not bool(jnp.isfinite(model.linked(row.replace(**{name: jnp.nan}))))
    return any(isinstance(term, AbstractGroupTerm) and term.group == name for term in mean_terms(model))
