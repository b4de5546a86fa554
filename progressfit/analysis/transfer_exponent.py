"""Whether data from another data set count in full: a transfer exponent for each, partially pooled.

A row pre-trained on a data set other than the one performance is measured on counts ``anchor * (n / anchor) ** tau``
of its ``n`` (:class:`progressfit.terms.TransferredInput`). At ``tau = 1`` it is the law without transfer.
"""

import dataclasses
from typing import Any

import jax
import numpy as np
from numpyro.distributions import Distribution, HalfNormal, Normal

from progressfit._x64 import require_x64
from progressfit.analysis.heldout import refitted
from progressfit.analysis.loo import leave_one_out
from progressfit.analysis.scores import Score, difference
from progressfit.dataset import Dataset
from progressfit.infer.optimise import check_key, fit, fitted_weights
from progressfit.infer.result import Draws, Fit
from progressfit.infer.sample import sample
from progressfit.model import Model, mean_terms
from progressfit.terms import GroupEffect, LogSlope, TransferredInput
from progressfit.terms.base import walk_terms

_CENTRE, _SPREAD = 0.5, 0.5


def with_transfer(
    spec: Model,
    data: Dataset,
    group: str,
    home: str,
    input: str = "data",
    *,
    exponent: Distribution | float | None = None,
    spread: Distribution | float | None = None,
) -> Model:
    """The same law with a transfer exponent for every data set but one.

    Parameters
    ----------
    spec
        A law whose mean has a ``LogSlope`` on the input.
    data
        The table; the median input of the rows at home is the anchor.
    group, home
        The group that says which data set a row was trained on, and the level where the input counts in full.
    input
        The input.
    exponent
        Prior (or number) of the mean transfer exponent; ``Normal(1, 0.5)`` by default.
    spread
        Prior (or number) of the standard deviation of the exponents about it; ``HalfNormal(0.5)`` by default.

    Raises
    ------
    ValueError
        If the law has no such slope, or the table no such level or no other.
    """
    slope = next((term for term in mean_terms(spec) if isinstance(term, LogSlope) and term.input == input), None)
    if slope is None:
        raise ValueError(f"no term of this law is a slope on the logarithm of '{input}'")
    levels = data.levels(group)
    if home not in levels or len(levels) < 2:
        raise ValueError(
            f"the group '{group}' has the levels {', '.join(levels)}; it takes '{home}' and another one at least"
        )
    rows = np.asarray(data.records.codes[group]) == levels.index(home)
    departure = GroupEffect(
        group,
        Normal(0.0, 1.0),
        scale=HalfNormal(_SPREAD) if spread is None else spread,
        coding="reference",
        reference=home,
    )
    term = TransferredInput(
        input,
        slope.slope,
        Normal(1.0, _CENTRE) if exponent is None else exponent,
        departure,
        anchor=float(np.median(np.asarray(data.records.columns[input])[rows])),
        reference=slope.reference,
    )
    return jax.tree.map(lambda node: term if node is slope else node, spec, is_leaf=lambda node: node is slope)


def transfer_exponents(draws: Draws) -> dict[str, np.ndarray]:
    """Transfer exponent of each data set but the one at home, ``(draws,)`` by level, from certified draws.

    Raises
    ------
    ValueError
        If the law has no transferred input; see :func:`with_transfer`.
    """
    path, term = _transferred(draws.spec)
    values = {name: np.asarray(value) for name, value in draws.values.items()}

    def of(name: str, fixed: Any) -> np.ndarray:
        free = values.get(f"{path}.{name}")
        return np.full(len(draws), float(fixed)) if free is None else free

    mean, scale = of("exponent", term.exponent), of("departure.scale", term.departure.scale)
    each = mean[:, None] + scale[:, None] * values[f"{path}.departure.effects"]
    return {level: each[draws.ok, k] for k, level in enumerate(term.departure.free_levels)}


def _transferred(spec: Model) -> tuple[str, TransferredInput]:
    found = [(path, term) for path, term in walk_terms(spec) if isinstance(term, TransferredInput)]
    if not found:
        raise ValueError("this law has no transferred input; make one with with_transfer(spec, data, group, home)")
    return found[0]


@dataclasses.dataclass(frozen=True)
class DataTransfer:
    """A law with transfer exponents, and whether it predicts better than the law without.

    Attributes
    ----------
    point, draws
        The fit (whose joint mode is no estimate of the spread) and the posterior.
    home, anchor
        The data set at home, and the input of its rows.
    rows
        Number of rows by data set.
    exponents
        Of each data set but that at home, ``(draws,)`` by level.
    mean, spread
        Mean of the exponents and their standard deviation, ``(draws,)``.
    held_out
        Gain of leave-one-out log density over the law without, with the standard error of the paired difference.
    bad_rows
        Rows that importance sampling cannot handle in either law; they are refitted without, the worst first.
    unsettled
        Names of rows whose held-out density cannot be trusted in either law.
    """

    point: Fit
    draws: Draws
    home: str
    anchor: float
    rows: dict[str, int]
    exponents: dict[str, np.ndarray]
    mean: np.ndarray
    spread: np.ndarray
    held_out: Score
    bad_rows: int
    unsettled: tuple[str, ...]


def data_transfer(
    posterior: Draws,
    data: Dataset,
    group: str,
    home: str,
    input: str = "data",
    *,
    key: jax.Array,
    spec: Model | None = None,
    draws: int = 1000,
    starts: int = 64,
    refits: int = 4,
) -> DataTransfer:
    """Fit and sample a law with transfer exponents, and compare its held-out densities with the law without.

    Parameters
    ----------
    posterior, data
        Draws of the law without, from :func:`progressfit.sample`, and its table.
    group, home, input
        As for :func:`with_transfer`.
    key
        A JAX random key.
    spec
        The law as written; by default the prepared one of the posterior.
    draws, starts
        Draws of each of four chains, and starts of the fit.
    refits
        Largest number of rows of each law that are refitted without because importance sampling cannot handle them.

    Raises
    ------
    ValueError
        As :func:`with_transfer`.
    """
    require_x64()
    form = with_transfer(posterior.spec if spec is None else spec, data, group, home, input)
    fit_key, sample_key, with_key, without_key = jax.random.split(check_key(key), 4)
    weights = np.asarray(fitted_weights(posterior.origin, data))
    point = fit(form, data, key=fit_key, starts=starts, weights=weights)
    drawn = sample(form, data, key=sample_key, point=point, draws=draws, target_accept=0.99)
    path, term = _transferred(drawn.spec)
    scores, bad, unsettled = [], 0, set()
    for one, own in ((drawn, with_key), (posterior, without_key)):
        loo = leave_one_out(one, data)
        density, failed = refitted(loo, one, data, key=own, most=refits)
        scores.append(density)
        bad, unsettled = max(bad, len(loo.diagnosis.rows)), unsettled | set(failed)
    codes = np.asarray(data.records.codes[group])
    return DataTransfer(
        point=point,
        draws=drawn,
        home=home,
        anchor=float(np.asarray(term.anchor)),
        rows={level: int(np.sum(codes == k)) for k, level in enumerate(data.levels(group))},
        exponents=transfer_exponents(drawn),
        mean=np.asarray(drawn.values[f"{path}.exponent"])[drawn.ok],
        spread=np.asarray(drawn.values[f"{path}.departure.scale"])[drawn.ok],
        held_out=difference(scores[0], scores[1], np.arange(len(data))),
        bad_rows=bad,
        unsettled=tuple(sorted(unsettled)),
    )
