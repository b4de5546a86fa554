"""From a spec to plain tables: numbers, texts and dictionaries in the order in which the spec was written."""

from typing import Any, Final

import numpy as np

from progressfit.model import Model
from progressfit.notation import NotationError, write_prior
from progressfit.params import Tied
from progressfit.spec.errors import SpecError, at
from progressfit.spec.functions import Functions, qualified_name
from progressfit.spec.registry import NAMES, Field, Holds, fields, registered

FORMAT: Final = 1
KIND, CHILDREN, TIED = "kind", "children", "tied"
DEEPEST: Final = 64
"""Most levels of a spec, written or read."""


def encode(spec: Model, functions: Functions) -> dict[str, Any]:
    """A spec as plain tables.

    Raises
    ------
    SpecError
        If it holds something that has no form as text.
    """
    link = _kind_name(spec.link, type(spec.link), "link")
    mean, noise = _part(spec.mean, "mean", functions), _part(spec.noise, "noise", functions)
    return {"format": FORMAT, "link": link, "mean": mean, "noise": noise}


def _kind_name(part: Any, base: type, place: str) -> str:
    name = type(part).__name__
    if registered(base).get(name) is not type(part):
        raise SpecError(
            f"{place}: {name} is a class of your own, which has no form as text; compose it of public terms"
        )
    return name


def _part(part: Any, place: str, functions: Functions, depth: int = 0) -> dict[str, Any]:
    if depth > DEEPEST:
        raise SpecError(f"{place}: more than {DEEPEST} terms are nested in each other; put sums of sums into one")
    found: dict[str, Any] = {KIND: _kind_name(part, type(part), place)}
    for field in fields(type(part)):
        value = getattr(part, field.name)
        if not (field.optional and _is_default(value, field)):
            found[key_of(field)] = _field(value, field, part, place, functions, depth)
    return found


def key_of(field: Field) -> str:
    """The key under which a field is written."""
    return CHILDREN if field.holds in (Holds.TERMS, Holds.LEAVES) else field.name


def _is_default(value: Any, field: Field) -> bool:
    """Whether a field holds its default; numbers are written out unless they are the plain default itself."""
    if field.holds is Holds.LEAF:
        return isinstance(value, int | float | np.ndarray) and np.shape(value) == () and value == field.default
    return value == field.default


def _field(value: Any, field: Field, part: Any, place: str, functions: Functions, depth: int) -> Any:
    if field.holds is Holds.LEAF:
        return leaf(value, at(place, field.name))
    if field.holds is Holds.PART:
        return _link_or_part(value, field, at(place, field.name), functions, depth + 1)
    if field.holds is Holds.FUNCTION:
        return _function(value, place, functions)
    if field.holds not in (Holds.TERMS, Holds.LEAVES):
        return list(value) if isinstance(value, tuple) else value
    inside, children = at(place, CHILDREN), zip(getattr(part, NAMES), value, strict=True)
    if field.holds is Holds.LEAVES:
        return {name: leaf(child, at(inside, name)) for name, child in children}
    return {name: _part(child, at(inside, name), functions, depth + 1) for name, child in children}


def _link_or_part(value: Any, field: Field, place: str, functions: Functions, depth: int) -> Any:
    """A link is its name alone; every other part is a table."""
    found = _part(value, place, functions, depth)
    return found[KIND] if field.name == "link" else found


def _function(fn: Any, place: str, functions: Functions) -> str:
    for name, known in functions.items():
        if known is fn:
            return name
    raise SpecError(
        f"{place}: the function '{qualified_name(fn)}' is code, which is not written to text; compose the term of "
        "public ones, or name the function, functions={'module:name': fn}, on writing and on reading"
    )


def leaf(value: Any, place: str) -> Any:
    """A parameter: a number, a list of them, a prior as text, or ``{tied: path}``."""
    if isinstance(value, Tied):
        return {TIED: value.path}
    if hasattr(value, "log_prob"):
        try:
            return write_prior(value)
        except NotationError as error:
            raise SpecError(f"{place}: {error}") from None
    found = np.asarray(value, np.float64)
    if not np.isfinite(found).all():
        raise SpecError(f"{place}: {found.tolist()} is not finite, so it cannot be written")
    return found.tolist()
