"""Predictions with intervals, and whether they stay inside the fitted range."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.dataset import Dataset, Record
from progressfit.infer.result import Draws
from progressfit.model import Model
from progressfit.params import bind


def predict(model: Model, records: Record) -> jax.Array:
    """Predicted performance (median of the response), for one record or for records with a leading axis ``(n,)``."""
    require_x64()
    if all(jnp.ndim(column) == 0 for column in records.columns.values()):
        return model.mean.value(records)
    return model.predict(records)


class Extrapolation(NamedTuple):
    """How far records lie outside the fitted range: ``inside`` and ``distance``, shape ``(n,)``.

    The distance is the largest excess of any input over the fitted range, in units of that range (dates in years,
    inputs in logarithms): 0 inside, 1 a whole range away.
    """

    inside: np.ndarray
    distance: np.ndarray


def extrapolation(data: Dataset, records: Record) -> Extrapolation:
    """Whether each record's date and inputs all lie within the ranges of the fitted table, and how far outside."""
    excess = [np.zeros(np.broadcast_shapes(*(np.shape(column) for column in records.columns.values())))]
    for name, values in records.columns.items():
        if name not in data.records.columns:
            have = ", ".join(data.records.columns)
            raise ValueError(f"the fitted table has no column '{name}', so nothing tells its range (it has: {have})")
        fitted, wanted = np.asarray(data.records.columns[name], float), np.asarray(values, float)
        if name != "date" and (fitted > 0).all() and (wanted > 0).all():
            fitted, wanted = np.log(fitted), np.log(wanted)
        low, high = fitted.min(), fitted.max()
        outside = np.maximum(np.maximum(low - wanted, wanted - high), 0.0)
        excess.append(np.where(outside > 0, outside / max(high - low, 1e-12), 0.0))
    distance = np.max(np.stack(np.broadcast_arrays(*excess)), axis=0)
    return Extrapolation(distance == 0, distance)


class Prediction(NamedTuple):
    """Predictions row by row, shape ``(n,)`` each.

    ``low`` and ``high`` bound the expected performance (parameters uncertain); ``new_low`` and ``new_high`` that of a
    new model, whose own scatter comes on top. ``inside`` and ``distance`` are those of :class:`Extrapolation`.
    """

    median: np.ndarray
    low: np.ndarray
    high: np.ndarray
    new_low: np.ndarray
    new_high: np.ndarray
    inside: np.ndarray
    distance: np.ndarray
    level: float


def predict_intervals(
    draws: Draws, records: Record, data: Dataset, *, key: jax.Array, level: float = 0.95
) -> Prediction:
    """Predictions with central intervals from certified draws, each marked as inside or outside the fitted range.

    Parameters
    ----------
    draws
        Bootstrap replicates or approximate posterior draws.
    records
        Records with a leading axis.
    data
        The fitted table, whose range counts.
    key
        A JAX random key for the scatter of new models; split per draw first.
    level
        Coverage of the central intervals.
    """
    require_x64()
    if not 0 < level < 1:
        raise ValueError(f"level={level}: give a fraction strictly between 0 and 1")
    if not draws.ok.any():
        raise ValueError(f"none of the {len(draws)} draws is certified, so there is no interval: {draws.result.value}")
    expected, new = (found[draws.ok] for found in simulated(draws, records, key))
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(expected, tails, axis=0)
    new_low, new_high = np.quantile(new, tails, axis=0)
    where = extrapolation(data, records)
    return Prediction(np.median(expected, axis=0), low, high, new_low, new_high, where.inside, where.distance, level)


def simulated(draws: Draws, records: Record, key: jax.Array) -> tuple[np.ndarray, np.ndarray]:
    """Expected performance and that of a simulated new model, for every draw and record, ``(draws, n)`` each."""

    def one(pair):
        values, own = pair
        model = bind(draws.spec, values)
        return model.predict(records), model.simulate(records, own)

    keys = jax.random.split(key, len(draws))
    expected, new = jax.vmap(one)(({k: jnp.asarray(v) for k, v in draws.values.items()}, keys))
    return np.asarray(expected), np.asarray(new)
