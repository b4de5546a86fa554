"""What refits of simulated tables say: bias, spread, coverage, failures, and how many rows a stated error takes."""

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jax.scipy.special import ndtri

from progressfit.analysis.designs import Design
from progressfit.frame import rows_frame

if TYPE_CHECKING:
    import pandas as pd

ONE = 1 - 1e-12
"""A correlation from which the date counts as a function of the input."""

_CENTRAL = np.array([0.158655, 0.5, 0.841345])
# Standard deviation of half the central 68% range of R normal numbers, times sqrt(R), per standard deviation.
_RANGE_ERROR = 0.96
INTERPOLATED, EXTRAPOLATED, FEWER, NEVER = "interpolated", "extrapolated", "at most", "never"


class Needed(NamedTuple):
    """Rows that bring the relative error down to what was asked for, under one correlation, share and noise.

    ``how``: "interpolated" between designs; "extrapolated" from the largest one, as the inverse square root of the
    rows; "at most", if the smallest design is good enough; "never", if the likelihood does not determine the quantity
    under any number of such rows (infinite rows).
    """

    correlation: float
    share: float
    noise: float
    rows: float
    how: str


@dataclasses.dataclass(frozen=True)
class Recovery:
    """Refits of simulated tables, design by design.

    Attributes
    ----------
    name, truth
        The quantity, and its value in the law that the tables came from.
    input, concentrated
        With what the date correlates, and which column shares are about.
    designs, own
        The designs, and the real table as one.
    values, errors
        The quantity in each refit and its nominal standard error, ``(designs, replicates)``; values NaN where no
        optimum was reached, errors also where the density has kinks, whose curvature says nothing about spread.
    optimum
        Which optimum of the fit each refit lies nearest to, ``(designs, replicates)``.
    information
        Smallest information of the likelihood in prior standard deviations, in the first table of each design.
    bound
        Standard error by the information of the likelihood alone there (Cramer and Rao), to first order and without
        any prior; infinite where the likelihood does not determine the quantity.
    data_say
        Whether the likelihood determines the quantity there: "identified", "weak", "not identified".
    level
        Nominal coverage of the intervals.
    warnings
        What has to be said of the real table before any number: inputs that cannot be told apart.
    """

    name: str
    truth: float
    input: str
    concentrated: str | None
    designs: tuple[Design, ...]
    own: Design
    values: np.ndarray
    errors: np.ndarray
    optimum: np.ndarray
    information: np.ndarray
    bound: np.ndarray
    data_say: np.ndarray
    level: float
    warnings: tuple[str, ...]

    @property
    def median(self) -> np.ndarray:
        """Median of the refits of each design."""
        return self._quantiles()[1]

    @property
    def bias(self) -> np.ndarray:
        """Median minus truth."""
        return self.median - self.truth

    @property
    def spread(self) -> np.ndarray:
        """Half the central 68% range: the standard deviation of a normal one, and finite for a ratio too."""
        low, _, high = self._quantiles()
        return (high - low) / 2

    @property
    def monte_carlo(self) -> float:
        """Standard error of each spread as a share of it, from the number of replicates (normal spread assumed)."""
        return float(_RANGE_ERROR / np.sqrt(self.values.shape[1]))

    @property
    def relative_error(self) -> np.ndarray:
        """``sqrt(bias^2 + spread^2) / |truth|`` of each design; infinite if the truth is 0."""
        whole = np.hypot(self.bias, self.spread)
        return whole / abs(self.truth) if self.truth else np.full_like(whole, np.inf)

    @property
    def failed(self) -> np.ndarray:
        """Share of the refits of each design that reached no optimum."""
        return np.mean(~np.isfinite(self.values), axis=1)

    @property
    def elsewhere(self) -> np.ndarray:
        """Share of the refits of each design, of those that reached an optimum, nearer to another one than the best."""
        known = np.isfinite(self.values)
        count = known.sum(axis=1)
        return np.where(count > 0, (known & (self.optimum != 0)).sum(axis=1) / np.maximum(count, 1), np.nan)

    @property
    def coverage(self) -> np.ndarray:
        """Share of the intervals, of those that exist, that hold the truth; NaN where there are none."""
        known = np.isfinite(self.errors)
        half = float(ndtri((1 + self.level) / 2)) * np.where(known, self.errors, 0.0)
        held = known & (np.abs(np.where(known, self.values, np.inf) - self.truth) <= half)
        count = known.sum(axis=1)
        return np.where(count > 0, held.sum(axis=1) / np.maximum(count, 1), np.nan)

    @property
    def apart(self) -> np.ndarray:
        """Designs in which the date is not a function of the input."""
        return np.array([not abs(self._correlation(one)) >= ONE for one in self.designs])

    @property
    def cells(self) -> "pd.DataFrame":
        """A row for every design."""
        return rows_frame(self.cell_rows())

    def cell_rows(self) -> list[dict[str, Any]]:
        """:attr:`cells` as plain rows."""
        replicates = self.values.shape[1]
        coverage, failed, elsewhere = self.coverage, self.failed, self.elsewhere
        intervals = np.maximum(np.isfinite(self.errors).sum(axis=1), 1)
        return [
            {
                "rows": one.rows,
                "correlation": self._correlation(one),
                "correlation_as_in_the_table": bool(np.isnan(one.correlation)),
                f"share_on_the_commonest_{self.concentrated or 'value'}": self._share(one),
                "noise": one.noise,
                "data_say": str(self.data_say[k]),
                "smallest_information": float(self.information[k]),
                "likelihood_error": float(self.bound[k]),
                "truth": self.truth,
                "median": float(self.median[k]),
                "bias": float(self.bias[k]),
                "spread": float(self.spread[k]),
                "spread_error": float(self.monte_carlo * self.spread[k]),
                "relative_error": float(self.relative_error[k]),
                "nominal_error": float(np.nanmedian(self.errors[k])) if np.isfinite(self.errors[k]).any() else np.nan,
                "coverage": float(coverage[k]),
                "coverage_error": float(np.sqrt(coverage[k] * (1 - coverage[k]) / intervals[k])),
                "level": self.level,
                "failed": float(failed[k]),
                "other_optimum": float(elsewhere[k]),
                "replicates": replicates,
            }
            for k, one in enumerate(self.designs)
        ]

    def required(self, error: float = 0.5) -> tuple[Needed, ...]:
        """Rows that the quantity takes to a relative error, for each correlation, share and noise of the designs.

        Power laws between neighbouring designs; see :class:`Needed`.

        Parameters
        ----------
        error
            Relative error wanted, as in :attr:`relative_error`: 0.5 is half of the truth.

        Raises
        ------
        ValueError
            If the error is not positive and finite.
        """
        _check_error(error)
        lines = dict.fromkeys((self._correlation(d), self._share(d), d.noise) for d in self.designs)
        found = []
        for correlation, share, noise in lines:
            own = self.line(correlation=correlation, share=share, noise=noise)
            rows, how = self._solved(own, error)
            found.append(Needed(correlation, share, noise, rows, how))
        return tuple(found)

    def allowed(self, error: float = 0.5) -> dict[int, float]:
        """Largest correlation of date and input at which the quantity is known to a relative error, by number of rows.

        For the table's own share and noise, linear in the logarithm of the error between neighbouring designs; the
        largest correlation of the designs if that is good enough, NaN where none is. Correlations at which the
        likelihood determines nothing do not count, negative ones neither.

        Parameters
        ----------
        error
            Relative error wanted, as in :attr:`relative_error`: 0.5 is half of the truth.

        Raises
        ------
        ValueError
            If the error is not positive and finite.
        """
        _check_error(error)
        own = [
            k
            for k, one in enumerate(self.designs)
            if _same(self._share(one), self.own.share) and one.noise == 1.0 and self._correlation(one) >= 0
        ]
        told = [k for k in own if self.data_say[k] != "not identified" and np.isfinite(self.relative_error[k])]
        found = {}
        for rows in sorted({self.designs[k].rows for k in told}):
            line = sorted((self._correlation(self.designs[k]), k) for k in told if self.designs[k].rows == rows)
            at = np.array([correlation for correlation, _ in line])
            off = np.log(self.relative_error[[k for _, k in line]]) - np.log(error)
            found[rows] = _last_crossing(at, off)
        return found

    def line(self, **values: float) -> np.ndarray:
        """Positions of the designs with the given rows, correlation, share or noise, in order of rows."""
        own = [
            k
            for k, one in enumerate(self.designs)
            if all(_same(self._field(one, name), value) for name, value in values.items())
        ]
        return np.array(sorted(own, key=lambda k: self.designs[k].rows), int)

    def _solved(self, own: np.ndarray, error: float) -> tuple[float, str]:
        # What the likelihood does not determine has the prior's error, however small, and no number of rows helps.
        if any(self.data_say[k] == "not identified" for k in own) or not np.isfinite(self.relative_error[own]).all():
            return np.inf, NEVER
        rows = np.log([self.designs[k].rows for k in own])
        off = np.log(self.relative_error[own]) - np.log(error)
        if off[-1] > 0:
            return float(np.exp(rows[-1] + 2 * off[-1])), EXTRAPOLATED
        above = np.flatnonzero(off > 0)
        if len(above) == 0:
            return float(np.exp(rows[0])), FEWER
        k = above[-1]
        return float(np.exp(rows[k] - off[k] * (rows[k + 1] - rows[k]) / (off[k + 1] - off[k]))), INTERPOLATED

    def _quantiles(self) -> np.ndarray:
        found = np.full((3, len(self.designs)), np.nan)
        for k, row in enumerate(self.values):
            if np.isfinite(row).any():
                found[:, k] = np.nanquantile(row, _CENTRAL)
        return found

    def _field(self, one: Design, name: str) -> float:
        return {"correlation": self._correlation, "share": self._share}.get(name, lambda d: getattr(d, name))(one)

    def _correlation(self, one: Design) -> float:
        return self.own.correlation if np.isnan(one.correlation) else one.correlation

    def _share(self, one: Design) -> float:
        return self.own.share if np.isnan(one.share) else one.share

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found; where the date is a function of the input that comes first, before any number."""
        said = list(self.warnings)
        if not self.apart.all() and not any("exact function" in text for text in said):
            at = " and ".join(f"{one:g}" for one in sorted({np.sign(self._correlation(d)) for d in self._bound()}))
            said.append(
                f"In the designs with a correlation of {at} the date is a function of {self.input}: the likelihood "
                "cannot tell progress from scale there, priors and starts alone decide where refits end, and their "
                "spread is no knowledge."
            )
        said += [self._own_sentence()] if self._own_cell() is not None else []
        return (*said, *self._doubts())

    def _bound(self) -> list[Design]:
        return [one for one, apart in zip(self.designs, self.apart, strict=True) if not apart]

    def _own_cell(self) -> int | None:
        own = self.line(rows=self.own.rows, correlation=self.own.correlation, share=self.own.share, noise=1.0)
        return int(own[0]) if len(own) else None

    def _own_sentence(self) -> str:
        k = int(self._own_cell() or 0)
        covered = self.coverage[k]
        held = ""
        if np.isfinite(covered):
            held = f"; {self.level:.0%} intervals from the curvature held the truth in {covered:.0%} of them"
        other = self.elsewhere[k]
        elsewhere = f"; {other:.0%} of them ended nearer to another optimum" if other > 0 else ""
        return (
            f"Tables like this one ({self.own.rows} rows), simulated from the fit with a true value of "
            f"{self.truth:.3g} and refitted {self.values.shape[1]} times: median {self.median[k]:.3g}, spread "
            f"{self.spread[k]:.2g} ({self.relative_error[k]:.0%} relative error, bias included){held}{elsewhere}."
        )

    def _doubts(self) -> list[str]:
        worst = int(np.argmax(self.failed))
        if self.failed[worst] == 0:
            return []
        one = self.designs[worst]
        return [
            f"{np.mean(~np.isfinite(self.values)):.1%} of all refits reached no optimum and are left out; at most "
            f"{self.failed[worst]:.0%} of those of a design ({one.rows} rows, correlation "
            f"{self._correlation(one):.2f})."
        ]

    def __str__(self) -> str:
        return "\n".join(self.sentences)


def _check_error(error: float) -> None:
    if not (np.isfinite(error) and error > 0):
        raise ValueError(f"error={error}: give a positive relative error, such as 0.5 for half of the truth")


def _last_crossing(at: np.ndarray, off: np.ndarray) -> float:
    """The largest point at which a curve through these is not above 0; NaN if it is above everywhere."""
    below = np.flatnonzero(off <= 0)
    if len(below) == 0:
        return np.nan
    k = int(below[-1])
    return float(at[k]) if k == len(at) - 1 else float(at[k] - off[k] * (at[k + 1] - at[k]) / (off[k + 1] - off[k]))


def _same(a: float, b: float) -> bool:
    return a == b or bool(np.isnan(a) and np.isnan(b)) or abs(a - b) < 1e-12
