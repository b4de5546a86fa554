"""Whether progress measured on one benchmark is progress on it alone: the benchmark beside its re-tests.

For each test ``k``, ``logit accuracy = level_k + slope_k ln(compute) + trend_k date`` and, where wanted, effects of
other inputs. On a re-test the ratio of slopes, ``b_k = slope_k / slope_reference``, turns its logits into those of the
reference: it is what compute, with the algorithm fixed, does to both. Then

    share_k = (trend_k / b_k) / trend_reference

is the share of the progress measured on the reference that carries over: 1 if all of it does, less if some is
specific to the reference. It is also the growth rate of effective compute on the re-test over that on the reference.
``trend_k / b_k - trend_reference`` is the same as a difference, which exists even where there is no progress.

Each test has coefficients of its own, so the joint likelihood falls into one factor for each test, and what links the
tests is that they score the same networks: whole clusters (papers) are resampled for all of them at once, and a re-test
is set beside the reference on the networks that have both scores.

Errors in compute, one for each network and so the same on all its tests, are taken off by simulation and extrapolation;
see :mod:`progressfit.analysis.paired`.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from progressfit._x64 import require_x64
from progressfit.analysis.paired import Coefficients, Resampled, pair, regress, resample
from progressfit.dataset import Dataset, Record
from progressfit.growth import ALL_CHANNELS, growth_rate
from progressfit.infer.optimise import check_key, fit
from progressfit.infer.result import Fit
from progressfit.laws import linear
from progressfit.model import Model

_TREND, _ODDS, _STARTS = "progress.rate", "odds", 4


def carried_over(model: Model, retest: Record, reference: Record, input: str = "compute") -> jax.Array:
    """Share of progress on a reference that carries over to a re-test, from one fitted joint law.

    The growth rate of effective input at a record of the re-test over that at a record of the reference, all channels
    of progress counted; see :func:`progressfit.laws.retests`, and :func:`overlearning` for intervals.

    Returns
    -------
    A fraction (scalar): 1 if all of it carries over.
    """
    here = growth_rate(model, input, ALL_CHANNELS, at=retest)
    return here / growth_rate(model, input, ALL_CHANNELS, at=reference)


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number, and its replicates ``(replicates,)`` from resampled clusters, certified ones only."""

    value: float
    draws: np.ndarray

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Central interval of the replicates; NaN if none is certified."""
        if not len(self.draws):
            return np.nan, np.nan
        low, high = np.quantile(self.draws, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    @property
    def error(self) -> float:
        """Standard error: standard deviation of the replicates; NaN if fewer than two are certified."""
        return float(self.draws.std(ddof=1)) if len(self.draws) > 1 else np.nan


class Effects(NamedTuple):
    """What compute and time do to one test.

    Attributes
    ----------
    slope
        Logits per natural log unit of the input.
    trend
        Logits a year at fixed inputs.
    others
        Logits per natural log unit of each other input, by name.
    """

    slope: Estimate
    trend: Estimate
    others: dict[str, Estimate]


@dataclasses.dataclass(frozen=True)
class Retest:
    """One re-test beside the reference, on the rows that have both scores.

    Attributes
    ----------
    test, rows, clusters
        Its name, the number of rows, and of clusters among them.
    own, reference
        Effects on the re-test and on the reference, over the same rows.
    given
        The re-test regressed on the linked reference score, the date and the other inputs: ``slope`` per logit of the
        reference, ``trend`` in logits of the re-test a year. Scatter of the reference score about ability flattens this
        slope, so this trend is not that of networks of equal ability.
    """

    test: str
    rows: int
    clusters: int
    own: Effects
    reference: Effects
    given: Effects

    @property
    def ratio(self) -> Estimate:
        """Logits of the re-test for one of the reference when compute grows, ``b_k``."""
        return _map(np.divide, self.own.slope, self.reference.slope)

    def share(self, ratio: float | None = None) -> Estimate:
        """Share of the progress on the reference that carries over, with this ratio of slopes or another one."""
        trend = self.own.trend
        return _map(lambda a, b, c: a / b / c, trend, self._ratio(ratio), self.reference.trend)

    def specific(self, ratio: float | None = None) -> Estimate:
        """Progress on the re-test beyond that on the reference, in logits of the reference a year.

        Negative where progress on the reference does not carry over.
        """
        trend = self.own.trend
        return _map(lambda a, b, c: a / b - c, trend, self._ratio(ratio), self.reference.trend)

    @property
    def drift(self) -> Estimate:
        """The same in logits of the re-test a year: its date effect for networks of equal ability on the reference."""
        return _map(lambda a, b, c: a - b * c, self.own.trend, self.ratio, self.reference.trend)

    def bounded(self, level: float = 0.95) -> bool:
        """Whether the share has a bounded interval: that of the reference's own trend does not reach 0."""
        low, high = self.reference.trend.interval(level)
        return low > 0 or high < 0

    def share_interval(self, level: float = 0.95, ratio: float | None = None) -> tuple[float, float]:
        """Every share that replicates do not speak against; all if it is not :meth:`bounded`, NaN without replicates.

        A share ``s`` is kept if the central interval of ``trend_k / b_k - s trend_reference`` holds 0 (Fieller 1954,
        with replicates in place of normal theory). Quantiles of the quotients themselves go astray in a few replicates
        whose reference hardly moves.
        """
        base = self.reference.trend
        # The sign of the trend is that of its replicates, since its value may not be certified where they are.
        up = np.sign(np.median(base.draws)) if len(base.draws) else np.nan
        gain = up * self.own.trend.draws / self._ratio(ratio).draws
        if not (len(gain) and np.isfinite(gain).all()):
            return np.nan, np.nan
        if not self.bounded(level):
            return -np.inf, np.inf

        def end(quantile: float) -> float:
            return _falling_root(lambda s: float(np.quantile(gain - s * up * base.draws, quantile)))

        return end((1 - level) / 2), end((1 + level) / 2)

    def _ratio(self, ratio: float | None) -> Estimate:
        return self.ratio if ratio is None else Estimate(ratio, np.full(len(self.own.trend.draws), ratio))


