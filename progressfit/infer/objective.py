"""The objective of a fit taken apart for its minimiser: value, exact derivatives, and a reweighted Gauss-Newton model.

``-log density = sum(weights * loss(residual / scale)) + rest``, where the rest (priors, the noise's own parameters)
does not see the mean. Linearising the mean and replacing the loss by a parabola through its slope at zero and at the
residual (iteratively reweighted least squares, Holland and Welsch 1977) gives a curvature that is positive wherever
that of the rest is, and for a concave-tailed loss lies above the objective, so that its steps do not overshoot.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from progressfit.dataset import Dataset, Record
from progressfit.density import stand_in
from progressfit.model import Model
from progressfit.params import bind, constrain, is_fixed, log_prior

_EPSILON = 2.0**-52
# Share of the information in the rows that counts as close to the optimum.
_NEAR = 1e-2


class Local(NamedTuple):
    """A function near one point.

    Attributes
    ----------
    value
        The function itself.
    gradient, curvature
        ``(d,)`` and ``(d, d)``.
    unit
        The size of one unit of information: 1 for a likelihood; twice the mean loss for a plain loss, whose scale
        nobody knows.
    rounding
        How far rounding of the response alone moves the standardised residuals, as a vector's length in the same
        units: nothing is known about the optimum to better than this many standard errors.
    slack
        How far rounding may move the value.
    loss
        Weighted sum of the losses of the rows, without constants, priors and logarithms of the scale.
    """

    value: jax.Array
    gradient: jax.Array
    curvature: jax.Array
    unit: jax.Array
    rounding: jax.Array
    slack: jax.Array
    loss: jax.Array


class _Rows(NamedTuple):
    """By row: force and stiffness on the mean, ``(n,)``; loss, rounding of it and of the mean, ``(3, n)``; weighted."""

    force: jax.Array
    stiffness: jax.Array
    sums: jax.Array


class Objective(NamedTuple):
    """What a minimiser asks of a smooth function of a vector ``(d,)``.

    Attributes
    ----------
    value
        The function, constants left out: a small robust loss keeps its digits.
    model
        Gradient and a curvature made for steps from far away.
    exact
        Gradient and Hessian.
    near
        The exact Hessian is tried wherever the decrease it may bring is below this: everywhere under priors, which
        keep it tame and whose second optima Gauss-Newton steps jump over; close to the optimum without.
    """

    value: Callable[[jax.Array], jax.Array]
    model: Callable[[jax.Array], Local]
    exact: Callable[[jax.Array], Local]
    near: jax.Array


def derivatives(value: Callable[[jax.Array], jax.Array], z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Gradient and Hessian of a scalar function, in one forward-over-reverse pass."""
    hessian, gradient = jax.jacfwd(lambda v: (jax.grad(value)(v),) * 2, has_aux=True)(z)
    return gradient, hessian


