"""Specs as TOML text and files."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final, NamedTuple

from progressfit.model import Model
from progressfit.spec.decode import read_link, read_mean, read_noise
from progressfit.spec.emit import emit
from progressfit.spec.encode import DEEPEST, FORMAT, encode
from progressfit.spec.errors import SpecError, shown, unknown
from progressfit.spec.functions import Functions
from progressfit.spec.laws import read_law
from progressfit.spec.overrides import read_overrides, require_ties

LARGEST: Final = 1_000_000
"""Most characters of a spec."""

_MOST_BYTES: Final = 4 * LARGEST

_COMPOSED: Final = ("mean", "link", "noise")
_KEYS: Final = ("format", "name", "law", "arguments", *_COMPOSED, "fix", "prior", "tie")
# Keys nested deeper than any spec: the parser of the standard library takes the square of their number.
_DEEP = re.compile(rf"(?<![\w'\"-])(?:[\w'\"-]++[ \t]*+\.[ \t]*+){{{DEEPEST * 3}}}")


class Named(NamedTuple):
    """A spec and the name that its file gives it, if any."""

    spec: Model
    name: str | None


def to_toml(spec: Model, *, name: str | None = None, functions: Functions | None = None) -> str:
    """A spec (or a model) as TOML text that :func:`from_toml` reads back to the same tree.

    Parameters
    ----------
    spec
        Composed of public terms, links and noises, with priors that the notation has forms for.
    name
        What the spec is called; reports show it.
    functions
        Functions by qualified name, ``{"module:name": fn}``, of which a :class:`~progressfit.terms.Function` may
        consist: only the name is written.

    Raises
    ------
    SpecError
        If part of it has no form as text: a class or function of your own, another prior, a number that is not finite.
    """
    return emit(({} if name is None else {"name": name}) | encode(spec, functions or {}))


def from_toml(text: str, *, functions: Functions | None = None) -> Model:
    """The spec that TOML text describes. Nothing in it is evaluated: it holds registered names, numbers and priors.

    Parameters
    ----------
    text
        Either ``mean``, ``link`` and ``noise``, or ``law`` and ``arguments`` with whatever of ``link`` and ``noise`` is
        to be another; then ``fix``, ``prior`` and ``tie`` by path.
    functions
        Functions by the names that the text has for them.

    Raises
    ------
    SpecError
        If the text is not a spec; the message names the place in it.
    """
    return from_toml_named(text, functions or {}).spec


def from_toml_named(text: str, functions: Functions) -> Named:
    """The spec that TOML text describes, and its name."""
    tables = _parse(text)
    for key in tables:
        if key not in _KEYS:
            raise unknown(shown(key), "key for a spec", key, _KEYS)
    if tables.get("format", FORMAT) != FORMAT or isinstance(tables.get("format"), bool):
        raise SpecError(f"format: {shown(tables['format'])} is not known here; this version reads format = {FORMAT}")
    name = tables.get("name")
    if name is not None and not (isinstance(name, str) and name.strip()):
        raise SpecError(f"name: {shown(name)} is not a name; give text in quotation marks")
    spec = _law(tables, functions) if "law" in tables else _composed(tables, functions)
    return Named(read_overrides(require_ties(spec), tables), name)


def _parse(text: str) -> dict[str, Any]:
    if len(text) > LARGEST:
        raise SpecError(f"the text has {len(text)} characters; the longest spec has {LARGEST}")
    if _DEEP.search(text):
        raise SpecError("its keys are nested deeper than any spec; put sums of sums into one")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise SpecError("its tables or lists are nested too deeply") from None
    except ValueError as error:  # tomllib's own errors, and numbers of thousands of digits
        raise SpecError(f"it is not TOML: {shown(str(error))}") from None


def _law(tables: dict[str, Any], functions: Functions) -> Model:
    if "mean" in tables:
        raise SpecError("law: a spec has either a law or a mean of its own; leave out one of them")
    law = read_law(tables["law"], tables.get("arguments", {}))
    link = read_link(tables["link"], "link") if "link" in tables else law.link
    return _model(law.mean, link, read_noise(tables["noise"], functions) if "noise" in tables else law.noise)


def _composed(tables: dict[str, Any], functions: Functions) -> Model:
    if "arguments" in tables:
        raise SpecError("arguments: they belong to a law, and this spec names none")
    for key in _COMPOSED:
        if key not in tables:
            raise SpecError(f"'{key}' is missing; a spec has a law, or else {', '.join(_COMPOSED)}")
    mean = read_mean(tables["mean"], functions)
    return _model(mean, read_link(tables["link"], "link"), read_noise(tables["noise"], functions))


def _model(mean: Any, link: Any, noise: Any) -> Model:
    try:
        return Model(mean, link, noise)
    except (ValueError, TypeError) as error:  # two parameters that share a path
        raise SpecError(str(error)) from None


def read(path: str | Path, *, functions: Functions | None = None) -> Model:
    """The spec in a TOML file; see :func:`from_toml`.

    Raises
    ------
    OSError
        If the file cannot be read.
    SpecError
        If it is not a spec; the message names the file and the place in it.
    """
    return read_named(path, functions or {}).spec


def read_named(path: str | Path, functions: Functions) -> Named:
    """The spec in a TOML file, and its name: that of the file where it gives none."""
    place = Path(path)
    with place.open("rb") as file:
        raw = file.read(_MOST_BYTES + 1)
    if len(raw) > _MOST_BYTES:
        raise SpecError(f"'{place}' has more than {_MOST_BYTES} bytes; the longest spec has {LARGEST} characters")
    try:
        found = from_toml_named(raw.decode("utf-8-sig"), functions)
    except UnicodeDecodeError:
        raise SpecError(f"'{place}' is not UTF-8 text; save the spec as UTF-8") from None
    except SpecError as error:
        raise SpecError(f"'{place}': {error}") from None
    return found if found.name else Named(found.spec, place.stem)


def write(spec: Model, path: str | Path, *, name: str | None = None, functions: Functions | None = None) -> Path:
    """Write a spec as a TOML file; see :func:`to_toml`.

    Returns
    -------
    The file.
    """
    place = Path(path)
    place.write_text(to_toml(spec, name=name, functions=functions), encoding="utf-8")
    return place
