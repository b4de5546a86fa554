"""A comparison of forms as a data frame and as a picture."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from progressfit.analysis.comparison import STACKED, Answer, Comparison
from progressfit.infer.result import RESULTS
from progressfit.plot.style import BLUE, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FORM, _STACK = BLUE, ORANGE
_BINS = 80


def comparison_frame(found: Comparison) -> pd.DataFrame:
    """A comparison as a data frame, one row a form, the best first, and the stack last.

    Returns
    -------
    Columns ``elpd``, ``se``, ``rows``, ``difference`` (to the best form), ``difference_se``, ``bad_k`` (rows that
    importance sampling could not handle), ``refitted``, ``weight`` (stacking), ``log_evidence``, ``log_evidence_se``,
    ``probability``, then of the quantity ``median``, ``low``, ``high``, ``level``, ``undefined``, ``not_positive`` and
    ``data_say``, and ``certified``.
    """
    rows: list[dict[str, Any]] = []
    for form in found.forms:
        score, away = form.loo.elpd, form.difference
        rows.append(
            {
                "form": form.name,
                "elpd": score.value,
                "se": score.error,
                "rows": score.rows,
                "difference": away.value,
                "difference_se": away.error,
                "bad_k": len(form.loo.diagnosis.rows),
                "refitted": len(form.loo.refitted),
                "weight": form.weight,
                "log_evidence": form.log_evidence,
                "log_evidence_se": form.evidence_error,
                "probability": form.probability,
                **_answer(form.answer, found.level),
                "data_say": form.data_say,
                "certified": form.draws.result is RESULTS.CONVERGED,
            }
        )
    rows.append({"form": STACKED, "elpd": found.stacked_elpd, "weight": 1.0, **_answer(found.stacked, found.level)})
    return pd.DataFrame(rows).set_index("form")


def _answer(found: Answer | None, level: float) -> dict[str, float]:
    if found is None:
        return {}
    names = ("median", "low", "high", "undefined", "not_positive")
    return {name: getattr(found, name) for name in names} | {"level": level}


def plot_comparison(found: Comparison, label: str | None = None) -> "Figure":
    """Draw the quantity under each form and under the stack: outline of the draws, median and interval.

    Parameters
    ----------
    found
        A comparison with a quantity (``of=...``).
    label
        The quantity with its unit, for the horizontal axis; by default its name.

    Raises
    ------
    ValueError
        If no quantity was compared.
    """
    from matplotlib.figure import Figure

    if found.stacked is None:
        raise ValueError("this comparison has no quantity to draw; call compare(..., of=growth_rate)")
    forms = [(f"{form.name}\nweight {form.weight:.2f}", form.answer, _FORM) for form in found.forms]
    shown = [*forms, (STACKED, found.stacked, _STACK)]
    figure = Figure(figsize=(8.0, 1.2 + 0.9 * len(shown)), layout="constrained")
    axis = figure.subplots()
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.grid(True, axis="x", color="#e6e6e6", linewidth=0.6)
    axis.set_axisbelow(True)
    low, high = _range([answer for _, answer, _ in shown if answer is not None])
    for place, (_, answer, colour) in enumerate(shown):
        if answer is not None:
            _draw_answer(axis, answer, len(shown) - 1 - place, colour, (low, high))
    if low < 0 < high:
        axis.axvline(0.0, color="#222222", linewidth=0.8)
    axis.set_yticks(range(len(shown) - 1, -1, -1), [name for name, _, _ in shown], fontsize=9)
    axis.tick_params(axis="y", length=0)
    axis.set(xlabel=label or found.of, xlim=(low, high), ylim=(-0.2, len(shown)))
    figure.suptitle(f"{found.of} by functional form", fontsize=12)
    about = f"posterior draws; points: medians, lines: central {found.level:.0%} intervals; weights by stacking"
    figure.supxlabel(about, fontsize=8, color="#555555")
    return figure


def _range(answers: list[Answer]) -> tuple[float, float]:
    """Limits that show all intervals and nearly all of the mass of the widest form but for far tails."""
    low = min(answer.low for answer in answers if np.isfinite(answer.low))
    high = max(answer.high for answer in answers if np.isfinite(answer.high))
    margin = 0.15 * (high - low)
    return low - margin, high + margin


def _draw_answer(axis: "Axes", answer: Answer, place: int, colour: str, limits: tuple[float, float]) -> None:
    """Outline of the draws above a line, with median and interval on it."""
    inside = (answer.values >= limits[0]) & (answer.values <= limits[1])
    height, edges = np.histogram(answer.values[inside], np.linspace(*limits, _BINS), weights=answer.shares[inside])
    top = height.max() if height.size and height.max() > 0 else 1.0
    axis.stairs(place + 0.75 * height / top, edges, baseline=place, fill=True, color=colour, alpha=0.3)
    axis.hlines(place, answer.low, answer.high, color=colour, linewidth=2.5)
    axis.plot(answer.median, place, "o", color=colour, markersize=6)
