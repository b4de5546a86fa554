"""The picture of influence: how far the answer moves when a row, or a group of rows, is left out."""

from typing import TYPE_CHECKING

import numpy as np

from progressfit.analysis.influence import Influence, LeftOut
from progressfit.plot.style import BLUE, DARK, GREY, ORANGE, axes_of, clear_rows, quantity_label, require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LONGEST_NAME = 32


def influence(
    found: Influence | LeftOut, *, count: int = 12, label: str | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw the rows that matter most, by how far the answer moves without them.

    Parameters
    ----------
    found
        What :func:`progressfit.influence` returned (first-order shifts of single rows), or
        :func:`progressfit.leave_out` (exact refits without rows or groups; ticks mark what first order predicts).
    count
        How many to show, the largest shifts first.
    label
        The quantity with its unit; by default its name.
    ax
        Where to draw; by default in a new figure.

    Returns
    -------
    The axes: blue bars where the answer rises without the row, orange where it falls.

    Raises
    ------
    TypeError
        If ``found`` is something else.
    ValueError
        If ``count`` is not positive.
    """
    require(found, (Influence, LeftOut), "influence", "give what pf.influence or pf.leave_out returned")
    if count < 1:
        raise ValueError(f"count={count}: show at least one row")
    exact = isinstance(found, LeftOut)
    names, shift = (found.names, found.shift) if exact else (found.rows, -found.fitted * found.weight)
    # Refits that are not certified have no shift; they go last.
    largest = np.argsort(-np.abs(np.nan_to_num(shift)), kind="stable")[:count]
    ax = axes_of(ax, height=1.2 + 0.27 * len(largest))
    places = np.arange(len(largest))[::-1]
    ax.barh(places, shift[largest], 0.7, color=np.where(shift[largest] >= 0, BLUE, ORANGE))
    if exact:
        predicted = found.predicted[largest] - found.full
        ax.plot(predicted, places, "|", color=DARK, markersize=11, markeredgewidth=1.5, label="first-order prediction")
        ax.legend(frameon=False, fontsize=9)
    clear_rows(ax, [_short(str(names[index])) for index in largest])
    ax.axvline(0.0, color=DARK, linewidth=0.8)
    ax.set_xlabel(_label(found, label))
    ax.set_title(_about(found, len(largest), len(names)), fontsize=9, color=GREY, loc="right")
    return ax


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 3] + "..."


def _label(found: Influence | LeftOut, label: str | None) -> str:
    if isinstance(found, LeftOut):
        return f"shift of {label or 'the quantity'} without the {found.kind}, exact refit"
    return f"shift of {label or quantity_label(found.name)} without the row, first order"


def _about(found: Influence | LeftOut, shown: int, total: int) -> str:
    value = found.full if isinstance(found, LeftOut) else found.value
    kind = found.kind if isinstance(found, LeftOut) else "row"
    return f"{shown} of {total} {kind}s; with all of them {value:.4g}"
