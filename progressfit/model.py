"""Model: a mean term, a link and a noise."""

from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from progressfit._x64 import require_x64
from progressfit.dataset import Dataset, Record
from progressfit.links import AbstractLink
from progressfit.noise import AbstractNoise
from progressfit.params import WRAPPER, leaves
from progressfit.terms import (
    AbstractGroupTerm,
    AbstractInputTerm,
    AbstractTerm,
    AbstractTrend,
    Function,
    TransferredInput,
)
from progressfit.terms.base import as_term, is_positive, log_value, walk_terms


class Model(eqx.Module):
    """Performance of a trained model: ``link(response) = link(mean) + noise``.

    With distributions at its leaves it is a spec; with numbers it is a model.

    Attributes
    ----------
    mean
        Predicted performance, in the units of the response (an accuracy, a loss).
    link
        The space in which noise is additive.
    noise
        How the linked response scatters.
    """

    mean: AbstractTerm = eqx.field(metadata=WRAPPER, converter=as_term)
    link: AbstractLink
    noise: AbstractNoise

    def __check_init__(self):
        leaves(self)

    def linked(self, record: Record) -> jax.Array:
        """Linked mean for one record: a scalar."""
        if is_positive(self.mean):
            return self.link.from_log(log_value(self.mean, record))
        return self.link.forward(self.mean.value(record))

    def predict(self, records: Record) -> jax.Array:
        """Predicted performance for records with a leading axis, shape ``(n,)``.

        It is the median of the response under every symmetric noise; under :class:`progressfit.noise.Asymmetric` it is
        where the linked response has its mode: the envelope.
        """
        return self.mean(records)

    def log_lik(self, data: Dataset, *, on: str = "link") -> jax.Array:
        """Log likelihood of each row, shape ``(n,)``.

        ``on="link"`` is the density of the linked response, the one that is fitted; ``on="response"`` adds the
        link's log Jacobian, which makes models with different links comparable.
        """
        if on not in ("link", "response"):
            raise ValueError(f"on='{on}': choose 'link' or 'response'")
        distribution = self.noise(jax.vmap(self.linked)(data.records), data.records)
        log_lik = jnp.asarray(distribution.log_prob(self.link.forward(data.response)))
        return log_lik if on == "link" else log_lik + self.link.log_jacobian(data.response)

    def residuals(self, data: Dataset) -> jax.Array:
        """Standardised residual of each row, ``(linked response - linked mean) / scale``, shape ``(n,)``."""
        difference = self.link.forward(data.response) - jax.vmap(self.linked)(data.records)
        return difference / self.noise.scale(data.records)

    def loss(self, data: Dataset) -> jax.Array:
        """The plain loss of each row's standardised residual, without constants and log scale, shape ``(n,)``.

        Minus the log likelihood is this plus ``noise.peak(scale)``. Small losses keep all their digits, so sums of
        them compare with published objectives such as Huber's of Hoffmann et al. 2022 (scale fixed at 1).
        """
        return self.noise.loss(self.residuals(data))

    def simulate(self, records: Record, key: jax.Array) -> jax.Array:
        """One simulated response for each record, shape ``(n,)``."""
        distribution = self.noise(jax.vmap(self.linked)(records), records)
        return self.link.inverse(jnp.asarray(distribution.sample(key)))


def components(model: Model, records: Record) -> dict[str, jax.Array]:
    """Value of every named component of the mean, row by row.

    Returns
    -------
    Dotted path of the term -> values of shape ``(n,)``, each on the term's own scale; ``"mean"`` is the prediction.
    The children of a sum add up to it, those of a product multiply to it; what a logistic or an exponential is taken
    of appears under the same path with ``.argument`` behind it.
    """
    require_x64()
    found: dict[str, jax.Array] = {"mean": model.mean(records)}
    for path, term in walk_terms(model.mean):
        name = path or "mean"
        while name in found:
            name += ".argument"
        found[name] = term(records)
    return found


def mean_terms(model: Model) -> Iterator[AbstractTerm]:
    """Every term of the mean, the mean itself first."""
    yield model.mean
    yield from (term for _, term in walk_terms(model.mean))


def channels(model: Model) -> tuple[str, ...]:
    """Names of the channels through which time enters the mean, in order of appearance."""
    found: dict[str, None] = {}
    for term in mean_terms(model):
        if isinstance(term, AbstractTrend):
            found[term.channel] = None
        if isinstance(term, Function):
            found |= dict.fromkeys(term.channels)
    return tuple(found)


def reference_record(model: Model) -> Record:
    """The record at which every input is at its stated reference and every trend at its origin.

    Where several terms read one input, the first stated reference counts. Transferred inputs are at home.

    Raises
    ------
    ValueError
        If no reference is stated at all, or the model has other group effects, which have none.
    """
    stated: dict[str, Any] = {}
    for term in mean_terms(model):
        name, reference = None, None
        if isinstance(term, AbstractInputTerm):
            name, reference = term.input, term.reference
        elif isinstance(term, AbstractTrend):
            name, reference = "date", term.origin
        if name is not None:
            stated.setdefault(name, jnp.asarray(reference))
    homes = {term.departure.group: term.departure for term in mean_terms(model) if isinstance(term, TransferredInput)}
    groups = [term for term in mean_terms(model) if isinstance(term, AbstractGroupTerm)]
    unclear = [term.group for term in groups if term is not homes.get(term.group) or not term.levels]
    if unclear:
        raise ValueError(f"this model depends on the group '{unclear[0]}'; say at which record: at=data.record(...)")
    if not stated:
        raise ValueError("this model states no references; say at which record, at=Record.of(date=..., compute=...)")
    codes = {name: jnp.asarray(effect.levels.index(str(effect.reference))) for name, effect in homes.items()}
    return Record(stated, codes, clocks={})
