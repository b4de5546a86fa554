"""The table of a command: its rows selected, its columns given their parts, its cells screened, and what is left."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from progressfit.commands.options import BadInput, TableRequest, near
from progressfit.dataset import Dataset
from progressfit.frame import TableError
from progressfit.intake.assemble import assemble
from progressfit.intake.csv_text import LINE
from progressfit.intake.findings import Findings, Problem, counted
from progressfit.intake.judge import Domain
from progressfit.intake.read import read_table as read_table
from progressfit.intake.recognise import Known, recognise
from progressfit.intake.screen import Parts, Screened, screen
from progressfit.intake.units import INPUT_UNITS
from progressfit.printable import excerpt

_SHOWN, _LISTED, _LINES = 5, 40, 30


class Reads(NamedTuple):
    """What a law reads: names of inputs, whether dates, names of groups, and where its responses lie."""

    inputs: tuple[str, ...]
    date: bool
    groups: tuple[str, ...]
    domain: Domain | None = None


class Columns(NamedTuple):
    """Which column plays which part."""

    inputs: dict[str, str]
    date: str | None
    groups: dict[str, str]


class Taken(NamedTuple):
    """A table that was read and screened, and sentences about its columns."""

    screened: Screened
    columns: Columns
    notes: tuple[str, ...]

    @property
    def dropped(self) -> list[dict[str, Any]]:
        """The cells whose rows cannot be used, as plain data."""
        return self.screened.findings.plain(self.screened.findings.errors)


def select(frame: pd.DataFrame, where: Mapping[str, str]) -> pd.DataFrame:
    """The rows that have all the given values.

    Raises
    ------
    BadInput
        If a column does not exist, or no row is left.
    """
    for column, value in where.items():
        series: Any = frame[require_column(frame, column, "--where")]
        chosen = _equals(series, value)
        if not chosen.any():
            distinct = [_shown(one) for one in series.dropna().unique()[: _SHOWN + 1]]
            more = ", ..." if len(distinct) > _SHOWN else ""
            raise BadInput(
                f"--where {column}={value} leaves no row; among the rows looked at the column '{column}' holds: "
                f"{', '.join(distinct[:_SHOWN]) or 'nothing'}{more}"
            )
        frame = frame.loc[chosen]
    return frame.reset_index(drop=True)


def _equals(series: pd.Series, value: str) -> np.ndarray:
    if pd.api.types.is_bool_dtype(series):
        flag = {"true": True, "1": True, "false": False, "0": False}.get(value.lower())
        return np.asarray(series == flag) if flag is not None else np.zeros(len(series), bool)
    if pd.api.types.is_numeric_dtype(series):
        number = pd.to_numeric(value, errors="coerce")
        return np.asarray(series == number)
    return np.array([_shown(cell) == value or str(cell) == value for cell in series], bool)


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool | np.bool_) else excerpt(value)


def require_column(frame: pd.DataFrame, column: str, role: str) -> str:
    """The column, if the table has it.

    Raises
    ------
    BadInput
        With the nearest name the table has, and all of them, unless they are many.
    """
    names = [str(name) for name in frame.columns if name != LINE]
    if column in names:
        return column
    raise BadInput(f"{role}: there is no column '{excerpt(column)}'{near(column, names)}; there are: {_list(names)}")


def _list(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(excerpt(name) for name in names[:_LISTED]) or "none") + more


def take_in(frame: pd.DataFrame, reads: Reads, request: TableRequest) -> Taken:
    """Give the columns their parts, and screen every cell that plays one.

    Raises
    ------
    BadInput
        If a column is missing, or could be one of several.
    TableError
        If there are no rows.
    """
    if len(frame) == 0:
        raise TableError("The table is empty: it has no rows. Check the file, or the filter that selected the rows.")
    named = {"--response": request.response, "--cluster": request.cluster, "--weights": request.weights}
    for option, column in named.items():
        if column is not None:
            require_column(frame, column, option)
    given = [column for column in (*named.values(), request.date) if column is not None]
    taken = [*given, *request.inputs.values(), *request.groups.values()]
    known = recognise((str(name) for name in frame.columns if name != LINE), taken)
    columns, notes = match_columns(frame, reads, request, known)
    units = _input_units(request, columns)
    parts = Parts(
        request.response,
        columns.inputs,
        columns.date,
        columns.groups,
        request.cluster,
        request.weights,
        known,
        reads.domain,
        request.response_unit,
        units,
        language=bool(request.law) and {"parameters", "data"} <= set(columns.inputs),
    )
    screened = screen(frame, parts)
    return Taken(screened, columns, (*notes, *_recognised(known), *screened.findings.notes))


def _input_units(request: TableRequest, columns: Columns) -> dict[str, str]:
    for name, unit in request.input_units.items():
        if name not in columns.inputs:
            raise BadInput(f"--input-unit: '{name}' is no input here; there are: {', '.join(columns.inputs) or 'none'}")
        if unit not in INPUT_UNITS:
            raise BadInput(f"--input-unit {name}: there is no unit '{unit}'; there are: {', '.join(INPUT_UNITS)}")
    return request.input_units


def _recognised(known: Known) -> list[str]:
    return [] if known.label is None else [f"column '{excerpt(known.label)}' is taken as the name of the row"]


def match_columns(frame: pd.DataFrame, reads: Reads, request: TableRequest, known: Known) -> tuple[Columns, list[str]]:
    """Find a column for everything the law reads: as asked for, or of the same name, or of a name that is recognised.

    Returns
    -------
    The columns, and a sentence for everything that was recognised, or named though the law does not read it.

    Raises
    ------
    BadInput
        If a column is missing, or could be one of several.
    """
    inputs = {name: _find(frame, name, request.inputs.get(name), request, known) for name in reads.inputs}
    groups = {name: _find(frame, name, request.groups.get(name), request, known, "--group") for name in reads.groups}
    date = _find(frame, "date", request.date, request, known, "--date") if reads.date else None
    unread = [f"--input {name}" for name in request.inputs if name not in reads.inputs]
    unread += [f"--group {name}" for name in request.groups if name not in reads.groups]
    unread += ["--date"] if request.date is not None and not reads.date else []
    notes = [f"the law '{request.law}' does not read {option}; it is left out" for option in unread]
    found = {**inputs, **({} if date is None else {"date": date})}
    asked = {*request.inputs, *(["date"] if request.date else [])}
    notes += [
        f"column '{excerpt(column)}' is taken as '{name}'"
        for name, column in found.items()
        if name != column and name not in asked
    ]
    if known.inputs and not reads.inputs:
        could = ", ".join(f"--input '{name}={excerpt(column)}'" for name, column in known.inputs.items())
        notes += [f"the law '{request.law}' reads no input, since none is named; the table has some: {could}"]
    return Columns(inputs, date, groups), notes


def _find(
    frame: pd.DataFrame, name: str, asked: str | None, request: TableRequest, known: Known, option: str = "--input"
) -> str:
    if asked is not None:
        return require_column(frame, asked, f"{option} {name}" if option != "--date" else option)
    if name in frame.columns:
        return name
    how = f"{option} COLUMN" if option == "--date" else f"{option} {name}=COLUMN"
    found = known.date if name == "date" else known.inputs.get(name)
    if found is not None and option != "--group":
        return found
    law = f"the law '{request.law}' reads '{name}'"
    if name in known.unclear and option != "--group":
        raise BadInput(f"{law}, and more than one column could be it; give {how} ({_list([*known.unclear[name]])})")
    names = [str(column) for column in frame.columns if column != LINE]
    raise BadInput(f"{law}, and no column has that name; give {how} (columns: {_list(names)})")


def dataset(taken: Taken, request: TableRequest) -> tuple[Dataset, np.ndarray | None]:
    """The data set, and the weight of each row ``(n,)`` if weights were asked for.

    Raises
    ------
    TableError
        If a cell cannot be used, unless its row may be left out; if too few rows are left.
    BadInput
        If clusters cannot be resampled.
    """
    found = taken.screened.findings
    refusal = found.refusal(_LINES)
    if refusal is not None and (found.column_errors or not request.lenient):
        raise TableError(refusal)
    data, weights = assemble(taken.screened, ~found.bad)
    if request.cluster is not None:
        _require_clusters(data, request.cluster)
    return data, weights


def _require_clusters(data: Dataset, column: str) -> None:
    count = len(np.unique(data.clusters))
    if count in (1, len(data)):
        what = "one cluster only" if count == 1 else "a cluster of its own for every row"
        raise BadInput(f"--cluster: column '{column}' has {what}, so there is nothing to resample; leave --cluster out")


def report(taken: Taken, most: int = _LINES, *, dropped: bool = True) -> list[str]:
    """What was recognised and converted, what is doubted, and (``dropped``) which rows are left out, line by line."""
    found = taken.screened.findings
    lines = [f"note: {note}" for note in taken.notes]
    if found.doubts:
        lines += [f"{counted(len(found.doubts), 'cell')} doubted, but used:"]
        lines += _listed(found, found.doubts, most)
    if found.errors and dropped:
        of = f"of {counted(len(found.places), 'row')} left out"
        head = f"{int(found.bad.sum())} {of}, because of {counted(len(found.errors), 'cell')}:"
        lines += [head, *_listed(found, found.errors, most)]
    return lines


def _listed(found: Findings, problems: tuple[Problem, ...], most: int) -> list[str]:
    more = [f"  and {len(problems) - most} more; progressfit check lists them all"] if len(problems) > most else []
    return [*(found.line(problem) for problem in problems[:most]), *more]
