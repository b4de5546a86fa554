"""What a term is, and the algebra terms are closed under.

A term is a function of one record with parameters at its leaves. It is written for one row; calling it maps it over
all rows. ``a + b`` and ``a * b`` make :class:`Sum` and :class:`Product`; the named forms ``Sum(offset=a, slope=b)``
choose the names under which parameters and components appear.
"""

import abc
import functools
import keyword
import numbers
from collections.abc import Iterable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from numpyro.distributions import Distribution

from progressfit.dataset import Record
from progressfit.elementary import exp_below_one, log
from progressfit.params import NAMED, WRAPPER, Tied, child_nodes

Leaf = Any
"""A parameter: a number (fixed), a numpyro distribution (free, its prior), or ``Tied`` (follows another leaf)."""


class AbstractTerm(eqx.Module):
    """A scalar function of one record.

    Concrete terms implement ``value``; nothing else may be overridden.
    """

    @abc.abstractmethod
    def value(self, record: Record) -> jax.Array:
        """Value for one record: a scalar."""

    def __call__(self, records: Record) -> jax.Array:
        """Values for records with one leading axis, shape ``(n,)``.

        Raises
        ------
        ValueError
            If ``value`` does not return a scalar.
        """
        if any(jnp.ndim(column) == 0 for column in records.columns.values()):
            raise ValueError(
                "records need a leading axis, one entry for each row: Record.of(date=[2020.0], compute=[1e20]); "
                "for a single record use term.value(record)"
            )

        def scalar(record: Record) -> jax.Array:
            value = jnp.asarray(self.value(record))
            if value.shape != ():
                raise ValueError(
                    f"{type(self).__name__}.value returned shape {value.shape} for one record; a term is a scalar "
                    "function of one row (a group effect needs prepare(spec, data) first, which every verb does)"
                )
            return value

        return jax.vmap(scalar)(records)

    def __add__(self, other: Any) -> "Sum":
        return Sum(**_named(Sum, self, as_term(other)))

    def __radd__(self, other: Any) -> "AbstractTerm":
        if isinstance(other, int) and other == 0:  # where sum([...]) begins
            return self
        return Sum(**_named(Sum, as_term(other), self))

    def __mul__(self, other: Any) -> "Product":
        return Product(**_named(Product, self, as_term(other)))

    def __neg__(self) -> "Negative":
        return Negative(self)

    def __sub__(self, other: Any) -> "Sum":
        return self + -as_term(other)

    def __rsub__(self, other: Any) -> "Sum":
        return as_term(other) + -self

    def __truediv__(self, other: float) -> "Product":
        return self * (1.0 / other)

    def __rmul__(self, other: Any) -> "Product":
        return Product(**_named(Product, as_term(other), self))


class AbstractPositiveTerm(AbstractTerm):
    """A term that is positive everywhere and knows its logarithm.

    Near the edge of a domain (an accuracy that rounds to 1) only the logarithm keeps the digits, so links use it.
    """

    @abc.abstractmethod
    def log_value(self, record: Record) -> jax.Array:
        """Natural logarithm of the value for one record: a scalar."""

    def value(self, record: Record) -> jax.Array:
        return jnp.exp(self.log_value(record))


class AbstractInputTerm(AbstractTerm):
    """A term that reads one input column, relative to a stated reference value of it."""

    input: eqx.AbstractVar[str]
    reference: eqx.AbstractVar[Leaf]


class AbstractTrend(AbstractTerm):
    """Log efficiency as a function of date: a named channel through which time enters.

    ``augments`` names the input that this progress multiplies, if it multiplies one.
    """

    channel: eqx.AbstractVar[str]
    augments: eqx.AbstractVar[str | None]
    origin: eqx.AbstractVar[Leaf]


class AbstractGroupTerm(AbstractTerm):
    """A term that reads the row's level in one group; ``prepare`` fills in the ``levels`` of the fitted table."""

    group: eqx.AbstractVar[str]
    levels: eqx.AbstractVar[tuple[str, ...]]


class AbstractComposite(AbstractTerm):
    """A term made of named terms, which is positive where all of them are, and then knows its logarithm."""

    names: eqx.AbstractVar[tuple[str, ...]]
    terms: eqx.AbstractVar[tuple[AbstractTerm, ...]]

    @abc.abstractmethod
    def log_value(self, record: Record) -> jax.Array:
        """Natural logarithm of the value for one record, a scalar; only where every term is positive."""


class Constant(AbstractTerm):
    """The same number for every record."""

    constant: Leaf = eqx.field(metadata=WRAPPER)

    def value(self, record: Record) -> jax.Array:
        del record
        return jnp.asarray(self.constant)


class PositiveConstant(AbstractPositiveTerm):
    """The same positive number for every record: an irreducible loss, say. Its prior has to be on positive numbers."""

    constant: Leaf = eqx.field(metadata=WRAPPER)

    def log_value(self, record: Record) -> jax.Array:
        del record
        return jnp.log(self.constant)


class Negative(AbstractTerm):
    """Minus a term, written ``-term``; it adds no level to the names of parameters."""

    term: AbstractTerm = eqx.field(metadata=WRAPPER)

    def value(self, record: Record) -> jax.Array:
        return -self.term.value(record)