def objective_of(
    spec: Model,
    data: Dataset,
    weights: jax.Array,
    prior_weight: Any,
    jacobian: bool = False,
    kinks: bool = True,
) -> Objective:
    """The negative log density of a spec on a table, without the constants that no free parameter changes.

    Parameters
    ----------
    spec
        A prepared spec.
    data, weights
        The table and the weight of each row, ``(n,)``; rows of weight 0 drop out.
    prior_weight
        Factor on the log prior, 0 or 1.
    jacobian
        Whether to include the log Jacobian of the parameters.
    kinks
        Whether to include the absolute values of Laplace priors.
    """
    table = stand_in(data, weights)
    target = spec.link.forward(table.response)

    def at(z: jax.Array) -> Model:
        return bind(spec, constrain(spec, z)[0])

    def means(z: jax.Array) -> jax.Array:
        return jax.vmap(at(z).linked)(table.records)

    def rest(z: jax.Array) -> jax.Array:
        values, log_det = constrain(spec, z)
        total = -prior_weight * log_prior(spec, values, kinks) - (log_det if jacobian else 0.0)
        return total if is_fixed(spec.noise) else total + weighted(weights, peaks(bind(spec, values), table.records))

    rows = jnp.sum(weights)

    def fitted(z: jax.Array, mean: jax.Array) -> jax.Array:
        model = at(z)
        return weighted(weights, model.noise.loss((target - mean) / model.noise.scale(table.records))) + rest(z)

    def value(z: jax.Array) -> jax.Array:
        return fitted(z, means(z))

    def per_row(z: jax.Array, mean: jax.Array) -> _Rows:
        model = at(z)
        scale = model.noise.scale(table.records)
        u = (target - mean) / scale
        slope, bend = _slope_and_bend(model.noise.loss, u)
        losses, blur = model.noise.loss(u), _EPSILON * (jnp.abs(target) + jnp.abs(mean)) / scale
        sums = jnp.stack([losses, jnp.abs(slope) * blur + _EPSILON * losses, bend * blur**2]) * weights
        return _Rows(weights * slope / scale, weights * bend / scale**2, sums)

    def local(z: jax.Array, value: jax.Array, sums: jax.Array, gradient: jax.Array, curvature: jax.Array) -> Local:
        total, slack, lost2 = sums
        known = (prior_weight > 0) | (not is_fixed(spec.noise))
        unit = jnp.where(known, 1.0, 2 * total / jnp.maximum(rows, 1e-300))
        lost = jnp.sqrt(lost2 / jnp.maximum(unit, 1e-300))
        return Local(value, gradient, curvature, unit, lost, slack + _EPSILON * jnp.abs(value - total), total)

    def model(z: jax.Array) -> Local:
        mean, slopes = jax.vmap(jax.value_and_grad(lambda v, record: at(v).linked(record)), (None, 0))(z, table.records)
        # Only the noise's own parameters see the losses once the mean is held fixed.
        own = rest if is_fixed(spec.noise) else lambda v: fitted(v, mean)
        own_gradient, own_curvature = derivatives(own, z)
        by_row = per_row(z, mean)
        # One product for everything that is summed over rows.
        left = jnp.concatenate([slopes.T * by_row.stiffness, by_row.force[None], by_row.sums])
        product = left @ jnp.concatenate([slopes, jnp.ones_like(mean)[:, None]], axis=1)
        size, sums = z.shape[0], product[-3:, -1]
        gradient, curvature = own_gradient - product[size, :size], own_curvature + product[:size, :size]
        return local(z, sums[0] + rest(z), sums, gradient, curvature)

    def exact(z: jax.Array) -> Local:
        mean = means(z)
        sums = per_row(z, mean).sums @ jnp.ones_like(mean)
        return local(z, sums[0] + rest(z), sums, *derivatives(value, z))

    return Objective(value, model, exact, jnp.where(prior_weight > 0, jnp.inf, _NEAR * rows))


def constants_of(spec: Model, data: Dataset, weights: jax.Array) -> jax.Array:
    """What :func:`objective_of` leaves out of the negative log density: nothing, unless the noise is fixed."""
    return weighted(weights, peaks(spec, stand_in(data, weights).records)) if is_fixed(spec.noise) else jnp.zeros(())


def smooth_objective(value: Callable[[jax.Array], jax.Array]) -> Objective:
    """An objective of which nothing is known but its value: its Hessian is its only model."""

    def exact(z: jax.Array) -> Local:
        here = value(z)
        return Local(
            here, *derivatives(value, z), jnp.ones(()), jnp.zeros(()), 8 * _EPSILON * jnp.abs(here), jnp.zeros(())
        )

    return Objective(value, exact, exact, jnp.full((), jnp.inf))


def weighted(weights: jax.Array, values: jax.Array) -> jax.Array:
    """Weighted sum over rows; values have to be finite, which :func:`progressfit.density.stand_in` sees to."""
    # A product rather than a sum, which XLA would take apart into steps that it cannot fuse with what comes before.
    return weights @ values


def peaks(model: Model, records: Record) -> jax.Array:
    """Negative log density of each row at its own mean, ``(n,)``: what the loss leaves out."""
    return model.noise.peak(model.noise.scale(records))


def _slope_and_bend(loss: Callable[[jax.Array], jax.Array], u: jax.Array) -> tuple[jax.Array, jax.Array]:
    """First derivative of an elementwise loss, and the curvature of the parabola with its slope, centred at 0."""

    def slope(x: jax.Array) -> jax.Array:
        return jax.grad(lambda v: jnp.sum(loss(v)))(x)

    first, second = jax.jvp(slope, (u,), (jnp.ones_like(u),))
    near = jnp.abs(u) < 1e-150
    return first, jnp.where(near, second, first / jnp.where(near, 1.0, u))
