"""The picture of a calibration: the distribution of ranks of every quantity, less what it should be, and its band."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from progressfit.analysis.calibration_result import Calibration
from progressfit.plot.style import BLUE, ORANGE
from progressfit.report.plots import write_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WITHIN, _OUTSIDE, _BAND = BLUE, ORANGE, "#999999"
_COLUMNS = 3


def plot_calibration(found: Calibration) -> "Figure":
    """Draw the ranks of a calibration.

    Returns
    -------
    A matplotlib figure with one panel for each quantity: the empirical distribution of its ranks minus the uniform one,
    against the rank as a share of the draws, within the band that holds for all quantities together. A curve above zero
    on the left: true values are often below the draws.
    """
    from matplotlib.figure import Figure

    columns = min(len(found.names), _COLUMNS)
    rows = -(-len(found.names) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.4 * rows + 0.8), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for k, axis in enumerate(axes):
        if k < len(found.names):
            _panel(axis, found, k)
        else:
            axis.set_visible(False)
    figure.suptitle(found.sentences[0].split(". The")[0], fontsize=11)
    figure.supxlabel("rank of the true value, as a share of the draws", fontsize=9)
    figure.supylabel("empirical minus uniform distribution", fontsize=9)
    return figure


def draw_calibration(found: Calibration, path: Path) -> None:
    """Draw the ranks of a calibration into a PNG file; see :func:`plot_calibration`."""
    write_png(plot_calibration(found), path)


def _panel(axis: "Axes", found: Calibration, k: int) -> None:
    position, low, high = found.band
    counts = np.cumsum(np.bincount(found.ranks[:, k], minlength=found.draws + 1))[:-1]
    colour = _OUTSIDE if found.names[k] in found.failing else _WITHIN
    axis.fill_between(position, low - position, high - position, color=_BAND, alpha=0.3, linewidth=0)
    axis.axhline(0.0, color="#222222", linewidth=0.6)
    axis.step(position, counts / len(found) - position, where="mid", color=colour, linewidth=1.4)
    axis.set_title(f"{found.names[k]} (p = {found.p_values[k]:.2g})", fontsize=9, color=colour)
    axis.spines[["top", "right"]].set_visible(False)
