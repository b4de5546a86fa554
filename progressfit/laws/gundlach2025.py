"""Gundlach et al. 2025: one scaling law in compute for each architecture, so that gains depend on scale."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpyro.distributions as dist

from progressfit.links import Log
from progressfit.model import Model
from progressfit.noise import AbstractNoise, Gaussian, LogScale
from progressfit.terms import (
    AbstractTerm,
    ByGroup,
    Exp,
    GroupEffect,
    LogSlope,
    PositiveConstant,
    PowerLaw,
    Product,
    Sum,
)

PUBLISHED: Final = {"lstm": (36.3, 0.065), "transformer": (81.7, 0.091), "modern": (88.0, 0.094)}
"""Architecture -> coefficient (nats per token) and exponent of the reducible loss in FLOP, as printed."""


def gundlach2025(
    architectures: tuple[str, ...] = tuple(PUBLISHED),
    *,
    letters: Mapping[str, tuple[float, float]] | None = None,
    group: str = "architecture",
    benchmark: str | None = None,
    irreducible: Any = None,
    reference: float = 1.0,
    noise: AbstractNoise | None = None,
) -> Model:
    """Law of "On the origin of algorithmic progress in AI" (arXiv 2511.21622), as a spec: ``loss - E = A C**-alpha``.

    Coefficient and exponent differ between architectures. Where exponents differ, one architecture is worth a factor of
    compute that grows with compute: :func:`progressfit.law_gain`, :func:`progressfit.innovation_curve`, and
    :func:`progressfit.scale_dependence` say how much of it.

    Parameters
    ----------
    architectures
        Levels of the group.
    letters
        Architecture -> coefficient and exponent, to fix them, such as :data:`PUBLISHED`; free by default.
    group
        Name of the group of architectures in the data.
    benchmark
        A group whose levels each multiply the reducible loss by a factor of their own (their mean effect is none).
    irreducible
        The irreducible loss, a positive number or a prior; none by default.
    reference
        Compute in FLOP at which the coefficients are the reducible loss; as published, 1.
    noise
        How ln loss scatters; by default normal with a free scale.

    Returns
    -------
    A spec that reads ``compute`` (FLOP) and the groups; the response is a loss in nats. Priors are this project's.
    """
    unknown = [name for name in architectures if letters is not None and name not in letters]
    if unknown:
        raise ValueError(f"no letters for the architecture '{unknown[0]}'; there are: {', '.join(letters or {})}")
    laws: dict[str, Any] = {name: _power_law((letters or {}).get(name), reference) for name in architectures}
    mean: AbstractTerm = ByGroup(group, **laws)
    if benchmark is not None:
        effect = Exp(GroupEffect(benchmark, dist.Normal(0.0, 0.5), coding="sum"))
        mean = Product(benchmark=effect, architecture=mean)
    if irreducible is not None:
        mean = Sum(irreducible=PositiveConstant(irreducible), reducible=mean)
    return Model(mean, Log(), Gaussian(LogScale(dist.Normal(-2.0, 2.0))) if noise is None else noise)


def _power_law(letters: tuple[float, float] | None, reference: float) -> PowerLaw:
    # A loss of a few nats at 1e18 FLOP, whatever the reference.
    centre = np.log(5.0) + 0.08 * (np.log(1e18) - np.log(reference))
    coefficient, exponent = letters or (dist.LogNormal(centre, 2.0), dist.Normal(0.08, 0.1))
    return PowerLaw(coefficient, exponent, LogSlope("compute", 1.0, reference=reference))
