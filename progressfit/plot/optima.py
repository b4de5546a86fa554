"""The picture of a fit's optima: what each says of one quantity, how good it is, and how many starts found it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from progressfit.infer.quantity import measured
from progressfit.infer.result import Fit
from progressfit.model import Model
from progressfit.params import bind
from progressfit.plot.style import COLOURS, DARK, GREY, axes_of, quantity_label, require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Areas of the marks, in points squared, for a share of starts of 0 and 1.
_SMALLEST, _LARGEST = 40.0, 460.0


def optima(
    point: Fit, of: "Callable[[Model], Any] | str", *, label: str | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw all distinct optima of a fit: one quantity against how far the objective lies above the best one.

    Parameters
    ----------
    point
        A fit.
    of
        A function of one model that returns one number, or the dotted path of a parameter.
    label
        The quantity with its unit, for the horizontal axis; by default its name.
    ax
        Where to draw; by default in a new figure.

    Returns
    -------
    The axes. Marks are as large as the share of starts that ended there; a start count stands at each. One unit up is
    a factor e less in density; a second optimum a few units up is not absurd, only less likely.

    Raises
    ------
    TypeError
        If ``point`` is not a fit.
    """
    require(point, Fit, "optima", "give what pf.fit returned")
    name, measure = measured(of, point)
    values = np.array([float(measure(bind(point.spec, one.values))) for one in point.optima])
    height = np.array([one.objective - point.objective for one in point.optima])
    shares = np.array([one.share for one in point.optima])
    ax = axes_of(ax, height=3.6)
    colours = [COLOURS[k % len(COLOURS)] for k in range(len(values))]
    ax.vlines(values, 0, height, color=colours, linewidth=1.2)
    sizes = _SMALLEST + (_LARGEST - _SMALLEST) * shares
    ax.scatter(values, height, s=sizes, c=colours, edgecolors=DARK, linewidths=0.8, zorder=3)
    for value, up, one in zip(values, height, point.optima, strict=True):
        text = f"{value:.4g}\n{one.starts} of {point.certificate.starts} starts"
        ax.annotate(text, (value, up), (12, 8), textcoords="offset points", fontsize=8)
    ax.margins(x=0.35)
    top = 1.35 * max(height.max(), 1.0)
    ax.set_ylim(-0.08 * top, top)
    ax.axhline(0.0, color=GREY, linewidth=0.8, zorder=1)
    ax.set(xlabel=label or quantity_label(name), ylabel="negative log density above the best")
    ax.set_title(_about(point), fontsize=9, color=GREY, loc="right")
    return ax


def _about(point: Fit) -> str:
    lost = point.certificate.unfinished
    text = f"{len(point.optima)} distinct " + ("optimum" if len(point.optima) == 1 else "optima")
    return text + (f"; {lost} starts ended at none" if lost else "")
