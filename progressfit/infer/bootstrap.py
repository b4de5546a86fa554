"""The verb ``bootstrap``: refits of resampled or simulated tables, all in one compiled program."""

import dataclasses
from typing import Any, Literal

import jax
import numpy as np

from progressfit._x64 import require_x64
from progressfit.dataset import Dataset
from progressfit.infer.certificate import at_bound, is_stationary
from progressfit.infer.checkpoint import fingerprint
from progressfit.infer.clock import Clock
from progressfit.infer.devices import gather, plan_batch, share
from progressfit.infer.optimise import check_key, fitted_weights, stated_weight_of
from progressfit.infer.points import stack_values
from progressfit.infer.prepare import prepare
from progressfit.infer.programs import Replicates, fit_replicates, prior_ranges
from progressfit.infer.result import RESULTS, Draws, Fit
from progressfit.infer.stretches import by_stretches, stretch_length
from progressfit.model import Model
from progressfit.params import Numbers, dimension
from progressfit.prior_range import Ranges

Kind = Literal["rows", "clusters", "bayesian", "residual"]

_WORDS = {
    "rows": "row bootstrap",
    "clusters": "cluster bootstrap",
    "bayesian": "Bayesian bootstrap",
    "residual": "parametric residual bootstrap",
}
_TOLERATED_FAILURES = 0.01
_ENOUGH_CLUSTERS = 10


def bootstrap(
    point: Fit,
    data: Dataset,
    *,
    key: jax.Array,
    replicates: int = 1000,
    kind: Kind = "rows",
    starts: Literal["optima", "best"] = "optima",
    max_steps: int = 2000,
    chunk: int | None = None,
) -> Draws:
    """Refit resampled tables to see how far the answer moves.

    Parameters
    ----------
    point
        The fit whose optima supply the starts, so that a replicate can change mode. Its row weights count here too.
    data
        The table that was fitted.
    key
        A JAX random key; it is split per replicate first.
    replicates
        Number of refits.
    kind
        "rows" resamples rows with replacement, "clusters" whole clusters (papers), "bayesian" draws Dirichlet weights
        for clusters (rows, if the data have no clusters), "residual" simulates responses from the fitted model.
    starts
        "optima" starts every replicate from every known optimum; "best" from the best alone, as published analyses
        do, and then replicates cannot change mode.
    max_steps
        Largest number of trial steps from each start.
    chunk
        How many replicates run side by side on each device, chosen from the size of the problem by default; the answer
        does not depend on it.

    Returns
    -------
    :class:`Draws`. Replicates that did not converge, or whose parameters ran to a bound, are marked in ``ok`` and
    counted in ``failed`` (``stats["at_bound"]`` of them at a bound); more than 1% of them make the result "not
    certified". So do fewer than ten clusters, whose resamples are too few and too alike. No replicate of a
    maximum-likelihood fit that is not identified counts: its resamples leave open what it leaves open.
    """
    require_x64()
    if kind not in _WORDS:
        raise ValueError(f"kind='{kind}': choose one of {', '.join(_WORDS)}")
    if starts not in ("optima", "best"):
        raise ValueError(f"starts='{starts}': choose 'optima' or 'best'")
    if not isinstance(replicates, int) or replicates < 1:
        raise ValueError(f"replicates={replicates}: give a whole number, at least one")
    clock, table = Clock(), _clustered(data, kind).bare()
    known = [optimum.z for optimum in point.optima]
    # The best optimum alone is repeated, so that both choices run the same compiled program.
    begin = np.asarray(known if starts == "optima" else known[:1] * len(known))
    keys, weights = jax.random.split(check_key(key), replicates), fitted_weights(point, data)
    plan = plan_batch(len(data), dimension(point.spec), chunk, replicates)
    ranges = prior_ranges(point.spec)
    fixed = _arguments(point.spec, begin, table, weights, point.stats["objective"], max_steps, kind, ranges)

    def refits(keys: jax.Array) -> Replicates:
        return fit_replicates(**fixed, keys=keys, plan=plan)

    def run() -> str:
        return fingerprint(*fixed.values(), keys, jax.__version__)

    ends = by_stretches(refits, share(keys), plan, f"{_WORDS[kind]}, {replicates} replicates", run)
    found = _draws(point, gather(ends, replicates), ranges, _WORDS[kind], clock)
    few = kind in ("clusters", "bayesian") and fixed["clusters"] < _ENOUGH_CLUSTERS
    return dataclasses.replace(found, result=RESULTS.FEW_CLUSTERS) if few else found


