"""How every chart of a page is drawn: colours, fonts, widths, and how much of a long table is shown."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from progressfit.plot.style import COLOURS as PALETTE

# Blue and vermillion stand for "inside" and "outside".
COLOURS = (*PALETTE, "#A89F00", "#7F7F7F")
INSIDE, OUTSIDE, PLAIN = COLOURS[0], COLOURS[1], COLOURS[7]
MOST_ROWS = 600
_DIGITS, _MOST_LETTERS = 7, 60
_INK = "currentColor"
_TEXT = {"labelColor": _INK, "titleColor": _INK, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"}
_CONFIG: dict[str, Any] = {
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": _TEXT
    | {
        "gridColor": _INK,
        "gridOpacity": 0.12,
        "domainColor": _INK,
        "domainOpacity": 0.5,
        "tickColor": _INK,
        "tickOpacity": 0.5,
        "labelLimit": 190,
    },
    "axisQuantitative": {"tickCount": 7},
    # Room for the labels, whatever a title measures before its font is there.
    "axisY": {"titlePadding": 10},
    "legend": _TEXT | {"orient": "top", "columns": 4, "labelLimit": 120, "symbolOpacity": 1},
    "text": {"color": _INK, "fontSize": 12},
    "rule": {"color": _INK},
}


def source(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows as data that stand in the specification itself, numbers with the digits that a chart can show."""
    return {"values": [lean(row) for row in rows]}


def lean(row: Mapping[str, Any]) -> dict[str, Any]:
    """One row with numbers to seven digits."""
    return {key: _lean(value) for key, value in row.items()}


def _lean(value: Any) -> Any:
    if isinstance(value, float) and np.isfinite(value):
        return float(f"{value:.{_DIGITS}g}")
    return value


def short(name: str) -> str:
    """A name as a chart shows it: cut where it is longer than any chart could show."""
    return name if len(name) <= _MOST_LETTERS else f"{name[:_MOST_LETTERS]}\N{HORIZONTAL ELLIPSIS}"


def finished(chart: Any, height: int, words: str) -> dict[str, Any]:
    """A chart as a plain specification as wide as its place, with a description for readers who cannot see it."""
    chart = chart.properties(width="container", height=height, description=words, background="transparent")
    spec = chart.to_dict()
    # A counter of the library names these; a page must not depend on what was drawn before it.
    spec.pop("$schema", None)
    return spec | {"config": {name: dict(v) if isinstance(v, dict) else v for name, v in _CONFIG.items()}}


def decades(low: float, high: float, most: int = 8) -> list[float]:
    """Powers of ten between two positive numbers, at most about ``most`` of them: ticks of a logarithmic axis."""
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    return [10.0**k for k in range(first, last + 1, max(1, -(-(last - first) // most)))]


def thinned(n: int, most: int = MOST_ROWS) -> np.ndarray:
    """Positions of at most ``most`` of ``n`` rows, evenly spread."""
    return np.arange(n) if n <= most else np.unique(np.linspace(0, n - 1, most).astype(int))


def thinned_note(n: int, most: int = MOST_ROWS) -> str:
    """What is said where not every row is drawn."""
    return f" Of {n} rows {most} are drawn, evenly spread over the table." if n > most else ""
