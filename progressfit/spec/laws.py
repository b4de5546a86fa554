"""Published laws by name in a spec file: which arguments each takes, and what kind they are."""

from collections.abc import Callable
from typing import Any, Final

from progressfit import laws
from progressfit.model import Model
from progressfit.spec.errors import SpecError, at, shown, unknown
from progressfit.spec.leaf import read_leaf, read_number, read_prior

Read = Callable[[Any, str], Any]


def _number_or_prior(value: Any, place: str) -> Any:
    return read_number(value, place) if isinstance(value, int | float) else read_leaf(value, place)


def _prior(value: Any, place: str) -> Any:
    if not isinstance(value, str):
        raise SpecError(f'{place}: {shown(value)} is not a prior; give one such as "normal(0, 1)"')
    return read_prior(value, place)


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise SpecError(f"{place}: {shown(value)} is not text; put it in quotation marks")
    return value


def _texts(value: Any, place: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise SpecError(f'{place}: {shown(value)} is not a list of texts; give ["one", "two"]')
    return tuple(_text(one, place) for one in value)


def _flag(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise SpecError(f"{place}: {shown(value)} is neither true nor false")
    return value


def _whole(value: Any, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SpecError(f"{place}: {shown(value)} is not a whole number; give one")
    return value


def _numbers(value: Any, place: str) -> dict[str, float]:
    if not isinstance(value, dict):
        raise SpecError(f"{place}: give a table of input = reference, such as {{ compute = 1e18 }}")
    return {name: read_number(one, at(place, name)) for name, one in value.items()}


_ARGUMENTS: Final[dict[str, dict[str, Read]]] = {
    "chinchilla": {"parameters": read_number, "data": read_number},
    "erdil_besiroglu": {"slope_sd": read_number, "constant_sd": read_number, "ceiling": read_number},
    "gundlach2025": {
        "architectures": _texts,
        "group": _text,
        "benchmark": _text,
        "irreducible": _number_or_prior,
        "reference": read_number,
    },
    "hernandez_brown": {"origin": read_number, "reference": read_number},
    "ho2024": {
        "model": _whole,
        "prior": _prior,
        "transformer_multiplier": _flag,
        "irreducible": _text,
        "pooled": _flag,
        "break_date": _number_or_prior,
        "break_width": read_number,
    },
    "kaplan": {},
    "linear": {"references": _numbers, "origin": read_number, "sd": read_number},
    "retests": {
        "inputs": _numbers,
        "own": _numbers,
        "origin": read_number,
        "reference": _text,
        "group": _text,
        "sd": read_number,
    },
}


def read_law(name: Any, arguments: Any) -> Model:
    """A published law from its name and a table of arguments.

    Raises
    ------
    SpecError
        If there is no such law, or it cannot be made with these arguments.
    """
    if not isinstance(name, str) or name not in _ARGUMENTS:
        raise unknown("law", "law", name if isinstance(name, str) else shown(name), _ARGUMENTS)
    if not isinstance(arguments, dict):
        raise SpecError("arguments: give a table, [arguments]")
    known, given = _ARGUMENTS[name], {}
    for key, value in arguments.items():
        if key not in known:
            raise unknown(at("arguments", key), f"argument of the law '{name}'", key, known)
        given[key] = known[key](value, at("arguments", key))
    try:
        return getattr(laws, name)(**given)
    except (ValueError, TypeError) as error:
        raise SpecError(f"arguments: the law '{name}' cannot be made of these: {error}") from None


def known_laws() -> dict[str, tuple[str, ...]]:
    """Every law by name, with the arguments it takes in a spec file."""
    return {name: tuple(arguments) for name, arguments in _ARGUMENTS.items()}
