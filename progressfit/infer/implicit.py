"""How a quantity at an optimum moves when anything the objective depends on moves: implicit differentiation.

At an optimum the gradient ``g(z, a)`` of the objective vanishes, so ``dz/da = -H^-1 dg/da``. For one quantity ``q`` all
derivatives come from one solve, ``v = H^-1 dq/dz``, and one reverse pass over ``-v . g(z, a)``, where ``a`` is every
number at once: row weights, responses, inputs, prior hyper-parameters.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.compiled import compiled
from progressfit.dataset import Dataset
from progressfit.density import stand_in
from progressfit.hyper import hyper_parameters, with_hyper
from progressfit.infer.constrained import Measure, quantity_of
from progressfit.infer.optimise import fitted_weights, prior_weight_of
from progressfit.infer.quantity import measured
from progressfit.infer.result import Fit
from progressfit.model import Model
from progressfit.noise import Laplace
from progressfit.params import bind, constrain, free, free_leaves, kink_places, log_prior, priors


class Derivatives(NamedTuple):
    """Derivatives of a quantity at an optimum, the parameters refitted.

    Attributes
    ----------
    name, value
        The quantity itself.
    weight, response
        With respect to the weight and the response of each row, ``(n,)``.
    columns
        With respect to each column of the records, ``(n,)`` by name.
    hyper
        With respect to each number inside each prior: path -> name -> derivative. NaN for the location of a Laplace
        prior that holds its parameter there.
    """

    name: str
    value: float
    weight: Any
    response: Any
    columns: dict[str, Any]
    hyper: dict[str, dict[str, Any]]


def require_smooth(point: Fit) -> None:
    """Raise where an optimum has no derivatives: kinks, or a Hessian that is not positive definite."""
    if isinstance(point.spec.noise, Laplace):
        raise ValueError(
            "the likelihood has kinks (Laplace noise), where an optimum has no derivative with respect to the data; "
            "use exact refits (leave_out) or a bootstrap"
        )
    if not point.certificate.positive_definite:
        raise ValueError(f"the fit is not at an optimum, so there is nothing to differentiate: {point.result.value}")


def derivatives_at(point: Fit, data: Dataset, of: Any) -> Derivatives:
    """All derivatives of a quantity at the best optimum of a fit.

    Parameters
    ----------
    point, data
        A fit and its table.
    of
        A function of one model that returns one number, or the dotted path of a parameter.

    Raises
    ------
    ValueError
        If the optimum is not a smooth one, or the quantity is not finite there.
    """
    require_smooth(point)
    name, measure = measured(of, point)
    z, hessian = jnp.asarray(point.optima[0].z), point.optima[0].hessian
    weights, prior_weight = fitted_weights(point, data), prior_weight_of(point.stats["objective"])
    value, slope = _slope(point.spec, z, measure=measure)
    if not (np.isfinite(value) and np.isfinite(slope).all()):
        raise ValueError(f"'{name}' or its derivative is not finite at the fit, so it cannot be differentiated there")
    held = held_at_kinks(point.spec, point.optima[0].z, float(prior_weight))
    # Parameters that a Laplace prior holds exactly at its kink stay there when anything moves by little.
    apart = np.where(held[:, None] | held, np.eye(len(held)), hessian)
    adjoint = jnp.asarray(np.linalg.solve(apart, np.where(held, 0.0, np.asarray(slope))))
    table, law = data.bare(), point.spec
    weight, response, columns = _by_row(law, z, adjoint, table, weights)
    hyper = {path: _arrays(hyper_parameters(prior)) for path, prior in priors(law).items()}
    by_hyper = _by_hyper(law, hyper, z, adjoint, table, weights, prior_weight, measure=measure)
    for leaf in free_leaves(law):
        if held[leaf.start : leaf.start + leaf.size].any():
            by_hyper[leaf.path]["loc"] = np.nan
    return Derivatives(name, float(value), weight, response, columns, by_hyper)


def held_at_kinks(spec: Model, z: np.ndarray, prior_weight: float = 1.0) -> np.ndarray:
    """Which coordinates of optima ``(..., d)`` lie exactly on the kink of a Laplace prior."""
    centre, slope = kink_places(spec)
    return np.asarray(prior_weight * slope > 0) & (np.asarray(z) == np.asarray(centre))


def _arrays(numbers: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.asarray(value, np.float64) for name, value in numbers.items()}


@compiled("measure")
def _slope(spec: Model, z: jax.Array, measure: Measure) -> tuple[jax.Array, jax.Array]:
    quantity = quantity_of(spec, None, measure)
    # Forward, so that a quantity with a loop inside (a root, a quadrature) can be differentiated too.
    return quantity(z), jax.jacfwd(quantity)(z)


def _along(fn: Callable[[jax.Array], Any], z: jax.Array, adjoint: jax.Array) -> Any:
    """Derivative of a function of the vector along the adjoint."""
    return jax.jvp(fn, (z,), (adjoint,))[1]


def _likelihoods(law: Model, table: Dataset) -> Callable[[jax.Array], jax.Array]:
    """Log likelihood of each row as a function of the vector."""
    return lambda point: bind(law, constrain(law, point)[0]).log_lik(table)


@compiled()
def _by_row(
    spec: Model, z: jax.Array, adjoint: jax.Array, data: Dataset, weights: jax.Array
) -> tuple[jax.Array, jax.Array, dict[str, jax.Array]]:
    """With respect to row weights, responses and columns."""

    def rows(response: Any, columns: Any) -> jax.Array:
        table = Dataset(data.records.replace(**columns), response, data.clusters)
        return _along(_likelihoods(spec, table), z, adjoint)

    def total(response: Any, columns: Any) -> jax.Array:
        return jnp.sum(jnp.where(weights > 0, weights * rows(response, columns), 0.0))

    at = (data.response, dict(data.records.columns))
    by_response, by_columns = jax.grad(total, argnums=(0, 1))(*at)
    return rows(*at), by_response, by_columns


@compiled("measure")
def _by_hyper(
    spec: Model,
    hyper: dict[str, dict[str, jax.Array]],
    z: jax.Array,
    adjoint: jax.Array,
    data: Dataset,
    weights: jax.Array,
    prior_weight: Any,
    measure: Measure,
) -> dict[str, dict[str, jax.Array]]:
    """With respect to the numbers inside the priors; those that set a range also change what the vector means."""
    table = stand_in(data, weights)

    def total(numbers: dict[str, dict[str, Any]]) -> jax.Array:
        law = free(spec, {path: with_hyper(priors(spec)[path], own) for path, own in numbers.items()})
        prior = _along(lambda point: log_prior(law, constrain(law, point)[0]), z, adjoint)
        likelihood = _along(_likelihoods(law, table), z, adjoint)
        return prior_weight * prior + weights @ likelihood + quantity_of(law, None, measure)(z)

    return jax.jacfwd(total)(hyper)
