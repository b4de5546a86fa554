"""Whether the data, rather than the prior, determine a derived quantity."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from progressfit._x64 import require_x64
from progressfit.infer.result import Draws, Fit
from progressfit.infer.verdicts import verdicts
from progressfit.model import Model
from progressfit.params import bind, constrain


def determined(result: Fit | Draws, fn: Callable[[Model], Any]) -> Any:
    """Judge each scalar that an analysis returns on the likelihood alone, at the fitted optimum.

    Parameters
    ----------
    result
        A fit, or draws made around one.
    fn
        A function of one model that returns a scalar or a tree of arrays.

    Returns
    -------
    The same tree with a verdict for each entry: "not identified" if it changes along a direction of which the data say
    nothing, "weak" if its variance under the likelihood alone exceeds that under the prior alone, else "identified".
    """
    require_x64()
    fit = result.origin if isinstance(result, Draws) else result
    found = fit.certificate.identification

    def derived(z: jax.Array) -> Any:
        return fn(bind(fit.spec, constrain(fit.spec, z)[0]))

    gradients = jax.jacfwd(derived)(jnp.asarray(fit.optima[0].z))
    return jax.tree.map(lambda gradient: verdicts(gradient, found), gradients)
