"""What a profile hands back, and what it says in words."""

import dataclasses
from typing import Any

import numpy as np

from progressfit.infer.result import RESULTS, Fit
from progressfit.params import Values, is_fixed

_KINDS = {"map": "profile posterior", "mle": "profile likelihood"}
_OBJECTIVES = {
    "map": "The posterior density was profiled, in the space of the parameters: the priors pull this interval, and no "
    "theorem gives its coverage.",
    "mle": "The likelihood was profiled; priors play no part. Its coverage is asymptotic.",
}
# A profile this far below the fit, relative to its objective, has found a better optimum.
_BETTER = 1e-6


@dataclasses.dataclass(frozen=True)
class Piece:
    """One connected range of values below the cut; ``open_low`` and ``open_high`` where no end was found.

    An open end is the limit of the parameter's range, or infinite; ``followed`` is how far the profile could be
    followed on either side.
    """

    low: float
    high: float
    open_low: bool
    open_high: bool
    followed: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Profile:
    """The lowest objective for each value of one quantity, and the values that the data do not rule out.

    Attributes
    ----------
    origin
        The fit whose objective was profiled.
    of
        The path of the parameter, or the name of the function.
    kind
        "profile likelihood" for a maximum-likelihood fit, "profile posterior" for a MAP fit.
    level
        Nominal coverage.
    quantity, objective
        Values of the quantity, ascending, and the negative log density minimised there over everything else,
        ``(points,)``.
    values
        Parameters along the profile by path, each with a leading axis of points.
    optimum
        Index of the optimum of the fit that each point lies nearest to, ``(points,)``; see
        :func:`progressfit.infer.bootstrap.nearest_optimum`.
    ok
        Whether each point is certified, ``(points,)``; the others play no part in the interval.
    optima
        The quantity at each optimum of the fit, ``(optima,)``.
    cut
        The height below which values are kept: the lowest point plus half a chi-squared quantile.
    pieces
        The ranges of values below the cut, from left to right.
    notes
        What has to be known about this profile, a sentence each.
    stats
        Seconds, the lowest objective, the uncertainty of the ends.
    """

    origin: Fit
    of: str
    kind: str
    level: float
    quantity: np.ndarray
    objective: np.ndarray
    values: Values
    optimum: np.ndarray
    ok: np.ndarray
    optima: np.ndarray
    cut: float
    pieces: tuple[Piece, ...]
    notes: tuple[str, ...]
    stats: dict[str, Any]

    @property
    def interval(self) -> tuple[float, float]:
        """The ends of the interval; of the range that holds all pieces where there are several."""
        return self.pieces[0].low, self.pieces[-1].high

    @property
    def open(self) -> tuple[bool, bool]:
        """Whether no lower end and no upper end was found."""
        return self.pieces[0].open_low, self.pieces[-1].open_high

    @property
    def disconnected(self) -> bool:
        """Whether the values below the cut form several pieces, with values in between that the data rule out."""
        return len(self.pieces) > 1

    def __str__(self) -> str:
        return "\n".join(self.notes)


def kind_of(point: Fit) -> str:
    """The kind of interval that a fit's own objective gives."""
    return _KINDS[point.stats["objective"]]


def describe(
    point: Fit, what: str, pieces: tuple[Piece, ...], failed: int, lowest: float, ends_known: bool
) -> tuple[str, ...]:
    """What has to be known about a profile, a sentence each; ``what`` is what the interval is of."""
    objective = point.stats["objective"]
    lines = [f"{what} by {kind_of(point)}: {' or '.join(map(_range, pieces))}.", _OBJECTIVES[objective]]
    if len(pieces) > 1:
        lines.append(
            f"The values that fit well enough form {len(pieces)} separate ranges, and those in between do not; the "
            "chi-squared cut was made for one optimum, so coverage is not to be relied on."
        )
    lines += [_no_end("lower", "down", piece.followed[0]) for piece in pieces if piece.open_low]
    lines += [_no_end("upper", "up", piece.followed[1]) for piece in pieces if piece.open_high]
    if objective == "mle" and is_fixed(point.spec.noise):
        lines.append("The noise is fixed in the spec and was taken as known; the width of the interval rests on it.")
    if lowest < point.objective - _BETTER * max(abs(point.objective), 1.0):
        lines.append(
            f"The profile found a lower objective ({lowest:.6f}) than the fit ({point.objective:.6f}), and the cut was "
            "made from there; fit again with more starts."
        )
    if failed:
        lines.append(f"{failed} points of the grid could not be certified; they are marked and play no part.")
    if not ends_known:
        lines.append("An end lies where the profile jumps or could not be followed closely; it is known roughly only.")
    if point.result is not RESULTS.CONVERGED:
        lines.append(f"About the fit itself: {point.result.value}")
    return tuple(lines)


def _range(piece: Piece) -> str:
    return f"{piece.low:.6g}{' (open)' * piece.open_low} to {piece.high:.6g}{' (open)' * piece.open_high}"


def _no_end(which: str, way: str, followed: float) -> str:
    return (
        f"No {which} end: the profile stays below the cut {way} to {followed:.4g}, as far as it could be followed; the "
        "data and priors do not rule out values beyond."
    )