@dataclasses.dataclass(frozen=True)
class Overlearning:
    """A benchmark beside its re-tests.

    Attributes
    ----------
    reference, input, others
        Name of the benchmark, of the input whose slopes set the scale, and of other inputs held fixed.
    point
        The uncorrected fit of the reference, all rows that count.
    retests
        One for each re-test.
    objective
        Negative log likelihood of all tests together, each with coefficients of its own, uncorrected.
    attenuation
        Uncorrected over corrected slope of the reference over all its rows; 1 where no error of the input is known.
    replicates, failed
        Resampled tables, and how many, over all re-tests, have a refit that reached no optimum and are left out; a
        re-test's table itself counts too, and its values are then NaN.
    """

    reference: str
    input: str
    others: tuple[str, ...]
    point: Fit
    retests: tuple[Retest, ...]
    objective: float
    attenuation: float
    replicates: int
    failed: int

    def __getitem__(self, test: str) -> Retest:
        return next(found for found in self.retests if found.test == test)


def overlearning(
    data: Dataset,
    *,
    key: jax.Array,
    reference: str,
    test: str = "test",
    input: str = "compute",
    others: tuple[str, ...] = (),
    sd: str | None = None,
    rows: Any = None,
    replicates: int = 1000,
) -> Overlearning:
    """Ask how much of the progress measured on one benchmark carries over to re-tests of it.

    Parameters
    ----------
    data
        Long form: one row for each network and test, networks named by the labels of the rows; accuracies as response,
        a date, and clusters (papers), which are resampled.
    key
        A JAX random key.
    test, reference
        The group of tests, and the level of it that is the benchmark.
    input, others
        The input whose slopes set the scale of each test, and other inputs that are held fixed.
    sd
        The column with the standard deviation of log10 of ``input``, for the correction; ``None`` without.
    rows
        Mask of the rows of ``data`` that count, shape ``(n,)``.
    replicates
        Number of resampled tables.

    Raises
    ------
    ValueError
        If the table is not of that form, or there is only one cluster.
    """
    require_x64()
    paired = pair(data, test, reference, rows)
    base, score = paired.base, paired.scores[reference]
    drawn = resample(base, check_key(key), replicates, input, sd)
    law = _law(base, (input, *others))
    beside = _with_odds(base, score)
    given = _law(beside, (_ODDS, *others))
    everything = regress(law, base, score, paired.both(reference), drawn)
    known = {paired.both(reference).tobytes(): everything}
    found, failed, objective = [], 0, everything.objective
    for name in paired.tests:
        both = paired.both(name)
        own = regress(law, base, paired.scores[name], both, drawn)
        if both.tobytes() not in known:
            known[both.tobytes()] = regress(law, base, score, both, drawn)
        same = known[both.tobytes()]
        also = regress(given, beside, paired.scores[name], both, drawn._replace(errors=None))
        ok = own.ok & same.ok & also.ok
        sure = all(part.certified for part in (own, same, also, everything))
        failed, objective = failed + int(np.sum(~ok)) + (not sure), objective + own.objective
        parts = ((own, input), (same, input), (also, _ODDS))
        effects = (_effects(part, slope, tuple(others), ok) for part, slope in parts)
        found.append(Retest(name, int(both.sum()), len(np.unique(base.clusters[both])), *effects))
    point = fit(law, base, key=key, starts=_STARTS, weights=paired.both(reference).astype(float), objective="mle")
    slope = f"{input}.slope"
    return Overlearning(
        reference=reference,
        input=input,
        others=tuple(others),
        point=point,
        retests=tuple(found),
        objective=objective,
        attenuation=everything.naive[slope] / everything.values[slope],
        replicates=replicates,
        failed=failed,
    )


