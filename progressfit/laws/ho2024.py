"""Ho et al. 2024: twenty forms of an augmented scaling law for language models, composed from terms."""

from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

import numpyro.distributions as dist

from progressfit.links import Identity
from progressfit.model import Model
from progressfit.noise import AbstractNoise, Gaussian
from progressfit.terms import (
    AbstractTerm,
    ByGroup,
    Constant,
    Exp,
    ExponentialProgress,
    GroupEffect,
    LogarithmicProgress,
    LogEffectiveEpochs,
    Logistic,
    LogSlope,
    PiecewiseProgress,
    PositiveConstant,
    Product,
    Sum,
)

By = Literal["all", "benchmark", "transformer"]

PARAMETER_EFFICIENCY, DATA_EFFICIENCY, ALGORITHMS = "parameter efficiency", "data efficiency", "algorithms"
BENCHMARK, REFERENCE, TRANSFORMER = "benchmark", "wt103", "transformer"
ORIGIN: Final = 2012 + 178 / 365
"""The first date of the table, 2012-06-27, as the authors count: year + (day of the year - 1) / 365."""
SMALLEST: Final = {"parameters": 2.0e6, "data": 8.88e5, "compute": 1.1148e13}
"""The smallest amount of each input in the table, to which the authors refer the inputs (compute: 6 N D)."""
SATURATION: Final = 2.9157
"""Epochs' worth that repeated data can add at most, as published."""


class Half(NamedTuple):
    """What one of the two terms of the law is made of.

    Attributes
    ----------
    constant
        One constant for "all" rows, or one for each "benchmark".
    trend
        Yearly progress: one rate for "all", one for each "benchmark", or none.
    exponent
        Of the input: one for "all", for each "benchmark", or for "transformer" models and others.
    drift
        Whether the exponent drifts with the logarithm of the calendar year.
    """

    constant: By = "all"
    trend: By | None = "all"
    exponent: By = "all"
    drift: bool = False


class Form(NamedTuple):
    """One functional form: its two halves and what multiplies or is added to the whole.

    Attributes
    ----------
    size, data
        The terms in model size and in data; in a law of compute alone ``size`` is the term in compute.
    neutral
        Whether one trend multiplies the whole law (Hicks-neutral progress).
    compute
        Whether compute takes the place of size and data.
    vocabulary
        Whether ``gamma ln(vocabulary)`` is added.
    epochs
        Whether repeated epochs count as data.
    """

    size: Half
    data: Half | None
    neutral: bool = False
    compute: bool = False
    vocabulary: bool = False
    epochs: bool = False


_CORE, _STILL = Half("benchmark"), Half("benchmark", trend=None)

FORMS: Final[dict[int, Form]] = {
    1: Form(Half(), Half()),
    2: Form(Half(trend=None), Half()),
    3: Form(Half(), Half(trend=None)),
    4: Form(Half(trend="benchmark"), Half()),
    5: Form(Half(), Half(trend="benchmark")),
    6: Form(Half(trend="benchmark"), Half(trend="benchmark")),
    7: Form(_CORE, _CORE),
    8: Form(_STILL, _CORE),
    9: Form(_CORE, _STILL),
    10: Form(Half("benchmark", "benchmark"), Half("benchmark", "benchmark")),
    11: Form(Half("benchmark", "benchmark", "benchmark"), Half("benchmark", "benchmark", "benchmark")),
    12: Form(_STILL, _STILL, neutral=True),
    13: Form(Half("benchmark", exponent="transformer"), Half("benchmark", exponent="transformer")),
    14: Form(Half("benchmark", None, drift=True), Half("benchmark", None, drift=True)),
    15: Form(Half("benchmark", drift=True), Half("benchmark", drift=True)),
    16: Form(_STILL, _STILL),
    17: Form(Half("benchmark", None, "transformer"), Half("benchmark", None, "transformer")),
    18: Form(_CORE, None, compute=True),
    19: Form(_CORE, _CORE, vocabulary=True),
    20: Form(_CORE, _CORE, epochs=True),
}
"""The published forms by number."""


