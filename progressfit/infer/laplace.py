"""The verb ``laplace``: a mixture of normal approximations, one at each optimum, weighted by its mass."""

import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.compiled import compiled
from progressfit.dataset import Dataset
from progressfit.infer.bootstrap import nearest_optimum
from progressfit.infer.certificate import distinct_optima, gather_ends
from progressfit.infer.clock import Clock
from progressfit.infer.devices import Plan
from progressfit.infer.kinks import has_kinks
from progressfit.infer.optimise import check_key, fitted_weights
from progressfit.infer.points import objectives, stack_values
from progressfit.infer.programs import fit_starts, prior_ranges
from progressfit.infer.result import RESULTS, Draws, Fit, Optimum


@compiled()
def _mixture_draws(keys, log_weights, centres, factors):
    """One draw per key from a mixture of normals: centres ``(k, d)``, factors of the covariances ``(k, d, d)``."""

    def one(key):
        pick, noise = jax.random.split(key)
        k = jax.random.categorical(pick, log_weights)
        return centres[k] + factors[k] @ jax.random.normal(noise, centres.shape[1:])

    return jax.vmap(one)(keys)


def laplace(point: Fit, data: Dataset, *, key: jax.Array, draws: int = 1000) -> Draws:
    """Draw from normal approximations of the posterior around every known optimum, weighted by their mass.

    The approximation is made in unconstrained coordinates, with the Jacobian of the parameters: each optimum is
    polished there, and its mass is ``density * sqrt((2 pi)^d / |H|)``. It sees only the optima that ``fit`` found.

    Parameters
    ----------
    point
        A fit with ``objective="map"``; its optima are the centres.
    data
        The table that was fitted.
    key
        A JAX random key; it is split per draw first.
    draws
        Number of draws.

    Returns
    -------
    :class:`Draws`; ``stats["mode_weights"]`` has the mass of each optimum and ``stats["log_evidence"]`` their sum
    on the log scale (of the linked response).
    """
    require_x64()
    clock = Clock()
    if point.stats["objective"] != "map":
        raise ValueError("the Laplace approximation is of a posterior; fit with objective='map'")
    if has_kinks(point.spec):
        raise ValueError(
            "the density has kinks (Laplace noise or prior), so no normal approximates it at its optimum; bootstrap"
        )
    table, row_weights = data.bare(), fitted_weights(point, data)
    centres = unconstrained_optima(point, table, row_weights)
    if not centres:
        raise ValueError(f"no optimum with a positive definite curvature to approximate around ({point.result.value})")
    log_mass = np.array([_log_mass(optimum) for optimum in centres])
    evidence = float(np.logaddexp.reduce(log_mass))
    z = _mixture_draws(
        jax.random.split(check_key(key), draws),
        jnp.asarray(log_mass - evidence),
        jnp.stack([optimum.z for optimum in centres]),
        jnp.stack([np.linalg.inv(np.linalg.cholesky(optimum.hessian)).T for optimum in centres]),
    )
    objective = objectives(point.spec, z, table, row_weights)
    # Masses in the order of the fit's optima: polishing in other coordinates may reorder or join them.
    owner = nearest_optimum(point, np.stack([optimum.z for optimum in centres]))
    mass = np.bincount(owner, np.exp(log_mass - evidence), len(point.optima))
    stats = {
        "mode_weights": [float(w) for w in mass],
        "log_evidence": evidence,
        "seconds": clock.seconds(),
    }
    mode = nearest_optimum(point, z)
    ok = np.isfinite(objective)
    result = point.result if ok.all() else RESULTS.REPLICATES_FAILED
    return Draws(point, stack_values(point.spec, z), result, objective, ok, mode, "Laplace", stats)


def unconstrained_optima(point: Fit, table: Dataset, weights: jax.Array) -> tuple[Optimum, ...]:
    """Optima of the density in unconstrained coordinates, found from those of a fit; empty if none is definite."""
    starts = jnp.stack([optimum.z for optimum in point.optima])
    one, steps, stay = np.float64(1.0), np.int64(200), np.bool_(False)
    ranges = prior_ranges(point.spec)
    ends = fit_starts(point.spec, starts, table, weights, one, steps, stay, ranges, jacobian=True, plan=Plan(1, 1))
    return distinct_optima(point.spec, gather_ends(ends, ranges, len(starts)))


def _log_mass(optimum: Optimum) -> float:
    sign, log_det = np.linalg.slogdet(optimum.hessian)
    return -optimum.objective + 0.5 * len(optimum.z) * np.log(2 * np.pi) - 0.5 * float(log_det) * float(sign)
