"""Stacking: the mixture of several models that predicts rows they have not seen best (Yao et al. 2018)."""

from typing import NamedTuple

import numpy as np

# The barrier falls by tens; at the end the score is within ``models`` times the last of the best.
_BARRIERS = 10.0 ** -np.arange(0, 10)
_MOST_STEPS = 100
_CENTRED = 1e-6


class Stacked(NamedTuple):
    """Weights of a stack.

    Attributes
    ----------
    weights
        One for each model, not negative, adding up to one, ``(models,)``.
    elpd
        Log density of the held-out rows under the mixture, added up.
    gap
        Bound on how far ``elpd`` lies below the best that any weights reach: the certificate.
    """

    weights: np.ndarray
    elpd: float
    gap: float


def stacking_weights(held_out: np.ndarray) -> Stacked:
    """Weights that maximise ``sum_i log(sum_k w_k p_ik)``, a concave problem, by a barrier method.

    Parameters
    ----------
    held_out
        Log density of every row under every model fitted without it, ``(n, models)``.

    Raises
    ------
    ValueError
        If some row has no finite log density under any model, or an entry is not a number.
    """
    log_density = np.asarray(held_out, np.float64)
    top = np.max(log_density, axis=1, keepdims=True)
    if np.isnan(log_density).any() or not np.isfinite(top).all():
        raise ValueError("every row needs a log density under every model, finite under at least one")
    density = np.exp(log_density - top)
    weights = np.full(density.shape[1], 1.0 / density.shape[1])
    for barrier in _BARRIERS:
        weights = _centred(density, weights, barrier)
    mixture = density @ weights
    # For a concave score no weights gain more than the largest slope towards a single model.
    gap = float(np.max(np.sum(density / mixture[:, None], axis=0)) - len(density))
    return Stacked(weights, float(np.sum(np.log(mixture) + top[:, 0])), max(gap, 0.0))


def _centred(density: np.ndarray, weights: np.ndarray, barrier: float) -> np.ndarray:
    """Maximise the score plus ``barrier * sum(log w)`` over weights that add up to one, by Newton's method.

    Divided by a barrier of at most one, every term is a logarithm with a factor of at least one, so steps shortened by
    the Newton decrement stay inside and converge (self-concordance).
    """
    for _ in range(_MOST_STEPS):
        ratios = density / (density @ weights)[:, None] * weights
        # In units of the weights themselves, so that weights near zero do no harm to the conditioning.
        slope = ratios.sum(axis=0) / barrier + 1.0
        curvature = ratios.T @ ratios / barrier + np.eye(len(weights))
        towards, kept = np.linalg.solve(curvature, np.stack([slope, weights], axis=1)).T
        step = towards - (weights @ towards) / (weights @ kept) * kept
        decrement = np.sqrt(max(step @ curvature @ step, 0.0))
        weights = weights * (1.0 + step / (1.0 + decrement))
        weights = weights / weights.sum()
        if decrement < _CENTRED:
            break
    return weights
