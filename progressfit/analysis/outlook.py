"""Where a law is extrapolated to: dates through and beyond a table, for its best row."""

import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.analysis.selection import state_of_the_art
from progressfit.dataset import Dataset, Record
from progressfit.model import Model, mean_terms
from progressfit.terms import AbstractInputTerm

_STEP = 0.5  # years
_FEWEST = 3


def outlook(model: Model, data: Dataset, years: float, direction: float = 1.0, *, growing: bool = False) -> Record:
    """Half-yearly records from the first date of a table to ``years`` after its last one, all else that of one row.

    Parameters
    ----------
    model, data
        A model and the table, of which all rows count: leave those of weight 0 out with :meth:`Dataset.take`.
    years
        How far ahead; the last date of the table and the end are among the dates.
    direction
        The row is the one whose prediction is highest, or with -1 lowest.
    growing
        Whether inputs that the law reads go on growing after the last date, at the rate of :func:`input_growth`.

    Returns
    -------
    Records with a leading axis: dates in decimal years, inputs in natural units.

    Raises
    ------
    ValueError
        If the table has no dates.
    """
    require_x64()
    require_dates(data, "an outlook")
    best = best_row(model, data, direction)
    date = np.asarray(data.records.columns["date"], np.float64)
    steps = np.arange(-np.floor((date.max() - date.min()) / _STEP), np.floor(years / _STEP) + 1)
    dates = np.append(date.max() + _STEP * steps, [date.max() + years] if years % _STEP else [])
    rows = jax.tree.map(lambda column: jnp.broadcast_to(column[best], dates.shape), data.records)
    if not growing:
        return rows.replace(date=dates)
    read = {term.input for term in mean_terms(model) if isinstance(term, AbstractInputTerm)} & set(rows.columns)
    rates = {name: input_growth(data, name, direction) for name in sorted(read)}
    after = np.maximum(dates - date.max(), 0.0)
    return rows.replace(date=dates, **{name: rows.columns[name] * np.exp(rate * after) for name, rate in rates.items()})


def best_row(model: Model, data: Dataset, direction: float = 1.0) -> int:
    """Index of the row whose prediction is highest, or with ``direction=-1`` lowest.

    Raises
    ------
    ValueError
        If the table lacks a column or group that the law reads.
    """
    return int(np.argmax(direction * np.asarray(model.predict(data.bare().records))))


def require_dates(data: Dataset, what: str) -> None:
    """Raise a ``ValueError`` that says what needs dates, if the table has none."""
    if "date" not in data.records.columns:
        raise ValueError(f"{what} needs dates, and this table has none; name them with date=COLUMN")


def input_growth(data: Dataset, input: str, direction: float = 1.0) -> float:
    """Growth of an input, natural log units a year, over the rows that were the state of the art when published.

    The slope of its logarithm on the date by least squares; over all rows where fewer than three were the state of the
    art. 0 for an input that is not positive everywhere.

    Raises
    ------
    ValueError
        If the table has no dates, or no such input.
    """
    require_dates(data, "the growth of an input")
    if input not in data.records.columns:
        raise ValueError(f"the table has no column '{input}' (it has: {', '.join(data.records.columns)})")
    values, date = (np.asarray(data.records.columns[name], np.float64) for name in (input, "date"))
    rows = state_of_the_art(data, direction)
    rows = rows if rows.sum() >= _FEWEST else np.ones(len(data), bool)
    if not (values > 0).all() or np.ptp(date[rows]) == 0:
        return 0.0
    return float(np.polyfit(date[rows] - date[rows].mean(), np.log(values[rows]), 1)[0])
