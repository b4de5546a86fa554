"""What the pictures of several sections have in common; figures come from the page, so nothing is imported here."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from progressfit.plot.style import BLUE, DARK, ORANGE, PALE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def bars(axis: "Axes", names: Sequence[str], values: np.ndarray, label: str) -> None:
    """Horizontal bars from a line at zero, the first on top, with names to the left."""
    places = np.arange(len(names))[::-1]
    axis.barh(places, values, 0.7, color=np.where(np.asarray(values) >= 0, BLUE, ORANGE))
    axis.axvline(0.0, color=DARK, linewidth=0.8)
    axis.set_yticks(places, [_short(name) for name in names], fontsize=8)
    axis.tick_params(axis="y", length=0)
    axis.grid(True, axis="x", color=PALE, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.set_xlabel(label, fontsize=9)


def agreement(axis: "Axes", x: np.ndarray, y: np.ndarray, x_label: str, y_label: str) -> None:
    """Points about the line of equality."""
    ends = np.array([min(np.nanmin(x), np.nanmin(y)), max(np.nanmax(x), np.nanmax(y))])
    axis.plot(ends, ends, color=DARK, linewidth=0.8)
    axis.scatter(x, y, s=16, alpha=0.7, color=BLUE, linewidths=0)
    axis.grid(True, color=PALE, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.set_xlabel(x_label, fontsize=9)
    axis.set_ylabel(y_label, fontsize=9)


def titled(text: str) -> str:
    """The text with a capital at its beginning, the rest as it is (names keep theirs)."""
    return text[:1].upper() + text[1:]


def _short(name: str, most: int = 28) -> str:
    return name if len(name) <= most else name[: most - 3] + "..."
