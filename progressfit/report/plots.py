"""Pictures of a study, drawn with matplotlib without a display."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from progressfit.picture import BarsPicture, CurvesPicture, ModesPicture, Picture, SpecificationPicture
from progressfit.plot.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 150


def draw(picture: Picture, path: Path) -> None:
    """Draw one picture into a PNG file."""
    write_png(make_figure(picture), path)


def write_png(figure: "Figure", path: Path) -> None:
    """Write a matplotlib figure into a PNG file, without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure).print_figure(str(path), dpi=_DPI, format="png")


@functools.singledispatch
def make_figure(picture: Any) -> "Figure":
    """Turn one picture into a matplotlib figure; dispatches on the kind of picture."""
    raise TypeError(f"no way to draw {type(picture).__name__}")


def _figure(width: float, height: float, columns: int, title: str, note: str) -> tuple["Figure", list["Axes"]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    figure.suptitle(title, fontsize=12)
    figure.supxlabel(note, fontsize=8, color="#555555")
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(True, color="#e6e6e6", linewidth=0.6)
        axis.set_axisbelow(True)
    return figure, list(axes)


@make_figure.register(CurvesPicture)
def _curves(picture: CurvesPicture) -> "Figure":
    figure, (axis,) = _figure(8.0, 5.0, 1, picture.title, picture.note)
    colours: list[Any] = list(COLOURS)
    if len(picture.x):
        points = axis.scatter(picture.x, picture.y, c=picture.shade, cmap="viridis", s=22, alpha=0.85, linewidths=0)
        figure.colorbar(points, ax=axis, label=picture.shade_label)
        colours = [
            c if k.shade is None else points.to_rgba(np.asarray(k.shade))
            for k, c in zip(picture.curves, colours, strict=False)
        ]
    for curve, colour in zip(picture.curves, colours, strict=False):
        if curve.low is not None and curve.high is not None:
            axis.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.2, linewidth=0)
        axis.plot(curve.x, curve.y, color=colour, linestyle=(0, (4, 2)), linewidth=1.2)
        axis.plot(curve.x, np.where(curve.solid, curve.y, np.nan), color=colour, linewidth=2.2, label=curve.name)
    axis.set(xlabel=picture.x_label, ylabel=picture.y_label)
    axis.set_xscale("log" if picture.log_x else "linear")
    axis.set_yscale("log" if picture.log_y else "linear")
    axis.legend(frameon=False, fontsize=9)
    return figure


@make_figure.register(BarsPicture)
def _bars(picture: BarsPicture) -> "Figure":
    figure, (axis,) = _figure(11.0, 5.5, 1, picture.title, picture.note)
    width = 0.8 / len(picture.bars)
    places = np.arange(len(picture.groups))
    for k, (name, colour) in enumerate(zip(picture.bars, COLOURS, strict=False)):
        x, value = places + (k - (len(picture.bars) - 1) / 2) * width, picture.value[:, k]
        axis.bar(x, value, width, color=colour, label=name)
        axis.vlines(x, picture.low[:, k], picture.high[:, k], color="#222222", linewidth=1.2)
    axis.axhline(0.0, color="#222222", linewidth=0.8)
    axis.set_xticks(places, [group.replace(" -> ", "\nto ") for group in picture.groups], fontsize=8)
    axis.set(ylabel=picture.y_label, ylim=_bulk(picture))
    axis.legend(frameon=False, fontsize=9, ncols=len(picture.bars), loc="lower left", bbox_to_anchor=(0, 1))
    return figure


def _bulk(picture: BarsPicture) -> tuple[float, float]:
    """Limits that show every bar and nine whiskers of ten; one wide whisker must not flatten the rest."""
    low = min(float(np.quantile(picture.low, 0.1)), float(picture.value.min()))
    high = max(float(np.quantile(picture.high, 0.9)), float(picture.value.max()))
    margin = 0.08 * (high - low)
    return low - margin, high + margin


@make_figure.register(ModesPicture)
def _modes(picture: ModesPicture) -> "Figure":
    figure, (left, right) = _figure(11.0, 4.8, 2, picture.title, picture.note)
    low, high = np.quantile(picture.quantity, [0.002, 0.998])
    bins = np.linspace(low, high, 60)
    for k, (name, colour) in enumerate(zip(picture.names, COLOURS, strict=False)):
        near = picture.mode == k
        left.scatter(picture.x[near], picture.y[near], s=10, alpha=0.5, color=colour, linewidths=0, label=name)
        left.plot(*picture.optima[k, :2], marker="X", markersize=11, color=colour, markeredgecolor="black")
        right.hist(picture.quantity[near], bins=bins, color=colour, alpha=0.8, label=name)
        right.axvline(picture.optima[k, 2], color=colour, linewidth=1.5, linestyle=(0, (4, 2)))
    if low <= 0 <= high:
        right.axvline(0.0, color="#222222", linewidth=0.8)
    left.set(xlabel=picture.x_label, ylabel=picture.y_label)
    right.set(xlabel=picture.quantity_label, ylabel="replicates")
    left.legend(frameon=False, fontsize=9)
    return figure


@make_figure.register(SpecificationPicture)
def _specifications(picture: SpecificationPicture) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 7.5), layout="constrained")
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    figure.suptitle(picture.title, fontsize=12)
    figure.supxlabel(picture.note, fontsize=8, color="#555555")
    places = np.arange(len(picture.names))
    top.vlines(places, picture.low, picture.high, color=COLOURS[0], linewidth=2, alpha=0.6)
    top.plot(places, picture.value, "o", color=COLOURS[0])
    top.axhline(0.0, color="#222222", linewidth=0.8)
    # One wide interval must not flatten the rest.
    low, high = np.quantile(picture.low, 0.1), np.quantile(picture.high, 0.9)
    margin = 0.1 * (high - low)
    top.set_ylim(min(low, float(picture.value.min())) - margin, max(high, float(picture.value.max())) + margin)
    top.set_ylabel(picture.y_label)
    x, y = np.nonzero(picture.marks)
    below.plot(x, y, "s", color="#222222", markersize=5)
    below.set_yticks(np.arange(len(picture.choices)), picture.choices, fontsize=8)
    below.set_xticks(places, picture.names, fontsize=8)
    below.invert_yaxis()
    for axis in (top, below):
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(True, color="#e6e6e6", linewidth=0.6)
        axis.set_axisbelow(True)
    return figure
