"""Screened rows as a data set."""

from typing import Any

import numpy as np
import pandas as pd

from progressfit.dataset import Dataset
from progressfit.frame import TableError
from progressfit.intake.screen import DATE, RESPONSE, WEIGHT, Screened
from progressfit.printable import excerpt

ERRORS = ("compute_log10_sd", "date_sd")
"""Columns of a data set that say how well another is known: of log10 compute, and of the date in years."""


def assemble(screened: Screened, keep: np.ndarray) -> tuple[Dataset, np.ndarray | None]:
    """The data set of the rows marked in ``keep`` ``(n,)``, and their weights ``(m,)`` if weights were named.

    Raises
    ------
    TableError
        If fewer than two rows are left, or every weight is zero.
    """
    parts, numbers = screened.parts, screened.numbers
    columns: dict[str, Any] = {str(parts.response): numbers[RESPONSE]}
    inputs = {name: _add(columns, name, numbers[name]) for name in parts.inputs}
    errors = {name: _add(columns, name, numbers[name]) for name in ERRORS if name in numbers}
    date = None if parts.date is None else _add(columns, "date", numbers[DATE])
    groups = {name: _add(columns, name, screened.frame[column]) for name, column in parts.groups.items()}
    cluster = None if parts.cluster is None else _add(columns, "cluster", screened.frame[parts.cluster])
    label = _add(columns, "row", _names(screened))
    frame = pd.DataFrame({name: pd.Series(column).array for name, column in columns.items()}).loc[keep]
    data = Dataset.from_frame(
        frame.reset_index(drop=True),
        str(parts.response),
        inputs,
        errors=errors,
        date=date,
        groups=groups,
        cluster=cluster,
        label=label,
    )
    return data, None if parts.weights is None else _weights(numbers[WEIGHT][keep], parts.weights)


def _add(columns: dict[str, Any], name: str, values: Any) -> str:
    """Add a column under a name that no other column has."""
    while name in columns:
        name += "'"
    columns[name] = values
    return name


def _names(screened: Screened) -> list[str]:
    found = zip(screened.findings.places, screened.findings.labels, strict=True)
    return [f"{label}, {place}" if label else place for place, label in found]


def _weights(weights: np.ndarray, column: str) -> np.ndarray:
    if not (weights > 0).any():
        raise TableError(f"Column '{excerpt(column)}' is 0 in every row, so no row counts; leave --weights out.")
    return weights
