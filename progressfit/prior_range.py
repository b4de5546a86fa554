"""Where priors lie in unconstrained coordinates: a typical size and a centre of each, and whether it has an edge."""

from statistics import NormalDist
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import Distribution, ImproperUniform, Normal, TransformedDistribution, biject_to, constraints
from numpyro.distributions.transforms import IdentityTransform, IndependentTransform

from progressfit.params import Free, Numbers, core_of, free_leaves

_DRAWS_FOR_SCALE = 4096
# Central points of a prior: where a normal has its mean and one standard deviation either side.
_OF_NORMAL = np.array([-1.0, 0.0, 1.0])
_CENTRAL = np.array([NormalDist().cdf(value) for value in _OF_NORMAL])


class Ranges(NamedTuple):
    """Where a prior lies in unconstrained coordinates, ``(dimension,)`` each; NaN where it is flat.

    Attributes
    ----------
    scale
        Standard deviation. Exact for priors on the whole line with a finite variance. Otherwise half the central 68%
        range in that space, which heavy tails have too: from quantiles of the prior, or from a fixed set of draws where
        numpyro has none.
    centre
        Median.
    """

    scale: Numbers
    centre: Numbers

    @property
    def finite_scale(self) -> np.ndarray:
        """The scale, one where the prior is flat."""
        scale = np.asarray(self.scale)
        return np.where(np.isfinite(scale) & (scale > 0), scale, 1.0)


def ranges_of(spec: Any) -> Ranges:
    """Typical size and centre of each unconstrained coordinate under the prior."""
    parts = [Ranges(jnp.zeros(0), jnp.zeros(0)), *map(_of_leaf, free_leaves(spec))]
    return Ranges(*(jnp.concatenate(own) for own in zip(*parts, strict=True)))


def is_unbounded(leaf: Free) -> bool:
    """Whether a leaf is its own unconstrained coordinate: its range has no edge to run to."""
    transform = biject_to(leaf.prior.support)
    while isinstance(transform, IndependentTransform):
        transform = transform.base_transform
    return isinstance(transform, IdentityTransform)


def _of_leaf(leaf: Free) -> Ranges:
    if isinstance(core_of(leaf.prior), ImproperUniform):
        flat = jnp.full(leaf.size, jnp.nan)
        return Ranges(flat, flat)
    low, median, high = _central_points(leaf)
    return Ranges(_exact_scale(leaf, (high - low) / 2), median)


def _central_points(leaf: Free) -> jax.Array:
    """The 16%, 50% and 84% points of each unconstrained coordinate of a prior, ``(3, size)``."""
    core, into = core_of(leaf.prior), biject_to(leaf.prior.support).inv
    if leaf.prior.event_shape == ():
        try:
            values = _quantiles(core, (3,) + (1,) * len(leaf.prior.batch_shape))
            first, middle, last = into(jnp.broadcast_to(values, (3, *leaf.prior.shape()))).reshape(3, leaf.size)
            # The way there may fall.
            return jnp.stack([jnp.minimum(first, last), middle, jnp.maximum(first, last)])
        except (NotImplementedError, ImportError):  # numpyro has no quantiles of some families
            pass
    draws = leaf.prior.sample(jax.random.key(0), (_DRAWS_FOR_SCALE,))
    return jnp.quantile(into(draws).reshape(_DRAWS_FOR_SCALE, leaf.size), jnp.asarray(_CENTRAL), axis=0)


def _quantiles(prior: Distribution, shape: tuple[int, ...]) -> jax.Array:
    """Values of a prior at the central points, in this shape, from either end."""
    base, transforms = prior, ()
    if isinstance(prior, TransformedDistribution):
        base, transforms = core_of(prior.base_dist), prior.transforms
    if type(base) is not Normal:
        return jnp.asarray(prior.icdf(jnp.reshape(_CENTRAL, shape)))
    # The inverse of its distribution function is long to compile, and these points of it are known. The order of the
    # first and last does not matter here, but a transform that neither rises nor falls has no sign and says so.
    values = jnp.asarray(base.loc) + jnp.asarray(base.scale) * jnp.reshape(_OF_NORMAL, shape)
    for transform in transforms:
        _ = transform.sign
        values = jnp.asarray(transform(values))
    return values


def _exact_scale(leaf: Free, robust: jax.Array) -> jax.Array:
    prior = leaf.prior
    if prior.event_shape != () or prior.support is not constraints.real:
        return robust
    try:
        exact = jnp.sqrt(jnp.ravel(jnp.broadcast_to(prior.variance, prior.shape())))
    except NotImplementedError:  # some transformed distributions state no variance
        return robust
    return jnp.where(jnp.isfinite(exact), exact, robust)
