"""Results taken apart into plain data and arrays, and put together again, without running anything they name.

Plain data are those of JSON. What JSON has no form for is an object with the key ``is``: a number that is not finite,
a tuple, a mapping, an array (kept apart, by name), an outcome, or an instance of one of a closed list of classes.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Final

import jax
import numpy as np

from progressfit.infer.outcomes import RESULTS

KINDS: Final = (
    *("Fit", "Draws", "Optimum", "Certificate", "Runaway", "Identification", "LeastSquares"),
    *("Diagnosis", "Worst"),
)
"""Classes whose instances can be taken apart, by name."""
LEFT_OUT: Final = {"Fit": ("spec", "model")}
"""Fields that are not kept: a fit's spec is kept as text, and its model follows from that."""

Arrays = dict[str, np.ndarray]
"""Arrays by name: the class, a slash, and the place inside it, dotted, ``Draws/values.size.exponent``."""


def pack(value: Any, arrays: Arrays, place: str) -> Any:
    """Plain data for a value; its arrays are added to ``arrays`` under names that begin with ``place``.

    Raises
    ------
    TypeError
        If it holds an instance of another class.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, RESULTS):
        return {"is": "outcome", "name": value.name}
    if isinstance(value, int | float | np.generic):
        return _number(value)
    if isinstance(value, np.ndarray | jax.Array):
        return _array(np.asarray(value), arrays, place)
    if isinstance(value, Mapping):
        inside = [[str(key), pack(one, arrays, _below(place, key))] for key, one in value.items()]
        return {"is": "mapping", "items": inside}
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        inside = [pack(one, arrays, _below(place, i)) for i, one in enumerate(value)]
        return inside if isinstance(value, list) else {"is": "tuple", "items": inside}
    return _instance(value, arrays, place)


def _number(value: Any) -> Any:
    plain = value.item() if isinstance(value, np.generic) else value
    return plain if isinstance(plain, int) or math.isfinite(plain) else {"is": "number", "text": repr(plain)}


def _array(value: np.ndarray, arrays: Arrays, place: str) -> dict[str, str]:
    if value.dtype.kind not in "fiub":
        raise TypeError(f"'{place}' is an array of {value.dtype}, which cannot be saved")
    while place in arrays:
        place += "_"
    arrays[place] = value
    return {"is": "array", "name": place}


def _below(place: str, key: Any) -> str:
    return f"{place}{'.' if '/' in place else '/'}{str(key).replace('/', '_')}"


def _instance(value: Any, arrays: Arrays, place: str) -> dict[str, Any]:
    name = type(value).__name__
    if name not in KINDS:
        raise TypeError(f"'{place}' is a {name}, which cannot be saved")
    names = value._fields if hasattr(value, "_fields") else [field.name for field in dataclasses.fields(value)]
    kept = [one for one in names if one not in LEFT_OUT.get(name, ())]
    return {"is": name, "fields": {one: pack(getattr(value, one), arrays, _below(place, one)) for one in kept}}


def unpack(plain: Any, arrays: Arrays, kinds: Mapping[str, Any]) -> Any:
    """The value that plain data and arrays stand for; ``kinds`` makes instances from their fields, class by class.

    Raises
    ------
    ValueError, TypeError, KeyError
        If the data are not those of :func:`pack`.
    """
    if isinstance(plain, list):
        return [unpack(one, arrays, kinds) for one in plain]
    if not isinstance(plain, dict):
        return plain
    what = plain["is"]
    if what == "number":
        return {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[plain["text"]]
    if what == "array":
        return arrays[plain["name"]]
    if what == "outcome":
        return RESULTS[plain["name"]]
    if what == "tuple":
        return tuple(unpack(one, arrays, kinds) for one in plain["items"])
    if what == "mapping":
        return {key: unpack(one, arrays, kinds) for key, one in plain["items"]}
    return kinds[what](**{name: unpack(one, arrays, kinds) for name, one in plain["fields"].items()})
