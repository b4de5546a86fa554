"""The ends behind a fit, which ``pf.fit`` condenses into optima: its own program run once more, untimed."""

from typing import Any

import _one_core as _one_core
import jax
import jax.numpy as jnp
import numpy as np
from _libraries import Ends

import progressfit as pf
from progressfit.compiled import compiled
from progressfit.infer.certificate import GRADIENT_TOLERANCE, finished
from progressfit.infer.curvature import is_definite
from progressfit.infer.devices import plan_batch
from progressfit.infer.optimise import stated_weight_of
from progressfit.infer.programs import fit_starts, prior_ranges, solve, step_scale


def ends(
    spec: pf.Model, runs: pf.Dataset, points: Any, objective: Any = "map", revive: bool = True
) -> tuple[Ends, int]:
    """Where every unconstrained start ``(starts, d)`` ended by the judgement of ``pf.fit``, and how many were moved.

    A success is what the certificate counts as an optimum: stationary, with a positive definite Hessian.
    """
    spec = pf.prepare(spec, runs)
    found = fit_starts(
        spec,
        jnp.asarray(points),
        runs.bare(),
        jnp.ones(len(runs)),
        stated_weight_of(objective),
        np.int64(2000),
        np.bool_(revive),
        prior_ranges(spec),
        jacobian=False,
        plan=plan_batch(len(runs), points.shape[1], None, len(points)),
    )
    end = found.minimum
    definite = np.array([is_definite(np.asarray(hessian)) for hessian in end.hessian])
    success = finished(end) & definite
    return Ends(np.asarray(end.z), np.asarray(end.value), success, np.asarray(end.steps)), int(np.sum(found.moved > 0))


@compiled()
def _refit(spec: pf.Model, start: jax.Array, data: pf.Dataset, weights: jax.Array, scale: jax.Array) -> Ends:
    def one(own: jax.Array) -> Ends:
        end = solve(spec, start, data, own, None, scale, 2000)
        return Ends(end.z, end.value, end.decrement, end.steps)

    return jax.lax.map(one, weights)


def refits(spec: pf.Model, runs: pf.Dataset, start: np.ndarray, weights: np.ndarray) -> Ends:
    """Maximum-likelihood refits from one point with given row weights ``(refits, n)``; success as certified."""
    spec, origin = pf.prepare(spec, runs), jnp.asarray(start)
    scale = step_scale(prior_ranges(spec), origin)
    found = _refit(spec, origin, runs.bare(), jnp.asarray(weights, float), scale)
    end = Ends(*map(np.asarray, found))
    return end._replace(success=end.success < GRADIENT_TOLERANCE)
