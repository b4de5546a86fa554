"""Which rows leave-one-out by importance sampling cannot handle, as sentences.

The threshold for Pareto k is that of Vehtari, Simpson, Gelman, Yao and Gabry 2024 (arXiv 1507.02646).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

MOST_PARETO_K = 0.7
"""Shape of importance weights above which they cannot be trusted, however many draws there are."""

_MOST_NAMES = 5


def listed(names: Sequence[str]) -> str:
    """A list for a sentence: the first few names and how many more."""
    rest = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")


@dataclasses.dataclass(frozen=True)
class LooDiagnosis:
    """Which rows leave-one-out by importance sampling cannot handle.

    Attributes
    ----------
    threshold
        Largest Pareto k that is good enough for this number of draws.
    rows
        Positions of the rows above it, ``(k,)``, worst first.
    names
        Their names.
    sentences
        The worst figure, then the problem with its remedy.
    """

    threshold: float
    rows: np.ndarray
    names: tuple[str, ...]
    sentences: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every row is good enough."""
        return len(self.rows) == 0

    def __str__(self) -> str:
        return "\n".join(self.sentences)


def diagnose_loo(pareto_k: np.ndarray, names: Sequence[str], *, draws: int) -> LooDiagnosis:
    """Name the rows whose leave-one-out density is not reliable.

    Parameters
    ----------
    pareto_k
        Shape of the importance weights of each row, ``(n,)``.
    names
        Names of the trained models, one for each row.
    draws
        Number of draws in all: fewer draws need a smaller k, ``min(1 - 1 / log10(draws), 0.7)``.
    """
    k = np.asarray(pareto_k, float)
    threshold = min(1.0 - 1.0 / np.log10(draws), MOST_PARETO_K)
    order = np.argsort(-np.where(np.isnan(k), np.inf, k), kind="stable")
    rows = order[~(k[order] <= threshold)]
    bad = tuple(str(names[i]) for i in rows)
    said = [f"Highest Pareto k: {k[order[0]]:.2f} ({names[order[0]]}); up to {threshold:.2f} is good."]
    if bad:
        shown = [f"{name} ({k[i]:.2f})" for i, name in zip(rows, bad, strict=True)]
        said.append(
            f"Leaving out {listed(shown)} changes the posterior too much for importance sampling; refit without "
            f"{'it' if len(bad) == 1 else 'them'} (exact refits), draw more, or use noise with heavier tails "
            "(noise.StudentT)."
        )
    return LooDiagnosis(float(threshold), rows, bad, tuple(said))
