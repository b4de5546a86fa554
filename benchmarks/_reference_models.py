"""Three posteriors on which samplers are measured and tested: two modes, a heavy tail of scales, and collinear inputs.

Each function returns a spec and its table.
"""

import numpy as np
import numpyro.distributions as dist
import pandas as pd

import progressfit as pf
from progressfit.noise import AbstractNoise, Gaussian, StudentT
from progressfit.terms import EffectiveInput, ExponentialProgress, PositiveConstant, PowerLaw, Sum

_DEGREES_OF_FREEDOM = 4.0


def imagenet() -> tuple[pf.Model, pf.Dataset]:
    """Erdil and Besiroglu 2022 as published: seven parameters, two modes, 97 rows."""
    return pf.laws.erdil_besiroglu(), pf.datasets.imagenet()


def chinchilla(noise: str = "student_t") -> tuple[pf.Model, pf.Dataset]:
    """The Chinchilla law, uncentred as published, with weakly informative priors: six parameters, 240 rows.

    ``noise`` is "student_t" (four degrees of freedom) or "gaussian", of free scale on ln loss. The priors allow for
    coefficients over five decades, exponents from .14 to .98 and an irreducible loss from .6 to 4.4 (95%).
    """
    coefficient, exponent = dist.LogNormal(6.0, 2.5), dist.LogNormal(-1.0, 0.5)
    spec = pf.params.free(
        pf.laws.chinchilla(_noise(noise)),
        {
            "size.coefficient": coefficient,
            "size.exponent": exponent,
            "data.coefficient": coefficient,
            "data.exponent": exponent,
            "irreducible": dist.LogNormal(0.5, 0.5),
        },
    )
    return spec, pf.datasets.chinchilla()


def _noise(name: str) -> AbstractNoise:
    scale = dist.LogNormal(-3.0, 1.5)
    if name not in ("student_t", "gaussian"):
        raise ValueError(f"noise='{name}': choose 'student_t' or 'gaussian'")
    return StudentT(scale, df=_DEGREES_OF_FREEDOM) if name == "student_t" else Gaussian(scale)


def augmented() -> tuple[pf.Model, pf.Dataset]:
    """A loss law whose two inputs grow more efficient with time, on inputs that grow with it: eight parameters.

    ``L = E + A (N exp(g_N t))**-alpha + B (D exp(g_D t))**-beta``, Gaussian noise on ln L; 200 simulated rows in which
    date, ln N and ln D correlate by .95 or more, so that the data determine sums of progress and scaling only.
    """
    mean = Sum(
        size=_augmented_power_law("parameters", 1e8, "parameter efficiency"),
        data=_augmented_power_law("data", 1e10, "data efficiency"),
        irreducible=PositiveConstant(dist.LogNormal(0.0, 0.7)),
    )
    return pf.Model(mean, pf.links.Log(), Gaussian(dist.LogNormal(-3.0, 1.0))), _simulated()


def _augmented_power_law(column: str, reference: float, channel: str) -> PowerLaw:
    progress = ExponentialProgress(dist.Normal(0.3, 0.5), origin=2017.5, channel=channel, augments=column)
    effective = EffectiveInput(column, progress, reference=reference)
    return PowerLaw(dist.LogNormal(0.0, 1.0), dist.LogNormal(-1.2, 0.5), effective)


def _simulated(rows: int = 200, seed: int = 8) -> pf.Dataset:
    """Inputs that grow with the date, and losses of the law at E = 1.7, A = B = 1, slopes .3, g_N = .3, g_D = .5."""
    rng = np.random.default_rng(seed)
    year = rng.uniform(-5.5, 5.5, rows)
    size, tokens = (1.2 * year + rng.normal(0.0, spread, rows) for spread in (0.9, 0.7))
    loss = 1.7 + np.exp(-0.3 * (size + 0.3 * year)) + np.exp(-0.3 * (tokens + 0.5 * year))
    frame = pd.DataFrame(
        {
            "parameters": 1e8 * np.exp(size),
            "tokens": 1e10 * np.exp(tokens),
            "year": 2017.5 + year,
            "loss": loss * np.exp(0.03 * rng.normal(size=rows)),
        }
    )
    inputs = {"parameters": "parameters", "data": "tokens"}
    return pf.Dataset.from_frame(frame, response="loss", inputs=inputs, date="year")
