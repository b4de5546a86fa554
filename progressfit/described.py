"""Static values and the structure of trees in words: equal words, equal meaning, in every process.

What cannot be put into such words, like a user's own function, is refused.
"""

import functools
import hashlib
import importlib
import sys
from types import FunctionType
from typing import Any

import numpy as np

_OURS = "progressfit"
# Packages whose versions, and Python's, name the folder of programs, so that a name in them means the same code.
_PINNED = (_OURS, "jax", "numpyro", "equinox", "numpy", "builtins", "collections")
_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_DEEPEST = 50


class UnspokenError(Exception):
    """Something that a program depends on and that words cannot tell apart from everything else."""


def described(value: Any, depth: int = 0) -> str:
    """What a static value is, in words: equal words, equal meaning.

    Raises
    ------
    UnspokenError
        If it is, or holds, something of which that cannot be promised.
    """
    if depth > _DEEPEST:
        raise UnspokenError("nested too deeply")
    within = functools.partial(described, depth=depth + 1)
    if type(value) in _PLAIN:
        return f"{type(value).__name__} {value!r}"
    if isinstance(value, np.ndarray | np.generic) and np.asarray(value).dtype != object:
        array = np.ascontiguousarray(value)
        return f"array {array.dtype} {np.shape(value)} {hashlib.blake2b(array.tobytes()).hexdigest()}"
    if isinstance(value, np.dtype):
        return f"dtype {value.str}"
    if isinstance(value, type | FunctionType):
        return place_of(value)
    if isinstance(value, tuple | list):
        return f"{place_of(type(value))}({', '.join(map(within, value))})"
    if isinstance(value, dict):
        return f"{place_of(type(value))}({', '.join(f'{within(key)}: {within(value[key])}' for key in value)})"
    kind, state = place_of(type(value)), _state(value)
    return f"{kind}({', '.join(f'{name}={within(part)}' for name, part in state.items())})"


def place_of(what: Any) -> str:
    """A class or a function by its place in a package whose version is known; the place has to lead back to it."""
    module, name = getattr(what, "__module__", None) or "", getattr(what, "__qualname__", "")
    if what is type(None):
        return "None"
    found = sys.modules.get(module) if module.split(".")[0] in _PINNED else None
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not what:
        raise UnspokenError(f"{module}.{name}")
    return f"{module}.{name}"


def _state(value: Any) -> dict[str, Any]:
    """All that an object holds; one of a type that is not written in Python may hold more than it shows."""
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    if not hasattr(value, "__dict__") and not slots:
        raise UnspokenError(repr(type(value)))
    return {name: getattr(value, name) for name in slots if hasattr(value, name)} | getattr(value, "__dict__", {})


def described_tree(tree: Any) -> str:
    """The structure of a tree of arrays (a ``PyTreeDef``) in words, static parts included."""
    node = tree.node_data()
    if node is None:
        return "*"
    return f"{place_of(node[0])}[{described(node[1])}]({', '.join(map(described_tree, tree.children()))})"


def to_plain(tree: Any) -> Any:
    """The structure of a result as JSON: tuples, lists, dictionaries, and this package's named tuples of arrays.

    Raises
    ------
    UnspokenError
        If there is anything else in it.
    """
    node = tree.node_data()
    if node is None:
        return 0
    if node[0] is type(None):
        return None
    kind, below = node[0], [to_plain(child) for child in tree.children()]
    if kind is dict:
        return {"dict": list(map(str, node[1])), "of": below}
    if kind in (tuple, list):
        return {kind.__name__: len(below), "of": below}
    if issubclass(kind, tuple) and hasattr(kind, "_fields") and place_of(kind).startswith(f"{_OURS}."):
        return {"named": [kind.__module__, kind.__qualname__], "of": below}
    raise UnspokenError(repr(kind))


def from_plain(plain: Any) -> Any:
    """A tree of that structure, with 0 for every array."""
    if not isinstance(plain, dict):
        return plain
    below = [from_plain(one) for one in plain["of"]]
    if "dict" in plain:
        return dict(zip(plain["dict"], below, strict=True))
    if "named" in plain:
        module, name = plain["named"]
        if module.split(".")[0] != _OURS:
            raise ValueError(f"no type of {_OURS}: {module}.{name}")
        return getattr(importlib.import_module(module), name)(*below)
    return tuple(below) if "tuple" in plain else below
