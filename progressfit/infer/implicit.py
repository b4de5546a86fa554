"""How a quantity at an optimum moves when anything the objective depends on moves: implicit differentiation.

At an optimum the gradient ``g(z, a)`` of the objective vanishes, so ``dz/da = -H^-1 dg/da``. For one quantity ``q`` all
derivatives come from one solve, ``v = H^-1 dq/dz``, and one reverse pass over ``-v . g(z, a)``, where ``a`` is every
number at once: row weights, responses, inputs, prior hyper-parameters.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.compiled import compiled, ordered, restored
from progressfit.dataset import Dataset
from progressfit.infer.constrained import Measure, quantity_of
from progressfit.infer.kinks import has_kinks
from progressfit.infer.optimise import fitted_weights, prior_weight_of
from progressfit.infer.quantity import measured
from progressfit.infer.result import Fit
from progressfit.model import Model
from progressfit.params import bind, constrain, log_prior


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
    spec
        With respect to every number in the spec: the same tree. Those at priors are hyper-parameters.
    """

    name: str
    value: float
    weight: Any
    response: Any
    columns: dict[str, Any]
    spec: Any


def require_smooth(point: Fit) -> None:
    """Raise where an optimum has no derivatives: kinks, or a Hessian that is not positive definite."""
    if has_kinks(point.spec):
        raise ValueError(
            "this density has kinks (Laplace noise or a Laplace prior), where an optimum has no derivative with "
            "respect to the data; use exact refits (leave_out) or a bootstrap"
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
    adjoint = jnp.asarray(np.linalg.solve(hessian, np.asarray(slope)))
    weight, response, columns, spec = _derivatives(point.spec, z, adjoint, data.bare(), weights, prior_weight)
    return Derivatives(name, float(value), weight, response, columns, restored(spec))


@compiled("measure")
def _slope(spec: Model, z: jax.Array, measure: Measure) -> tuple[jax.Array, jax.Array]:
    quantity = quantity_of(spec, None, measure)
    # Forward, so that a quantity with a loop inside (a root, a quadrature) can be differentiated too.
    return quantity(z), jax.jacfwd(quantity)(z)


@compiled()
def _derivatives(
    spec: Model, z: jax.Array, adjoint: jax.Array, data: Dataset, weights: jax.Array, prior_weight: Any
) -> tuple[jax.Array, jax.Array, dict[str, jax.Array], Any]:
    """With respect to row weights, responses, columns, and the numbers of the spec (taken apart, see ``compiled``)."""

    def along(fn: Any) -> Any:
        """Derivative of a function of the vector along the adjoint."""
        return jax.jvp(fn, (z,), (adjoint,))[1]

    def by_row(law: Model, response: Any, columns: Any) -> jax.Array:
        table = Dataset(data.records.replace(**columns), response, data.clusters)
        return along(lambda point: bind(law, constrain(law, point)[0]).log_lik(table))

    def total(law: Any, response: Any, columns: Any) -> jax.Array:
        own = restored(law)
        prior = along(lambda point: log_prior(own, constrain(own, point)[0]))
        return prior_weight * prior + jnp.sum(jnp.where(weights > 0, weights * by_row(own, response, columns), 0.0))

    at = (ordered(spec), data.response, dict(data.records.columns))
    by_spec, by_response, by_columns = jax.grad(total, argnums=(0, 1, 2))(*at)
    return by_row(spec, data.response, dict(data.records.columns)), by_response, by_columns, by_spec
