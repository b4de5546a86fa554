"""Everything the study computes: fits, replicates, likelihoods at given parameters, and compute-optimal splits."""

import dataclasses
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.analysis.allocation import Allocation, optimal_allocation
from progressfit.compiled import compiled
from progressfit.dataset import Dataset
from progressfit.datasets import chinchilla as chinchilla_runs
from progressfit.datasets import chinchilla_table
from progressfit.infer.bootstrap import bootstrap, compile_bootstrap
from progressfit.infer.optimise import fit, start_grid
from progressfit.infer.result import Draws, Fit
from progressfit.laws import chinchilla
from progressfit.laws.chinchilla import LETTERS, START_GRID
from progressfit.model import Model
from progressfit.noise import Huber, LogScale
from progressfit.notation import parse_prior
from progressfit.params import bind
from progressfit.studies.besiroglu_2024 import published

# A knee beyond every residual: least squares.
_NO_KNEE = 1e3
_LOG_SCALES = (-14.0, -13.0, -12.0, -11.0)
_SCALE = "noise.log_scale"


class Likelihood(NamedTuple):
    """The Huber likelihood with a free scale at given letters, the scale at its best: negative log, and the scale."""

    value: float
    log_scale: float


class Evidence(NamedTuple):
    """Fits, draws and likelihoods of the study.

    Attributes
    ----------
    data, used
        All 245 points, and which of them count, ``(245,)``.
    huber, everything, least_squares
        Fits of the plain Huber loss over the 240 and over all points, and least squares over all.
    free
        The Huber likelihood with a free scale.
    rows
        Resampled tables of 240 points.
    residuals
        Of ln loss, over the 240 points, by name of the parameters: "replication" (the fit with a free scale) and
        "hoffmann".
    likelihoods
        By the same names.
    knee_in_residuals
        Negative log likelihood of ``huber`` with the knee at 1e-3 of the residual, at the best scale.
    allocations, allocations_rows
        Best splits of the published budget: by name of the parameters ("huber", "replication", "published",
        "hoffmann"), and for each of ``rows``.
    """

    data: Dataset
    used: np.ndarray
    huber: Fit
    everything: Fit
    least_squares: Fit
    free: Fit
    rows: Draws
    residuals: dict[str, np.ndarray]
    likelihoods: dict[str, Likelihood]
    knee_in_residuals: float
    allocations: dict[str, Allocation]
    allocations_rows: Allocation


