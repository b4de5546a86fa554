"""Docstrings as this package writes them, made readable for the site: prose under Returns, roles as code."""

import re
from typing import Any

import griffe

_RETURNS = re.compile(r"^Returns\n-{7}\n", re.MULTILINE)
_ROLE = re.compile(r":(?:class|func|mod|meth):`~?\.?([\w.]+)`")


def readable(text: str) -> str:
    """The same docstring with a bold line for the Returns heading, and code for cross-references."""
    return _RETURNS.sub("**Returns**\n\n", _ROLE.sub(r"`\1`", text))


class PlainDocstrings(griffe.Extension):
    """Rewrites each docstring as it is read."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Make the docstring of one object readable."""
        if obj.docstring is not None:
            obj.docstring.value = readable(obj.docstring.value)
