"""Parameters fixed, freed and tied by path: on a spec from a file, and from the command line."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from progressfit.model import Model
from progressfit.params import Tied, fix, free, leaves, priors, tie
from progressfit.spec.errors import SpecError, at, shown, unknown
from progressfit.spec.leaf import read_leaf, read_prior

Place = Callable[[str, str], str]

_DRAWS = 256


def override(
    spec: Model, fixed: Mapping[str, Any], freed: Mapping[str, Any], tied: Mapping[str, str], place: Place = at
) -> Model:
    """The spec with parameters fixed at numbers, given other priors, and tied to others, all by path.

    ``place`` says in messages where a path was given, from the name of the table ("fix") and the path.

    Raises
    ------
    SpecError
        If a path does not exist or is given twice, or a number or prior lies outside the range of the parameter.
    """
    known, given = list(leaves(spec)), {}
    for name, paths in {"fix": fixed, "prior": freed, "tie": tied}.items():
        for path in paths:
            if path not in known:
                raise unknown(place(name, path), "parameter", path, known)
            if path in given:
                raise SpecError(f"'{path}' is given to both {given[path]} and {name}; give it to one of them")
            given[path] = name
    for path, old in priors(spec).items():
        for name, new in {"fix": fixed.get(path), "prior": freed.get(path)}.items():
            if new is not None:
                _require_inside(place(name, path), old, new)
    return require_ties(tie(free(fix(spec, fixed), freed), tied))


def _require_inside(place: str, old: Any, new: Any) -> None:
    """A parameter keeps the shape and range of the spec's own prior, or the spec is not defined."""
    is_prior = hasattr(new, "log_prob")
    shape = new.shape() if is_prior else np.shape(new)
    if shape not in ((), old.shape()):
        raise SpecError(f"{place}: it has the shape {shape}, and the parameter has {old.shape()}")
    if np.all(np.asarray(old.support(_values(new) if is_prior else new))):
        return
    positive = np.all(np.asarray(old.support(np.array([1e-6, 1.0, 1e6])))) and not np.all(old.support(-1.0))
    where = "it has to be positive" if positive else f"its own prior is {type(old).__name__}"
    what = "the prior gives values" if is_prior else f"{shown(f'{new:g}' if shape == () else f'{new}')} lies"
    raise SpecError(f"{place}: {what} outside the range of the parameter; {where}")


def _values(prior: Any) -> Any:
    """Values that a prior gives; of a flat one, which cannot be sampled, values of all sizes inside its range."""
    try:
        return prior.sample(jax.random.key(0), (_DRAWS,))
    except NotImplementedError:
        values = np.array([-1e6, -1.0, -1e-6, 1e-6, 1.0, 1e6])
        return values[np.asarray(prior.support(values))]


def require_ties(spec: Model) -> Model:
    """The spec, if every tie leads to a parameter that is not itself tied.

    Raises
    ------
    SpecError
        With the path of the tied parameter.
    """
    known = leaves(spec)
    for path, leaf in known.items():
        if isinstance(leaf, Tied) and leaf.path not in known:
            raise unknown(f"'{path}' is tied", "parameter", leaf.path, known)
        if isinstance(leaf, Tied) and isinstance(known[leaf.path], Tied):
            raise SpecError(f"'{path}' is tied to '{leaf.path}', which is tied itself; tie it to a free or fixed one")
    return spec


def read_overrides(spec: Model, tables: Mapping[str, Any]) -> Model:
    """The spec with the tables ``fix``, ``prior`` and ``tie`` of a file applied."""
    fixed = _read(tables.get("fix", {}), "fix", _number)
    freed = _read(tables.get("prior", {}), "prior", _prior)
    return override(spec, fixed, freed, _read(tables.get("tie", {}), "tie", _path))


def _read(table: Any, name: str, read: Callable[[Any, str], Any]) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise SpecError(f"{name}: give a table, [{name}]")
    return {path: read(value, at(name, path)) for path, value in _flat(table).items()}


def _flat(table: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Values by dotted path: in TOML ``size.exponent = 1`` is a table in a table."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        here = f"{path}.{key}" if path else key
        found |= _flat(value, here) if isinstance(value, dict) else {here: value}
    return found


def _number(value: Any, place: str) -> Any:
    if isinstance(value, str):
        raise SpecError(f"{place}: '{shown(value)}' is text; fix a parameter at a number, or give it a [prior]")
    return read_leaf(value, place)


def _prior(value: Any, place: str) -> Any:
    if not isinstance(value, str):
        raise SpecError(f'{place}: {shown(value)} is not a prior; give one such as "normal(0, 1)", or [fix] it')
    return read_prior(value, place)


def _path(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise SpecError(f'{place}: {shown(value)} is not a path; name the parameter it follows, "size.exponent"')
    return value