def letters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters by published letter."""
    return {name: values[path] for name, path in LETTERS.items()}


def points() -> tuple[Dataset, np.ndarray]:
    """All 245 points, and which of them the published fit uses.

    One table for all fits, told apart by row weights, is one compiled program. The five dropped points share a cluster
    with the first used one, so that a resample of clusters draws 240 points from 240.
    """
    used = np.asarray(chinchilla_table()["used_in_fit"], bool)
    runs = chinchilla_runs("all")
    return Dataset(runs.records, runs.response, np.where(used, np.cumsum(used) - 1, 0), runs.labels), used


def free_scale() -> Model:
    """The law with the normalised Huber density, its scale free and its knee in units of the scale."""
    return chinchilla(Huber(LogScale(parse_prior("normal(-12, 3)")), delta=published.KNEE))


def gather(seed: int, replicates: int, say: Callable[[str], None]) -> Evidence:
    """Run every fit and replicate of the study."""
    data, used = points()
    weights, spec, grid = used.astype(float), chinchilla(), start_grid(START_GRID)
    # Programs of their own, compiled beside the first: compiling and running leave the other thread free.
    other = ThreadPoolExecutor(1)
    ahead = other.submit(compile_bootstrap, spec, data, replicates=replicates, kind="clusters", objective="mle")
    free_fit = other.submit(fit, free_scale(), data, starts=_scale_starts(), weights=weights, objective="mle")
    say(f"fit: {used.sum()} points from Hoffmann's {len(grid['irreducible']):,} starts; free scale")
    huber = fit(spec, data, starts=grid, weights=weights, objective="mle")
    say(f"bootstrap: {replicates} resampled tables")
    ahead.result()
    rows = _by_rows(bootstrap(huber, data, key=jax.random.key(seed), replicates=replicates, kind="clusters"))
    free = free_fit.result()
    named = {"huber": letters(huber.parameters), "replication": letters(free.parameters)}
    named |= {"published": published.FIT, "hoffmann": published.HOFFMANN}
    splits = other.submit(_splits, rows, named)
    say("all points; least squares; compute-optimal splits")
    # As many starts as before, for the same compiled program; they are the ends of the replicates, over and over.
    spread = {path: np.resize(np.asarray(rows.values[path])[rows.ok], len(grid[path])) for path in grid}
    everything = fit(spec, data, starts=spread, objective="mle")
    squares = fit(chinchilla(Huber(1.0, delta=_NO_KNEE)), data, starts=spread, objective="mle")
    say("likelihoods")
    residuals = {name: _residuals(spec, named[name], data)[used] for name in ("replication", "hoffmann")}
    allocations, allocations_rows = splits.result()
    other.shutdown()
    return Evidence(
        data=data,
        used=used,
        huber=huber,
        everything=everything,
        least_squares=squares,
        free=free,
        rows=rows,
        residuals=residuals,
        likelihoods={name: profiled(found) for name, found in residuals.items()},
        knee_in_residuals=_best_scale(_residuals(spec, named["huber"], data)[used]),
        allocations=allocations,
        allocations_rows=allocations_rows,
    )


def _by_rows(draws: Draws) -> Draws:
    """Every cluster is one row here."""
    return dataclasses.replace(draws, kind="row bootstrap")


def _scale_starts() -> dict[str, np.ndarray]:
    """From both published sets of parameters, with several scales each."""
    origins = (published.FIT, published.HOFFMANN)
    count = len(_LOG_SCALES)
    starts = {
        path: np.repeat([float(origin[name]) for origin in origins], count).astype(float)
        for name, path in LETTERS.items()
    }
    return starts | {_SCALE: np.tile(_LOG_SCALES, len(origins))}


@compiled()
def _row_residuals(model: Model, data: Dataset) -> jax.Array:
    return model.residuals(data)


def _residuals(spec: Model, values: Mapping[str, Any], data: Dataset) -> np.ndarray:
    """Residuals of ln loss at the given letters, all rows."""
    model = bind(spec, {LETTERS[name]: np.float64(value) for name, value in values.items()})
    return np.asarray(_row_residuals(model, data.bare()))


def profiled(residuals: np.ndarray) -> Likelihood:
    """The normalised Huber likelihood of residuals at its best scale.

    The scale solves ``mean(psi(r / scale) r / scale) = 1``, ``psi`` the slope of the loss; the iteration is exact at
    once where every residual is beyond the knee, and contracts elsewhere.
    """
    knee, scale = published.KNEE, published.KNEE * np.mean(np.abs(residuals))
    for _ in range(100):
        scale = np.mean(np.clip(residuals / scale, -knee, knee) * residuals)
    return Likelihood(float(_negative_log_likelihood(np.log(scale), knee, residuals)), float(np.log(scale)))


@compiled()
def _negative_log_likelihood(log_scale: Any, knee: Any, residuals: Any) -> jax.Array:
    """Of residuals, for scales and knees (in units of the scale) of one shape ``(...)``."""
    log_scale, knee = jnp.asarray(log_scale)[..., None], jnp.asarray(knee)[..., None]
    density = Huber(1.0, delta=knee).distribution(jnp.zeros_like(log_scale), jnp.exp(log_scale))
    return -jnp.sum(jnp.asarray(density.log_prob(residuals)), axis=-1)


def _best_scale(residuals: np.ndarray) -> float:
    """Least negative log likelihood over the scale, with the knee at 1e-3 of the residual whatever the scale."""
    centre, width = np.log(np.mean(np.abs(residuals))), 3.0
    values = np.zeros(1)
    for _ in range(8):
        scales = centre + np.linspace(-width, width, 33)
        values = np.asarray(_negative_log_likelihood(scales, published.KNEE / np.exp(scales), residuals))
        centre, width = scales[np.argmin(values)], width / 8
    return float(values.min())


def likelihood_ratio(found: Mapping[str, Likelihood]) -> tuple[float, float]:
    """Twice the log likelihood lost at Hoffmann's parameters, and its p-value: five parameters, each scale its own."""
    from scipy.special import gammaincc  # JAX's own would have to be compiled

    statistic = 2 * (found["hoffmann"].value - found["replication"].value)
    return statistic, float(gammaincc(0.5 * len(LETTERS), 0.5 * statistic))


def _split(model: Model) -> Allocation:
    return optimal_allocation(model, published.COMPUTE)


def _splits(rows: Draws, named: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Allocation], Allocation]:
    """Best splits under named letters and under every replicate; one batch, so one compiled program."""
    extra = {path: np.asarray([float(values[name]) for values in named.values()]) for name, path in LETTERS.items()}
    values = {path: np.concatenate([extra[path], np.asarray(rows.values[path])]) for path in extra}
    found = jax.tree.map(np.asarray, dataclasses.replace(rows, values=values).map(_split))
    single = {name: jax.tree.map(lambda column, i=i: column[i], found) for i, name in enumerate(named)}
    return single, jax.tree.map(lambda column: column[len(named) :][rows.ok], found)
