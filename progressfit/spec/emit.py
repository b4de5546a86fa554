"""Plain tables as TOML text."""

import json
import re
from collections.abc import Iterator
from typing import Any

from progressfit.spec.errors import SpecError

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def emit(tables: dict[str, Any]) -> str:
    """TOML text of nested dictionaries of texts, numbers, flags, lists and single-entry inline tables.

    Raises
    ------
    SpecError
        If a text cannot be encoded.
    """
    text = "\n".join(_lines(tables, ())).lstrip("\n") + "\n"
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SpecError("a name in this spec is no text that can be written (it holds half a character)") from None
    return text


def _lines(table: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """The plain values of a table, then each table inside it under a heading of its own."""
    inside = {key: value for key, value in table.items() if _is_table(value)}
    if path and (len(inside) < len(table) or not table):
        yield ""
        yield f"[{'.'.join(map(_key, path))}]"
    yield from (f"{_key(key)} = {_value(value)}" for key, value in table.items() if key not in inside)
    for key, value in inside.items():
        yield from _lines(value, (*path, key))


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and not _is_inline(value)


def _is_inline(value: dict[str, Any]) -> bool:
    return list(value) == ["tied"] and isinstance(value["tied"], str)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(key)} = {_value(one)}' for key, one in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        return _text(value)
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _text(value: str) -> str:
    """A basic string: the escapes of JSON are those of TOML, which wants one more character escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
