"""Whether progress and an input are complements: the law with a second-order term between them.

A law in which log efficiency adds to the logarithm of an input says that progress multiplies that input by the same
factor at every scale. Two departures are tried: an interaction ``coefficient * years * ln(input / reference)``, and a
combination of constant elasticity of substitution.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import numpy as np
from numpyro.distributions import Distribution, Normal

from progressfit._x64 import require_x64
from progressfit.analysis.identify import determined
from progressfit.analysis.loo import leave_one_out
from progressfit.analysis.scores import Score, difference
from progressfit.dataset import Dataset
from progressfit.growth import growth_rate
from progressfit.infer.optimise import check_key, fit, fitted_weights
from progressfit.infer.programs import prior_ranges
from progressfit.infer.quantity import Entry
from progressfit.infer.result import Draws, Fit
from progressfit.infer.sample import Method, sample
from progressfit.model import Model, mean_terms
from progressfit.params import coordinate_names, improper, priors
from progressfit.terms import (
    CES,
    AbstractTerm,
    AbstractTrend,
    EffectiveInput,
    ExponentialProgress,
    LogSlope,
    Product,
    Sum,
)

INTERACTION, SUBSTITUTION = "interaction", "CES"
_SD, _SUBSTITUTION_SD = 0.02, 0.5


class _Site(NamedTuple):
    """Where an input and its progress meet: the term that holds both, what else it holds, and the two themselves."""

    term: AbstractTerm
    others: dict[str, AbstractTerm]
    trend: AbstractTrend
    slope: LogSlope


def with_interaction(spec: Model, input: str = "compute", prior: Distribution | float | None = None) -> Model:
    """The same law with an interaction of progress and the logarithm of an input.

    ``coefficient * (date - origin) * ln(input / reference)`` is added where the law adds a trend and the logarithm of
    the input, with their origin and reference; it moves with the trend's channel. The growth rate then differs from
    row to row.

    Parameters
    ----------
    spec
        A spec whose mean has a sum of a trend and a ``LogSlope`` on the input, or an ``EffectiveInput``.
    input
        The input.
    prior
        Of the coefficient (or a number to fix it), per year and e-fold of the input; ``Normal(0, 0.02)`` by default.

    Raises
    ------
    ValueError
        If the law has no such place.
    """
    site = _site(spec, input)
    coefficient = Normal(0.0, _SD) if prior is None else prior
    years = ExponentialProgress(1.0, origin=site.trend.origin, channel=site.trend.channel, augments=site.trend.augments)
    both = Product(years=years, scaling=LogSlope(input, coefficient, reference=site.slope.reference))
    parts = dict(zip(site.term.names, site.term.terms, strict=True)) if isinstance(site.term, Sum) else None
    return _replaced(spec, site, Sum(**(parts or {"effective": site.term}), interaction=both))


def with_substitution(spec: Model, input: str = "compute", prior: Distribution | float | None = None) -> Model:
    """The same law with progress and an input combined by :class:`progressfit.terms.CES` instead of added.

    Parameters as for :func:`with_interaction`; the prior is that of the ``substitution`` parameter, ``Normal(0, 0.5)``
    by default: 0 is the law itself.
    """
    site = _site(spec, input)
    substitution = Normal(0.0, _SUBSTITUTION_SD) if prior is None else prior
    combined = CES(substitution, progress=site.trend, scaling=site.slope)
    return _replaced(spec, site, Sum(**site.others, combined=combined) if site.others else combined)


def _site(spec: Model, input: str) -> _Site:
    for term in mean_terms(spec):
        if isinstance(term, EffectiveInput) and term.input == input:
            return _Site(term, {}, term.progress, LogSlope(input, 1.0, reference=term.reference))
        if isinstance(term, Sum):
            slopes = [part for part in term.terms if isinstance(part, LogSlope) and part.input == input]
            trends = sorted((p for p in term.terms if isinstance(p, AbstractTrend)), key=lambda p: p.augments != input)
            if slopes and trends:
                named = zip(term.names, term.terms, strict=True)
                others = {name: part for name, part in named if part is not slopes[0] and part is not trends[0]}
                return _Site(term, others, trends[0], slopes[0])
    raise ValueError(
        f"no sum of this law adds a progress trend to the logarithm of '{input}', so there is no place for a "
        "complementarity between them"
    )


def _replaced(spec: Model, site: _Site, term: AbstractTerm) -> Model:
    def is_site(node: Any) -> bool:
        return node is site.term

    return jax.tree.map(lambda node: term if is_site(node) else node, spec, is_leaf=is_site)


@dataclasses.dataclass(frozen=True)
class Complementarity:
    """A law with a second-order term between progress and an input.

    Attributes
    ----------
    name, path
        Of the form, and of its coefficient among the parameters.
    point, draws
        The fit of it, and its posterior (``None`` where a prior is flat).
    coefficient
        At the best fit.
    prior_sd
        Standard deviation of its prior.
    median, low, high
        Of its posterior, central interval of ``level``; NaN without posterior.
    level
        Of the interval.
    contraction
        1 - (posterior variance) / (prior variance) of the coefficient: 0 where the data say nothing.
    data_say
        Whether the likelihood determines it: "identified", "weak", "not identified".
    log_likelihood, gain
        Of the response (not of the linked one) at the best fit, and how much that is above the law without it.
    held_out
        Gain of leave-one-out log density (importance sampling), with the standard error of the paired difference.
    bad_rows
        Rows that importance sampling cannot handle, in either law.
    by_row
        Growth rate of the effective input at each row's own date and inputs, at the best fit, ``(n,)``.
    """

    name: str
    path: str
    point: Fit
    draws: Draws | None
    coefficient: float
    prior_sd: float
    median: float
    low: float
    high: float
    level: float
    contraction: float
    data_say: str
    log_likelihood: float
    gain: float
    held_out: Score | None
    bad_rows: int
    by_row: np.ndarray


def complementarity(
    point: Fit,
    data: Dataset,
    input: str = "compute",
    *,
    key: jax.Array,
    spec: Model | None = None,
    posterior: Draws | None = None,
    draws: int = 2000,
    method: Method = "nuts",
    starts: int = 64,
    level: float = 0.95,
) -> tuple[Complementarity, ...]:
    """Fit a law with an interaction, and with a CES combination, of progress and an input.

    Parameters
    ----------
    point, data
        A fit of the law without, and its table.
    input
        The input that progress may complement.
    key
        A JAX random key.
    spec
        The law as written; by default the prepared one of the fit.
    posterior
        Draws of the law without, for the held-out comparison; made here if not given.
    draws
        Draws of each of four chains of every posterior.
    method
        How to draw; see :func:`progressfit.sample`.
    starts
        Number of starts of each fit.
    level
        Coverage of the intervals.

    Raises
    ------
    ValueError
        If the law has no place for such a term.
    """
    require_x64()
    base = point.spec if spec is None else spec
    forms = {INTERACTION: with_interaction(base, input), SUBSTITUTION: with_substitution(base, input)}
    keys = jax.random.split(check_key(key), 2 * len(forms) + 1)
    weights = np.asarray(fitted_weights(point, data))
    proper = not improper(base)
    if posterior is None and proper:
        posterior = sample(base, data, key=keys[-1], point=point, draws=draws, method=method)
    found = []
    for k, (name, form) in enumerate(forms.items()):
        own = fit(form, data, key=keys[2 * k], starts=starts, weights=weights)
        drawn = sample(form, data, key=keys[2 * k + 1], point=own, draws=draws, method=method) if proper else None
        found.append(_judged(name, own, drawn, point, posterior, data, input, level))
    return tuple(found)


def rates_by_row(model: Model, data: Dataset, input: str) -> np.ndarray:
    """Growth rate of an effective input at each row's own date and inputs, ``(n,)``; see :func:`growth_rate`."""
    return np.asarray(jax.vmap(lambda record: growth_rate(model, input, at=record))(data.bare().records))


