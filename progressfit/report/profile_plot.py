"""A profile as a figure of its own, with what has to be known about it, and as a file."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from progressfit.infer.profile_result import Profile
from progressfit.plot.profile import profile as draw_axes
from progressfit.report.plots import write_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_profile(profile: Profile, label: str | None = None) -> "Figure":
    """Draw a profile as a figure with a title and a note.

    Parameters
    ----------
    profile
        What :func:`progressfit.profile` returned.
    label
        The quantity with its unit, for the horizontal axis; by default the profile's own name for it.

    Returns
    -------
    A matplotlib figure with what :func:`progressfit.plot.profile` draws.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 5.0), layout="constrained")
    draw_axes(profile, label=label, ax=figure.subplots())
    figure.suptitle(profile.notes[0], fontsize=11)
    figure.supxlabel(_about(profile), fontsize=8, color="#555555")
    return figure


def draw_profile(profile: Profile, path: Path, label: str | None = None) -> None:
    """Draw a profile into a PNG file; arguments as for :func:`plot_profile`."""
    write_png(plot_profile(profile, label), path)


def _about(profile: Profile) -> str:
    failed = int(np.sum(~profile.ok))
    lost = f"; {failed} points could not be certified and are left out" if failed else ""
    return f"{len(profile.quantity)} points, each the lowest of all known optima; arrows: open ends{lost}"
