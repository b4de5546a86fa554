"""Arrays over draws and rows: log likelihoods, log priors, simulated responses, draws of the prior.

Each is one compiled program for all draws.
"""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.compiled import compiled
from progressfit.dataset import Dataset, Record
from progressfit.infer.devices import Plan, batched, plan_batch
from progressfit.model import Model
from progressfit.params import Values, bind, dimension, free_leaves, sample_prior

Scale = Literal["link", "response"]


@compiled("on", "plan")
def _log_likelihood(spec, values, data, on, plan):
    return batched(lambda one: bind(spec, one).log_lik(data, on=on), values, plan)


@compiled("plan")
def _log_prior(spec, values, plan):
    def one(drawn):
        return {leaf.path: jnp.sum(leaf.prior.log_prob(drawn[leaf.path])) for leaf in free_leaves(spec)}

    return batched(one, values, plan)


@compiled("plan")
def _simulated(spec, values, records, keys, plan):
    return batched(lambda pair: bind(spec, pair[0]).simulate(records, pair[1]), (values, keys), plan)


@compiled()
def _from_prior(spec, keys):
    return jax.vmap(lambda key: sample_prior(spec, key))(keys)


def _arrays(values: Values) -> Values:
    return {path: jnp.asarray(value, jnp.float64) for path, value in values.items()}


def _plan(spec: Model, rows: int, values: Values) -> Plan:
    return plan_batch(rows, dimension(spec), None, len(next(iter(values.values()))))


def log_likelihood(spec: Model, values: Values, data: Dataset, *, on: Scale = "link") -> np.ndarray:
    """Log likelihood of every row under every draw, ``(draws, n)``; unweighted, see :meth:`progressfit.Model.log_lik`.

    Parameters
    ----------
    spec
        The prepared spec.
    values
        Draws by path, each ``(draws, ...)``.
    data
        The table.
    on
        Density of the "link"ed response or of the "response" itself.
    """
    return np.asarray(_log_likelihood(spec, _arrays(values), data.bare(), on=on, plan=_plan(spec, len(data), values)))


def log_prior_by_leaf(spec: Model, values: Values) -> Values:
    """Log prior density of each parameter under every draw, ``(draws,)`` by path; entries of an array are added up."""
    found = _log_prior(spec, _arrays(values), plan=_plan(spec, 1, values))
    return {path: np.asarray(found[path]) for path in values}


def simulated(spec: Model, values: Values, records: Record, key: jax.Array) -> np.ndarray:
    """One simulated response of every record under every draw, ``(draws, n)``; the key is split per draw first."""
    count = len(next(iter(values.values())))
    plan = _plan(spec, len(next(iter(records.columns.values()), np.zeros(1))), values)
    return np.asarray(_simulated(spec, _arrays(values), records, jax.random.split(key, count), plan=plan))


def prior_values(spec: Model, key: jax.Array, count: int) -> Values:
    """Independent draws of the prior by path, ``(count, ...)``; the key is split per draw first.

    Raises
    ------
    ValueError
        If a prior is flat.
    """
    found = _from_prior(spec, jax.random.split(key, count))
    return {leaf.path: np.asarray(found[leaf.path]) for leaf in free_leaves(spec)}
