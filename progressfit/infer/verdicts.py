"""Whether the data, rather than the prior, determine quantities: by derivatives along what the likelihood knows."""

from typing import Any

import numpy as np

from progressfit.infer.identification import NOT_IDENTIFIED, Identification

_NEGLIGIBLE = 1e-4


def verdicts(gradient: np.ndarray, found: Identification) -> Any:
    """A verdict on each quantity whose derivatives are given.

    Parameters
    ----------
    gradient
        With respect to the unconstrained vector, ``(..., d)``.
    found
        What the likelihood determines there.

    Returns
    -------
    "not identified", "weak" or "identified": an array ``(...)``, or a string for one quantity.
    """
    if found.saturated:
        shape = np.shape(gradient)[:-1]
        return np.full(shape, "not identified") if shape else "not identified"
    return _verdicts(np.asarray(gradient) * found.scale, found.eigenvalues, found.directions)


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
