"""Specs as TOML: a small declarative form of the term algebra, of which nothing is evaluated.

``to_toml`` and ``from_toml`` go through text, ``write`` and ``read`` through a file.
"""

from progressfit.spec.errors import SpecError
from progressfit.spec.text import from_toml, read, to_toml, write

__all__ = ["SpecError", "from_toml", "read", "to_toml", "write"]
