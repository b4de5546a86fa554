"""Which column plays which part, by its name: those of Epoch AI's tables, and the plain ones people choose."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

# What columns may be called, in lower case and without anything but letters and digits.
_INPUTS: Final = {
    "compute": (
        "trainingcomputeflop",
        "trainingcomputeflops",
        "trainingcompute",
        "trainingflop",
        "trainingflops",
        "computeflop",
        "computeflops",
        "flop",
        "flops",
        "log10compute",
        "log10flop",
        "log10trainingcompute",
        "log10trainingcomputeflop",
        "logcompute",
    ),
    "data": (
        "trainingdatasetsize",
        "trainingdatasetsizedatapoints",
        "trainingdatasetsizegradients",
        "trainingdatasetsizetokens",
        "trainingdatasetsizetotal",
        "trainingdatasetsizeimages",
        "datasetsize",
        "tokens",
        "trainingtokens",
        "trainingimages",
    ),
    "parameters": ("parameters", "params", "numberofparameters", "numparameters", "parametercount", "modelsize"),
}
_DATE: Final = ("publicationdate", "date", "releasedate", "dateofpublication", "datepublished")
_LABEL: Final = ("model", "system", "modelname", "name")
_CONFIDENCE: Final = ("confidence", "trainingcomputeconfidence", "confidenceintrainingcompute")
_LOWER: Final = (
    "trainingcomputelowerbound",
    "trainingcomputefloplowerbound",
    "trainingcomputelowerboundflop",
    "lowerboundtrainingcomputeflop",
    "computelowerbound",
)
_DOMAIN: Final = ("domain",)
_DATE_PART: Final = "date"


class Known(NamedTuple):
    """Columns whose part is known from their names; ``None`` where the table has none.

    ``unclear`` holds the inputs (or "date") that more than one column could be, with these columns.
    """

    inputs: dict[str, str]
    unclear: dict[str, tuple[str, ...]]
    date: str | None
    label: str | None
    confidence: str | None
    lower: str | None
    upper: str | None
    domain: str | None


def recognise(columns: Iterable[str], taken: Iterable[str] = ()) -> Known:
    """The parts that columns play by their names, leaving out those the user gave another part."""
    others = set(taken)
    names = {column: _key(column) for column in columns if column not in others}
    found = {part: _any(part, known, names) for part, known in {**_INPUTS, _DATE_PART: _DATE}.items()}
    clear = {part: columns[0] for part, columns in found.items() if len(columns) == 1}
    return Known(
        {part: column for part, column in clear.items() if part != _DATE_PART},
        {part: columns for part, columns in found.items() if len(columns) > 1},
        clear.get(_DATE_PART),
        _first(_LABEL, names),
        _first(_CONFIDENCE, names),
        _first(_LOWER, names),
        _first(tuple(name.replace("lower", "upper") for name in _LOWER), names),
        _first(_DOMAIN, names),
    )


def _key(column: str) -> str:
    return re.sub(r"[^a-z0-9]", "", column.lower())


def _any(part: str, known: tuple[str, ...], names: dict[str, str]) -> tuple[str, ...]:
    """The column of exactly that name, or else all of a known one."""
    return (part,) if part in names else tuple(column for column, key in names.items() if key in (part, *known))


def _first(known: tuple[str, ...], names: dict[str, str]) -> str | None:
    """The column whose name comes first in the list of known ones."""
    by_key = {key: column for column, key in reversed(names.items())}
    return next((by_key[key] for key in known if key in by_key), None)


def counts_tokens(column: str) -> bool:
    """Whether the name says that a column counts tokens, so that 6ND applies."""
    return "token" in _key(column)


def says_log10(column: str) -> bool:
    """Whether the name says that a column holds decimal logarithms."""
    return "log10" in _key(column)
