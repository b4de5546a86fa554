"""Cross-validation: how well a spec predicts rows it has not seen."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import jax
import numpy as np

from progressfit._x64 import require_x64
from progressfit.analysis.folds import Folds, Kind, make_folds
from progressfit.analysis.refits import Refits, blind_starts, fit_without, sample_without, starts_around
from progressfit.analysis.scores import Score, difference, total
from progressfit.dataset import Dataset
from progressfit.density import check_weights
from progressfit.infer.check import require
from progressfit.infer.clock import Clock
from progressfit.infer.diagnose_loo import listed
from progressfit.infer.optimise import check_key, fit, fitted_weights
from progressfit.infer.pointwise import Scale
from progressfit.infer.prepare import prepare
from progressfit.infer.result import Fit
from progressfit.model import Model
from progressfit.params import improper

Method = Literal["nuts", "map"]
_WORDS = {"nuts": "posterior refits (NUTS)", "map": "point refits (maximum a posteriori)"}


@dataclasses.dataclass(frozen=True)
class Validation:
    """Log densities of rows under refits that have not seen them.

    Attributes
    ----------
    kind
        What was left out and how was refitted, in words.
    on
        Whether densities are those of the "link"ed response or of the "response" itself.
    log_density, error
        Of each row, and the Monte Carlo standard error of it, ``(n,)``; NaN for rows that were not held out.
    folds
        Which rows were fitted and held out together.
    ok
        Whether the refit of each fold, and its density of every row held out, can be trusted, ``(folds,)``.
    table
        Fingerprint of the table.
    stats
        Seconds.
    """

    kind: str
    on: Scale
    log_density: np.ndarray
    error: np.ndarray
    folds: Folds
    ok: np.ndarray
    table: str
    stats: dict[str, Any]

    @property
    def elpd(self) -> Score:
        """Held-out log density added up over the rows, with its standard error and the number of rows."""
        return total(self.log_density, self.folds.unit)

    @property
    def by_fold(self) -> np.ndarray:
        """Held-out log density of the rows of each fold, added up, ``(folds,)``."""
        return np.array([np.nansum(np.where(out, self.log_density, 0.0)) for out in self.folds.held_out])

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the folds whose refits cannot be trusted."""
        return tuple(name for name, ok in zip(self.folds.names, self.ok, strict=True) if not ok)

    def minus(self, other: "Validation") -> Score:
        """How much better than another spec this one predicts, with the standard error of the paired difference.

        Raises
        ------
        ValueError
            If the two are not of the same table, rows and kind of density.
        """
        if self.table != other.table or self.on != other.on:
            raise ValueError(
                "the two scores are of different tables or kinds of density, so they cannot be compared; use the same "
                "data and the same on="
            )
        if not np.array_equal(self.folds.fitted | ~self.folds.held_out, other.folds.fitted | ~other.folds.held_out):
            raise ValueError("the two were validated with different folds; give both the same folds and the same key")
        return difference(self.log_density, other.log_density, self.folds.unit)

    def __str__(self) -> str:
        score = self.elpd
        noise = float(np.sqrt(np.nansum(np.where(np.isinf(self.error), 0.0, self.error) ** 2)))
        lines = [
            f"{self.kind}: {len(self.ok)} refits, {score.rows} of {len(self.log_density)} rows held out",
            f"Log density of the {'linked response' if self.on == 'link' else 'response'}: {score.value:.3f} in all "
            f"(standard error {score.error:.3f}; of it Monte Carlo {noise:.3f}), {score.value / score.rows:.4f} a row.",
        ]
        if self.failed:
            lines.append(
                f"Not certified: {len(self.failed)} refits did not settle, or a few draws carry the density of a row "
                f"({listed(self.failed)}); draw for longer."
            )
        return "\n".join(lines)


def cross_validate(
    spec: Model,
    data: Dataset,
    *,
    key: jax.Array,
    folds: Kind | int = "loo",
    whole_clusters: bool = False,
    forward: Sequence[Any] | None = None,
    method: Method = "nuts",
    on: Scale = "link",
    chains: int = 4,
    draws: int = 500,
    starts: int = 64,
    weights: Any = None,
    point: Fit | None = None,
) -> Validation:
    """Refit a spec without some rows and score these, fold by fold; all refits are one compiled program.

    Parameters
    ----------
    spec
        A law with priors at its free leaves.
    data
        The table.
    key
        A JAX random key. Specs that are to be compared need the same key where folds are drawn at random.
    folds
        "loo" leaves out one row at a time, "clusters" one cluster (paper) at a time, a number makes that many folds at
        random.
    whole_clusters
        Whether rows of one cluster stay together where folds are drawn at random.
    forward
        Dates (ISO or decimal years), instead of ``folds``: for each, the rows dated before it are fitted and those from
        it on, up to the next date, are scored. The refits do not see later rows in any way.
    method
        "nuts" draws from the posterior of each refit and scores by the posterior predictive density; "map" scores by
        the density at the refitted mode, as published tables often do.
    on
        Density of the "link"ed response, or of the "response" itself, for specs with different links.
    chains, draws
        Number of chains of each refit and of draws of each chain, for "nuts".
    starts
        Number of starts of the fit of the whole table, whose optima the refits start from (besides prior draws).
    weights
        Weight of each row's log likelihood, ``(n,)``; rows of weight 0 are neither fitted nor scored.
    point
        A fit of this spec and table by ``objective="map"`` to start from; it brings its weights.

    Returns
    -------
    :class:`Validation`: held-out log densities by row, their sum with its standard error (by clusters where whole
    clusters were left out), paired differences to another one.

    Raises
    ------
    ValueError
        If folds are impossible, or a prior is flat and posteriors are asked for.
    """
    require_x64()
    if method not in _WORDS:
        raise ValueError(f"method='{method}': choose one of {', '.join(_WORDS)}")
    if method == "nuts" and improper(spec):
        raise ValueError(f"the prior of '{improper(spec)[0]}' is flat; give it a proper one, or use method='map'")
    clock = Clock()
    fold_key, fit_key, start_key, run_key = jax.random.split(check_key(key), 4)
    parts = make_folds(data, fold_key, folds, whole_clusters, forward)
    require(spec, data, "map")
    if forward is None:
        point = point or fit(spec, data, key=fit_key, starts=starts, weights=weights)
        spec, own, begin = point.spec, fitted_weights(point, data), starts_around(point, start_key)
    else:
        spec, own = prepare(spec, data), check_weights(weights, data)
        begin = blind_starts(spec, start_key)
    own = np.asarray(own)
    fitted = parts.fitted * own
    if method == "map":
        found = fit_without(spec, begin, data, fitted, on)
    else:
        found = sample_without(spec, begin, data, fitted, run_key, on, chains, draws)
    log_density, error = _by_row(found, parts, own > 0)
    ok = found.ok & ~(parts.held_out & np.isinf(error)).any(axis=1)
    kind = f"{parts.kind}, {_WORDS[method]}"
    stats = {"seconds": clock.seconds()}
    return Validation(kind, on, log_density, error, parts, ok, data.digest(), stats)


def _by_row(found: Refits, parts: Folds, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Density of each row under the refit that leaves it out, and its error; NaN where there is none."""
    scored, rows = (parts.fold >= 0) & counted, np.arange(len(counted))
    density, error = found.log_density[parts.fold, rows], found.error[parts.fold, rows]
    return np.where(scored, density, np.nan), np.where(scored, error, np.nan)
