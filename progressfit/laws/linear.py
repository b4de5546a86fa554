"""The linear baseline: logit accuracy on date and log inputs."""

from collections.abc import Mapping

import numpyro.distributions as dist

from progressfit.links import Logit
from progressfit.model import Model
from progressfit.noise import Gaussian, LogScale
from progressfit.terms import Constant, ExponentialProgress, Logistic, LogSlope, Sum


def linear(references: Mapping[str, float], origin: float | None = 1900.0, sd: float = 10.0) -> Model:
    """Linear regression of logit performance on date and the logarithms of inputs.

    The baseline of Erdil and Besiroglu 2022 (arXiv 2212.05153, their ordinary least squares table), when fitted with
    ``objective="mle"`` to compute, parameters and data with all references 1.

    Parameters
    ----------
    references
        Input -> reference value in its natural unit, one slope for each.
    origin
        Decimal year from which the date is counted; the authors count from 1900. ``None`` leaves the date out.
    sd
        Standard deviation of the normal priors; with ``objective="mle"`` they only supply starting points.
    """
    prior = dist.Normal(0.0, sd)
    slopes = {name: LogSlope(name, prior, reference=value) for name, value in references.items()}
    trend = {} if origin is None else {"progress": ExponentialProgress(prior, origin=origin, channel="algorithms")}
    return Model(Logistic(Sum(const=Constant(prior), **trend, **slopes)), Logit(), Gaussian(LogScale(prior)))