def control_slopes(
    data: Dataset, *, reference: str, control: str = "control", test: str = "test", above: float = 0.02
) -> dict[str, dict[str, float]]:
    """Slopes of re-tests on the reference, logit on logit, in runs that hold the algorithm fixed.

    Another reading of the ratio of slopes ``b_k``, from training further or on more data alone.

    Parameters
    ----------
    data
        Long form, as for :func:`overlearning`; undated.
    control
        The group of kinds of control runs.
    above
        Runs whose reference score lies below are left out, and so is a re-test on which no run scores above it by as
        much again: there a score says little but that guessing is possible.

    Returns
    -------
    Kind of control -> re-test -> slope; NaN where the re-test is left out or fewer than three runs remain.
    """
    require_x64()
    levels, codes = data.levels(control), np.asarray(data.records.codes[control])
    found: dict[str, dict[str, float]] = {}
    for code, kind in enumerate(levels):
        paired = pair(data, test, reference, codes == code)
        score = paired.scores[reference]
        beside = _with_odds(paired.base, score)
        none = Resampled(np.zeros((0, len(paired.base))), _ODDS, None)
        law, found[kind] = linear({_ODDS: 1.0}, origin=None), {}
        for name in paired.tests:
            rows = paired.both(name) & (np.nan_to_num(score) > above)
            usable = np.sum(rows) >= 3 and np.max(paired.scores[name][rows]) > 2 * above
            fitted = regress(law, beside, paired.scores[name], rows, none) if usable else None
            found[kind][name] = np.nan if fitted is None else fitted.values[f"{_ODDS}.slope"]
    return found


def _law(base: Dataset, inputs: tuple[str, ...]) -> Model:
    """The linear law about the geometric means of the inputs and the mean date."""
    centres = {name: float(np.exp(np.mean(np.log(np.asarray(base.records[name]))))) for name in inputs}
    return linear(centres, origin=float(np.mean(base.records.date("algorithms"))))


def _with_odds(base: Dataset, score: np.ndarray) -> Dataset:
    """The networks with the odds of their reference score as an input, whose slope is one on the logit."""
    odds = np.where(np.isfinite(score), score / (1 - score), 1.0)
    return Dataset(base.records.replace(**{_ODDS: odds}), base.response, base.clusters, base.labels)


def _effects(found: Coefficients, input: str, others: tuple[str, ...], ok: np.ndarray) -> Effects:
    def read(path: str) -> Estimate:
        return Estimate(found.values[path], found.draws[path][ok])

    return Effects(read(f"{input}.slope"), read(_TREND), {name: read(f"{name}.slope") for name in others})


def _falling_root(fn: Callable[[float], float]) -> float:
    """Where a function that falls from above 0 to below it does so, by bisection."""
    low, high = -1.0, 1.0
    while fn(low) < 0:
        low *= 2
    while fn(high) > 0:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if fn(middle) > 0 else (low, middle)
    return (low + high) / 2


def _map(fn: Callable[..., Any], *parts: Estimate) -> Estimate:
    return Estimate(float(fn(*(part.value for part in parts))), fn(*(part.draws for part in parts)))
