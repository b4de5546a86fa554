"""CSV text as columns of flags, numbers or text, each row with the line it stands on."""

import csv
import io
from collections import Counter
from typing import Any, Final

import numpy as np
import pandas as pd

from progressfit.frame import TableError
from progressfit.printable import excerpt

LINE: Final = "line of the file"
"""Column of a table read from a file that says where each row stands."""
MOST_COLUMNS: Final = 10_000
_WHOLE_DIGITS = 18


def csv_frame(text: str, name: str) -> pd.DataFrame:
    """The table, and the line each row ends on as an extra column, the last.

    Raises
    ------
    TableError
        If the text is not a table with one header line and as many cells in every line.
    """
    lines = _lines(text, name)
    if not lines:
        raise TableError(f"'{name}' is empty; the first line has to name the columns")
    header, rows = _header(lines[0][1], name), lines[1:]
    for line, cells in rows:
        if len(cells) != len(header):
            raise TableError(
                f"'{name}', line {line}: {len(cells)} cells under a header of {len(header)} columns; correct the line "
                "(text that holds a comma has to stand in double quotes)"
            )
    columns = zip(*(cells for _, cells in rows), strict=True) if rows else ([] for _ in header)
    frame = pd.DataFrame({title: typed(cells) for title, cells in zip(header, columns, strict=True)})
    return frame.assign(**{LINE: [f"line {line}" for line, _ in rows]})


def _lines(text: str, name: str) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: list[tuple[int, list[str]]] = []
    before = 0
    try:
        for cells in reader:
            before = reader.line_num
            if cells:
                found.append((before, cells))
    except csv.Error as error:
        raise TableError(_broken(str(error), name, before + 1, reader.line_num)) from None
    return found


def _broken(error: str, name: str, first: int, line: int) -> str:
    if "field limit" in error:
        return (
            f"'{name}' is not a CSV file that can be used: a cell of the row that starts on line {first} has more "
            f"than {csv.field_size_limit():,} characters; shorten it (often a double quote was opened and never closed)"
        )
    if "end of data" in error:
        return (
            f"'{name}' is not a CSV file: in the row that starts on line {first} a double quote is opened and never "
            "closed; close it, or write it twice where it belongs to the text"
        )
    return (
        f"'{name}' is not a CSV file: line {line} has text after a closing double quote; write a quote that belongs to "
        'the text twice ("")'
    )


def _header(cells: list[str], name: str) -> list[str]:
    if len(cells) > MOST_COLUMNS:
        raise TableError(
            f"'{name}' has {len(cells):,} columns, and at most {MOST_COLUMNS:,} are read; keep the columns that the "
            "law reads (and see that lines end where rows do)"
        )
    names = [cell.strip() or f"column {i}" for i, cell in enumerate(cells, 1)]
    require_names(names, name)
    if len(cells) == 1 and any(mark in cells[0] for mark in ";\t|"):
        raise TableError(
            f"'{name}' is not separated by commas (its header is '{excerpt(cells[0])}'); save it as CSV with commas"
        )
    if all(_is_number(cell) for cell in cells):
        raise TableError(
            f"'{name}' starts with numbers ('{excerpt(cells[0])}'); its first line has to name the columns"
        )
    return names


def require_names(names: list[str], table: str) -> None:
    """Refuse a table that uses a name twice, or the one kept for the lines."""
    repeated = [name for name, count in Counter([*names, LINE]).items() if count > 1]
    if LINE in repeated:
        raise TableError(f"'{table}' has a column named '{LINE}', which is kept for the lines of the file; rename it")
    if repeated:
        raise TableError(
            f"'{table}' has more than one column named '{excerpt(repeated[0])}'; rename or drop one of them"
        )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def typed(cells: Any) -> Any:
    """Flags, numbers or text, whichever all cells that are not blank can be read as; blank text is ``None``."""
    stripped = [cell.strip() for cell in cells]
    found = {cell.lower() for cell in stripped[:1]} if stripped else set()
    if found <= {"true", "false"} and all(cell.lower() in ("true", "false") for cell in stripped):
        return np.array([cell.lower() == "true" for cell in stripped], bool)
    numbers = _numbers(stripped)
    return pd.Series([cell or None for cell in stripped], dtype=object) if numbers is None else numbers


def _numbers(cells: list[str]) -> np.ndarray | None:
    """Whole numbers if all are written so, else floats with NaN where blank, or nothing if some cell is no number."""
    try:
        floats = np.array([float(cell) if cell else np.nan for cell in cells], np.float64)
    except ValueError:
        return None
    # Python reads underscores and digits of other scripts as well; in a table they are a mistake.
    if not all(map(str.isascii, cells)) or any("_" in cell for cell in cells) or not any(cells):
        return None
    digits = [cell.lstrip("+-") for cell in cells]
    if all(one.isdigit() and len(one) <= _WHOLE_DIGITS for one in digits):
        return np.array([int(cell) for cell in cells], np.int64)
    return floats
