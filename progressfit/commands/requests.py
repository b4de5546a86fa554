"""What the commands about a user's own table were asked to do. Nothing numeric is loaded."""

import dataclasses
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class FitRequest:
    """What ``progressfit fit`` was asked to do.

    Pairs are kept as dictionaries: name in the law -> column, path -> text, column -> text. ``starts`` is a number or
    "grid"; ``bootstrap`` is 0 where none was asked for; ``compute`` is a budget in FLOP; ``model`` is what the file
    ``spec`` holds, once it is read; ``command`` is the whole command line, for the fit card.
    """

    table: Path
    law: str
    spec: Path | None
    response: str
    inputs: dict[str, str]
    date: str | None
    groups: dict[str, str]
    cluster: str | None
    noise: str | None
    link: str | None
    mle: bool
    fix: dict[str, str]
    prior: dict[str, str]
    tie: dict[str, str]
    where: dict[str, str]
    weights: str | None
    starts: int | str
    bootstrap: int
    sample: bool
    max_steps: int
    level: float
    compute: float
    seed: int
    json: bool
    out: Path | None
    response_unit: str | None = None
    input_units: dict[str, str] = dataclasses.field(default_factory=dict)
    lenient: bool = False
    model: Any = None
    command: str = ""

    @property
    def asked(self) -> "TableRequest":
        """What was asked for of the table alone."""
        return TableRequest(
            self.table,
            self.law,
            self.response,
            self.inputs,
            self.date,
            self.groups,
            self.cluster,
            self.where,
            self.weights,
            self.response_unit,
            self.input_units,
            self.lenient,
        )


@dataclasses.dataclass(frozen=True)
class TableRequest:
    """What a command was asked to take from a table; pairs as in :class:`FitRequest`. "-" is standard input."""

    table: Path
    law: str
    response: str | None
    inputs: dict[str, str]
    date: str | None
    groups: dict[str, str]
    cluster: str | None
    where: dict[str, str]
    weights: str | None
    response_unit: str | None
    input_units: dict[str, str]
    lenient: bool


@dataclasses.dataclass(frozen=True)
class CheckRequest:
    """What ``progressfit check`` was asked to do: the fit whose table is looked at, as far as it was given.

    ``law`` is ``None`` where none was named: then columns are recognised by their names alone. ``fit`` is the whole fit
    if law (or spec) and response were named.
    """

    table: TableRequest
    law: str | None
    spec: Path | None
    fit: FitRequest | None
    json: bool