def ho2024(
    model: int | Form = 7,
    *,
    prior: dist.Distribution | None = None,
    noise: AbstractNoise | None = None,
    transformer_multiplier: bool = False,
    irreducible: By | None = None,
    pooled: bool = False,
    break_date: Any = None,
    break_width: float = 0.0,
) -> Model:
    """One of the twenty forms of "Algorithmic progress in language models" (arXiv 2403.05812), as a spec.

    The core form, model 7: ``loss = exp(a - a_year (year - 2012.49) - a_param ln(N / N0)) + exp(b - b_year
    (year - 2012.49) - b_data ln(D / D0)) + noise``, with ``a`` and ``b`` of their own for each benchmark (reference
    coding against WikiText-103), N parameters, D tokens of the training set, N0 and D0 the smallest of the table.
    Time enters through the channels "parameter efficiency" and "data efficiency", or "algorithms" in form 12.

    Parameters
    ----------
    model
        Number of a published form (see :data:`FORMS`), or a :class:`Form` of your own.
    prior
        Prior of every parameter of the mean, constants included. The authors penalise their absolute values:
        ``Laplace(0, b)``; their strength delta and ``b`` belong together by :func:`laplace_scale`. By default the
        published fit's, delta = .0025 on 231 rows.
    noise
        How the loss scatters. By default normal with a standard deviation of ``sqrt(1/2)``, with which the negative log
        density is the sum of squares but for constants, as the authors minimise it; the certificate and intervals from
        the curvature then mean little, so state a free scale for inference.
    transformer_multiplier
        Multiply the loss of transformers by the logistic function of a parameter.
    irreducible
        Add an irreducible loss: one for "all", or one for each "benchmark".
    pooled
        Let the benchmarks' constants share a normal distribution whose standard deviation is fitted (sample to learn
        it), instead of reference coding.
    break_date
        A decimal year at which the yearly rates may change, or a prior for it.
    break_width
        Years over which they change; positive where ``break_date`` has a prior.

    Returns
    -------
    A spec that reads ``parameters``, ``data``, ``date`` (``compute`` in form 18, also ``vocabulary`` in 19, ``epochs``
    in 20) and the group ``benchmark`` (``transformer`` in 13, 17 and with the multiplier); the response is a loss in
    nats a word.
    """
    form = FORMS[model] if isinstance(model, int) and model in FORMS else model
    if not isinstance(form, Form):
        raise ValueError(f"model={model!r}: choose a number from 1 to {len(FORMS)}, or give a Form")
    parts = _Parts(dist.Laplace(0.0, laplace_scale(0.0025, 231)) if prior is None else prior, pooled, break_date)
    mean = _halves(form, parts, break_width)
    if form.neutral:
        mean = Product(progress=Exp(-parts.trend(ALGORITHMS, None, break_width)), loss=mean)
    if transformer_multiplier:
        gain = ByGroup(TRANSFORMER, yes=Logistic(Constant(parts.prior)), no=PositiveConstant(1.0))
        mean = Product(transformer=gain, loss=mean)
    extra: dict[str, Any] = {}
    if form.vocabulary:
        extra["vocabulary"] = LogSlope("vocabulary", parts.prior, reference=1.0)
    if irreducible is not None:
        extra["irreducible"] = _level(parts, irreducible)
    if extra:
        mean = Sum(loss=mean, **extra)
    return Model(mean, Identity(), Gaussian(0.5**0.5) if noise is None else noise)


def laplace_scale(delta: float, rows: int, variance: float = 0.5) -> float:
    """Scale ``b`` of the Laplace prior that stands for a penalty ``delta * sum |theta|`` on a mean square of ``rows``.

    ``b = 2 variance / (rows delta)`` for normal noise of that variance. With the variance 1/2 the negative log density
    is ``rows`` times the published objective, but for constants.
    """
    return 2 * variance / (rows * delta)


class _Parts(NamedTuple):
    prior: dist.Distribution
    pooled: bool
    break_date: Any

    def trend(self, channel: str, augments: str | None, width: float, rate: Any = None) -> AbstractTerm:
        rate = self.prior if rate is None else rate
        where = {"origin": ORIGIN, "channel": channel, "augments": augments}
        if self.break_date is None:
            return ExponentialProgress(rate, **where)
        return PiecewiseProgress(rate, self.prior, self.break_date, width=width, **where)

    def by_level(self, by: By) -> Iterator[tuple[str, AbstractTerm]]:
        """A constant for all rows and, where asked for, differences between benchmarks; or one constant a kind."""
        if by != TRANSFORMER:
            yield "common", Constant(self.prior)
        if by == BENCHMARK and self.pooled:
            yield BENCHMARK, GroupEffect(BENCHMARK, dist.Normal(0.0, 1.0), scale=dist.HalfNormal(1.0))
        elif by == BENCHMARK:
            yield BENCHMARK, GroupEffect(BENCHMARK, self.prior, coding="reference", reference=REFERENCE)
        elif by == TRANSFORMER:
            yield TRANSFORMER, GroupEffect(TRANSFORMER, self.prior)


def _halves(form: Form, parts: _Parts, width: float) -> AbstractTerm:
    first = "compute" if form.compute else "parameters"
    size = _half(form.size, parts, first, ALGORITHMS if form.compute else PARAMETER_EFFICIENCY, width, False)
    if form.data is None:
        return size
    return Sum(size=size, data=_half(form.data, parts, "data", DATA_EFFICIENCY, width, form.epochs))


def _half(half: Half, parts: _Parts, input: str, channel: str, width: float, epochs: bool) -> AbstractTerm:
    """``exp(constant - progress - exponent * ln(input / smallest))``."""
    minus: dict[str, Any] = {}
    if half.trend == "all":
        minus["progress"] = parts.trend(channel, input, width)
    elif half.trend is not None:
        unit = ExponentialProgress(1.0, origin=ORIGIN, channel=channel, augments=input)
        minus["progress"] = Product(rate=Sum(**dict(parts.by_level(half.trend))), years=unit)
    amount: AbstractTerm = LogSlope(input, 1.0, reference=SMALLEST[input])
    if epochs:
        amount = Sum(size=amount, epochs=LogEffectiveEpochs("epochs", saturation=SATURATION))
    exponent = dict(parts.by_level(half.exponent))
    if half.drift:
        exponent["drift"] = LogarithmicProgress(parts.prior, channel=channel, augments=input)
    minus["scaling"] = Product(exponent=Sum(**exponent), amount=amount)
    return Exp(Sum(constant=_level(parts, half.constant), gain=-Sum(**minus)))


def _level(parts: _Parts, by: By) -> AbstractTerm:
    return Sum(**dict(parts.by_level(by)))
