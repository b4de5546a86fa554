"""From the progress that a benchmark shows to progress of software in general: a rate times a factor nobody knows.

Progress on a benchmark with fast feedback need not be what the rest of the field sees. The factor between the two is a
judgement, so it goes in as a distribution, and distributions are all that comes out.
"""

import dataclasses
from typing import Any, NoReturn

import jax
import numpy as np
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from progressfit._x64 import require_x64
from progressfit.growth import doubling_interval, growth_rate
from progressfit.infer.optimise import check_key
from progressfit.infer.result import Draws, Fit

PRESETS: dict[str, tuple[Distribution, str]] = {
    "cotra": (
        dist.LogNormal(float(np.log(0.5)), float(np.log(2.0))),
        "log-normal with median 1/2, by which Cotra (2020, draft report on AI timelines) slows the progress that "
        "Hernandez and Brown measured; the spread, a factor of 2 either way at one standard deviation, is ours",
    ),
    "uninformative": (
        dist.Uniform(0.0, 2.0),
        "uniform from 0 to 2, which does not say whether progress in general is slower or faster than on the benchmark",
    ),
}
_LEVELS = (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975)


@dataclasses.dataclass(frozen=True)
class Transferred:
    """A distribution of growth rates of software in general, natural log units a year.

    Attributes
    ----------
    draws
        Rate times factor, ``(draws,)``.
    rates, factors
        The two, ``(draws,)``.
    kind
        What the rates are, in words.
    source
        What the factor is, in words.
    dropped
        How many rates were left out because they are not defined (NaN); infinite ones stay.
    """

    draws: np.ndarray
    rates: np.ndarray
    factors: np.ndarray
    kind: str
    source: str
    dropped: int

    def quantiles(self, levels: tuple[float, ...] = _LEVELS) -> dict[float, float]:
        """Quantiles of the rate, by level."""
        return dict(zip(levels, map(float, np.quantile(self.draws, levels)), strict=True))

    def probability_below(self, rate: float) -> float:
        """Probability that the rate lies below a given one."""
        return float(np.mean(self.draws < rate))

    def __float__(self) -> NoReturn:
        raise TypeError(
            "a transferred rate is a distribution, and no single number stands for it: use quantiles() or draws"
        )

    def __str__(self) -> str:
        low, high = np.quantile(self.draws, [0.025, 0.975])
        return (
            f"Growth rate of software in general, {self.kind} times a factor ({self.source}): 95% of it lies in "
            f"[{low:.3g}, {high:.3g}] a year, doubling time {doubling_interval(low, high).text}; probability of no "
            f"progress {self.probability_below(0.0):.3f}."
            + (f" {self.dropped} draws have no growth rate and are left out." if self.dropped else "")
        )


def transfer(rates: Draws | Any, factor: str | Distribution, *, key: jax.Array, of: Any = None) -> Transferred:
    """Multiply draws of a growth rate by draws of a transfer factor.

    Parameters
    ----------
    rates
        :class:`Draws`, of which certified ones count, or an array of growth rates ``(draws,)``.
    factor
        A distribution of positive numbers, or one of the presets "cotra" and "uninformative"
        (``progressfit.analysis.transfer.PRESETS`` says what they are).
    key
        A JAX random key.
    of
        For :class:`Draws`, a function of one model that returns the growth rate; :func:`progressfit.growth_rate` by
        default.

    Raises
    ------
    ValueError
        If the rate or the factor is a single number: such figures get quoted without their uncertainty.
    """
    require_x64()
    kind, given = _rates(rates, of)
    found = given[~np.isnan(given)]
    law, source = _factor(factor)
    factors = np.asarray(law.sample(check_key(key), (len(found),)), np.float64)
    if not (factors > 0).all():
        raise ValueError("the transfer factor has to be positive; give a distribution of positive numbers")
    return Transferred(found * factors, found, factors, kind, source, len(given) - len(found))


def _rates(rates: Any, of: Any) -> tuple[str, np.ndarray]:
    if isinstance(rates, Draws):
        found = np.asarray(rates.map(of or growth_rate), np.float64)[rates.ok]
        kind = rates.kind
    else:
        found = np.asarray(np.nan if isinstance(rates, Fit) else rates, np.float64)
        kind = "given rates"
    if found.ndim != 1 or len(np.unique(found[~np.isnan(found)])) < 2:
        raise ValueError(
            "transfer takes draws of a growth rate, not a point estimate: give a posterior or a bootstrap, so that the "
            "uncertainty of the rate goes through"
        )
    return kind, found


def _factor(factor: Any) -> tuple[Distribution, str]:
    if isinstance(factor, str):
        if factor not in PRESETS:
            raise ValueError(f"factor='{factor}': choose one of {', '.join(PRESETS)}, or give a distribution")
        return PRESETS[factor]
    if not isinstance(factor, Distribution) or isinstance(factor, dist.Delta):
        raise ValueError(
            "nobody knows the transfer factor, so it has to be a distribution (numpyro.distributions), not one number"
        )
    if factor.shape():
        raise ValueError(f"the distribution of the transfer factor has shape {factor.shape()}; give a scalar one")
    return factor, f"{type(factor).__name__}, as given"
