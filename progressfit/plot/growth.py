"""The picture of growth rates: several results of one rate, one line each."""

import itertools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from progressfit.growth import growth_rate
from progressfit.infer.profile_result import Profile
from progressfit.infer.result import Draws, Fit
from progressfit.model import Model
from progressfit.plot.reading import Span, name_of, named_results, require_level, span
from progressfit.plot.style import COLOURS, DARK, GREY, RATE, axes_of, clear_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEWEST_BINS, _MOST_BINS, _HEIGHT = 24, 80, 0.62
_FACTORS = (0.01, 0.1, 0.3, 1, 3, 10, 30, 100, 1000)


def growth(
    results: "Fit | Draws | Profile | Mapping[str, Fit | Draws | Profile]",
    of: Callable[[Model], Any] = growth_rate,
    *,
    level: float = 0.95,
    magnitudes: bool = False,
    label: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw one growth rate as several results give it: outline of the draws, median, interval.

    Parameters
    ----------
    results
        One result, or name -> result, from top to bottom. A profile brings its own level and has no outline; where it
        is open, its line ends in an arrow.
    of
        A function of one model that returns a rate in natural log units a year.
    level
        Coverage of the central intervals of draws.
    magnitudes
        Draw in orders of magnitude (factors of ten) a year instead of natural log units.
    label
        The rate with its unit, for the horizontal axis.
    ax
        Where to draw; by default in a new figure.

    Returns
    -------
    The axes; the scale above it gives the factor a year. Each line is named with the kind and level of its interval
    and with the number of draws left out of it (not certified or not finite). Mind the line at zero: an interval that
    holds it bounds the doubling time on one side only.

    Raises
    ------
    TypeError
        If a result is none of these kinds.
    ValueError
        If a profile is of another quantity, or no draw is certified.
    """
    require_level(level)
    found = named_results(results, (Fit, Draws, Profile), "growth")
    spans = [_span(name, result, of, level) for name, result in found.items()]
    ax = axes_of(ax, height=1.3 + 0.75 * len(spans))
    unit = np.log(10) if magnitudes else 1.0
    low, high = _limits(spans, unit)
    places = range(len(spans) - 1, -1, -1)
    for place, one, result, colour in zip(places, spans, found.values(), itertools.cycle(COLOURS), strict=False):
        _draw(ax, one, place, colour, unit, (low, high))
        if isinstance(result, Profile):
            _arrows(ax, result, place, unit, (low, high))
    clear_rows(ax, [_line(name, one) for name, one in zip(found, spans, strict=True)])
    ax.axvline(0.0, color=DARK, linewidth=1.0)
    ax.set(xlim=(low, high), ylim=(-0.35, len(spans) - 0.05), xlabel=label or _label(of, magnitudes))
    _factors(ax, unit)
    return ax


def _label(of: Callable[[Model], Any], magnitudes: bool) -> str:
    text = RATE if of is growth_rate else f"{name_of(of)} (natural log units a year)"
    return text.replace("natural log units", "orders of magnitude") if magnitudes else text


def _span(name: str, result: Fit | Draws | Profile, of: Callable[[Model], Any], level: float) -> Span:
    if not isinstance(result, Profile):
        return span(result, result.map(of), level)
    if result.of != name_of(of):
        raise ValueError(f"'{name}' is a profile of '{result.of}', not of '{name_of(of)}'; profile that, or give of=")
    return Span(float(result.optima[0]), *result.interval, f"{result.level:.0%} {result.kind}", np.empty(0), 0)


def _line(name: str, one: Span) -> str:
    text = one.about if one.about.endswith(name) else f"{name}\n{one.about}"
    if len(one.draws):
        text += f"\n{np.mean(one.draws <= 0):.1%} not above 0"
    return text + (f", {one.left_out} left out" if one.left_out else "")


def _limits(spans: list[Span], unit: float) -> tuple[float, float]:
    """Limits that show zero, every interval that ends, and nearly all draws but for far tails."""
    ends = [0.0] + [value for one in spans for value in one[:3] if np.isfinite(value)]
    ends += [value for one in spans if len(one.draws) for value in np.quantile(one.draws, [0.01, 0.99])]
    margin = 0.05 * (max(ends) - min(ends) or 1.0)
    return (min(ends) - margin) / unit, (max(ends) + margin) / unit


def _draw(ax: "Axes", one: Span, place: int, colour: str, unit: float, limits: tuple[float, float]) -> None:
    if len(one.draws):
        bins = int(np.clip(2 * np.sqrt(len(one.draws)), _FEWEST_BINS, _MOST_BINS))
        height, edges = np.histogram(one.draws / unit, np.linspace(*limits, bins + 1))
        ax.stairs(
            place + _HEIGHT * height / max(height.max(), 1), edges, baseline=place, fill=True, color=colour, alpha=0.3
        )
    low, high = np.clip([one.low / unit, one.high / unit], *limits)
    ax.hlines(place, low, high, color=colour, linewidth=2.5)
    ax.plot(one.middle / unit, place, "o", color=colour, markersize=6)


def _arrows(ax: "Axes", profile: Profile, place: int, unit: float, limits: tuple[float, float]) -> None:
    """An arrow at each end that was not found."""
    for end, is_open, marker in zip(profile.interval, profile.open, "<>", strict=True):
        if is_open:
            ax.plot(np.clip(end / unit, *limits), place, marker, color=DARK, markersize=8, clip_on=False)


def _factors(ax: "Axes", unit: float) -> None:
    """A second scale above: the factor a year that a rate stands for."""
    left, right = ax.get_xlim()
    places = {factor: np.log(factor) / unit for factor in _FACTORS if left <= np.log(factor) / unit <= right}
    above = ax.secondary_xaxis("top")
    above.set_xticks(list(places.values()), [f"{factor:g}x" for factor in places], fontsize=8, color=GREY)
    above.set_xlabel("factor a year", fontsize=8, color=GREY)
    above.tick_params(length=2, color=GREY)
    above.spines["top"].set_visible(False)
