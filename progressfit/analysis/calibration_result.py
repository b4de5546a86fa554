"""What simulation-based calibration found, in numbers and sentences."""

import dataclasses

import numpy as np

from progressfit.analysis.ranks import Band, band

LOG_LIKELIHOOD = "log likelihood"
"""Name of the test quantity that involves the table."""

# Of neighbouring kept draws of the slowest quantity: above it, ranks of a table pile up at the ends.
_SLOW = 0.5
_TOLERATED_SLOW = 0.05


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Ranks of true values among posterior draws, and whether they are uniform.

    Attributes
    ----------
    names
        The quantities: coordinates of the spec, functions asked for, and the log likelihood.
    ranks
        Number of posterior draws below the true value, ties broken at random, ``(replicates, quantities)``, from 0 to
        ``draws``.
    draws
        Posterior draws of each table.
    p_values
        Exact probability of ranks as surprising as these if all is well, ``(quantities,)``, for one quantity each.
    false_alarm
        Probability that at least one quantity fails although all is well, at most.
    impossible
        Simulated tables that were left out, because some response was not finite or beyond the link's domain. That
        goes by the table alone and so does not spoil the test.
    diverging
        Share of diverging trajectories of each table, ``(replicates,)``.
    autocorrelation
        Largest correlation of neighbouring kept draws among the quantities, ``(replicates,)``.
    seconds
        ``{"compile": ..., "run": ...}``.
    """

    names: tuple[str, ...]
    ranks: np.ndarray
    draws: int
    p_values: np.ndarray
    false_alarm: float
    impossible: int
    diverging: np.ndarray
    autocorrelation: np.ndarray
    seconds: dict[str, float]

    def __len__(self) -> int:
        return len(self.ranks)

    @property
    def failing(self) -> tuple[str, ...]:
        """Quantities whose ranks are not uniform, the worst first."""
        order = np.argsort(self.p_values, kind="stable")
        return tuple(self.names[k] for k in order if self.p_values[k] < self._each)

    @property
    def ok(self) -> bool:
        """Whether the ranks of every quantity stay within their band."""
        return not self.failing

    @property
    def band(self) -> Band:
        """The simultaneous band of each quantity's empirical distribution, at ``false_alarm`` for all together."""
        return band(len(self), self.draws + 1, self._each)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found."""
        return (self._verdict(), *self._shapes(), *self._doubts())

    @property
    def _each(self) -> float:
        return self.false_alarm / len(self.names)

    def _verdict(self) -> str:
        least = int(np.argmin(self.p_values))
        found = "calibrated" if self.ok else "NOT calibrated"
        return (
            f"{len(self)} simulated tables, {self.draws} posterior draws each: {found}. The smallest of "
            f"{len(self.names)} p-values is {self.p_values[least]:.2g} ({self.names[least]}); below {self._each:.2g} "
            f"it fails (false-alarm rate {self.false_alarm:g} over all quantities)."
        )

    def _shapes(self) -> list[str]:
        return [f"{name}: {_shape(self.ranks[:, self.names.index(name)] / self.draws)}" for name in self.failing]

    def _doubts(self) -> list[str]:
        said, slow = [], float(np.mean(self.autocorrelation > _SLOW))
        if self.impossible:
            said.append(f"{self.impossible} simulated tables with impossible responses were left out.")
        if slow > _TOLERATED_SLOW:
            said.append(
                f"In {slow:.0%} of the tables neighbouring draws of some quantity correlate by more than {_SLOW:g}, "
                "which alone can make ranks pile up at both ends; raise thin."
            )
        if np.mean(self.diverging) > 0:
            said.append(f"{np.mean(self.diverging):.2%} of the trajectories diverged.")
        return said

    def __str__(self) -> str:
        return "\n".join(self.sentences)


def _shape(share: np.ndarray) -> str:
    """In which way ranks, as shares of the draws, are not uniform."""
    centre, spread = float(np.mean(share)), float(np.std(share))
    if abs(centre - 0.5) * np.sqrt(12 * len(share)) > 3:
        return f"posteriors lie too {'low' if centre > 0.5 else 'high'} (mean rank {centre:.2f} instead of .5)"
    width = "narrow" if spread > 1 / np.sqrt(12) else "wide"
    return f"posteriors are too {width} (standard deviation of ranks {spread:.3f} instead of .289)"
