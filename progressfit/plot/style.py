"""What all pictures have in common: colours, a new figure, names of columns with their units, and refusals."""

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette, safe for colour-blind readers.
BLUE, ORANGE, GREEN, PURPLE, YELLOW, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, YELLOW, SKY)
DARK, GREY, PALE, OUTSIDE = "#222222", "#8a8a8a", "#e6e6e6", "#f1ede4"
DASHED = (0, (4, 2))

RATE = "growth of effective compute (natural log units a year)"
_COLUMNS = {
    "date": "date (year)",
    "compute": "training compute (FLOP)",
    "data": "training data (as counted in the table)",
    "parameters": "parameters",
}


def axes_of(ax: "Axes | None", width: float = 7.0, height: float = 4.2) -> "Axes":
    """The axes that were given, or those of a new figure (sizes in inches)."""
    if ax is None:
        if {"matplotlib.pyplot", "ipykernel"} & sys.modules.keys():
            from matplotlib import pyplot

            figure = pyplot.figure(figsize=(width, height), layout="constrained")
        else:
            from matplotlib.figure import Figure

            figure = Figure(figsize=(width, height), layout="constrained")
        ax = figure.subplots()
    require_axes(ax)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, color=PALE, linewidth=0.6)
    ax.set_axisbelow(True)
    return ax


def require_axes(ax: Any) -> None:
    """Raise unless ``ax`` is one matplotlib axes."""
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise TypeError(f"ax is a {type(ax).__name__}; give one matplotlib Axes, such as figure.subplots() returns")


def require(value: Any, kinds: type | tuple[type, ...], where: str, remedy: str) -> None:
    """Raise a ``TypeError`` that names the picture, what came, and what to give instead."""
    if not isinstance(value, kinds):
        raise TypeError(f"pf.plot.{where} cannot draw a {type(value).__name__}; {remedy}")


def column_label(name: str) -> str:
    """The name of a column with its unit, where the package knows it."""
    return _COLUMNS.get(name, name)


def quantity_label(name: str) -> str:
    """The name of a quantity, with its unit where the package knows it."""
    return f"{name} (natural log units a year)" if name == "growth_rate" else name


def is_logarithmic(name: str, values: np.ndarray) -> bool:
    """Whether an axis of these values is logarithmic: positive inputs that span more than a decade."""
    return name != "date" and bool((values > 0).all()) and values.max() > 10 * values.min()


def clear_rows(ax: "Axes", names: list[str]) -> None:
    """One named line a row, the first on top, with a vertical grid only."""
    ax.set_yticks(range(len(names) - 1, -1, -1), names)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(False, axis="y")


def shade_outside(ax: "Axes", low: float, high: float) -> None:
    """Shade the ground left and right of the range of the table, as far as the axis goes; fixes the axis' limits."""
    left, right = ax.get_xlim()
    for begin, end in ((left, min(low, right)), (max(high, left), right)):
        if end > begin:
            ax.axvspan(begin, end, color=OUTSIDE, zorder=0, linewidth=0, label=_once(ax, "outside the table's range"))
    ax.set_xlim(left, right)


def _once(ax: "Axes", label: str) -> str:
    return "_" + label if label in ax.get_legend_handles_labels()[1] else label
