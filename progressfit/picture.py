"""What a picture shows, as numbers and words; :mod:`progressfit.report.plots` draws it."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Curve:
    """One line of a picture: ``x``, ``y`` of shape ``(n,)``; ``solid`` marks where inputs lie in the fitted range.

    ``shade`` places the curve on the colour scale of the points, if it belongs there; ``low`` and ``high``, ``(n,)``,
    bound a band about the curve.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    solid: np.ndarray
    shade: float | None = None
    low: np.ndarray | None = None
    high: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class CurvesPicture:
    """Curves over a common axis, and points coloured by ``shade``, a value for each."""

    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    x: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0))
    y: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0))
    shade: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0))
    shade_label: str = ""
    log_x: bool = False
    log_y: bool = False
    note: str = ""


@dataclasses.dataclass(frozen=True)
class BarsPicture:
    """Grouped bars with intervals: ``value``, ``low`` and ``high`` of shape ``(groups, bars)``."""

    title: str
    y_label: str
    groups: tuple[str, ...]
    bars: tuple[str, ...]
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    note: str = ""


@dataclasses.dataclass(frozen=True)
class ModesPicture:
    """Draws near several optima: two parameters against each other, and a derived quantity as a histogram."""

    title: str
    x_label: str
    y_label: str
    quantity_label: str
    x: np.ndarray
    y: np.ndarray
    quantity: np.ndarray
    mode: np.ndarray
    optima: np.ndarray
    names: tuple[str, ...]
    note: str = ""


@dataclasses.dataclass(frozen=True)
class SpecificationPicture:
    """One quantity under many specifications, sorted, and below it the choices behind each.

    ``value``, ``low`` and ``high`` of shape ``(specifications,)``; ``marks`` says which of the named ``choices`` each
    specification made, ``(specifications, choices)``.
    """

    title: str
    y_label: str
    names: tuple[str, ...]
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    choices: tuple[str, ...]
    marks: np.ndarray
    note: str = ""


Picture = CurvesPicture | BarsPicture | ModesPicture | SpecificationPicture
