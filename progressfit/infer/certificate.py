"""From the raw ends of many starts to distinct optima, a certificate and an outcome."""

from typing import NamedTuple

import numpy as np

from progressfit.infer.curvature import condition_number, is_definite, newton_step
from progressfit.infer.devices import gather
from progressfit.infer.kinks import has_kinks
from progressfit.infer.minimise import NOT_FINITE, STEP_LIMIT, Minimum
from progressfit.infer.points import values_at
from progressfit.infer.programs import Starts
from progressfit.infer.result import RESULTS, Certificate, Identification, Optimum, Runaway
from progressfit.model import Model
from progressfit.params import Numbers, free_leaves
from progressfit.prior_range import Ranges, is_unbounded

GRADIENT_TOLERANCE = 1e-6
# Where rounding of the response alone moves the optimum further than that, this much is granted, up to a tenth of a
# standard error.
_MOST_ROUNDING = 0.1
OBJECTIVE_TOLERANCE = 1e-6
DISTANCE_TOLERANCE = 1e-3
# Far: in prior standard deviations. Edge: in unconstrained units, e^-20 from the edge of the range. Step: relative.
_FAR, _EDGE, _STEP_LEFT = 1e3, 20.0, 5e-3


class Ends(NamedTuple):
    """Ends of all starts as NumPy arrays: ``minimum`` has a leading axis of starts, the others are ``(d,)``.

    ``scale`` and ``centre`` are those of the prior in unconstrained space; 1 and NaN where it is flat. ``constant`` is
    what the values leave out.
    """

    minimum: Minimum
    moved: np.ndarray
    scale: np.ndarray
    centre: np.ndarray
    constant: float


def gather_ends(starts: Starts, ranges: Ranges, count: int) -> Ends:
    """Ends of all starts of all processes as NumPy arrays."""
    minimum, moved = gather((starts.minimum, starts.moved), count)
    return Ends(minimum, moved, ranges.finite_scale, np.asarray(ranges.centre), float(starts.constant))


def is_stationary(decrement: Numbers | float, rounding: Numbers | float) -> np.ndarray:
    """Whether a Newton decrement vanishes: to 1e-6, or to what rounding of the data leaves to be known."""
    granted = np.clip(np.nan_to_num(np.asarray(rounding)), GRADIENT_TOLERANCE, _MOST_ROUNDING)
    return np.asarray(decrement) < granted


def finished(minimum: Minimum) -> np.ndarray:
    """Which ends are stationary: converged, or stopped at the limit of rounding with a vanishing gradient."""
    status = np.asarray(minimum.status)
    stopped = (status != NOT_FINITE) & (status != STEP_LIMIT)
    return stopped & is_stationary(minimum.decrement, minimum.rounding)


def distinct_optima(spec: Model, ends: Ends) -> tuple[Optimum, ...]:
    """Optima that lie more than 1e-3 apart in units of the curvature there, best first.

    Equal objectives do not make two ends one optimum: mirror images of each other tell different stories. Stationary
    points whose Hessian is not positive definite are left out.
    """
    minimum = ends.minimum
    value = np.asarray(minimum.value)
    proper = finished(minimum) & (np.asarray(minimum.curvature) > 0)
    candidates = [i for i in np.argsort(value, kind="stable") if proper[i]]
    groups: list[list[int]] = []
    for i in candidates:
        same = [group for group in groups if _same(minimum, group[0], i)]
        if same:
            same[0].append(i)
        else:
            groups.append([i])
    return tuple(_optimum(spec, ends, group) for group in groups)


def _same(minimum: Minimum, i: int, j: int) -> bool:
    step = np.asarray(minimum.z[i] - minimum.z[j])
    return float(step @ np.asarray(minimum.hessian[i]) @ step) < DISTANCE_TOLERANCE**2


def _optimum(spec: Model, ends: Ends, group: list[int]) -> Optimum:
    best, minimum = group[0], ends.minimum
    z = np.asarray(minimum.z[best])
    return Optimum(
        values=values_at(spec, z),
        objective=float(minimum.value[best] + ends.constant),
        loss=float(minimum.loss[best]),
        starts=len(group),
        share=len(group) / len(minimum.value),
        gradient_norm=float(minimum.decrement[best]),
        rounding=float(minimum.rounding[best]),
        condition=condition_number(np.asarray(minimum.hessian[best]), ends.scale),
        z=z,
        hessian=np.asarray(minimum.hessian[best]),
        step=newton_step(np.asarray(minimum.hessian[best]), np.asarray(minimum.gradient[best])),
    )


def best_end(spec: Model, ends: Ends) -> Optimum:
    """The end with the lowest objective, whatever its state; the fallback where nothing is an optimum."""
    return _optimum(spec, ends, [_lowest(ends)])