def compile_bootstrap(
    spec: Model,
    data: Dataset,
    *,
    replicates: int = 1000,
    kind: Kind = "rows",
    objective: str = "map",
    max_steps: int = 2000,
    chunk: int | None = None,
) -> None:
    """Compile what :func:`bootstrap` will run once this law is fitted to this table and has one optimum.

    For use in a thread beside the fit, which then leaves the bootstrap nothing to compile. Arguments as there.
    """
    require_x64()
    spec = prepare(spec, data)
    plan, begin = plan_batch(len(data), dimension(spec), chunk, replicates), np.zeros((1, dimension(spec)))
    table, ranges = _clustered(data, kind).bare(), Ranges(np.zeros(dimension(spec)), np.zeros(dimension(spec)))
    fixed = _arguments(spec, begin, table, np.ones(len(data)), objective, max_steps, kind, ranges)
    keys = jax.random.split(jax.random.key(0), stretch_length(len(share(np.zeros(replicates))), plan))
    fit_replicates.compile(**fixed, keys=keys, plan=plan)


def _arguments(
    spec: Model,
    begin: np.ndarray,
    table: Dataset,
    weights: Numbers,
    objective: str,
    max_steps: int,
    kind: Kind,
    ranges: Ranges,
) -> dict[str, Any]:
    """What :func:`fit_replicates` takes, but for keys and plan."""
    return {
        "spec": spec,
        "starts": begin,
        "data": table,
        "clusters": np.int64(np.max(np.asarray(table.clusters)) + 1),
        "weights": np.asarray(weights),
        "prior_weight": stated_weight_of(objective),
        "max_steps": np.int64(max_steps),
        "ranges": ranges,
        "kind": "rows" if kind == "clusters" else kind,
    }


def _clustered(data: Dataset, kind: str) -> Dataset:
    """The table whose clusters are the units of resampling: single rows for a row bootstrap."""
    if kind == "rows":
        return Dataset(data.records, data.response, np.arange(len(data)), data.labels)
    if kind == "clusters" and len(np.unique(data.clusters)) < 2:
        raise ValueError("all rows are one cluster, so nothing can be resampled; name a column with several clusters")
    if kind == "clusters" and len(np.unique(data.clusters)) == len(data):
        raise ValueError(
            "every row is its own cluster; name the cluster column with Dataset.from_frame(cluster=COLUMN)"
        )
    _, codes = np.unique(data.clusters, return_inverse=True)
    return Dataset(data.records, data.response, codes, data.labels)


def nearest_optimum(point: Fit, z: Numbers) -> np.ndarray:
    """Index of the known optimum closest to each vector ``(draws, d)``, in prior standard deviations."""
    known = np.stack([optimum.z for optimum in point.optima])
    steps = (np.asarray(z)[:, None, :] - known[None, :, :]) / point.certificate.identification.scale
    return np.argmin(np.sum(steps**2, axis=-1), axis=1)


def _draws(point: Fit, ends: Replicates, ranges: Ranges, kind: str, clock: Clock) -> Draws:
    z, step = np.asarray(ends.z), np.asarray(ends.step)
    stationary = np.isfinite(ends.value) & is_stationary(ends.decrement, ends.rounding) & (ends.curvature > 0)
    bound = np.any(list(at_bound(point.spec, z, step, ranges.finite_scale, np.asarray(ranges.centre)).values()), axis=0)
    # Rounding alone decides whether the Hessian of a resample is definite where that of the whole table is not.
    determined = point.stats["objective"] == "map" or point.certificate.identification.verdict != "not identified"
    ok = np.asarray(stationary & ~bound) & determined
    result = RESULTS.REPLICATES_FAILED if np.mean(~ok) > _TOLERATED_FAILURES else point.result
    mode = nearest_optimum(point, z)
    counts = [int(np.sum(mode[ok] == k)) for k in range(len(point.optima))]
    stats = {
        "replicates": len(ok),
        "failed": int(np.sum(~ok)),
        "at_bound": int(np.sum(bound)),
        "mode_counts": counts,
        "seconds": clock.seconds(),
    }
    return Draws(point, stack_values(point.spec, z), result, np.asarray(ends.value), ok, mode, kind, stats)
