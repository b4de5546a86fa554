"""The verb ``fit``: many starts, one compiled program, a certificate."""

from collections.abc import Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.dataset import Dataset
from progressfit.density import check_weights
from progressfit.infer.certificate import best_end, certify, distinct_optima, gather_ends
from progressfit.infer.check import require
from progressfit.infer.clock import Clock
from progressfit.infer.devices import arrange, share
from progressfit.infer.information import identify
from progressfit.infer.points import stack_points
from progressfit.infer.prepare import prepare
from progressfit.infer.programs import draw_starts, fit_starts, prior_ranges
from progressfit.infer.result import RESULTS, Fit
from progressfit.infer.watch import activity
from progressfit.model import Model
from progressfit.params import bind, dimension, free_leaves

Objective = Literal["map", "mle"]


class FitError(RuntimeError):
    """Raised by ``fit(..., throw=True)`` when the fit is not certified; the message is the result's sentence."""


def fit(
    spec: Model,
    data: Dataset,
    *,
    key: jax.Array | None = None,
    starts: int | Mapping[str, Any] = 64,
    weights: Any = None,
    objective: Objective = "map",
    max_steps: int = 2000,
    revive: bool = True,
    chunk: int | None = None,
    throw: bool = False,
) -> Fit:
    """Fit a spec to a table from many starts, and say what was and was not reached.

    Parameters
    ----------
    spec
        A law with priors at its free leaves.
    data
        The table.
    key
        A JAX random key (``jax.random.key(0)``) for starts drawn from the prior.
    starts
        How many starts to draw, or the starts themselves: path -> values of shape ``(starts, ...)`` for every free
        parameter (see :func:`progressfit.start_grid`).
    weights
        Weight of each row, shape ``(n,)``.
    objective
        "map" maximises posterior density in the space of the leaves; "mle" leaves the priors out, and they only
        supply starts.
    max_steps
        Largest number of trial steps from each start.
    revive
        Move starts from which some parameter has no effect on the mean half-way to the prior's centre, repeatedly
        until it has; no optimiser could leave there. The certificate counts them.
    chunk
        How many starts run side by side on each device, chosen from the size of the problem by default; the answer
        does not depend on it.
    throw
        Raise :class:`FitError` unless the fit is certified.

    Returns
    -------
    A :class:`Fit`; look at ``result`` before using the numbers.

    Raises
    ------
    TableError
        If the table and the law do not fit together.
    """
    require_x64()
    if not isinstance(spec, Model) or not isinstance(data, Dataset):
        raise TypeError(
            f"fit needs a Model and a Dataset, got {type(spec).__name__} and {type(data).__name__}; call a law to get "
            "its Model, and turn a data frame into a Dataset with Dataset.from_frame"
        )
    clock = Clock()
    require(spec, data, objective)
    spec, bare = prepare(spec, data), data.bare()
    if dimension(spec) == 0:
        raise ValueError("every parameter of this spec is fixed, so there is nothing to fit; put a prior on one")
    row_weights, prior_weight = check_weights(weights, data), stated_weight_of(objective)
    points = starting_points(spec, key, starts)
    table, counted, plan = arrange(bare, row_weights, len(points), dimension(spec), chunk)
    ranges = prior_ranges(spec)
    steps, moving = np.int64(max_steps), np.bool_(revive)
    with activity(f"fit from {len(points)} starts"):
        found = fit_starts(
            spec, share(points), table, counted, prior_weight, steps, moving, ranges, jacobian=False, plan=plan
        )
        ends = gather_ends(found, ranges, len(points))
    optima = distinct_optima(spec, ends) or (best_end(spec, ends),)
    prior_sd = ranges.scale if objective == "map" else None
    identification, slopes = identify(spec, optima[0].z, bare, row_weights, prior_sd)
    result, certificate = certify(spec, ends, optima, identification)
    if throw and result is not RESULTS.CONVERGED:
        raise FitError(result.value)
    stats = {"n": len(data), "objective": objective, "table": data.digest(), "seconds": clock.seconds()}
    model = bind(spec, {path: jnp.asarray(value) for path, value in optima[0].values.items()})
    return Fit(spec, model, result, optima[0].objective, certificate, optima, np.asarray(row_weights), slopes, stats)


def prior_weight_of(objective: str) -> np.float64:
    """Factor on the log prior: 1 for "map", 0 for "mle"."""
    if objective not in ("map", "mle"):
        raise ValueError(f"objective='{objective}': choose 'map' or 'mle'")
    return np.float64(objective == "map")


def stated_weight_of(objective: str) -> np.float64 | None:
    """Factor on the log prior, ``None`` instead of 0: what is compiled for "mle" then leaves the priors out."""
    return prior_weight_of(objective) or None


def fitted_weights(point: Fit, data: Dataset) -> jax.Array:
    """Row weights of a fit, for work around it on the same table.

    Raises
    ------
    ValueError
        If the table is not the one that was fitted.
    """
    if len(data) != len(point.weights):
        raise ValueError(f"the fit is of {len(point.weights)} rows, this table has {len(data)}; give the fitted table")
    if data.digest() != point.stats["table"]:
        raise ValueError("this table has other numbers than the one that was fitted; fit it first")
    return jnp.asarray(point.weights)


def check_key(key: Any) -> jax.Array:
    """A JAX random key, old style or new.

    Raises
    ------
    ValueError
        If it is something else, such as a plain seed.
    """
    dtype = key.dtype if isinstance(key, jax.Array | np.ndarray) else np.dtype(object)
    if not (jnp.issubdtype(dtype, jax.dtypes.prng_key) or dtype == np.uint32):
        raise ValueError(f"key={key!r} is not a random key; write key=jax.random.key(SEED)")
    return jnp.asarray(key)


def starting_points(spec: Model, key: jax.Array | None, starts: int | Mapping[str, Any]) -> jax.Array:
    """Unconstrained starting points ``(starts, d)``: drawn from the prior, or given by path."""
    if isinstance(starts, Mapping):
        return _given_starts(spec, starts)
    if isinstance(starts, bool) or not isinstance(starts, int):
        raise ValueError(f"starts={starts!r}: give a whole number, or the starts themselves by path")
    if starts < 1:
        raise ValueError(f"starts={starts}: at least one start is needed")
    if key is None:
        raise ValueError(
            "starts are drawn from the prior, so give key=jax.random.key(SEED), or give the starts themselves"
        )
    return draw_starts(spec, check_key(key), starts)


def _given_starts(spec: Model, starts: Mapping[str, Any]) -> jax.Array:
    found = free_leaves(spec)
    missing = [leaf.path for leaf in found if leaf.path not in starts]
    unknown = [path for path in starts if path not in {leaf.path for leaf in found}]
    if missing or unknown:
        what = f"no start for '{missing[0]}'" if missing else f"'{unknown[0]}' is not a free parameter"
        raise ValueError(f"{what}; the free parameters are: {', '.join(leaf.path for leaf in found)}")
    lengths = {np.shape(starts[leaf.path])[:1] for leaf in found}
    if len(lengths) != 1 or () in lengths:
        raise ValueError("starts must be arrays with one common leading axis, the number of starts")
    return stack_points(spec, starts)


def start_grid(values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Every combination of the given values: path -> array ``(product of the lengths,)``, for ``fit(starts=...)``."""
    mesh = np.meshgrid(*(np.asarray(v, np.float64) for v in values.values()), indexing="ij")
    return {path: axis.ravel() for path, axis in zip(values, mesh, strict=True)}
