"""Fits and draws to a file: the spec as text, everything else as plain data and arrays."""

import importlib.metadata
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from progressfit.infer.packed import pack
from progressfit.infer.stored import Stored, write
from progressfit.model import Model
from progressfit.spec.functions import Functions, qualified_name
from progressfit.spec.text import to_toml
from progressfit.terms import Function
from progressfit.terms.base import walk_terms

if TYPE_CHECKING:
    from progressfit.infer.result import Draws, Fit

SPEC, PARTS, VERSIONS = "spec", "parts", "versions"
"""Names of the texts in a file."""
_VERSIONED = ("progressfit", "jax", "jaxlib", "numpyro", "equinox", "optimistix", "numpy")


def save_result(found: "Fit | Draws", path: str | Path) -> Path:
    """Write a fit or draws (with the fit they were made around) as one netCDF file, all or nothing.

    It holds the spec as TOML, all optima and draws, the certificate, counts and seconds, the digest of the table, and
    versions; not the table itself. Functions of your own go in by name only: hand them to :func:`progressfit.load`.

    Returns
    -------
    The file.

    Raises
    ------
    ValueError
        If the spec has no form as text (:class:`progressfit.spec.SpecError`).
    FileNotFoundError
        If the folder does not exist.
    """
    arrays: dict[str, np.ndarray] = {}
    parts = pack(found, arrays, type(found).__name__)
    versions = {name: importlib.metadata.version(name) for name in _VERSIONED}
    texts = {
        SPEC: to_toml(found.spec, functions=functions_in(found.spec)),
        PARTS: _json(parts),
        VERSIONS: _json(versions),
    }
    write(Stored(type(found).__name__, texts, arrays), Path(path), versions["progressfit"])
    return Path(path)


def _json(plain: Any) -> str:
    return json.dumps(plain, ensure_ascii=False, allow_nan=False)


def functions_in(spec: Model) -> Functions:
    """The functions of a user's own in a spec, by qualified name.

    Raises
    ------
    ValueError
        If two of them have the same name.
    """
    found: dict[str, Any] = {}
    for _, term in walk_terms(spec):
        if isinstance(term, Function):
            name = qualified_name(term.fn)
            if found.setdefault(name, term.fn) is not term.fn:
                raise ValueError(f"two functions in this spec have the name '{name}', so they cannot be told apart")
    return found
