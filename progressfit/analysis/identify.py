"""Whether the data, rather than the prior, determine a derived quantity."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.infer.identification import NOT_IDENTIFIED, Identification
from progressfit.infer.result import Draws, Fit
from progressfit.model import Model
from progressfit.params import bind, constrain

_NEGLIGIBLE = 1e-4


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
    if found.saturated:
        return jax.tree.map(lambda g: _same_verdict(np.shape(g)[:-1]), gradients)
    return jax.tree.map(
        lambda g: _verdicts(np.asarray(g) * found.scale, found.eigenvalues, found.directions), gradients
    )


def _same_verdict(shape: tuple[int, ...]) -> Any:
    return np.full(shape, "not identified") if shape else "not identified"


def _verdicts(gradient: np.ndarray, eigenvalues: np.ndarray, directions: np.ndarray) -> Any:
    silent, ratio, finite = _along(gradient, eigenvalues, directions)
    verdict = np.where(ratio > 1, "weak", "identified")
    verdict = np.where(silent > _NEGLIGIBLE, "not identified", verdict)
    verdict = np.where(finite, verdict, "not identified")
    return str(verdict) if verdict.ndim == 0 else verdict


def likelihood_ratio(gradient: np.ndarray, found: Identification) -> tuple[np.ndarray, np.ndarray]:
    """Variance of quantities under the likelihood alone over that under the prior alone, and a verdict on each.

    Parameters
    ----------
    gradient
        With respect to the unconstrained vector, ``(k, d)``.
    found
        What the likelihood determines there.

    Returns
    -------
    Ratios ``(k,)``, to first order, and verdicts as :func:`determined` gives them, ``(k,)``.
    """
    whitened = np.asarray(gradient) * found.scale
    ratio = _along(whitened, found.eigenvalues, found.directions)[1]
    if found.saturated:
        return ratio, np.full(ratio.shape, "not identified")
    return ratio, np.asarray(_verdicts(whitened, found.eigenvalues, found.directions))


def _along(
    gradient: np.ndarray, eigenvalues: np.ndarray, directions: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Share of a gradient along silent directions, variance by the likelihood over that by the prior, finiteness."""
    # Only ratios matter; squares of the derivatives themselves could overflow.
    largest = np.max(np.abs(gradient), axis=-1, keepdims=True)
    along = gradient / np.where(largest > 0, largest, 1.0) @ directions
    silent = np.linalg.norm(along[..., eigenvalues < NOT_IDENTIFIED], axis=-1)
    whole = np.sqrt(np.sum(along**2, axis=-1))
    variance = np.sum(along**2 / np.maximum(eigenvalues, NOT_IDENTIFIED), axis=-1)
    size = np.where(whole > 0, whole, 1.0)
    return silent / size, variance / size**2, np.isfinite(whole)
