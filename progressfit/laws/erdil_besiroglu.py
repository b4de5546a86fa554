"""Erdil and Besiroglu 2022: an augmented scaling law for ImageNet accuracy."""

import numpyro.distributions as dist

from progressfit.links import Logit
from progressfit.model import Model
from progressfit.noise import Gaussian, LogScale
from progressfit.terms import Constant, ExponentialProgress, Logistic, LogSlope, Product, Sum

COMPUTE_EFFICIENCY = "compute efficiency"
DATA_EFFICIENCY = "data efficiency"


def erdil_besiroglu(slope_sd: float = 0.09, constant_sd: float = 1.0, ceiling: float = 1.0) -> Model:
    """The law of "Algorithmic progress in computer vision" (arXiv 2212.05153), as a spec with its published priors.

    ``logit(accuracy) = logit(s(C) s(D)) + noise`` with the logistic function ``s`` and

    * ``C = const + rate (year - 2012) + slope ln(compute / 4.7e17)``, compute in FLOP (AlexNet's as reference),
    * ``D = const + rate (year - 2012) + slope ln(data / 1e6)``, data in unique training images.

    Time enters through two channels, "compute efficiency" and "data efficiency". For large ``C`` and ``D`` the error
    is a sum of two power laws whose inputs are augmented by exponential progress.

    Parameters
    ----------
    slope_sd
        Prior standard deviation of the two slopes and the two yearly rates; the authors chose 0.09 by
        leave-one-out cross-validation.
    constant_sd
        Prior standard deviation of the two constants and of the log noise scale.
    ceiling
        Highest attainable accuracy; the published law has 1. Values of 0.98 to 0.99 allow for label errors.

    Returns
    -------
    A spec that reads the columns ``date``, ``compute`` and ``data``; the response is top-1 accuracy, a fraction.
    """
    wide, narrow = dist.Normal(0.0, constant_sd), dist.Normal(0.0, slope_sd)
    compute = Sum(
        const=Constant(wide),
        progress=ExponentialProgress(narrow, origin=2012.0, channel=COMPUTE_EFFICIENCY, augments="compute"),
        scaling=LogSlope("compute", narrow, reference=4.7e17),
    )
    data = Sum(
        const=Constant(wide),
        progress=ExponentialProgress(narrow, origin=2012.0, channel=DATA_EFFICIENCY, augments="data"),
        scaling=LogSlope("data", narrow, reference=1e6),
    )
    mean = Product(compute=Logistic(compute), data=Logistic(data))
    if ceiling != 1.0:
        mean = Product(compute=Logistic(compute), data=Logistic(data), ceiling=Constant(ceiling))
    return Model(mean, Logit(), Gaussian(LogScale(dist.Normal(0.0, constant_sd))))
