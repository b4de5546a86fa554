"""The picture of a forecast: a fan for each combination of inputs, marked where it leaves the table."""

from typing import TYPE_CHECKING, Any

import numpy as np

from progressfit.analysis.forecast import Forecast
from progressfit.dataset import Dataset
from progressfit.features import decimal_year
from progressfit.plot.style import (
    COLOURS,
    DASHED,
    GREY,
    axes_of,
    column_label,
    is_logarithmic,
    require,
    shade_outside,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def forecast(
    found: Forecast,
    data: Dataset | None = None,
    *,
    over: str | None = None,
    label: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw a forecast as fans: expected performance, and that of a new model around it.

    Parameters
    ----------
    found
        What :func:`progressfit.forecast` returned.
    data
        The fitted table, whose rows are drawn and outside whose range the ground is shaded.
    over
        The column along which to draw; by default the date, else the first column of the scenarios. Scenarios that
        differ in other columns make fans of their own, six at most.
    label
        The performance with its unit, for the vertical axis; by default the name of the table's response.
    ax
        Where to draw; by default in a new figure.

    Returns
    -------
    The axes. Dark bands bound the expected performance, pale bands that of a new model. Filled marks lie inside the
    table's range in every input, rings outside, where lines are dashed: there an interval holds only if the law does.

    Raises
    ------
    TypeError
        If ``found`` is not a forecast, or ``data`` not a data set.
    ValueError
        If the scenarios have no such column, or more than six combinations of the others.
    """
    require(found, Forecast, "forecast", "give what pf.forecast returned")
    require(data, (Dataset, type(None)), "forecast", "give the Dataset that was fitted, or none")
    x, fans = _fans(found, over)
    name = over or _along(found)
    rows = np.empty(0) if data is None else np.asarray(data.records.columns[name], np.float64)
    ax = axes_of(ax)
    if data is not None:
        ax.scatter(rows, np.asarray(data.response), s=12, color=GREY, alpha=0.5, linewidths=0, label="rows")
    for k, (about, own) in enumerate(fans.items()):
        _draw_fan(ax, found, x, own[np.argsort(x[own], kind="stable")], COLOURS[k], about)
    ax.set_xscale("log" if is_logarithmic(name, np.concatenate([x, rows])) else "linear")
    ax.set(xlabel=column_label(name), ylabel=label or (data.labels.response if data is not None else "performance"))
    if data is not None:
        shade_outside(ax, rows.min(), rows.max())
    text = f"{found.prediction.level:.0%} {found.kind}: dark expected performance, pale a new model's"
    ax.set_title(text, fontsize=8, color=GREY, loc="right")
    ax.legend(frameon=False, fontsize=8)
    return ax


def _along(found: Forecast) -> str:
    return "date" if "date" in found.scenarios else str(found.scenarios.columns[0])


def _fans(found: Forecast, over: str | None) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Places along the axis, and which scenarios belong to each combination of the other columns."""
    frame: Any = found.scenarios
    name = over or _along(found)
    if name not in frame:
        raise ValueError(f"the scenarios have no column '{name}'; they have: {', '.join(map(str, frame.columns))}")
    x = _numbers(frame[name].to_numpy())
    others = [column for column in frame.columns if column != name]
    labels = [", ".join(_said(column, row[column]) for column in others) for row in frame.to_dict("records")]
    fans = {text: np.flatnonzero(np.asarray(labels) == text) for text in dict.fromkeys(labels)}
    if len(fans) > len(COLOURS):
        raise ValueError(
            f"{len(fans)} combinations of {', '.join(others)} are too many for one picture ({len(COLOURS)} at most); "
            "forecast fewer scenarios"
        )
    return x, fans


def _numbers(values: np.ndarray) -> np.ndarray:
    """Numbers as they are; dates as decimal years."""
    if np.issubdtype(values.dtype, np.number):
        return values.astype(np.float64)
    return np.array([decimal_year(value) for value in values])


def _said(name: str, value: Any) -> str:
    return f"{name} {value}" if isinstance(value, str) else f"{name} {float(value):.3g}"


def _draw_fan(ax: "Axes", found: Forecast, x: np.ndarray, rows: np.ndarray, colour: str, about: str) -> None:
    own, at = found.prediction, x[rows]
    inside, median = own.inside[rows], own.median[rows]
    ax.fill_between(at, own.new_low[rows], own.new_high[rows], color=colour, alpha=0.14, linewidth=0)
    ax.fill_between(at, own.low[rows], own.high[rows], color=colour, alpha=0.3, linewidth=0)
    ax.plot(at, median, color=colour, linestyle=DASHED, linewidth=1.1)
    ax.plot(at, np.where(inside, median, np.nan), color=colour, linewidth=2.0, label=about or "median")
    ax.scatter(at[inside], median[inside], s=26, color=colour, zorder=3)
    ax.scatter(at[~inside], median[~inside], s=26, facecolors="white", edgecolors=colour, zorder=3)
