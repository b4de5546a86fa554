"""Parameters in a spec file: numbers, lists of them, priors as text, ties."""

from typing import Any, Final

import numpy as np

from progressfit.notation import NotationError, parse_prior
from progressfit.params import Tied
from progressfit.spec.encode import TIED
from progressfit.spec.errors import SpecError, at, shown, unknown

MOST_NUMBERS: Final = 100_000
_MOST_AXES: Final = 3
_FORMS: Final = 'a number, a list of numbers, a prior such as "normal(0, 1)", or { tied = "path" }'


def read_leaf(value: Any, place: str) -> Any:
    """A parameter.

    Raises
    ------
    SpecError
        If the value is none of the forms of a parameter.
    """
    if isinstance(value, str):
        return read_prior(value, place)
    if isinstance(value, dict):
        return _tie(value, place)
    if isinstance(value, list):
        return _array(value, place)
    return np.asarray(read_number(value, place))


def read_number(value: Any, place: str) -> float:
    """One finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        found = f"'{shown(value)}'" if isinstance(value, str) else shown(value)
        raise SpecError(f"{place}: {found} is not a parameter; give {_FORMS}")
    try:
        number = float(value)
    except OverflowError:
        number = np.inf
    if not np.isfinite(number):
        raise SpecError(f"{place}: {shown(value)} is not a finite number; every number of a spec has to be finite")
    return number


def read_prior(value: str, place: str) -> Any:
    """A prior from its text."""
    try:
        return parse_prior(value)
    except NotationError as error:
        raise SpecError(f"{place}: {error}") from None


def _tie(value: dict[str, Any], place: str) -> Tied:
    for key in value:
        if key != TIED:
            raise unknown(at(place, key), "key for a parameter", key, [TIED])
    if not isinstance(value.get(TIED), str):
        raise SpecError(f'{place}: a tie names one parameter by its path, {{ {TIED} = "size.exponent" }}')
    return Tied(value[TIED])


def _array(value: list[Any], place: str) -> np.ndarray:
    count = _count(value, place)
    if count > MOST_NUMBERS:
        raise SpecError(f"{place}: a list of {count} numbers; the longest has {MOST_NUMBERS}")
    try:
        found = np.asarray(_numbers(value, place), np.float64)
    except ValueError as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError(f"{place}: the lists inside this list differ in length") from None
    return found


def _count(value: Any, place: str, depth: int = 0) -> int:
    if not isinstance(value, list):
        return 1
    if depth >= _MOST_AXES:
        raise SpecError(f"{place}: lists are nested more than {_MOST_AXES} deep; give {_FORMS}")
    return sum(_count(one, place, depth + 1) for one in value)


def _numbers(value: Any, place: str) -> Any:
    return [_numbers(one, place) for one in value] if isinstance(value, list) else read_number(value, place)
