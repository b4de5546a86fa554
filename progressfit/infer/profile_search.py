"""Following a profile: outwards from the optima, over a grid, and into the points where it passes its cut.

Every batch has the same shape, so one compiled program serves them all.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.dataset import Dataset
from progressfit.infer.certificate import is_stationary
from progressfit.infer.constrained import constrained_minima, is_met
from progressfit.infer.devices import Plan, gather, share
from progressfit.infer.quantity import Quantity
from progressfit.model import Model

# How far out the profile is followed, and where the first look is, in standard errors.
_FIRST, _REACH = 0.3, 1e4
_SWEEPS, _ROUNDS, _FRONTIERS = 4, 8, 3
# An end is known when the places just within and beyond it lie this close together, relative to what lies within.
_TIGHT = 1e-8
# Fewest places of a batch for each end, and by how much an objective has to be lower to count as another minimum.
_LEAST_SHARE, _LOWER = 8, 1e-9


class Curve(NamedTuple):
    """Points of a profile in the order of the quantity: all fields ``(n,)`` but ``z``, which is ``(n, d)``.

    ``ok`` says whether the point is certified; the others are kept to know where the profile could not be followed.
    """

    at: np.ndarray
    value: np.ndarray
    slope: np.ndarray
    z: np.ndarray
    ok: np.ndarray

    def certified(self) -> "Curve":
        """The certified points alone."""
        return _pick(self, np.flatnonzero(self.ok))


class Bracket(NamedTuple):
    """Two neighbouring certified points, indices into the certified points, on different sides of the cut."""

    left: int
    right: int


@dataclasses.dataclass(frozen=True)
class Search:
    """A fit and a quantity, ready to be solved for batches of ``size`` values from ``starts`` starts each.

    ``optima`` are the unconstrained vectors ``(k, d)`` of the known optima and ``centres`` the quantity there ``(k,)``,
    the best first; ``unit`` is its standard error at the best, ``scale`` a typical size of each coordinate ``(d,)``.
    """

    spec: Model
    data: Dataset
    weights: jax.Array
    prior_weight: np.float64
    quantity: Quantity
    optima: np.ndarray
    centres: np.ndarray
    unit: float
    scale: np.ndarray
    size: int
    plan: Plan

    @property
    def starts(self) -> int:
        """Starts for each value."""
        return max(len(self.optima), 2)

    def solve(self, targets: np.ndarray, starts: np.ndarray) -> Curve:
        """The best constrained minimum at each of at most ``size`` targets, from starts ``(n, k, d)``."""
        count = len(targets)
        padding = np.minimum(np.arange(self.size), count - 1)
        found = constrained_minima(
            self.spec,
            *share((jnp.asarray(targets[padding]), jnp.asarray(starts[padding]))),
            self.data,
            self.weights,
            self.prior_weight,
            np.float64(self.unit),
            jnp.asarray(self.quantity.direction),
            jnp.asarray(self.scale),
            measure=self.quantity.measure,
            plan=self.plan,
        )
        found = jax.tree.map(lambda column: column[:count], gather(found, self.size))
        ok = np.isfinite(found.value) & is_met(found) & (found.curvature > 0)
        ok = ok & is_stationary(found.decrement, found.rounding)
        return Curve(np.asarray(targets), found.value, found.slope, found.z, ok)

    def sweep(self, targets: np.ndarray, known: Curve) -> Curve:
        """The lower envelope at some targets: from every optimum, then from neighbours until nothing gets lower."""
        found = self.solve(targets, self._from_optima(len(targets)))
        for _ in range(_SWEEPS):
            again = self.solve(targets, self.from_neighbours(targets, merge(known, found)))
            lower = again.value < found.value - _LOWER * (1 + np.abs(found.value))
            better = again.ok & (~found.ok | lower)
            if not better.any():
                break
            found = _choose(better, again, found)
        return found

    def _from_optima(self, count: int) -> np.ndarray:
        tiled = np.resize(self.optima, (self.starts, self.optima.shape[1]))
        return np.broadcast_to(tiled, (count, *tiled.shape))

    def from_neighbours(self, targets: np.ndarray, known: Curve) -> np.ndarray:
        """The nearest certified points on either side of each target, then optima."""
        certified, starts = known.certified(), np.array(self._from_optima(len(targets)))
        if len(certified.at):
            last = len(certified.at) - 1
            left = np.searchsorted(certified.at, targets, side="left") - 1
            right = np.searchsorted(certified.at, targets, side="right")
            starts[:, 0] = certified.z[np.clip(left, 0, last)]
            starts[:, 1] = certified.z[np.clip(right, 0, last)]
        return starts


def _pick(curve: Curve, index: np.ndarray) -> Curve:
    return Curve(*(column[index] for column in curve))


def _choose(first: np.ndarray, one: Curve, other: Curve) -> Curve:
    chosen = (np.where(first if a.ndim == 1 else first[:, None], a, b) for a, b in zip(one, other, strict=True))
    return Curve(*chosen)


def merge(one: Curve, other: Curve) -> Curve:
    """All points of both; of several at one place the lowest certified one."""
    both = Curve(*(np.concatenate(pair) for pair in zip(one, other, strict=True)))
    order = np.lexsort((np.where(both.ok, both.value, np.inf), both.at))
    both = _pick(both, order)
    return _pick(both, np.flatnonzero(np.diff(both.at, prepend=-np.inf) > 0))


def follow(search: Search, half: float) -> Curve:
    """Look at every optimum, and outwards from the best, ever further, up to 10,000 standard errors.

    ``half`` is the height of the cut above the lowest point. Where the profile is still below the cut when it can no
    longer be followed, places in between are tried, for the edge of what the quantity can be at all lies there.
    """
    centres = np.unique(search.centres[np.isfinite(search.centres)][: search.size])
    out = search.unit * np.geomspace(_FIRST, _REACH, search.size // 2)
    curve = search.sweep(centres, nothing(search.optima.shape[1]))
    curve = merge(curve, search.sweep(search.centres[0] + np.concatenate([-out[::-1], out]), curve))
    if not curve.ok.any():
        raise ValueError(f"'{search.quantity.name}' could not be held fixed anywhere near the fit; nothing to profile")
    for _ in range(_FRONTIERS):
        targets = np.concatenate([np.zeros(0), *_frontiers(curve, half, search.size // 2)])
        if not len(targets):
            break
        curve = merge(curve, search.sweep(targets, curve))
    return curve


def nothing(dimension: int) -> Curve:
    """No points."""
    return Curve(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros((0, dimension)), np.zeros(0, bool))


def _frontiers(curve: Curve, half: float, count: int) -> list[np.ndarray]:
    """Places between an outermost certified point that lies below the cut and the failure next to it."""
    good = np.flatnonzero(curve.ok)
    inside = curve.value < lowest(curve) + half
    found = []
    for end, beyond in ((good[0], good[0] - 1), (good[-1], good[-1] + 1)):
        if inside[end] and 0 <= beyond < len(curve.at):
            found.append(np.linspace(curve.at[end], curve.at[beyond], count + 2)[1:-1])
    return found


def lowest(curve: Curve) -> float:
    """The lowest certified value."""
    return float(np.min(curve.value[curve.ok]))


def brackets(certified: Curve, cut: float) -> list[Bracket]:
    """Neighbours between which the profile passes its cut, from left to right."""
    inside = certified.value < cut
    return [Bracket(int(i), int(i) + 1) for i in np.flatnonzero(inside[1:] != inside[:-1])]


def width_within(certified: Curve, cut: float) -> float:
    """Distance between the outermost places known to lie below the cut, or beyond it at most."""
    within = certified.at[certified.value < cut]
    return float(within[-1] - within[0])


def is_tight(certified: Curve, bracket: Bracket, cut: float) -> bool:
    """Whether an end is known as closely as it has to be."""
    left, right = certified.at[bracket.left], certified.at[bracket.right]
    rounding = 4 * np.spacing(max(abs(left), abs(right)))
    return bool(right - left <= max(_TIGHT * width_within(certified, cut), rounding))


def sharpen(search: Search, curve: Curve, half: float) -> Curve:
    """Close in on every end: at each round places spread evenly, and others ever closer to the estimate of the end."""
    for _ in range(_ROUNDS):
        certified, cut = curve.certified(), lowest(curve) + half
        loose = [b for b in brackets(certified, cut) if not is_tight(certified, b, cut)]
        loose = loose[: search.size // _LEAST_SHARE]
        if not loose:
            break
        targets = [_closer(certified, bracket, cut, search.size // len(loose)) for bracket in loose]
        places = np.sort(np.concatenate(targets))
        curve = merge(curve, search.solve(places, search.from_neighbours(places, curve)))
    return curve


def _closer(certified: Curve, bracket: Bracket, cut: float, count: int) -> np.ndarray:
    """Places within a bracket, none so close to another that rounding of the objective could tell them apart."""
    left, right = certified.at[bracket.left], certified.at[bracket.right]
    least = 0.25 * _TIGHT * width_within(certified, cut)
    steps = (right - left) * 0.1 ** np.arange(1, count // 4 + 1)
    near, steps = crossing(certified, bracket, cut), np.maximum(steps, least)
    even = np.linspace(left, right, count - 2 * len(steps) + 2)[1:-1]
    targets = np.unique(np.concatenate([near - steps, near + steps, even]))
    targets = targets[(targets > left + 0.5 * least) & (targets < right - 0.5 * least)]
    return targets[np.diff(targets, prepend=-np.inf) > 0.5 * least]


def crossing(certified: Curve, bracket: Bracket, cut: float) -> float:
    """Where the cubic through both points with their slopes passes the cut."""
    i, j = bracket
    width = certified.at[j] - certified.at[i]
    low, high = certified.value[i] - cut, certified.value[j] - cut
    rise, fall = certified.slope[i] * width, certified.slope[j] * width

    def is_left(t: float) -> bool:
        back = 1 - t
        height = back**2 * ((1 + 2 * t) * low + t * rise) + t**2 * ((1 + 2 * back) * high - back * fall)
        return bool((height < 0) == (low < 0))

    start, end = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (start + end)
        start, end = (middle, end) if is_left(middle) else (start, middle)
    return float(certified.at[i] + 0.5 * (start + end) * width)
