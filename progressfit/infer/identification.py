"""What the likelihood alone determines: eigenvalues, directions, a verdict."""

import dataclasses
from typing import NamedTuple

import numpy as np

WEAK = 1.0
"""Below this eigenvalue the data say less about a direction than the prior."""

NOT_IDENTIFIED = 1e-6
"""Below this eigenvalue the data say nothing about a direction."""


class Runaway(NamedTuple):
    """Starts that never ended: something still runs towards infinity, or to the edge of its range.

    Attributes
    ----------
    paths
        What runs.
    starts
        How many starts did so.
    objective, loss
        Lowest reached; see :class:`progressfit.infer.result.Optimum`. No minimum: it would fall further, for ever.
    """

    paths: tuple[str, ...]
    starts: int
    objective: float
    loss: float


@dataclasses.dataclass(frozen=True)
class Identification:
    """What the likelihood alone determines.

    Attributes
    ----------
    eigenvalues
        Of the expected Fisher information in prior standard deviations, ascending, ``(d,)``.
    directions
        The eigenvectors as columns, ``(d, d)``, in prior standard deviations.
    scale
        The standard deviations used, ``(d,)``.
    names
        Name of each coordinate.
    verdict
        "identified", "weak" (smallest eigenvalue below 1: the data say less than the prior) or "not identified"
        (below 1e-6, or not finite, or saturated).
    saturated
        Whether the mean can pass through every row while the noise scale is free: the fit then shrinks the scale
        without limit but for its prior, and says nothing about uncertainty.
    """

    eigenvalues: np.ndarray
    directions: np.ndarray
    scale: np.ndarray
    names: tuple[str, ...]
    verdict: str
    saturated: bool

    def direction(self, index: int = 0) -> str:
        """The ``index``-th weakest direction in words: its largest components, in prior standard deviations."""
        vector = self.directions[:, index]
        order = np.argsort(-np.abs(vector))
        # The sign of an eigenvector is arbitrary: the largest component is shown as positive.
        vector = vector * np.sign(vector[order[0]])
        parts = [f"{vector[i]:+.2f} {self.names[i]}" for i in order if abs(vector[i]) > 0.1]
        return " ".join(parts)

    @property
    def silent(self) -> np.ndarray:
        """Directions of which the data say nothing, as columns ``(d, k)``."""
        return self.directions[:, self.eigenvalues < NOT_IDENTIFIED]
