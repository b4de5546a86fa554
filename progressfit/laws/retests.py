"""A benchmark and its re-tests in one law: a common trend, and a trend of its own for each re-test."""

from collections.abc import Mapping
from typing import Any

import numpyro.distributions as dist

from progressfit.links import Logit
from progressfit.model import Model
from progressfit.noise import Gaussian
from progressfit.terms import Exp, ExponentialProgress, GroupEffect, Logistic, LogSlope, Product, Sum

_COMPUTE, _IMAGES = {"compute": 1e18}, {"data": 1.28e6}


def retests(
    inputs: Mapping[str, float] = _COMPUTE,
    own: Mapping[str, float] = _IMAGES,
    *,
    origin: float = 2012.0,
    reference: str = "imagenet",
    group: str = "test",
    sd: float = 1.0,
) -> Model:
    """Joint law of one benchmark and its re-tests, for a table in long form with one row for each network and test.

    ``logit accuracy = level_k + slope_k (ability + (common + specific_k) (date - origin)) + own effects`` on test
    ``k``, where ability is linear in the logarithms of inputs, ``slope`` is 1 and ``specific`` is 0 on the reference.
    The common trend is the progress measured on the reference; ``specific_k`` is what re-test ``k`` shows beyond
    it, in logits of the reference a year, and is negative where progress does not carry over.
    :func:`progressfit.carried_over` reads the share that does. This project's own form.

    Parameters
    ----------
    inputs
        Input -> reference value in its natural unit: what makes up ability, with one slope ratio for each test; FLOP
        of training compute by default.
    own
        Input -> reference value for inputs whose slope each test has for itself, whatever the slope of ability; unique
        training images by default.
    origin
        Decimal year from which dates are counted.
    reference
        Level of the group that is the benchmark itself.
    group
        Name of the group of tests in the data.
    sd
        Standard deviation of the normal priors on slopes and trends; with ``objective="mle"`` they only supply starts.

    Returns
    -------
    A spec whose response is an accuracy as a fraction. The scale of the noise is one for each test.
    """
    prior: Any = dist.Normal(0.0, sd)
    years = ExponentialProgress(1.0, origin=origin, channel="specific to the test")
    ability = Sum(
        **{name: LogSlope(name, prior, reference=value) for name, value in inputs.items()},
        common=ExponentialProgress(prior, origin=origin, channel="common"),
        specific=Product(trend=GroupEffect(group, prior, coding="reference", reference=reference), years=years),
    )
    slope = Exp(GroupEffect(group, prior, coding="reference", reference=reference))
    apart = {
        name: Product(slope=GroupEffect(group, prior), log=LogSlope(name, 1.0, reference=value))
        for name, value in own.items()
    }
    level = GroupEffect(group, dist.Normal(0.0, 3.0))
    index = Sum(level=level, capability=Product(slope=slope, ability=ability), **apart)
    return Model(Logistic(index), Logit(), Gaussian(Exp(GroupEffect(group, dist.Normal(-1.0, 1.5)))))
