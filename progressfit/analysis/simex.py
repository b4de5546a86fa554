"""Simulation-extrapolation: what a fit would say if an input had been measured without error.

Noise is added on top of the error that the input already has, at several multiples of its variance, and the answer,
seen as a function of the total error, is extrapolated back to none at all (Cook and Stefanski 1994, JASA 89:1314). It
asks nothing of where the true inputs lie, unlike :mod:`.measurement`, but rests on the shape of the extrapolation: the
quadratic one takes back most of an attenuation by a moderate error, and never all of it.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.analysis.measurement import LN10, check_log10_sd
from progressfit.compiled import compiled
from progressfit.dataset import Dataset
from progressfit.infer.bootstrap import nearest_optimum
from progressfit.infer.check import require_whole
from progressfit.infer.optimise import check_key, fitted_weights
from progressfit.infer.points import map_values
from progressfit.infer.quantity import measured
from progressfit.infer.refit import Changes, refit_around
from progressfit.infer.result import Fit
from progressfit.model import Model
from progressfit.params import Values, bind

LEVELS = (0.5, 1.0, 1.5, 2.0)
_DEGREES = {"linear": 1, "quadratic": 2}


@dataclasses.dataclass(frozen=True)
class Extrapolated:
    """A quantity against the error variance that was added, and its extrapolation to no error.

    Attributes
    ----------
    naive
        The quantity of the fit itself, which ignores the error.
    levels, mean
        Added variance in units of the error's own, ``(k + 1,)`` beginning with 0, and the mean over replicates there.
    replicates
        The quantity in each replicate, ``(pairs, k)``, means over pairs of replicates with opposite noise; a pair of
        which a refit failed or ended nearer to another optimum is NaN at every level, so that all means are over the
        same noise.
    """

    naive: float
    levels: np.ndarray
    mean: np.ndarray
    replicates: np.ndarray

    def at(self, level: Any, shape: str = "quadratic") -> np.ndarray:
        """The extrapolating polynomial ("linear" or "quadratic") at added variances; -1 is no error at all."""
        return np.asarray(self._row(level, shape) @ self.mean)

    def corrected(self, shape: str = "quadratic") -> float:
        """The quantity extrapolated to no error."""
        return float(self.at(-1.0, shape))

    def error(self, shape: str = "quadratic") -> float:
        """Monte Carlo standard error of :meth:`corrected`: what another key would change; not a sampling error."""
        row = self._row(-1.0, shape)
        by_pair = self.replicates @ row[1:]
        kept = by_pair[np.isfinite(by_pair)]
        return float(np.std(kept, ddof=1) / np.sqrt(len(kept))) if len(kept) > 1 else np.nan

    @property
    def factor(self) -> float:
        """Naive over corrected: below 1 where the error attenuates the quantity."""
        return self.naive / self.corrected()

    def _row(self, level: Any, shape: str) -> np.ndarray:
        """How the polynomial at some levels weighs the means: least squares over the levels, 0 among them."""
        if shape not in _DEGREES:
            raise ValueError(f"shape='{shape}': choose 'linear' or 'quadratic'")
        powers = np.arange(_DEGREES[shape] + 1)
        return np.asarray(level)[..., None] ** powers @ np.linalg.pinv(self.levels[:, None] ** powers)


@dataclasses.dataclass(frozen=True)
class Simex:
    """What simulation-extrapolation found.

    Attributes
    ----------
    name, input
        The quantity, and the input with the error.
    value
        The quantity.
    slope
        Weighted mean over the rows of the derivative of the linked mean with respect to the natural log input: what an
        error in this input attenuates, whatever the law.
    replicates
        Number of replicates at each level.
    failed, elsewhere
        How many refits, of all levels, reached no optimum; and how many ended nearer to another optimum of the fit.
        Pairs with any of these are left out of the means of all levels.
    """

    name: str
    input: str
    value: Extrapolated
    slope: Extrapolated
    replicates: int
    failed: int
    elsewhere: int


def simex(
    point: Fit,
    data: Dataset,
    of: Any,
    log10_sd: Any,
    *,
    key: jax.Array,
    input: str = "compute",
    replicates: int = 200,
    by: str = "row",
    levels: tuple[float, ...] = LEVELS,
) -> Simex:
    """Simulation-extrapolation of a quantity; one compiled program.

    Parameters
    ----------
    point, data
        A fit and its table.
    of
        A function of one model that returns one number, or the dotted path of a parameter.
    log10_sd
        Standard deviation of the error in log10 of the input: one number, or one a row.
    key
        A JAX random key.
    input
        The input, in natural units.
    replicates
        How often noise is added at each level; an even number, since every noise is used with both signs.
    by
        Whether each "row" has an error of its own, or each "cluster" (paper) one that its rows share.
    levels
        Added variances in units of the error's own, two at least.

    Raises
    ------
    ValueError
        If the error is not positive, the table lacks the input, or no replicate could be refitted at every level.
    """
    require_x64()
    name, measure = measured(of, point)
    sd = LN10 * check_log10_sd(log10_sd, data, input)
    require_whole(replicates=replicates)
    if replicates % 2 or len(levels) < 2 or min(levels) <= 0:
        raise ValueError(f"replicates={replicates}, levels={levels}: give an even number, and two positive levels")
    noise = _noise(check_key(key), data, by, replicates // 2)
    # The same noise at every level, and with both signs: what is odd in it cancels.
    both = np.stack([noise, -noise], axis=1)
    moved = np.sqrt(np.asarray(levels))[None, None, :, None] * both[:, :, None, :] * sd
    shape = moved.shape[:-1]
    columns = np.asarray(data.records.columns[input], np.float64) * np.exp(moved.reshape(-1, len(data)))
    found = refit_around(point, data, Changes(columns={input: columns}))
    near = nearest_optimum(point, found.z) == 0
    kept = (found.ok & near).reshape(shape)
    values = np.asarray(map_values(measure, point.spec, found.values)).reshape(shape)
    own = {path: np.asarray(value)[None] for path, value in point.parameters.items()}
    weights = fitted_weights(point, data)
    slopes = [np.asarray(_mean_slopes(point.spec, v, data.bare(), weights, input=input)) for v in (own, found.values)]
    return Simex(
        name,
        input,
        _extrapolated(float(point.map(measure)), values, kept, levels),
        _extrapolated(float(slopes[0][0]), slopes[1].reshape(shape), kept, levels),
        replicates,
        int(np.sum(~found.ok)),
        int(np.sum(found.ok & ~near)),
    )


def _noise(key: jax.Array, data: Dataset, by: str, count: int) -> np.ndarray:
    """Standard normal numbers, ``(count, n)``, shared within clusters if so wanted."""
    if by not in ("row", "cluster"):
        raise ValueError(f"by='{by}': choose 'row' or 'cluster'")
    drawn = np.asarray(jax.random.normal(key, (count, len(data))))
    return drawn if by == "row" else drawn[:, np.unique(np.asarray(data.clusters), return_inverse=True)[1]]


def _extrapolated(naive: float, values: np.ndarray, kept: np.ndarray, levels: tuple[float, ...]) -> Extrapolated:
    """Means over pairs of opposite noise that are known at every level; values and masks ``(pairs, 2, k)``."""
    whole = (kept & np.isfinite(values)).all(axis=(1, 2))
    if not whole.any():
        raise ValueError("no replicate reached an optimum at every level, so nothing can be extrapolated")
    pairs = np.where(whole[:, None], values.mean(axis=1), np.nan)
    mean = np.append(naive, pairs[whole].mean(axis=0))
    return Extrapolated(naive, np.append(0.0, levels), mean, pairs)


@compiled("input")
def _mean_slopes(spec: Model, values: Values, data: Dataset, weights: jax.Array, input: str) -> jax.Array:
    """Weighted mean over rows of the derivative of the linked mean by the log input, for each model, ``(m,)``."""

    def one(own: Values) -> jax.Array:
        model = bind(spec, own)

        def slope(record: Any) -> jax.Array:
            return jax.grad(lambda log: model.linked(record.replace(**{input: jnp.exp(log)})))(jnp.log(record[input]))

        return jnp.average(jax.vmap(slope)(data.records), weights=weights)

    return jax.lax.map(one, values)
