"""What can be known to be wrong before anything is fitted."""

from typing import NamedTuple

import numpy as np

from progressfit._x64 import require_x64
from progressfit.dataset import Dataset
from progressfit.frame import TableError, describe_rows
from progressfit.infer.prepare import prepare
from progressfit.model import Model
from progressfit.params import dimension, discrete, improper
from progressfit.terms import AbstractGroupTerm, AbstractInputTerm, AbstractTrend, ByGroup, Function, GroupEffect
from progressfit.terms.base import walk_terms


class Tick(NamedTuple):
    """One thing that was looked at: whether it is in order, and a paragraph about it."""

    ok: bool
    text: str


def check(spec: Model, data: Dataset, objective: str = "map") -> list[Tick]:
    """Look over a spec and a table before anything is fitted.

    ``objective`` is that of the fit that is meant, "map" or "mle".

    Returns
    -------
    One tick for each thing that was looked at, in order of importance; those with ``ok=False`` keep ``fit`` from
    starting.
    """
    require_x64()
    continuous = _continuous(spec)
    if not continuous.ok:
        return [continuous]  # nothing else can be counted
    return [
        continuous,
        _enough_rows(data),
        _response(spec, data),
        *_columns(spec, data),
        *_groups(spec, data),
        _rows_for(spec, data, objective),
    ]


def require(spec: Model, data: Dataset, objective: str = "map") -> None:
    """Raise :class:`TableError` with the first thing that is not in order."""
    for tick in check(spec, data, objective):
        if not tick.ok:
            raise TableError(tick.text)


def require_whole(**arguments: object) -> None:
    """Raise :class:`ValueError` unless every argument is a whole number, at least one."""
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name}={value!r}: give a whole number, at least one")


def _continuous(spec: Model) -> Tick:
    found = discrete(spec)
    if found:
        return Tick(
            False, f"The prior of '{found[0]}' is discrete; a fit needs continuous parameters. Fix it, or try values."
        )
    return Tick(True, "Every free parameter is continuous.")


def _enough_rows(data: Dataset) -> Tick:
    n = len(data)
    return Tick(
        n >= 2, f"The table has {n} row{'s' if n != 1 else ''}" + ("." if n >= 2 else "; at least two are needed.")
    )


def _response(spec: Model, data: Dataset) -> Tick:
    values = np.asarray(data.response, float)
    bad = ~np.asarray(spec.link.contains(values))
    kind = type(spec.link).__name__.lower()
    if not bad.any():
        return Tick(True, f"Every response lies in the domain of the {kind} link.")
    rows = data.row_names
    return Tick(
        False,
        f"Column '{data.labels.response}' lies outside the domain of the {kind} link ({spec.link.domain()}) in "
        f"{describe_rows(bad, rows)}; the first is {values[bad][0]:g}. Give accuracies and errors as fractions "
        "(0.763, not 76.3), drop the rows, or choose another link.",
    )


def _columns(spec: Model, data: Dataset) -> list[Tick]:
    wanted = [term.input for _, term in walk_terms(spec) if isinstance(term, AbstractInputTerm)]
    dated = [t for _, t in walk_terms(spec) if isinstance(t, AbstractTrend) or (isinstance(t, Function) and t.channels)]
    wanted += ["date"] if dated else []
    missing = [name for name in dict.fromkeys(wanted) if name not in data.records.columns]
    have = ", ".join(data.records.columns) or "none"
    how = "date=COLUMN" if missing[:1] == ["date"] else f"inputs={{'{(missing or [''])[0]}': COLUMN}}"
    if missing:
        text = f"The law reads '{missing[0]}', which the data do not have (they have: {have}). Name its column: {how}."
        return [Tick(False, text)]
    return [Tick(True, f"The law finds its columns: {', '.join(dict.fromkeys(wanted)) or 'it reads none by name'}.")]


def _groups(spec: Model, data: Dataset) -> list[Tick]:
    reading = [term for _, term in walk_terms(spec) if isinstance(term, AbstractGroupTerm)]
    found = []
    for group in dict.fromkeys(term.group for term in reading):
        if group not in data.records.codes:
            found.append(
                Tick(False, f"The law reads the group '{group}'; name its column: groups={{'{group}': COLUMN}}.")
            )
        else:
            found.append(Tick(True, f"The group '{group}' has {len(data.levels(group))} levels."))
            found += [tick for term in reading if term.group == group for tick in _levels(term, data.levels(group))]
    return found


def _levels(term: AbstractGroupTerm, levels: tuple[str, ...]) -> list[Tick]:
    """What is wrong between a term and the levels of its group."""
    have = ", ".join(levels)
    if isinstance(term, GroupEffect) and term.reference is not None and term.reference not in levels:
        text = f"The reference level '{term.reference}' is not in the group '{term.group}', which has: {have}."
        return [Tick(False, text)]
    if isinstance(term, ByGroup):
        missing = [level for level in levels if level not in term.names]
        if missing:
            text = f"The level '{missing[0]}' of the group '{term.group}' has no term; give ByGroup one of that name."
            return [Tick(False, text)]
    return []


def _rows_for(spec: Model, data: Dataset, objective: str) -> Tick:
    sized = prepare(spec, data) if all(tick.ok for tick in _groups(spec, data)) else spec
    free, flat = dimension(sized), improper(spec)
    if len(data) < free and objective == "mle":
        return Tick(
            False,
            f"The table has {len(data)} rows for {free} free parameters, and a maximum-likelihood fit uses no priors, "
            "so it has no unique answer. Give more rows, fix parameters, or fit with objective='map'.",
        )
    if len(data) >= free or not flat:
        return Tick(True, f"{len(data)} rows for {free} free parameters.")
    return Tick(
        False,
        f"The table has {len(data)} rows for {free} free parameters, and the prior of '{flat[0]}' is flat, so the fit "
        "has no unique answer. Give more rows, fix parameters, or give every parameter a proper prior.",
    )
