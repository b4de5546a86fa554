"""The picture of a profile: the curve, its cut, the interval, and the optima."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from progressfit.infer.profile_result import Profile
from progressfit.report.plots import write_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, safe for colour-blind readers.
_CURVE, _INTERVAL, _CUT = "#222222", "#0072B2", "#D55E00"
_OPTIMA = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9")
# The vertical axis ends between these multiples of the cut.
_LOWEST_TOP, _HIGHEST_TOP = 1.3, 2.5


def plot_profile(profile: Profile, label: str | None = None) -> "Figure":
    """Draw a profile.

    Parameters
    ----------
    profile
        What :func:`progressfit.profile` returned.
    label
        The quantity with its unit, for the horizontal axis: "growth of effective compute (natural log units per
        year)". By default the profile's own name for it.

    Returns
    -------
    A matplotlib figure: how far the minimised negative log density lies above its lowest point, the cut, and what lies
    below it; arrows where an end is open. Crosses are the optima of the fit; points that are not certified are left
    out, and optima outside the picture are named in the legend.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 5.0), layout="constrained")
    axis = figure.subplots()
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(True, color="#e6e6e6", linewidth=0.6)
    axis.set_axisbelow(True)
    lowest = profile.stats["lowest"]
    height = np.where(profile.ok, profile.objective - lowest, np.nan)
    axis.plot(profile.quantity, height, color=_CURVE, linewidth=1.8, marker=".", markersize=4, label=profile.kind)
    cut = profile.cut - lowest
    axis.axhline(cut, color=_CUT, linewidth=1.2, linestyle=(0, (4, 2)), label=f"cut, level {profile.level:g}")
    _draw_pieces(axis, profile, cut)
    top = float(np.clip(1.05 * np.nanmax(height), _LOWEST_TOP * cut, _HIGHEST_TOP * cut))
    _draw_optima(axis, profile, top)
    axis.set(xlabel=label or profile.of, ylabel="negative log density above its lowest point")
    axis.set(xlim=(float(profile.quantity[0]), float(profile.quantity[-1])), ylim=(-0.06 * cut, top))
    axis.legend(frameon=False, fontsize=9)
    figure.suptitle(profile.notes[0], fontsize=11)
    figure.supxlabel(_about(profile), fontsize=8, color="#555555")
    return figure


def draw_profile(profile: Profile, path: Path, label: str | None = None) -> None:
    """Draw a profile into a PNG file; arguments as for :func:`plot_profile`."""
    write_png(plot_profile(profile, label), path)


def _draw_pieces(axis: "Axes", profile: Profile, cut: float) -> None:
    """Each range below the cut, down to the axis where it ends and with an arrow where it does not."""
    first, last = float(profile.quantity[0]), float(profile.quantity[-1])
    for piece in profile.pieces:
        low, high = max(piece.low, first), min(piece.high, last)
        axis.axvspan(low, high, color=_INTERVAL, alpha=0.12, linewidth=0)
        for end, is_open, marker in ((low, piece.open_low, "<"), (high, piece.open_high, ">")):
            if is_open:
                axis.plot(end, cut, marker=marker, color=_INTERVAL, markersize=9, clip_on=False)
            else:
                axis.vlines(end, 0, cut, color=_INTERVAL, linewidth=1.4)


def _draw_optima(axis: "Axes", profile: Profile, top: float) -> None:
    """A cross at each optimum within the picture; the others by name."""
    first, last = profile.quantity[0], profile.quantity[-1]
    for k, (at, optimum) in enumerate(zip(profile.optima, profile.origin.optima, strict=True)):
        height = optimum.objective - profile.stats["lowest"]
        inside = first <= at <= last and height <= top
        x, y, where = (at, height, "") if inside else (np.nan, np.nan, f", outside: {at:.3g}, {height:.3g} up")
        style = {"color": _OPTIMA[k % len(_OPTIMA)], "markeredgecolor": "black", "markersize": 10}
        axis.plot(x, y, "X", label=f"optimum {k + 1}{where}", linestyle="none", **style)


def _about(profile: Profile) -> str:
    failed = int(np.sum(~profile.ok))
    lost = f"; {failed} points could not be certified and are left out" if failed else ""
    return f"{len(profile.quantity)} points, each the lowest of all known optima; arrows: open ends{lost}"
