"""The picture of an attribution: a bar for each player, with whiskers where there are draws."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from progressfit.analysis.attribution import Attribution
from progressfit.infer.result import Draws, Fit
from progressfit.model import Model
from progressfit.plot.reading import Span, name_of, named_results, require_level, span
from progressfit.plot.style import COLOURS, DARK, axes_of, clear_rows, require

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def shapley(
    results: "Fit | Draws | Mapping[str, Fit | Draws]",
    of: Callable[[Model], Any],
    *,
    level: float = 0.95,
    label: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw who contributed how much, as several results have it.

    Parameters
    ----------
    results
        One result, or name -> result.
    of
        A function of one model that returns what :func:`progressfit.shapley` does, whose shares are drawn, or a
        dictionary of numbers by player, such as its ``shares`` or ``contributions``.
    level
        Coverage of the central intervals of draws.
    label
        What the bars measure, with its unit; by default "share of the change", or the name of ``of``.
    ax
        Where to draw; by default in a new figure.

    Returns
    -------
    The axes. Bars are the fit's numbers or the medians of certified draws, whiskers the central interval, whose kind
    and level stand in the legend. Medians of shares need not add up to one; shares of a single fit do.

    Raises
    ------
    TypeError
        If a result is neither a fit nor draws, or ``of`` returns something else.
    ValueError
        If no draw is certified.
    """
    require_level(level)
    found = named_results(results, (Fit, Draws), "shapley")
    if not callable(of):
        require(of, (), "shapley", "give a function of one model as of, such as lambda model: pf.shapley(model, a, b)")
    spans = {name: _spans(result, of, level) for name, result in found.items()}
    players = list(next(iter(spans.values())))
    ax = axes_of(ax, height=1.1 + (0.25 + 0.22 * len(spans)) * len(players))
    width = 0.8 / len(spans)
    for k, (name, own) in enumerate(spans.items()):
        places = np.arange(len(players))[::-1] + ((len(spans) - 1) / 2 - k) * width
        middle, low, high = np.array([own[player][:3] for player in players]).T
        ax.barh(places, middle, 0.92 * width, color=COLOURS[k % len(COLOURS)], alpha=0.85, label=_legend(name, own))
        ax.hlines(places, low, high, color=DARK, linewidth=1.4)
    clear_rows(ax, players)
    ax.axvline(0.0, color=DARK, linewidth=0.8)
    ax.set_xlabel(label or _label(of, next(iter(found.values()))))
    ax.legend(frameon=False, fontsize=9)
    return ax


def _legend(name: str, own: dict[str, Span]) -> str:
    first = next(iter(own.values()))
    left_out = max(one.left_out for one in own.values())
    text = name if name == first.about else f"{name}: {first.about}"
    return text + (f", {left_out} left out" if left_out else "")


def _label(of: Callable[[Model], Any], result: Fit | Draws) -> str:
    point = result.origin if isinstance(result, Draws) else result
    return "share of the change" if isinstance(point.map(of), Attribution) else name_of(of)


def _spans(result: Fit | Draws, of: Callable[[Model], Any], level: float) -> dict[str, Span]:
    """Number and interval of each player, in the order of the fit: mapped over draws, keys come back sorted."""
    point = result.origin if isinstance(result, Draws) else result
    order, values = _numbers(point.map(of)), _numbers(result.map(of))
    return {str(player): span(result, values[player], level) for player in order}


def _numbers(found: Any) -> Mapping[Any, Any]:
    if isinstance(found, Attribution):
        return found.shares
    if not isinstance(found, Mapping) or not found:
        raise TypeError(
            f"pf.plot.shapley needs a function that returns an Attribution or a dictionary of numbers by player; this "
            f"one returns a {type(found).__name__}"
        )
    return found
