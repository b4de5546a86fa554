"""Functions of a user's own in specs: only their qualified names are written, and the user hands them back to read."""

from collections.abc import Callable, Mapping
from typing import Any

Functions = Mapping[str, Callable[..., Any]]
"""Functions by qualified name, ``module:name``."""


def qualified_name(fn: Callable[..., Any]) -> str:
    """``module:name`` of a function, by which it is handed back on reading."""
    return f"{getattr(fn, '__module__', '')}:{getattr(fn, '__qualname__', type(fn).__qualname__)}"
