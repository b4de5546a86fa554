"""What a spec may be made of: every public class by name, and what each of its fields holds.

A new term, link or noise that is exported where the others are can be written and read without more ado: what a field
holds follows from its declaration, a static one of text or a number, a parameter, a term inside, or named children.
"""

import dataclasses
import enum
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import equinox as eqx

from progressfit import links, noise, terms
from progressfit.links import AbstractLink
from progressfit.noise import AbstractNoise, LogScale, Scale, WithKnownError
from progressfit.terms import AbstractTerm
from progressfit.terms.measured import Calibrated, InputScatter


class Holds(enum.Enum):
    """What a field of a class holds."""

    TEXT = "text in quotation marks"
    TEXTS = "a list of texts"
    WHOLE = "a whole number"
    LEAF = "a parameter"
    PART = "a table"
    TERMS = "named terms"
    LEAVES = "named parameters"
    FUNCTION = "the name of a function"


class Field(NamedTuple):
    """One field: its name, what it holds, the class of a part, whether it may be left out, and its default.

    ``lenient`` parts take a bare parameter too, which the class turns into a term.
    """

    name: str
    holds: Holds
    kind: type
    optional: bool
    default: Any
    lenient: bool


# Texts that classes with a constructor of their own take as empty where they are not given.
_EMPTY: Final = ("levels", "channels")
NAMES: Final = "names"
"""The field that repeats the names of the children."""


def _final(module: Any, base: type) -> dict[str, type]:
    """The classes of a public module that are a kind of something and not abstract, by name."""
    found = {name: value for name, value in vars(module).items() if isinstance(value, type)}
    return {
        name: kind
        for name, kind in sorted(found.items())
        if issubclass(kind, base) and not name.startswith("Abstract") and not name.startswith("_")
    }


_EXTRA: Final = (LogScale, Scale, WithKnownError, Calibrated, InputScatter)
TERMS: Final[dict[str, type]] = _final(terms, AbstractTerm) | {kind.__name__: kind for kind in _EXTRA}
"""Every term by name, also those that only the noise or an analysis uses."""
LINKS: Final[dict[str, type]] = _final(links, AbstractLink)
NOISES: Final[dict[str, type]] = _final(noise, AbstractNoise)


def registered(kind: type) -> dict[str, type]:
    """The classes that may stand where a kind of part is asked for, by name."""
    if issubclass(kind, AbstractLink):
        return LINKS
    if issubclass(kind, AbstractNoise):
        return NOISES
    return {name: one for name, one in TERMS.items() if issubclass(one, kind)}


def fields(kind: type) -> Iterator[Field]:
    """The fields of a registered class, in the order in which they are declared; the names of children not among them.

    Raises
    ------
    TypeError
        If a field is declared as something that cannot be written.
    """
    for field in dataclasses.fields(kind):
        if field.name == NAMES and field.metadata.get("static", False):
            continue
        missing = field.default is dataclasses.MISSING
        empty = missing and field.name in _EMPTY
        default = () if empty else None if missing else field.default
        holds, of = _holds(field)
        yield Field(field.name, holds, of, empty or not missing, default, "converter" in field.metadata)


def _holds(field: Any) -> tuple[Holds, type]:
    """What a field holds, and the class of a part (or ``object``)."""
    declared = field.type
    if "child_names" in field.metadata:
        return (Holds.LEAVES if declared == tuple[Any, ...] else Holds.TERMS), AbstractTerm
    if field.metadata.get("static", False):
        return _holds_static(field.name, declared), object
    if declared is Any:
        return Holds.LEAF, object
    if isinstance(declared, type) and issubclass(declared, eqx.Module):
        return Holds.PART, declared
    raise TypeError(f"the field '{field.name}' is declared as {declared}, which a spec file has no form for")


def _holds_static(name: str, declared: Any) -> Holds:
    if name == "fn":
        return Holds.FUNCTION
    if declared is int:
        return Holds.WHOLE
    return Holds.TEXTS if declared == tuple[str, ...] else Holds.TEXT
