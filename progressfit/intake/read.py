"""A table from a file or from standard input: CSV or Parquet, told apart by their first bytes."""

import io
import re
import sys
from pathlib import Path
from typing import Any, Final

import pandas as pd

from progressfit.frame import TableError
from progressfit.intake.csv_text import LINE, MOST_COLUMNS, csv_frame, require_names
from progressfit.intake.decode import decode

STANDARD_INPUT: Final = "-"
MOST_BYTES: Final = 2**30
_PARQUET = b"PAR1"


def read_table(path: Path | str) -> pd.DataFrame:
    """The table in a CSV or Parquet file, or on standard input if the path is "-".

    Columns of a CSV file are flags, numbers or text, whichever all their cells can be read as. The last column,
    :data:`csv_text.LINE`, says where each row stands ("line 4"; for Parquet "row 2 of the file", counted from 0).

    Raises
    ------
    TableError
        If the file cannot be read or is no such table, with the line and what to do.
    """
    name = "standard input" if str(path) == STANDARD_INPUT else str(path)
    data = _bytes(path, name)
    if len(data) > MOST_BYTES:
        raise TableError(f"'{name}' has more than {MOST_BYTES / 1e9:.1f} GB; keep the columns that the law reads")
    return _parquet_frame(data, name) if data.startswith(_PARQUET) else csv_frame(decode(data, name), name)


def place_number(place: str) -> int:
    """The line or row that a place such as "line 4" names."""
    found = re.search(r"\d+", place)
    return int(found[0]) if found else 0


def _bytes(path: Path | str, name: str) -> bytes:
    try:
        if str(path) == STANDARD_INPUT:
            return sys.stdin.buffer.read(MOST_BYTES + 1)
        with Path(path).open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise TableError(f"cannot read '{name}': {error.strerror}") from None
    except ValueError as error:  # a path with a zero byte
        raise TableError(f"cannot read '{name}': {error}") from None


def _parquet_frame(data: bytes, name: str) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(data))
        _require_size(file.metadata, name)
        table = file.read()
        columns = {str(field.name): _plain(table.column(i), pa) for i, field in enumerate(table.schema)}
        require_names([str(field.name) for field in table.schema], name)
    except (pa.ArrowException, OSError, ArithmeticError, TypeError, UnicodeError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TableError(f"'{name}' is a damaged Parquet file ({why}); write it again, or save it as CSV") from None
    frame = pd.DataFrame(columns)
    return frame.assign(**{LINE: [f"row {i} of the file" for i in range(len(frame))]})


def _require_size(about: Any, name: str) -> None:
    """Small files can unpack to any size, so what they announce is looked at first."""
    unpacked = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
    if about.num_columns > MOST_COLUMNS or unpacked > MOST_BYTES:
        raise TableError(
            f"'{name}' has {about.num_columns:,} columns and {unpacked / 1e9:.1f} GB unpacked; at most "
            f"{MOST_COLUMNS:,} columns and {MOST_BYTES / 1e9:.1f} GB are read: keep the columns that the law reads"
        )


def _plain(column: Any, pa: Any) -> pd.Series:
    """Numbers, flags and dates as they are; categories, lists and bytes as text; decimals as numbers."""
    kind = column.type
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pd.Series([None if value is None else str(value) for value in column.to_pylist()], dtype=object)
    series = column.to_pandas()
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = [str(value).strip() or None if isinstance(value, str) else value for value in series]
        return pd.Series(text, dtype=object)
    return series
