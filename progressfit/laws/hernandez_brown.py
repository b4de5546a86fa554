"""Hernandez and Brown 2020: the training compute that a fixed level of performance takes."""

import numpy as np
import numpyro.distributions as dist

from progressfit.links import Log
from progressfit.model import Model
from progressfit.noise import Gaussian, LogScale
from progressfit.terms import Exp, ExponentialProgress, PositiveConstant, Product


def hernandez_brown(origin: float = 2012.0, reference: float = 1e18) -> Model:
    """Law of "Measuring the algorithmic efficiency of neural networks" (arXiv 2005.04305), as a spec.

    ``ln C = ln needed - rate (date - origin)``: the compute ``C`` in FLOP that reaches one level shrinks by a constant
    factor a year. It is the response here, so a table holds only runs that reach the level.

    Parameters
    ----------
    origin
        Decimal year at which ``needed`` is the compute needed.
    reference
        Median of the prior of ``needed``, in FLOP. Priors are this project's and wide; with ``objective="mle"``, which
        is ordinary least squares of ln C on the date, they only supply starts.
    """
    decline = -ExponentialProgress(dist.Normal(0.0, 1.0), origin=origin, channel="algorithms")
    mean = Product(needed=PositiveConstant(dist.LogNormal(np.log(reference), 5.0)), decline=Exp(decline))
    return Model(mean, Log(), Gaussian(LogScale(dist.Normal(-1.0, 2.0))))
