"""The one log density, which optimisers and samplers share, and its view as a numpyro model."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.dataset import Dataset
from progressfit.model import Model
from progressfit.params import bind, constrain, free_leaves, log_prior


def log_density(
    spec: Model,
    z: jax.Array,
    data: Dataset,
    weights: jax.Array | None = None,
    jacobian: bool = False,
    prior_weight: Any = 1.0,
) -> jax.Array:
    """Log prior plus weighted log likelihood at one unconstrained vector (scalar).

    Parameters
    ----------
    spec
        A prepared spec (group effects expanded, see :func:`progressfit.prepare`).
    z
        Unconstrained vector, shape ``(dimension(spec),)``.
    data
        The table.
    weights
        Weight of each row's log likelihood, shape ``(n,)``; ones if not given. A weight of 0 drops the row.
    jacobian
        Whether to add ``log |d parameters / d z|``: ``False`` for optimisers, whose mode is that of the leaves,
        ``True`` for samplers in ``z``.
    prior_weight
        Factor on the log prior: 1 for a posterior, 0 for the likelihood alone.

    Notes
    -----
    The likelihood is the normalised density of the *linked* response; the link's Jacobian does not depend on
    parameters and is left out (see :meth:`progressfit.Model.log_lik`).
    """
    require_x64()
    values, log_det = constrain(spec, z)
    if weights is not None:
        data = stand_in(data, weights)
    log_lik = bind(spec, values).log_lik(data)
    if weights is not None:
        log_lik = jnp.where(weights > 0, weights * log_lik, 0.0)
    total = prior_weight * log_prior(spec, values) + jnp.sum(log_lik)
    return total + log_det if jacobian else total


def check_weights(weights: Any, data: Dataset) -> np.ndarray:
    """Row weights as float64 ``(n,)``, ones where none are given."""
    if weights is None:
        return np.ones(len(data))
    found = np.asarray(weights, np.float64)
    if found.shape != (len(data),) or not (np.isfinite(found).all() and (found >= 0).all()):
        raise ValueError(f"weights must be {len(data)} finite, non-negative numbers, one for each row")
    return found


def stand_in(data: Dataset, weights: jax.Array) -> Dataset:
    """The table with rows of weight zero replaced by one that counts.

    A dropped row must not spoil the sum or its gradient, not even where its density or a derivative is infinite.
    """
    first = jnp.argmax(weights > 0)

    def kept(column: jax.Array) -> jax.Array:
        column = jnp.asarray(column)
        return jnp.where(weights > 0, column, column[first])

    records, response = jax.tree.map(kept, (data.records, data.response))
    return Dataset(records, response, data.clusters)


def numpyro_model(spec: Model) -> Callable[..., None]:
    """The spec as a numpyro model ``model(data, weights=None)``, with a sample site for each free leaf.

    Sites carry the dotted paths; the observed site ``"linked_response"`` holds the linked response. For numpyro's
    own handlers, SVI and samplers, and as an independent check of :func:`log_density`.
    """
    import numpyro

    def model(data: Dataset, weights: jax.Array | None = None) -> None:
        values = {
            leaf.path: numpyro.sample(leaf.path, leaf.prior.to_event(len(leaf.prior.batch_shape)))
            for leaf in free_leaves(spec)
        }
        bound = bind(spec, values)
        likelihood = bound.noise(jax.vmap(bound.linked)(data.records), data.records)
        scale = jnp.ones(len(data)) if weights is None else weights
        with numpyro.handlers.scale(scale=scale):
            numpyro.sample("linked_response", likelihood, obs=bound.link.forward(data.response))

    return model
