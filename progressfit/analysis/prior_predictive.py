"""What a spec predicts before it has seen the responses: whether priors allow what is observed, and little else."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.dataset import Dataset
from progressfit.infer.optimise import check_key
from progressfit.infer.points import map_values
from progressfit.infer.pointwise import prior_values, simulated
from progressfit.infer.prepare import prepare
from progressfit.model import Model
from progressfit.params import Values, improper

# Shares worth a remedy: of simulated responses that are impossible, and of observed ones that are missed beyond chance.
_NOTABLE = 0.1
# How many times as wide as the observed range the simulated one may be before a sentence says so.
_WIDE = 10.0


@dataclasses.dataclass(frozen=True)
class PriorPredictive:
    """Responses simulated from the prior, beside the observed ones.

    Attributes
    ----------
    spec, data
        The prepared spec and the table.
    values
        Draws of the prior by path, each ``(draws, ...)``.
    responses
        Simulated responses, ``(draws, n)``, in their own units.
    level
        Coverage of all intervals here: central ones, of the prior predictive distribution.
    low, median, high
        Interval and median of each row, ``(n,)``.
    overall
        Interval of all simulated responses together, ``(2,)``.
    impossible
        Share of the simulated responses that no response can have: not finite, or outside the link's domain or the
        bounds given.
    beyond
        Share of the simulated responses outside the range of the observed ones.
    missed
        Share of the observed responses outside their own row's interval; about ``1 - level`` or less is expected.
    sentences
        All this in words, with a remedy where something is wrong.
    """

    spec: Model
    data: Dataset
    values: Values
    responses: np.ndarray
    level: float
    low: np.ndarray
    median: np.ndarray
    high: np.ndarray
    overall: np.ndarray
    impossible: float
    beyond: float
    missed: float
    sentences: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.responses)

    def map(self, fn: Callable[[Model], Any]) -> Any:
        """``fn`` of the model of every prior draw, stacked along a leading axis of draws."""
        return map_values(fn, self.spec, self.values)

    def __str__(self) -> str:
        return "\n".join(self.sentences)


def prior_predictive(
    spec: Model,
    data: Dataset,
    *,
    key: jax.Array,
    draws: int = 1000,
    level: float = 0.95,
    possible: tuple[float, float] | None = None,
) -> PriorPredictive:
    """Simulate responses of the table's rows from the prior, before anything is fitted.

    Parameters
    ----------
    spec
        A law with a proper prior at every free leaf.
    data
        The table; its responses are only compared with, never used.
    key
        A JAX random key; split per draw.
    draws
        Number of draws of the prior; one response is simulated for each draw and row.
    level
        Coverage of the intervals.
    possible
        Lowest and highest value that a response can have, where the link does not say (an accuracy under the identity
        link: ``(0, 1)``).

    Returns
    -------
    :class:`PriorPredictive`; ``pf.report.prior_picture`` draws it, ``.map(pf.growth_rate)`` gives what the prior says
    of a derived quantity.

    Raises
    ------
    ValueError
        If a prior is flat: nothing can be simulated from it.
    """
    require_x64()
    _require_usable(spec, draws, level, possible)
    prepared = prepare(spec, data)
    drawing, scattering = jax.random.split(check_key(key))
    values = prior_values(prepared, drawing, draws)
    responses = simulated(prepared, values, data.bare().records, scattering)
    found = _compared(prepared, data, values, responses, level, possible)
    return dataclasses.replace(found, sentences=tuple(_sentences(found)))


def _compared(
    spec: Model,
    data: Dataset,
    values: Values,
    responses: np.ndarray,
    level: float,
    possible: tuple[float, float] | None,
) -> PriorPredictive:
    """Intervals of the simulated responses, and shares in and out of them; no sentences yet."""
    tails = [(1 - level) / 2, 0.5, (1 + level) / 2]
    finite = np.where(np.isfinite(responses), responses, np.nan)
    low, median, high = _quantiles(finite, tails)
    observed = np.asarray(data.response, np.float64)
    return PriorPredictive(
        spec=spec,
        data=data,
        values=values,
        responses=responses,
        level=level,
        low=low,
        median=median,
        high=high,
        overall=_quantiles(finite.reshape(-1, 1), tails)[[0, 2], 0],
        impossible=float(np.mean(~_possible(spec, responses, possible))),
        beyond=float(np.mean(~((responses >= observed.min()) & (responses <= observed.max())))),
        missed=float(np.mean((observed < low) | (observed > high))),
        sentences=(),
    )


def _require_usable(spec: Model, draws: int, level: float, possible: tuple[float, float] | None) -> None:
    flat = improper(spec)
    if flat:
        raise ValueError(
            f"the prior of '{flat[0]}' is flat, so it predicts nothing; give it a proper prior, "
            f"pf.free(spec, {{'{flat[0]}': dist.Normal(..., ...)}}), or fix it"
        )
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 1:
        raise ValueError(f"draws={draws!r}: give a whole number, at least one")
    if not 0 < level < 1:
        raise ValueError(f"level={level}: give a fraction strictly between 0 and 1")
    if possible is not None and not possible[0] < possible[1]:
        raise ValueError(f"possible={possible}: give the lowest and the highest possible response, in this order")


def _quantiles(responses: np.ndarray, shares: list[float]) -> np.ndarray:
    """Quantiles over draws without NaN, ``(shares, n)``; NaN for rows that have nothing else."""
    empty = np.isnan(responses).all(axis=0)
    return np.where(empty, np.nan, np.nanquantile(np.where(empty, 0.0, responses), shares, axis=0))


def _possible(spec: Model, responses: np.ndarray, bounds: tuple[float, float] | None) -> np.ndarray:
    """Whether each response could be one, ``(draws, n)``."""
    valid = np.asarray(spec.link.contains(jnp.asarray(responses))) & np.isfinite(responses)
    return valid if bounds is None else valid & (responses >= bounds[0]) & (responses <= bounds[1])


def _sentences(found: PriorPredictive) -> list[str]:
    name, observed = found.data.labels.response, np.asarray(found.data.response)
    low, high = found.overall
    said = [
        f"{found.level:.0%} of the values of '{name}' that {len(found)} prior draws predict lie between {low:.4g} and "
        f"{high:.4g}; those observed lie between {observed.min():.4g} and {observed.max():.4g}.",
        f"{found.beyond:.0%} of the predicted values lie outside the observed range, and {found.missed:.0%} of the "
        f"observed values outside the {found.level:.0%} prior predictive interval of their own row.",
    ]
    return [*said, *_impossible(found), *_conflict(found), *_vague(found)]


def _impossible(found: PriorPredictive) -> list[str]:
    if found.impossible == 0:
        return []
    remedy = ""
    if found.impossible > _NOTABLE:
        remedy = " Narrow the priors, or choose a link that keeps responses in range."
    where = "not finite, or at or beyond the edge of what the response can be"
    return [f"{found.impossible:.2%} of the predicted values are {where}.{remedy}"]


def _conflict(found: PriorPredictive) -> list[str]:
    if found.missed <= 1 - found.level + _NOTABLE:
        return []
    return [
        "The priors rule out much of what is observed: check the units of the data (fractions, FLOP, years) and the "
        "references of the law, or widen the priors."
    ]


def _vague(found: PriorPredictive) -> list[str]:
    observed = np.asarray(found.data.response)
    width, spread = float(found.overall[1] - found.overall[0]), float(np.ptp(observed))
    if not width > _WIDE * spread > 0:
        return []
    return [
        f"The prior predictive range is {width / spread:.3g} times as wide as the observed one: the priors say next to "
        "nothing, which weakly identified directions will show. Narrow them if you know more."
    ]
