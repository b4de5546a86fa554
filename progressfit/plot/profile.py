"""The picture of a profile: the curve, its cut, the interval, and the optima."""

from typing import TYPE_CHECKING

import numpy as np

from progressfit.infer.profile_result import Profile
from progressfit.plot.style import (
    BLUE,
    DARK,
    DASHED,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    YELLOW,
    axes_of,
    quantity_label,
    require,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OPTIMA = (GREEN, PURPLE, YELLOW, SKY)
# The vertical axis ends between these multiples of the cut.
_LOWEST_TOP, _HIGHEST_TOP = 1.3, 2.5


def profile(found: Profile, *, label: str | None = None, ax: "Axes | None" = None) -> "Axes":
    """Draw a profile: for each value of a quantity, the lowest objective over everything else.

    Parameters
    ----------
    found
        What :func:`progressfit.profile` returned.
    label
        The quantity with its unit, for the horizontal axis: "growth of effective compute (natural log units a
        year)". By default the profile's own name for it.
    ax
        Where to draw; by default in a new figure.

    Returns
    -------
    The axes: how far the minimised negative log density lies above its lowest point, the cut, and the values below it,
    which are the interval; arrows where an end is open. Crosses are the optima of the fit; points that are not
    certified are left out, and optima outside the picture are named in the legend.

    Raises
    ------
    TypeError
        If ``found`` is not a profile.
    """
    require(found, Profile, "profile", "give what pf.profile returned")
    ax = axes_of(ax)
    lowest = found.stats["lowest"]
    height = np.where(found.ok, found.objective - lowest, np.nan)
    ax.plot(found.quantity, height, color=DARK, linewidth=1.8, marker=".", markersize=4, label=found.kind)
    cut = found.cut - lowest
    ax.axhline(cut, color=ORANGE, linewidth=1.2, linestyle=DASHED, label=f"cut, level {found.level:g}")
    _draw_pieces(ax, found, cut)
    top = float(np.clip(1.05 * np.nanmax(height), _LOWEST_TOP * cut, _HIGHEST_TOP * cut))
    _draw_optima(ax, found, top)
    ax.set(xlabel=label or quantity_label(found.of), ylabel="negative log density above its lowest point")
    ax.set(xlim=(float(found.quantity[0]), float(found.quantity[-1])), ylim=(-0.06 * cut, top))
    ax.legend(frameon=False, fontsize=9)
    return ax


def _draw_pieces(ax: "Axes", found: Profile, cut: float) -> None:
    """Each range below the cut, down to the axis where it ends and with an arrow where it does not."""
    first, last = float(found.quantity[0]), float(found.quantity[-1])
    for piece in found.pieces:
        low, high = max(piece.low, first), min(piece.high, last)
        ax.axvspan(low, high, color=BLUE, alpha=0.12, linewidth=0)
        for end, is_open, marker in ((low, piece.open_low, "<"), (high, piece.open_high, ">")):
            if is_open:
                ax.plot(end, cut, marker=marker, color=BLUE, markersize=9, clip_on=False)
            else:
                ax.vlines(end, 0, cut, color=BLUE, linewidth=1.4)


def _draw_optima(ax: "Axes", found: Profile, top: float) -> None:
    """A cross at each optimum within the picture; the others by name."""
    first, last = found.quantity[0], found.quantity[-1]
    for k, (at, optimum) in enumerate(zip(found.optima, found.origin.optima, strict=True)):
        height = optimum.objective - found.stats["lowest"]
        inside = first <= at <= last and height <= top
        x, y, where = (at, height, "") if inside else (np.nan, np.nan, f", outside: {at:.3g}, {height:.3g} up")
        style = {"color": _OPTIMA[k % len(_OPTIMA)], "markeredgecolor": "black", "markersize": 10}
        ax.plot(x, y, "X", label=f"optimum {k + 1}{where}", linestyle="none", **style)
