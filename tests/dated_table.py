"""A small dated table and a law that it follows, so that fits of it take no time."""

import numpy as np
import numpyro.distributions as dist
import pandas as pd

import progressfit as pf
from progressfit.terms import Constant, ExponentialProgress, LogSlope, Sum


def table(rows: int = 40) -> pf.Dataset:
    rng = np.random.default_rng(3)
    date, compute = 2012 + 8 * rng.random(rows), 10 ** rng.uniform(15, 21, rows)
    y = 0.5 + 0.1 * (date - 2012) + 0.15 * np.log(compute / 1e18) + 0.1 * rng.standard_normal(rows)
    frame = pd.DataFrame({"y": y, "compute": compute, "date": date})
    return pf.Dataset.from_frame(frame, "y", {"compute": "compute"}, date="date")


def law(noise: pf.noise.AbstractNoise | None = None) -> pf.Model:
    wide = dist.Normal(0.0, 10.0)
    mean = Sum(
        const=Constant(wide),
        progress=ExponentialProgress(wide, origin=2012, channel="algorithms", augments="compute"),
        scaling=LogSlope("compute", wide, reference=1e18),
    )
    return pf.Model(mean, pf.links.Identity(), noise or pf.noise.Gaussian(dist.HalfNormal(1.0)))
