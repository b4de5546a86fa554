"""From plain tables to terms, links and noises: registered names only, every key accounted for."""

from typing import Any

from progressfit.links import AbstractLink
from progressfit.noise import AbstractNoise
from progressfit.spec.encode import CHILDREN, DEEPEST, KIND, TIED, key_of
from progressfit.spec.errors import SpecError, at, shown, unknown
from progressfit.spec.functions import Functions
from progressfit.spec.leaf import read_leaf
from progressfit.spec.registry import LINKS, Field, Holds, fields, registered
from progressfit.terms import AbstractTerm
from progressfit.terms.base import as_term

_RESERVED = ("self",)


def read_link(value: Any, place: str) -> AbstractLink:
    """A link by name."""
    if not isinstance(value, str):
        raise SpecError(f"{place}: give the name of a link, one of {', '.join(LINKS)}")
    if value not in LINKS:
        raise unknown(place, "link", value, LINKS)
    return LINKS[value]()


def read_mean(value: Any, functions: Functions) -> AbstractTerm:
    """The mean: a term, or one parameter."""
    return _term(value, "mean", functions, 0)


def read_noise(value: Any, functions: Functions) -> AbstractNoise:
    """The noise."""
    return _part(value, AbstractNoise, "noise", functions, 0)


def _term(value: Any, place: str, functions: Functions, depth: int) -> AbstractTerm:
    """A term; a bare parameter becomes a constant."""
    if isinstance(value, dict) and list(value) != [TIED]:
        return _part(value, AbstractTerm, place, functions, depth)
    return _made(as_term, place, read_leaf(value, place))


def _part(value: Any, base: type, place: str, functions: Functions, depth: int) -> Any:
    """An instance of a registered class from its table."""
    kind = _kind(value, base, place, depth)
    known = {key_of(field): field for field in fields(kind)}
    for key in value:
        if key != KIND and key not in known:
            raise unknown(at(place, key), f"key for {kind.__name__}", key, [KIND, *known])
    given = {}
    for key, field in known.items():
        if key in value:
            given |= _field(value[key], field, at(place, key), functions, depth)
        elif not field.optional:
            raise SpecError(f"{place}: {kind.__name__} needs '{key}', {field.holds.value}")
    return _made(kind, place, **given)


def _kind(value: Any, base: type, place: str, depth: int) -> type:
    what, known = base.__name__.removeprefix("Abstract"), registered(base)
    if not isinstance(value, dict):
        raise SpecError(f'{place}: {shown(value)} is no table; give one with {KIND} = "..." ({", ".join(known)})')
    if depth > DEEPEST:
        raise SpecError(f"{place}: more than {DEEPEST} terms are nested in each other")
    name = value.get(KIND)
    if not isinstance(name, str):
        raise SpecError(f"{place}: {KIND} is missing; say which {what} this is, one of {', '.join(known)}")
    if name not in known:
        raise unknown(at(place, KIND), what, name, known)
    return known[name]


def _made(kind: Any, place: str, *given: Any, **named: Any) -> Any:
    """What a class makes of its arguments; what it refuses is said with the place in the file."""
    try:
        return kind(*given, **named)
    except (ValueError, TypeError) as error:
        raise SpecError(f"{place}: {error}") from None


def _field(value: Any, field: Field, place: str, functions: Functions, depth: int) -> dict[str, Any]:
    """The argument or, for named children, the arguments that a field is given by."""
    if field.holds in (Holds.TERMS, Holds.LEAVES):
        return _children(value, field, place, functions, depth)
    if field.holds is Holds.LEAF:
        return {field.name: read_leaf(value, place)}
    if field.holds is Holds.PART:
        return {field.name: _inner(value, field, place, functions, depth + 1)}
    if field.holds is Holds.FUNCTION:
        return {field.name: _function(value, place, functions)}
    return {field.name: _static(value, field, place)}


def _inner(value: Any, field: Field, place: str, functions: Functions, depth: int) -> Any:
    if issubclass(field.kind, AbstractLink):
        return read_link(value, place)
    if field.lenient and not (isinstance(value, dict) and list(value) != [TIED]):
        return read_leaf(value, place)
    return _part(value, field.kind, place, functions, depth)


def _children(value: Any, field: Field, place: str, functions: Functions, depth: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SpecError(f"{place}: give one table for each, [{place}.NAME]")
    found = {}
    for name, child in value.items():
        here = at(place, name)
        if name in _RESERVED or name == CHILDREN or not name.isidentifier():
            raise SpecError(f"{here}: '{shown(name)}' cannot be a name here; use letters, digits and underscores")
        leaves = field.holds is Holds.LEAVES
        found[name] = read_leaf(child, here) if leaves else _term(child, here, functions, depth + 1)
    return found


def _function(value: Any, place: str, functions: Functions) -> Any:
    if isinstance(value, str) and value in functions:
        return functions[value]
    raise SpecError(
        f"{place}: the function '{shown(value)}' is code, which is not read from text; hand it over by this name, "
        "functions={'module:name': fn}, or compose the term of public ones"
    )


def _static(value: Any, field: Field, place: str) -> Any:
    if field.holds is Holds.WHOLE:
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 10**9:
            raise SpecError(f"{place}: {shown(value)} is not a whole number; give one")
        return value
    if field.holds is Holds.TEXTS:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise SpecError(f'{place}: {shown(value)} is not a list of texts; give ["one", "two"]')
        return tuple(value)
    if not isinstance(value, str):
        raise SpecError(f"{place}: {shown(value)} is not text; put it in quotation marks")
    return value
