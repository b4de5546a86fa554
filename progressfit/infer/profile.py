"""The verb ``profile``: intervals from the best fit at every value of one quantity."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from jax.scipy.special import ndtri

from progressfit._x64 import require_x64
from progressfit.dataset import Dataset
from progressfit.infer.bootstrap import nearest_optimum
from progressfit.infer.clock import Clock
from progressfit.infer.curvature import is_definite
from progressfit.infer.devices import plan_batch
from progressfit.infer.kinks import has_kinks
from progressfit.infer.optimise import fitted_weights, prior_weight_of
from progressfit.infer.points import stack_values
from progressfit.infer.profile_result import Piece, Profile, describe, kind_of
from progressfit.infer.profile_search import (
    Bracket,
    Curve,
    Search,
    brackets,
    crossing,
    follow,
    is_tight,
    lowest,
    merge,
    sharpen,
)
from progressfit.infer.programs import prior_ranges
from progressfit.infer.quantity import quantity_and_gradient, require_varying, resolve
from progressfit.infer.result import Fit
from progressfit.model import Model

_FEWEST, _SMALLEST_BATCH = 9, 41
# Where no curvature says how far a quantity may go: this many prior standard deviations are one step.
_MOST_UNIT = 10.0
_MARGIN, _OPEN_SHOWN, _PASSES = 0.15, 3.0, 3


def profile(
    point: Fit,
    data: Dataset,
    of: str | Callable[[Model], Any],
    level: float = 0.95,
    points: int = 41,
    chunk: int | None = None,
) -> Profile:
    """Profile one quantity: the best fit at each of its values, and the interval of values that fit well enough.

    The objective of the fit is minimised over everything else for a grid of values of the quantity, from every known
    optimum and from neighbouring values, and the lowest end counts, so that the profile changes optimum where another
    one is lower. Values whose objective exceeds the lowest by less than half the chi-squared quantile with one degree
    of freedom form the interval (Wilks 1938): the likelihood-ratio test inverted. It does not depend on how parameters
    are scaled, and need not be symmetric.

    Its coverage is asymptotic, and it fails where that theory does: where the true value lies at the edge of the
    parameter's range; where a direction is not determined; where a few rows speak against many parameters (it ignores
    that they were estimated, and is too short); and where two optima explain the data, when the quantity is not that
    of one optimum with its normal spread. Only optima that ``fit`` found, and what is reached from them, are seen.

    Parameters
    ----------
    point
        A fit. With ``objective="mle"`` the log likelihood is profiled; with "map" the log posterior density in the
        space of the leaves, which the priors pull, and for which the cut is the same convention without the theorem.
        A noise scale that the spec fixes is taken as known.
    data
        The table that was fitted.
    of
        Dotted path of a free scalar parameter (``"path[i]"`` for an entry of an array), or a function of one model that
        returns a scalar, such as :func:`progressfit.growth_rate`. A named function compiles once; a new ``lambda``
        compiles again.
    level
        Nominal coverage, between 0 and 1.
    points
        Values on the grid that is returned, at least 9. Ends do not depend on it: they are solved for.
    chunk
        How many values are solved side by side on each device, chosen from the size of the problem by default; the
        answer does not depend on it.

    Returns
    -------
    :class:`Profile`. An end that was not found within ten thousand standard errors is *open*.

    Raises
    ------
    ValueError
        If the density has kinks, the quantity is unknown, not scalar, not finite or constant, the level is not between
        0 and 1, or the table is not the one that was fitted.
    """
    require_x64()
    clock = Clock()
    _require(point, level, points)
    search = _prepare(point, data, of, points, chunk)
    half = 0.5 * float(ndtri((1 + level) / 2)) ** 2
    curve = follow(search, half)
    grid = curve
    for _ in range(_PASSES):
        curve = sharpen(search, curve, half)
        grid = search.sweep(_grid(search, curve, half, points), curve)
        curve = merge(curve, grid)
        certified, cut = curve.certified(), lowest(curve) + half
        if all(is_tight(certified, bracket, cut) for bracket in brackets(certified, cut)):
            break
    return _report(point, search, curve, grid, level, half, clock)


def _require(point: Fit, level: float, points: int) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level={level}: give a number between 0 and 1, such as 0.95")
    if isinstance(points, bool) or not isinstance(points, int) or points < _FEWEST:
        raise ValueError(f"points={points}: give a whole number, at least {_FEWEST}")
    if has_kinks(point.spec):
        raise ValueError(
            "the density has kinks (Laplace noise or prior), so its profiles cannot be certified; bootstrap instead"
        )
    if not np.isfinite(point.objective):
        raise ValueError(f"this fit has no finite objective to profile ({point.result.value})")


def _prepare(point: Fit, data: Dataset, of: Any, points: int, chunk: int | None) -> Search:
    """What has to be solved."""
    weights, quantity = fitted_weights(point, data), resolve(of, point)
    z = np.stack([optimum.z for optimum in point.optima])
    at, gradient = quantity_and_gradient(point.spec, z, quantity.direction, quantity.measure)
    at, gradient = np.asarray(at), np.asarray(gradient)
    scale = _typical_sizes(point)
    require_varying(quantity, float(at[0]), gradient[0], scale)
    size, dimension = max(points, _SMALLEST_BATCH), z.shape[1]
    return Search(
        spec=point.spec,
        data=data.bare(),
        weights=weights,
        prior_weight=prior_weight_of(point.stats["objective"]),
        quantity=quantity,
        optima=z,
        centres=at,
        unit=_unit(gradient[0], point.optima[0].hessian, scale),
        scale=scale,
        size=size,
        plan=plan_batch(len(data), dimension, chunk, size * max(len(z), 2)),
    )


def _typical_sizes(point: Fit) -> np.ndarray:
    """Prior standard deviations ``(d,)``; the size of the estimate where the prior is flat."""
    scale, own = np.asarray(prior_ranges(point.spec).scale), np.abs(point.optima[0].z)
    return np.where(np.isfinite(scale) & (scale > 0), scale, np.where(own > 0, own, 1.0))


def _unit(gradient: np.ndarray, hessian: np.ndarray, scale: np.ndarray) -> float:
    """Standard error of the quantity at the best optimum, as far as the curvature there gives one."""
    most = _MOST_UNIT * float(np.linalg.norm(gradient * scale))
    error = float(np.sqrt(gradient @ np.linalg.solve(hessian, gradient))) if is_definite(hessian) else np.inf
    return min(error, most)


def _grid(search: Search, curve: Curve, half: float, points: int) -> np.ndarray:
    """Evenly spaced values that hold all pieces and a margin; three standard deviations of open ends."""
    certified, cut = curve.certified(), lowest(curve) + half
    pieces = _pieces(certified, cut)
    shown = _OPEN_SHOWN * np.sqrt(2 * half) * search.unit
    best = certified.at[np.argmin(certified.value)]
    first, last = min(best, pieces[0].high) - shown, max(best, pieces[-1].low) + shown
    low = max(first, certified.at[0]) if pieces[0].open_low else pieces[0].low
    high = min(last, certified.at[-1]) if pieces[-1].open_high else pieces[-1].high
    margin = _MARGIN * (high - low)
    low = low if pieces[0].open_low else max(low - margin, curve.at[0])
    high = high if pieces[-1].open_high else min(high + margin, curve.at[-1])
    return np.linspace(low, high, points)


def _pieces(certified: Curve, cut: float) -> tuple[Piece, ...]:
    """The ranges below the cut, in the coordinate that is profiled."""
    inside = certified.value < cut
    starts = np.flatnonzero(inside & ~np.append(False, inside[:-1]))
    ends = np.flatnonzero(inside & ~np.append(inside[1:], False))
    last = len(inside) - 1
    return tuple(
        Piece(
            -np.inf if i == 0 else crossing(certified, Bracket(i - 1, i), cut),
            np.inf if j == last else crossing(certified, Bracket(j, j + 1), cut),
            i == 0,
            j == last,
            (float(certified.at[i]), float(certified.at[j])),
        )
        for i, j in zip(starts.tolist(), ends.tolist(), strict=True)
    )


def _report(point: Fit, search: Search, curve: Curve, grid: Curve, level: float, half: float, clock: Clock) -> Profile:
    certified, best = curve.certified(), lowest(curve)
    cut, report = best + half, search.quantity.reported
    pieces = tuple(_reported(piece, report) for piece in _pieces(certified, cut))
    tight = all(is_tight(certified, bracket, cut) for bracket in brackets(certified, cut))
    kind = kind_of(point)
    return Profile(
        origin=point,
        of=search.quantity.name,
        kind=kind,
        level=level,
        quantity=report(grid.at),
        objective=grid.value,
        values={path: np.asarray(value) for path, value in stack_values(search.spec, grid.z).items()},
        optimum=nearest_optimum(point, grid.z),
        ok=grid.ok,
        optima=report(search.centres),
        cut=cut,
        pieces=pieces,
        notes=describe(
            point, f"{100 * level:.4g}% interval of {search.quantity.name}", pieces, int(np.sum(~grid.ok)), best, tight
        ),
        stats={"lowest": best, "ends_known": tight, "seconds": clock.seconds()},
    )


def _reported(piece: Piece, report: Callable[[np.ndarray], np.ndarray]) -> Piece:
    low, high, first, last = (float(v) for v in report(np.array([piece.low, piece.high, *piece.followed])))
    return dataclasses.replace(piece, low=low, high=high, followed=(first, last))
