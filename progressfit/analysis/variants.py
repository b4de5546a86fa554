"""A law without one of its parts: a trend, or all that reads one of its inputs."""

import dataclasses
from typing import Any

import jax
import numpy as np

from progressfit._x64 import require_x64
from progressfit.dataset import Dataset
from progressfit.infer.optimise import check_key, fit, fitted_weights
from progressfit.infer.result import Fit
from progressfit.model import Model, mean_terms
from progressfit.terms import AbstractInputTerm, AbstractTerm, AbstractTrend, ExponentialProgress, Product, Sum
from progressfit.terms.base import walk_terms


@dataclasses.dataclass(frozen=True)
class Variant:
    """A law without one of its parts.

    Attributes
    ----------
    name
        What is left out, in words.
    point
        The fit of what remains.
    value
        The quantity; NaN if the fit is not certified.
    log_likelihood
        Of the response, at the best fit.
    parameters
        How many fewer are free than in the whole law.
    """

    name: str
    point: Fit
    value: float
    log_likelihood: float
    parameters: int


def without_trend(spec: Model, channel: str) -> Model:
    """The same law with no progress in one channel.

    Raises
    ------
    ValueError
        If no trend has the channel.
    """

    def is_trend(node: Any) -> bool:
        return isinstance(node, AbstractTrend) and node.channel == channel

    if not any(is_trend(term) for term in mean_terms(spec)):
        raise ValueError(f"no trend of this law has the channel '{channel}'")

    def still(trend: AbstractTrend) -> AbstractTrend:
        return ExponentialProgress(0.0, origin=trend.origin, channel=channel, augments=trend.augments)

    return jax.tree.map(lambda node: still(node) if is_trend(node) else node, spec, is_leaf=is_trend)


def without_input(spec: Model, input: str) -> Model:
    """The same law without those parts of its mean, a sum or a product, that read one input and no other.

    Raises
    ------
    ValueError
        If there is no such part, or nothing else.
    """
    mean = spec.mean
    if not isinstance(mean, Sum | Product):
        raise ValueError(f"the mean of this law is neither a sum nor a product, so no part of it reads '{input}' alone")
    named = dict(zip(mean.names, mean.terms, strict=True))
    kept = {name: term for name, term in named.items() if _inputs(term) != {input}}
    if len(kept) == len(named) or not any(_inputs(term) for term in kept.values()):
        raise ValueError(f"no part of this law reads '{input}' alone, with another part beside it")
    return Model(type(mean)(**kept), spec.link, spec.noise)


def _inputs(term: AbstractTerm) -> set[str]:
    below = [term, *(part for _, part in walk_terms(term))]
    return {part.input for part in below if isinstance(part, AbstractInputTerm)}


def variants(
    point: Fit,
    data: Dataset,
    of: Any,
    input: str = "compute",
    *,
    key: jax.Array,
    spec: Model | None = None,
    starts: int = 64,
) -> tuple[Variant, ...]:
    """Fit a law without each of its trends, and without each input but one; each of them is a structure of its own.

    Parameters
    ----------
    point, data
        A fit of the whole law, and its table.
    of
        A function of one model that returns one number.
    input
        The input that stays.
    key
        A JAX random key.
    spec
        The law as written; by default the prepared one of the fit.
    starts
        Number of starts of each fit.

    Returns
    -------
    The whole law first. Parts that cannot be left out are passed over.
    """
    require_x64()
    base = point.spec if spec is None else spec
    weights, objective = np.asarray(fitted_weights(point, data)), point.stats["objective"]
    found = [_variant("the law itself", point, data, of, point)]
    parts = _without(base, input)
    for (name, form), own in zip(parts.items(), jax.random.split(check_key(key), max(len(parts), 1)), strict=False):
        fitted = fit(form, data, key=own, starts=starts, weights=weights, objective=objective)
        found.append(_variant(name, fitted, data, of, point))
    return tuple(found)


def _without(spec: Model, input: str) -> dict[str, Model]:
    trends = [term for term in mean_terms(spec) if isinstance(term, AbstractTrend)]
    found = {f"no trend in {name}": without_trend(spec, name) for name in dict.fromkeys(t.channel for t in trends)}
    for other in dict.fromkeys(term.input for term in mean_terms(spec) if isinstance(term, AbstractInputTerm)):
        try:
            if other != input:
                found[f"no term in {other}"] = without_input(spec, other)
        except ValueError:  # nothing reads this input alone
            continue
    return found


def _variant(name: str, found: Fit, data: Dataset, of: Any, whole: Fit) -> Variant:
    rows = np.asarray(found.model.log_lik(data.bare(), on="response"))
    return Variant(
        name=name,
        point=found,
        value=float(found.map(of)) if found.converged else np.nan,
        log_likelihood=float(np.sum(np.where(found.weights > 0, found.weights * rows, 0.0))),
        parameters=len(whole.optima[0].z) - len(found.optima[0].z),
    )
