"""Refits of a table without some of its rows, and what they say about the rows left out: each batch is one program."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.compiled import compiled
from progressfit.dataset import Dataset
from progressfit.infer.devices import Plan, batched, gather, plan_batch, share
from progressfit.infer.pointwise import Scale, log_likelihood
from progressfit.infer.programs import draw_starts, prior_ranges
from progressfit.infer.refit import Changes, refit
from progressfit.infer.result import Fit
from progressfit.infer.tables import QUICK, SHORT, Posteriors, Table, sample_tables
from progressfit.model import Model
from progressfit.params import bind, constrain, dimension, improper

# Starts of each refit: half of them known optima, half prior draws, because fewer rows may have other optima. Prior
# draws alone where the refits may know nothing of the whole table.
_STARTS = 8
_BATCHES = 8
# Refits are short: what they scatter is stated row by row, so that only chains that disagree outright are refused.
_MOST_RHAT = 1.1
_MOST_DIVERGING = 0.01
# Draws, effectively, that have to carry a mean density before batch means say how far it is off.
_FEWEST = 100
_TARGET_ACCEPT = 0.8


class Refits(NamedTuple):
    """What each refit says about every row.

    Attributes
    ----------
    log_density, error
        Log density of each row under the refit, and its Monte Carlo standard error (zero for point refits; infinite
        where a few draws carry the density, so that the error is not known), ``(folds, n)``.
    ok
        Whether each refit can be trusted, ``(folds,)``: chains that agree and do not diverge, or an optimum.
    log_evidence, evidence_error
        Log evidence of the linked response in each refit and its standard error, by importance sampling, ``(folds,)``;
        NaN for point refits.
    """

    log_density: np.ndarray
    error: np.ndarray
    ok: np.ndarray
    log_evidence: np.ndarray
    evidence_error: np.ndarray


class _Predicted(NamedTuple):
    log_density: jax.Array
    error: jax.Array


def starts_around(point: Fit, key: jax.Array) -> jax.Array:
    """Where refits look for optima, unconstrained, ``(starts, d)``: at those of a fit, and at draws of the prior."""
    known = np.stack([optimum.z for optimum in point.optima])
    if improper(point.spec):
        return jnp.asarray(known)
    half = _STARTS // 2
    return jnp.concatenate([known[np.arange(half) % len(known)], draw_starts(point.spec, key, _STARTS - half)])


def blind_starts(spec: Model, key: jax.Array) -> jax.Array:
    """Draws of the prior, unconstrained, ``(starts, d)``: they know nothing of any response."""
    return draw_starts(spec, key, _STARTS)


def sample_without(
    spec: Model,
    starts: jax.Array,
    data: Dataset,
    weights: np.ndarray,
    key: jax.Array,
    on: Scale,
    chains: int,
    draws: int,
) -> Refits:
    """Posteriors of one table under several row weights, all in one program.

    Parameters
    ----------
    spec, starts
        A prepared spec and where to look for optima, ``(starts, d)``.
    data
        The table.
    weights
        Of the rows in each refit, ``(folds, n)``.
    key
        A JAX random key; split per refit.
    on
        Density of the "link"ed response or of the "response" itself.
    chains, draws
        Number of chains of each refit and of draws of each chain.
    """
    found = posteriors_without(spec, starts, data, weights, key, chains, draws)
    plan = plan_batch(len(data), dimension(spec))
    predicted = gather(_predictive(spec, share(found.z), data.bare(), on=on, plan=plan), len(weights))
    ok = settled(found.z, found.diverging)
    return Refits(predicted.log_density, predicted.error, ok, found.log_evidence, found.effective**-0.5)


def posteriors_without(
    spec: Model, starts: jax.Array, data: Dataset, weights: np.ndarray, key: jax.Array, chains: int, draws: int
) -> Posteriors:
    """The draws behind :func:`sample_without`, as NumPy arrays; arguments as there."""
    table, count = data.bare(), len(weights)
    response = jnp.broadcast_to(table.response, (count, len(data)))
    shared = jnp.broadcast_to(starts, (count, *starts.shape))
    tables = Table(response, jnp.asarray(weights), shared, jax.random.split(key, count))
    found = sample_tables(
        spec,
        table,
        share(tables),
        prior_ranges(spec),
        _TARGET_ACCEPT,
        chains,
        draws,
        1,
        settings=SHORT,
        effort=QUICK,
        plan=plan_batch(len(data), dimension(spec)),
    )
    return gather(found, count)


def settled(z: np.ndarray, diverging: np.ndarray) -> np.ndarray:
    """Whether the chains ``z (tables, chains, draws, d)`` of each table agree and do not diverge, ``(tables,)``."""
    rhat = np.asarray(jax.vmap(_split_rhat)(jnp.asarray(z)))
    return (np.max(rhat, axis=1) <= _MOST_RHAT) & (diverging <= _MOST_DIVERGING)


def fit_without(spec: Model, starts: jax.Array, data: Dataset, weights: np.ndarray, on: Scale) -> Refits:
    """Penalised refits (maximum a posteriori) under several row weights, all in one program; see above."""
    found = refit(spec, starts, data, np.ones(len(data)), Changes(weights=weights))
    log_density = log_likelihood(spec, found.values, data, on=on)
    nothing = np.full(len(weights), np.nan)
    return Refits(log_density, np.zeros_like(log_density), found.ok, nothing, nothing)


@compiled("on", "plan")
def _predictive(spec: Model, z: jax.Array, data: Dataset, on: Scale, plan: Plan) -> _Predicted:
    """Log of the mean density of each row over draws ``z (folds, chains, draws, d)``; its error from batch means."""

    def one(draws: jax.Array) -> _Predicted:
        chains, length, d = draws.shape

        def density(point: jax.Array) -> jax.Array:
            return bind(spec, constrain(spec, point)[0]).log_lik(data, on=on)

        found = jax.lax.map(density, draws.reshape(-1, d)).reshape(chains, length, -1)
        top = jnp.max(found, axis=(0, 1))
        relative = jnp.exp(found - jnp.where(jnp.isfinite(top), top, 0.0))
        mean, kept = jnp.mean(relative, axis=(0, 1)), length // _BATCHES * _BATCHES
        means = relative[:, :kept].reshape(chains * _BATCHES, -1, len(top)).mean(axis=1)
        error = jnp.std(means, axis=0, ddof=1) / jnp.sqrt(chains * _BATCHES) / mean
        carrying = chains * length * mean**2 / jnp.mean(relative**2, axis=(0, 1))
        known = jnp.where(carrying >= _FEWEST, error, jnp.inf)
        return _Predicted(jnp.log(mean) + top, known)

    return batched(one, z, plan)


def _split_rhat(draws: jax.Array) -> jax.Array:
    """Potential scale reduction of each coordinate of ``draws (chains, draws, d)``, chains split in two, ``(d,)``."""
    half = draws.shape[1] // 2
    halves = jnp.concatenate([draws[:, :half], draws[:, half : 2 * half]])
    within = jnp.mean(jnp.var(halves, axis=1, ddof=1), axis=0)
    between = jnp.var(jnp.mean(halves, axis=1), axis=0, ddof=1)
    return jnp.sqrt((half - 1) / half + between / within)
