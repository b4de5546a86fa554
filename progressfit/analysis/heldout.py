"""Held-out densities from posteriors that the verb ``sample`` draws and certifies, fold by fold.

:func:`progressfit.cross_validate` runs short chains for many folds in one program of its own. Where two optima compete,
or a scale is pooled, such chains may not settle. Here every fold is a whole run of ``sample`` with the rows held out at
weight zero: longer, diagnosed, and in the program that the posterior of the whole table has compiled already.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from progressfit._x64 import require_x64
from progressfit.analysis.folds import Folds, make_folds, row_names
from progressfit.analysis.loo import LeaveOneOut
from progressfit.analysis.validation import Validation
from progressfit.dataset import Dataset
from progressfit.density import check_weights
from progressfit.infer.clock import Clock
from progressfit.infer.optimise import check_key, fit, fitted_weights
from progressfit.infer.pointwise import Scale, log_likelihood
from progressfit.infer.result import Draws
from progressfit.infer.sample import sample
from progressfit.model import Model

_BATCHES = 8
# Draws, effectively, that have to carry a mean density before batch means say how far it is off.
_FEWEST = 100


def forward_validation(
    spec: Model,
    data: Dataset,
    dates: Sequence[Any],
    *,
    key: jax.Array,
    on: Scale = "link",
    draws: int = 500,
    target_accept: float = 0.95,
    starts: int = 32,
    weights: Any = None,
) -> Validation:
    """Fit the rows before each date and score those from it on, up to the next, as certified posteriors.

    Parameters are those of :func:`progressfit.cross_validate` and :func:`progressfit.sample`; the result is that of the
    former. A fold is in doubt (``ok``) if its chains have not mixed or a few draws carry the density of a row.
    """
    require_x64()
    fold_key, run_key = jax.random.split(check_key(key))
    folds = make_folds(data, fold_key, forward=dates)
    own = np.asarray(check_weights(weights, data))
    return _validated(spec, data, folds, run_key, on, draws, target_accept, starts, own)


def refitted(
    found: LeaveOneOut, draws: Draws, data: Dataset, *, key: jax.Array, most: int = 8, starts: int = 32
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Leave-one-out log densities, those that importance sampling cannot tell from a posterior without the row.

    Parameters
    ----------
    found, draws, data
        Leave-one-out densities without refits, the posterior they are of, and its table.
    key
        A JAX random key.
    most
        Largest number of rows that are refitted without; the worst come first.
    starts
        Number of starts of each fit.

    Returns
    -------
    Log densities of the linked response ``(n,)``, and the names of the rows whose density cannot be trusted.
    """
    require_x64()
    rows = np.asarray(found.diagnosis.rows)[np.argsort(-found.pareto_k[found.diagnosis.rows])]
    names, density = row_names(data), found.log_density.copy()
    if len(rows) == 0:
        return density, ()
    out = np.arange(len(data))[None, :] == rows[:most, None]
    folds = Folds(~out, out, tuple(names[row] for row in rows[:most]), np.arange(len(data)), "leave-one-out")
    weights = np.asarray(fitted_weights(draws.origin, data))
    again = _validated(draws.spec, data, folds, key, "link", len(draws) // draws.chains, 0.95, starts, weights)
    density[rows[:most]] = again.log_density[rows[:most]]
    return density, (*again.failed, *(names[row] for row in rows[most:]))


def _validated(
    spec: Model,
    data: Dataset,
    folds: Folds,
    key: jax.Array,
    on: Scale,
    draws: int,
    target_accept: float,
    starts: int,
    weights: np.ndarray,
) -> Validation:
    clock = Clock()
    density, error = np.full((2, len(data)), np.nan)
    ok = np.zeros(len(folds.names), bool)
    for k, own in enumerate(jax.random.split(key, len(folds.names))):
        fit_key, sample_key = jax.random.split(own)
        point = fit(spec, data, key=fit_key, starts=starts, weights=weights * folds.fitted[k])
        found = sample(spec, data, key=sample_key, point=point, draws=draws, target_accept=target_accept)
        rows = np.flatnonzero(folds.held_out[k] & (weights > 0))
        density[rows], error[rows] = _mean_density(
            found, log_likelihood(found.spec, found.values, data, on=on)[:, rows]
        )
        ok[k] = found.stats["diagnosis"].mixed and bool(np.isfinite(error[rows]).all())
    kind = f"{folds.kind}, posteriors (NUTS)"
    return Validation(kind, on, density, error, folds, ok, data.digest(), {"seconds": clock.seconds()})


def _mean_density(draws: Draws, log_lik: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log of the mean density of rows over draws ``(draws, rows)``, and its error from batch means; see `refits`.

    Draws that are not certified do not count. The density is -inf where no draw allows a row; NaN if no draw is left.
    """
    ok, count = draws.ok[:, None], int(draws.ok.sum())
    log_lik = np.where(ok, log_lik, -np.inf)
    top = log_lik.max(axis=0)
    relative = np.exp(log_lik - np.where(np.isneginf(top), 0.0, top))
    means, sizes = _batches(relative, draws.chains), _batches(ok.astype(float), draws.chains)
    means = means[sizes[:, 0] > 0] / sizes[sizes[:, 0] > 0]
    if count == 0 or len(means) < 2:
        nothing = np.full(log_lik.shape[1], np.nan)
        return nothing, nothing
    mean = relative.sum(axis=0) / count
    with np.errstate(divide="ignore", invalid="ignore"):
        error = means.std(axis=0, ddof=1) / np.sqrt(len(means)) / mean
        carrying = relative.sum(axis=0) ** 2 / np.sum(relative**2, axis=0)
        return np.log(mean) + np.where(np.isneginf(top), 0.0, top), np.where(carrying >= _FEWEST, error, np.inf)


def _batches(values: np.ndarray, chains: int) -> np.ndarray:
    """Sums over batches of consecutive draws, ``(chains * batches, k)``, of values stored chain by chain."""
    length = len(values) // chains
    kept = values.reshape(chains, length, -1)[:, : length // _BATCHES * _BATCHES]
    return kept.reshape(chains * _BATCHES, -1, values.shape[1]).sum(axis=1)