def _lowest(ends: Ends) -> int:
    value = np.asarray(ends.minimum.value)
    return int(np.argmin(np.where(np.isfinite(value), value, np.inf)))


def at_bound(
    spec: Model, z: np.ndarray, step: np.ndarray, scale: np.ndarray, centre: np.ndarray
) -> dict[str, np.ndarray]:
    """Which free leaves are on their way to infinity, or to the edge of a bounded range.

    Either they ended far away from their prior, or a sizeable Newton step is left although the objective hardly
    changes any more, as on a plateau that falls for ever.

    Parameters
    ----------
    z, step
        Ends and the Newton steps left there, ``(..., d)``.
    scale, centre
        Of the prior, ``(d,)``; see :class:`Ends`.

    Returns
    -------
    Path -> boolean, of the leading shape of ``z``.
    """
    found = {}
    for leaf in free_leaves(spec):
        own = slice(leaf.start, leaf.start + leaf.size)
        limit = _FAR * scale[own] if is_unbounded(leaf) else np.maximum(_EDGE, 10 * scale[own])
        far = np.abs(z[..., own] - centre[own]) > limit  # never so where the prior is flat and has no centre
        moving = np.abs(step[..., own]) > _STEP_LEFT * np.abs(z[..., own]) + GRADIENT_TOLERANCE * scale[own]
        found[leaf.path] = (far | moving).any(axis=-1)
    return found


def runaways(spec: Model, ends: Ends) -> tuple[Runaway, ...]:
    """Unfinished starts of which something runs towards infinity, put together by what runs, lowest first."""
    minimum = ends.minimum
    value, z, loss = (np.asarray(column) for column in (minimum.value, minimum.z, minimum.loss))
    groups: dict[tuple[str, ...], list[int]] = {}
    for i in np.flatnonzero(~finished(minimum) & np.isfinite(value)):
        step = newton_step(np.asarray(minimum.hessian[i]), np.asarray(minimum.gradient[i]))
        found = at_bound(spec, z[i], step, ends.scale, ends.centre)
        paths = tuple(path for path, hit in found.items() if hit)
        if paths:
            groups.setdefault(paths, []).append(int(i))
    listed = []
    for paths, members in groups.items():
        best = min(members, key=lambda i: value[i])
        listed.append(Runaway(paths, len(members), float(value[best] + ends.constant), float(loss[best])))
    return tuple(sorted(listed, key=lambda one: one.objective))


def certify(
    spec: Model, ends: Ends, optima: tuple[Optimum, ...], identification: Identification
) -> tuple[RESULTS, Certificate]:
    """Judge a multi-start fit; the first reason for doubt names the result."""
    best = optima[0]
    lowest = float(ends.minimum.value[_lowest(ends)] + ends.constant)
    total = len(ends.minimum.value)
    certificate = Certificate(
        gradient_norm=best.gradient_norm,
        positive_definite=is_definite(best.hessian),
        condition=best.condition,
        starts=total,
        starts_agreeing=best.starts,
        unfinished=int(np.sum(~finished(ends.minimum))),
        moved=int(np.sum(ends.moved > 0)),
        at_bound=tuple(path for path, hit in at_bound(spec, best.z, best.step, ends.scale, ends.centre).items() if hit),
        runaways=runaways(spec, ends),
        identification=identification,
    )
    missed = lowest < best.objective - OBJECTIVE_TOLERANCE * max(abs(best.objective - ends.constant), 1e-300)
    doubtful = best_end(spec, ends) if missed else best
    result = _judge(certificate, best, doubtful, missed, ends)
    if result in (RESULTS.STALLED, RESULTS.STEP_LIMIT, RESULTS.NOT_A_MINIMUM) and has_kinks(spec):
        result = RESULTS.NOT_SMOOTH
    return result, certificate


def _judge(certificate: Certificate, best: Optimum, doubtful: Optimum, missed: bool, ends: Ends) -> RESULTS:
    if not np.isfinite(best.objective):
        return RESULTS.NOT_FINITE
    if certificate.at_bound:
        return RESULTS.AT_BOUND
    if not is_stationary(doubtful.gradient_norm, doubtful.rounding):
        limited = (np.asarray(ends.minimum.status) == STEP_LIMIT).any()
        return RESULTS.STEP_LIMIT if limited else RESULTS.STALLED
    if certificate.identification.verdict == "not identified":
        return RESULTS.NOT_IDENTIFIED
    if missed or not certificate.positive_definite:
        return RESULTS.NOT_A_MINIMUM
    if certificate.starts > 1 and certificate.starts_agreeing < 2:
        return RESULTS.STARTS_DISAGREE
    return RESULTS.CONVERGED
