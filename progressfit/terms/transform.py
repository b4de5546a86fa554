"""Smooth functions of a term: exponential, logistic, log-sum-exp."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from progressfit.dataset import Record
from progressfit.params import NAMED, WRAPPER
from progressfit.terms.base import AbstractPositiveTerm, AbstractTerm, as_term, check_children


class Exp(AbstractPositiveTerm):
    """Exponential of a term."""

    term: AbstractTerm = eqx.field(metadata=WRAPPER, converter=as_term)

    def log_value(self, record: Record) -> jax.Array:
        return self.term.value(record)


class Logistic(AbstractPositiveTerm):
    """Logistic function of a term, ``1 / (1 + exp(-term))``."""

    term: AbstractTerm = eqx.field(metadata=WRAPPER, converter=as_term)

    def log_value(self, record: Record) -> jax.Array:
        return jax.nn.log_sigmoid(self.term.value(record))


class LogSumExp(AbstractTerm):
    """``ln(sum(exp(term)))`` over named terms: the logarithm of a sum of power laws, as scaling laws are fitted."""

    names: tuple[str, ...] = eqx.field(static=True)
    terms: tuple[AbstractTerm, ...] = eqx.field(metadata=NAMED)

    def __init__(self, **terms: Any):
        self.names, self.terms = check_children("LogSumExp", terms)

    def value(self, record: Record) -> jax.Array:
        return jax.nn.logsumexp(jnp.stack([term.value(record) for term in self.terms]))
