"""The numbers inside a prior, by name, and the same prior with other numbers."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from numpyro.distributions import (
    Distribution,
    ExpandedDistribution,
    ImproperUniform,
    Independent,
    LeftTruncatedDistribution,
    Normal,
    RightTruncatedDistribution,
    TwoSidedTruncatedDistribution,
)

from progressfit import _x64 as _x64
from progressfit.params import free, kinked, priors

_TRUNCATED = (LeftTruncatedDistribution, RightTruncatedDistribution, TwoSidedTruncatedDistribution)
WIDTH = "scale"
"""The hyper-parameter that says how wide a prior is, in the families that have one."""


def hyper_parameters(prior: Distribution) -> dict[str, Any]:
    """The numbers that a prior is made of, by the names of its family's arguments; none for a flat one."""
    if isinstance(prior, ExpandedDistribution | Independent):
        return hyper_parameters(prior.base_dist)
    if isinstance(prior, _TRUNCATED):
        edges = {name: getattr(prior, name) for name in ("low", "high") if hasattr(prior, name)}
        return {**hyper_parameters(prior.base_dist), **edges}
    if isinstance(prior, ImproperUniform):
        return {}
    return {name: getattr(prior, name) for name in prior.arg_constraints}


def with_hyper(prior: Distribution, values: Mapping[str, Any]) -> Distribution:
    """The same prior with some of its numbers replaced; also of traced numbers, so that it can be differentiated."""
    if isinstance(prior, ExpandedDistribution):
        return with_hyper(prior.base_dist, values).expand(prior.batch_shape)
    if isinstance(prior, Independent):
        return with_hyper(prior.base_dist, values).to_event(prior.reinterpreted_batch_ndims)
    if isinstance(prior, _TRUNCATED):
        new = hyper_parameters(prior) | dict(values)
        edges = {name: new.pop(name) for name in ("low", "high") if hasattr(prior, name)}
        return type(prior)(with_hyper(prior.base_dist, new), **edges)
    if isinstance(prior, ImproperUniform):
        return prior
    return type(prior)(**(hyper_parameters(prior) | dict(values)))


def without_kinks(spec: Any) -> Any:
    """The same spec with normal priors of the same location and variance in place of Laplace ones.

    For fits by the likelihood alone, where priors only supply starts.
    """
    found: dict[str, Distribution] = {}
    for path in kinked(spec):
        prior = priors(spec)[path]
        shape = prior.shape()
        found[path] = Normal(jnp.broadcast_to(prior.mean, shape), jnp.broadcast_to(jnp.sqrt(prior.variance), shape))
    return free(spec, found)