def _judged(
    name: str,
    own: Fit,
    drawn: Draws | None,
    point: Fit,
    posterior: Draws | None,
    data: Dataset,
    input: str,
    level: float,
) -> Complementarity:
    ending = "interaction.scaling.slope" if name == INTERACTION else "substitution"
    path = next(path for path in priors(own.spec) if path.endswith(ending))
    sd = float(np.asarray(prior_ranges(own.spec).scale)[coordinate_names(own.spec).index(path)])
    low = median = high = contraction = np.nan
    held_out, bad = None, 0
    if drawn is not None and posterior is not None:
        values = np.asarray(drawn.values[path])[drawn.ok]
        low, median, high = (float(q) for q in np.quantile(values, [(1 - level) / 2, 0.5, (1 + level) / 2]))
        contraction = 1.0 - float(np.var(values)) / sd**2
        with_it, without = leave_one_out(drawn, data), leave_one_out(posterior, data)
        held_out = difference(with_it.log_density, without.log_density, np.arange(len(data)))
        bad = max(len(with_it.diagnosis.rows), len(without.diagnosis.rows))
    return Complementarity(
        name=name,
        path=path,
        point=own,
        draws=drawn,
        coefficient=float(own.parameters[path]),
        prior_sd=sd,
        median=median,
        low=low,
        high=high,
        level=level,
        contraction=contraction,
        data_say=str(determined(own, Entry(path, 0))),
        log_likelihood=_log_likelihood(own, data),
        gain=_log_likelihood(own, data) - _log_likelihood(point, data),
        held_out=held_out,
        bad_rows=bad,
        by_row=rates_by_row(own.model, data, input),
    )


def _log_likelihood(point: Fit, data: Dataset) -> float:
    rows = np.asarray(point.model.log_lik(data.bare(), on="response"))
    return float(np.sum(np.where(point.weights > 0, point.weights * rows, 0.0)))
