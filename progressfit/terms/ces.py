"""Constant elasticity of substitution between two factors."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from progressfit.dataset import Record
from progressfit.params import NAMED
from progressfit.terms.base import AbstractTerm, Leaf, check_children

_SMALL = 1e-3


class CES(AbstractTerm):
    """``(2 / substitution) ln((exp(substitution x) + exp(substitution y)) / 2)`` of two named terms ``x`` and ``y``.

    The logarithm of a normalised aggregate of two factors, given by their logarithms, with equal shares where both are
    at their references (``x = y = 0``). At ``substitution = 0`` it is ``x + y`` (Cobb-Douglas); below, the scarcer
    factor counts for more (complements), above for less (substitutes). The elasticity of substitution is
    ``1 / (1 - substitution)``. Near 0 it is ``x + y + substitution (x - y)^2 / 4``.
    """

    substitution: Leaf
    names: tuple[str, ...] = eqx.field(static=True)
    terms: tuple[AbstractTerm, ...] = eqx.field(metadata=NAMED)

    def __init__(self, substitution: Leaf, **terms: Any):
        self.substitution = substitution
        self.names, self.terms = check_children("CES", terms)
        if len(self.terms) != 2:
            raise ValueError(f"CES combines two named terms, and this one has {len(self.terms)}: {', '.join(terms)}")

    def value(self, record: Record) -> jax.Array:
        x, y = (term.value(record) for term in self.terms)
        return x + y + (x - y) * _log_cosh_over(self.substitution * (x - y) / 2)


def _log_cosh_over(u: jax.Array) -> jax.Array:
    """``ln(cosh(u)) / u``, without loss of digits at 0 and without overflow; ``u / 2 - u^3 / 12 + ...``."""
    near = jnp.abs(u) < _SMALL
    safe = jnp.where(near, 1.0, u)
    size = jnp.abs(safe)
    far = (size + jnp.log1p(jnp.exp(-2 * size)) - jnp.log(2.0)) / safe
    return jnp.where(near, u / 2 - u**3 / 12 + u**5 / 45, far)