class Sum(AbstractComposite):
    """Sum of named terms: ``Sum(offset=..., slope=...)``. Numbers and priors become constants."""

    names: tuple[str, ...] = eqx.field(static=True)
    terms: tuple[AbstractTerm, ...] = eqx.field(metadata=NAMED)

    def __init__(self, **terms: Any):
        self.names, self.terms = check_children("Sum", terms)

    def value(self, record: Record) -> jax.Array:
        return sum((term.value(record) for term in self.terms), jnp.zeros(()))

    def log_value(self, record: Record) -> jax.Array:
        return log_sum_exp([log_value(term, record) for term in self.terms])


class Product(AbstractComposite):
    """Product of named terms: ``Product(compute=..., data=...)``. Numbers and priors become constants."""

    names: tuple[str, ...] = eqx.field(static=True)
    terms: tuple[AbstractTerm, ...] = eqx.field(metadata=NAMED)

    def __init__(self, **terms: Any):
        self.names, self.terms = check_children("Product", terms)

    def value(self, record: Record) -> jax.Array:
        result = jnp.ones(())
        for term in self.terms:
            result = result * term.value(record)
        return result

    def log_value(self, record: Record) -> jax.Array:
        return sum((log_value(term, record) for term in self.terms), jnp.zeros(()))


def as_term(value: Any) -> AbstractTerm:
    """A term as it is; a number, prior or tie as a :class:`Constant`."""
    if isinstance(value, AbstractTerm):
        return value
    if isinstance(value, Distribution | Tied | numbers.Real) or (hasattr(value, "dtype") and jnp.ndim(value) == 0):
        return Constant(value)
    raise TypeError(f"expected a term, a number or a prior, got {value!r}")


def shape_of(leaf: Leaf) -> tuple[int, ...]:
    """Shape of a parameter, be it a prior or numbers; that of a tied one is not known and counts as ``()``."""
    if isinstance(leaf, Tied):
        return ()
    return tuple(leaf.shape()) if isinstance(leaf, Distribution) else tuple(jnp.shape(leaf))


def check_names(what: str, names: Iterable[str]) -> None:
    """Raise on a name that could not be part of a dotted path."""
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError(f"'{name}' cannot name a {what}: use letters, digits and underscores")


def check_children(owner: str, terms: dict[str, Any]) -> tuple[tuple[str, ...], tuple[AbstractTerm, ...]]:
    """Names and terms of a node with named children; raises on a name that could not be part of a dotted path."""
    if not terms:
        raise ValueError(f"{owner} needs at least one named term")
    check_names("term", terms)
    return tuple(terms), tuple(as_term(term) for term in terms.values())


def _named(kind: type, *terms: AbstractTerm) -> dict[str, AbstractTerm]:
    """Children for an operator: operands of the same kind are merged, others named after what they read."""
    found: dict[str, AbstractTerm] = {}
    for term in terms:
        parts = (
            zip(term.names, term.terms, strict=True) if isinstance(term, Sum | Product) and type(term) is kind else ()
        )
        for name, part in parts or ((default_name(term), term),):
            unique, count = name, 2
            while unique in found:
                unique, count = f"{name}_{count}", count + 1
            found[unique] = part
    return found


def default_name(term: AbstractTerm) -> str:
    """The name an operator gives a term: the input it reads, "progress" for a trend, else its kind."""
    if isinstance(term, Negative):
        return default_name(term.term)
    if isinstance(term, AbstractInputTerm):
        return term.input
    if isinstance(term, AbstractTrend):
        return "progress"
    kind = type(term).__name__
    return "".join(("_" if i and c.isupper() else "") + c.lower() for i, c in enumerate(kind))


def is_positive(term: AbstractTerm) -> bool:
    """Whether the logarithm of a term is available without rounding: positive terms, and what is made of them."""
    if isinstance(term, AbstractComposite):
        return all(map(is_positive, term.terms))
    return isinstance(term, AbstractPositiveTerm)


def log_value(term: AbstractTerm, record: Record) -> jax.Array:
    """Natural logarithm of a term for one record, without rounding wherever that is possible."""
    if isinstance(term, AbstractPositiveTerm) or (isinstance(term, AbstractComposite) and is_positive(term)):
        return term.log_value(record)
    return jnp.log(term.value(record))


def log_sum_exp(logs: list[jax.Array]) -> jax.Array:
    """``ln(sum(exp(logs)))`` of scalars, neither overflowing nor underflowing."""
    # Unlike jax.nn.logsumexp of a stacked array this stays elementwise under vmap, so XLA fuses it with its operands.
    top = jax.lax.stop_gradient(functools.reduce(jnp.maximum, logs))
    top = jnp.where(jnp.isfinite(top), top, 0.0)
    return top + log(sum((exp_below_one(one - top) for one in logs), jnp.zeros(())))


def walk_terms(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, AbstractTerm]]:
    """Every term below ``node`` with its dotted path, outermost first."""
    for name, child in child_nodes(node):
        below = path if name is None else (*path, name)
        if isinstance(child, AbstractTerm):
            yield ".".join(below), child
        yield from walk_terms(child, below)
