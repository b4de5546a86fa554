"""Where priors lie in unconstrained coordinates: a typical size and a centre of each, and whether it has an edge."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import ImproperUniform, biject_to, constraints
from numpyro.distributions.transforms import IdentityTransform, IndependentTransform

from progressfit.params import Free, core_of, free_leaves

_DRAWS_FOR_SCALE = 4096
_CENTRAL = np.array([0.158655, 0.5, 0.841345])


def prior_scale(spec: Any) -> jax.Array:
    """Prior standard deviation of each unconstrained coordinate, shape ``(dimension,)``; NaN where the prior is flat.

    Exact for priors on the whole line with a finite variance. Otherwise half the central 68% range in that space, which
    heavy tails have too: from quantiles of the prior, or from a fixed set of draws where numpyro has none.
    """
    return _per_coordinate(spec, lambda leaf, low, median, high: _exact_scale(leaf, (high - low) / 2))


def prior_centre(spec: Any) -> jax.Array:
    """Prior median of each unconstrained coordinate; NaN where the prior is flat. See :func:`prior_scale`."""
    return _per_coordinate(spec, lambda leaf, low, median, high: median)


def is_unbounded(leaf: Free) -> bool:
    """Whether a leaf is its own unconstrained coordinate: its range has no edge to run to."""
    transform = biject_to(leaf.prior.support)
    while isinstance(transform, IndependentTransform):
        transform = transform.base_transform
    return isinstance(transform, IdentityTransform)


def _per_coordinate(spec: Any, fn: Callable[..., jax.Array]) -> jax.Array:
    """``fn`` of each leaf and the 16%, 50% and 84% points of its prior in unconstrained space, put end to end."""
    parts = [jnp.zeros(0)]
    for leaf in free_leaves(spec):
        if isinstance(core_of(leaf.prior), ImproperUniform):
            parts.append(jnp.full(leaf.size, jnp.nan))
        else:
            parts.append(fn(leaf, *_central_points(leaf)))
    return jnp.concatenate(parts)


def _central_points(leaf: Free) -> jax.Array:
    """The 16%, 50% and 84% points of each unconstrained coordinate of a prior, ``(3, size)``."""
    core, into = core_of(leaf.prior), biject_to(leaf.prior.support).inv
    if leaf.prior.event_shape == ():
        try:
            values = core.icdf(jnp.reshape(_CENTRAL, (3,) + (1,) * len(leaf.prior.batch_shape)))
            first, middle, last = into(jnp.broadcast_to(values, (3, *leaf.prior.shape()))).reshape(3, leaf.size)
            # The way there may fall.
            return jnp.stack([jnp.minimum(first, last), middle, jnp.maximum(first, last)])
        except (NotImplementedError, ImportError):  # numpyro has no quantiles of some families
            pass
    draws = leaf.prior.sample(jax.random.key(0), (_DRAWS_FOR_SCALE,))
    return jnp.quantile(into(draws).reshape(_DRAWS_FOR_SCALE, leaf.size), jnp.asarray(_CENTRAL), axis=0)


def _exact_scale(leaf: Free, robust: jax.Array) -> jax.Array:
    prior = leaf.prior
    if prior.event_shape != () or prior.support is not constraints.real:
        return robust
    try:
        exact = jnp.sqrt(jnp.ravel(jnp.broadcast_to(prior.variance, prior.shape())))
    except NotImplementedError:  # some transformed distributions state no variance
        return robust
    return jnp.where(jnp.isfinite(exact), exact, robust)
