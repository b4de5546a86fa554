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
from progressfit.linked_mean import derivatives, mean_of
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
    """Force and stiffness on the mean by row, ``(n,)``; sums of the losses, their rounding and the mean's; weighted."""

    force: jax.Array
    stiffness: jax.Array
    sums: tuple[jax.Array, jax.Array, jax.Array]


class Objective(NamedTuple):
    """What a minimiser asks of a smooth function of a vector ``(d,)``.

    Attributes
    ----------
    value
        The function, constants left out: a small robust loss keeps its digits.
    local
        The function near a point: with the Hessian if the second argument is true, else with a curvature made for
        steps from far away.
    near
        The exact Hessian is tried wherever the decrease it may bring is below this: everywhere under priors, which
        keep it tame and whose second optima Gauss-Newton steps jump over; close to the optimum without.
    """

    value: Callable[[jax.Array], jax.Array]
    local: Callable[[jax.Array, jax.Array], Local]
    near: jax.Array


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
        Factor on the log prior, 0 or 1; ``None`` for a program that does not know the priors, and is smaller for it.
    jacobian
        Whether to include the log Jacobian of the parameters.
    kinks
        Whether to include the absolute values of Laplace priors.
    """
    table = stand_in(data, weights)
    target, rows, fixed = spec.link.forward(table.response), jnp.sum(weights), is_fixed(spec.noise)
    curve = mean_of(spec, table)
    stated, priors = jacobian or prior_weight is not None, False if prior_weight is None else prior_weight > 0

    def prior(z: jax.Array) -> jax.Array:
        values, log_det = constrain(spec, z)
        total = jnp.zeros(()) if prior_weight is None else -prior_weight * log_prior(spec, values, kinks)
        return total - log_det if jacobian else total

    def rest(z: jax.Array) -> jax.Array:
        # Without priors nothing of this is computed, not even where it would be infinite.
        total = jax.lax.cond(priors | jacobian, prior, lambda _: jnp.zeros(()), z) if stated else jnp.zeros(())
        return total if fixed else total + weighted(weights, peaks(bind(spec, constrain(spec, z)[0]), table.records))

    def fitted(z: jax.Array, mean: jax.Array) -> jax.Array:
        noise = spec_noise(z)
        return weighted(weights, noise.loss((target - mean) / noise.scale(table.records))) + rest(z)

    def spec_noise(z: jax.Array) -> Any:
        return bind(spec, constrain(spec, z)[0]).noise

    def by_row(z: jax.Array, mean: jax.Array, exact: jax.Array) -> _Rows:
        noise = spec_noise(z)
        scale = noise.scale(table.records)
        u = (target - mean) / scale
        slope, bend, second = _slope_and_bend(noise.loss, u)
        losses, blur = noise.loss(u), _EPSILON * (jnp.abs(target) + jnp.abs(mean)) / scale
        slack, lost2 = jnp.abs(slope) * blur + _EPSILON * losses, bend * blur**2
        sums = weighted(weights, losses), weighted(weights, slack), weighted(weights, lost2)
        return _Rows(weights * slope / scale, weights * jnp.where(exact, second, bend) / scale**2, sums)

    def local(z: jax.Array, exact: jax.Array) -> Local:
        mean, slopes = curve.slopes(z)
        # Only the noise's own parameters see the losses once the mean is held fixed.
        gradient, curvature = derivatives(rest if fixed else lambda v: fitted(v, mean), z)
        own = by_row(z, mean, exact)
        gradient, curvature = gradient - slopes @ own.force, curvature + (slopes * own.stiffness) @ slopes.T

        def bent() -> jax.Array:
            found = curve.bend(z, own.force)
            if fixed:
                return -found
            cross = slopes @ jax.jacfwd(lambda v: by_row(v, mean, exact).force)(z)
            return -found - cross - cross.T

        curvature = curvature + jax.lax.cond(exact, bent, lambda: jnp.zeros_like(curvature))
        total, slack, lost2 = own.sums
        known = priors | (not fixed)
        unit = jnp.where(known, 1.0, 2 * total / jnp.maximum(rows, 1e-300))
        lost, value = jnp.sqrt(lost2 / jnp.maximum(unit, 1e-300)), total + rest(z)
        slack = slack + _EPSILON * jnp.abs(value - total)
        return Local(value, gradient, curvature, unit, lost, slack, total)

    def value(z: jax.Array) -> jax.Array:
        return fitted(z, curve.mean(z))

    return Objective(value, local, jnp.where(priors, jnp.inf, _NEAR * rows))


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

    return Objective(value, lambda z, _: exact(z), jnp.full((), jnp.inf))


def weighted(weights: jax.Array, values: jax.Array) -> jax.Array:
    """Weighted sum over rows; values have to be finite, which :func:`progressfit.density.stand_in` sees to."""
    # A product rather than a sum, which XLA would take apart into steps that it cannot fuse with what comes before.
    return weights @ values


def peaks(model: Model, records: Record) -> jax.Array:
    """Negative log density of each row at its own mean, ``(n,)``: what the loss leaves out."""
    return model.noise.peak(model.noise.scale(records))


def _slope_and_bend(loss: Callable[[jax.Array], jax.Array], u: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Slope of an elementwise loss, curvature of the parabola with this slope and its centre at 0, and its own."""

    def slope(x: jax.Array) -> jax.Array:
        return jax.grad(lambda v: jnp.sum(loss(v)))(x)

    first, second = jax.jvp(slope, (u,), (jnp.ones_like(u),))
    near = jnp.abs(u) < 1e-150
    return first, jnp.where(near, second, first / jnp.where(near, 1.0, u)), second
