"""Tables that were never collected: the rows of a real one, more or fewer of them, with other dates and other data.

A design says what differs. Rows are drawn evenly (every row once before any row twice), so that a design of the
table's own length is the table itself. The correlation of the date with an input is set by mixing: with both
standardised, ``date = correlation * input + sqrt(1 - correlation^2) * (what is left of the date)``. Mean and standard
deviation of the dates stay, inputs stay with each other, and the correlation holds exactly in every table.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from progressfit.dataset import Dataset

OWN = float("nan")
"""As in the table itself."""

_LEFT = 1e-9
_TRIES = 100


class Design(NamedTuple):
    """What a simulated table looks like.

    Attributes
    ----------
    rows
        Number of rows.
    correlation
        Of the date with (the logarithm of) the input, from -1 to 1; NaN for the table's own dates.
    share
        Share of the rows with the commonest value of one column, such as one training set; NaN for the table's own.
    noise
        Factor on the scale of the noise.
    """

    rows: int
    correlation: float = OWN
    share: float = OWN
    noise: float = 1.0


class Layout(NamedTuple):
    """The inputs of all simulated tables, padded to one length with rows of weight 0.

    ``taken`` says which row of the real table each row is, ``(m, n)``; ``weights`` and ``dates`` are ``(m, n)``.
    """

    taken: np.ndarray
    weights: np.ndarray
    dates: np.ndarray


def designs(
    rows: int | Sequence[int],
    correlation: float | Sequence[float] = OWN,
    share: float | Sequence[float] = OWN,
    noise: float | Sequence[float] = 1.0,
) -> tuple[Design, ...]:
    """Every combination of the given values as a :class:`Design`; add several of these up for other sets.

    Parameters
    ----------
    rows
        Whole numbers of rows.
    correlation
        Of the date with the (logarithm of the) input, from -1 to 1; NaN for the table's own dates.
    share
        Of the rows with the commonest value of a column, between 0 and 1; NaN for the table's own.
    noise
        Factors on the scale of the noise.

    Raises
    ------
    ValueError
        If a number of rows is not whole. All else is checked against a table, by :func:`progressfit.recover`.
    """
    sizes = np.asarray(rows, np.float64)
    if not (np.isfinite(sizes) & (sizes == np.round(sizes))).all():
        raise ValueError(f"rows={rows}: give whole numbers of rows")
    values = [np.atleast_1d(np.asarray(one, np.float64)).tolist() for one in (rows, correlation, share, noise)]
    return tuple(Design(int(n), *rest) for n, *rest in itertools.product(*values))


def check_designs(wanted: Iterable[Design], least: int) -> tuple[Design, ...]:
    """The designs, if every one of them can be simulated.

    Raises
    ------
    ValueError
        If there is none, or one is out of range.
    """
    found = tuple(wanted)
    if not found:
        raise ValueError("no designs were given; make some with designs(rows=[100, 200], correlation=[0.0, 0.5])")
    for one in found:
        if one.rows < least:
            raise ValueError(f"{one}: give at least {least} rows, one more than there are parameters")
        if abs(one.correlation) > 1:
            raise ValueError(f"{one}: a correlation lies between -1 and 1")
        if not (np.isnan(one.share) or 0 < one.share < 1):
            raise ValueError(f"{one}: a share of rows lies strictly between 0 and 1")
        if not (np.isfinite(one.noise) and one.noise > 0):
            raise ValueError(f"{one}: the factor on the noise has to be positive")
    return found


def lay_out(
    data: Dataset,
    kept: np.ndarray,
    input: str,
    common: np.ndarray | None,
    wanted: Sequence[Design],
    replicates: int,
    rng: np.random.Generator,
) -> Layout:
    """Rows and dates of all replicates of all designs, ``m = designs x replicates``.

    Parameters
    ----------
    data, kept
        The real table, and which of its rows may be drawn, ``(n,)``.
    input
        The positive column with whose logarithm the date is to correlate (itself, if it is not positive).
    common
        Rows with the commonest value of a column, ``(n,)``; ``None`` if no design asks for a share.
    wanted, replicates, rng
        The designs, tables of each, and where chance comes from.

    Raises
    ------
    ValueError
        If a correlation is asked for, and so few rows share one date or one input however they are drawn.
    """
    length = max(one.rows for one in wanted)
    columns = data.records.columns
    x = np.asarray(columns[input], np.float64)
    x = np.log(x) if (x > 0).all() else x
    date = np.asarray(columns["date"], np.float64)
    parts = []
    for one in wanted:
        index = _drawn(np.flatnonzero(kept), common, one, replicates, rng)
        if not np.isnan(one.correlation):
            for _ in range(_TRIES):
                # Rows that all share a date or an input correlate with nothing: they are drawn again.
                still = (np.ptp(x[index], axis=1) == 0) | (np.ptp(date[index], axis=1) == 0)
                if not still.any():
                    break
                index[still] = _drawn(np.flatnonzero(kept), common, one, int(still.sum()), rng)
            else:
                raise _too_few(one, input)
        dates = date[index]
        if not np.isnan(one.correlation):
            dates = _mixed(x[index], dates, one, input, rng)
        missing = length - one.rows
        filled = np.concatenate([index, np.repeat(index[:, :1], missing, axis=1)], axis=1)
        weights = np.broadcast_to(np.arange(length) < one.rows, filled.shape).astype(np.float64)
        parts.append(Layout(filled, weights, np.concatenate([dates, np.repeat(dates[:, :1], missing, axis=1)], axis=1)))
    return Layout(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _drawn(
    rows: np.ndarray, common: np.ndarray | None, one: Design, replicates: int, rng: np.random.Generator
) -> np.ndarray:
    """Positions of the rows of every replicate, ``(replicates, rows)``."""
    if np.isnan(one.share) or common is None:
        return _evenly(rows, one.rows, replicates, rng)
    of_it = int(np.clip(round(one.share * one.rows), 1, one.rows - 1))
    inside, outside = rows[common[rows]], rows[~common[rows]]
    return np.concatenate(
        [_evenly(inside, of_it, replicates, rng), _evenly(outside, one.rows - of_it, replicates, rng)], axis=1
    )


def _evenly(rows: np.ndarray, count: int, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` of the rows for every replicate: all of them once, in random order, before any comes again."""
    rounds = -(-count // len(rows))
    return np.concatenate([rng.permuted(np.tile(rows, (replicates, 1)), axis=1) for _ in range(rounds)], axis=1)[
        :, :count
    ]


def _standard(x: np.ndarray) -> np.ndarray:
    away = x - x.mean(axis=1, keepdims=True)
    return away / np.sqrt(np.mean(away**2, axis=1, keepdims=True))


def _too_few(one: Design, input: str) -> ValueError:
    return ValueError(f"{one}: so few rows have too few dates or values of {input} for a correlation; give more rows")


def _mixed(x: np.ndarray, dates: np.ndarray, one: Design, input: str, rng: np.random.Generator) -> np.ndarray:
    """Dates ``(replicates, n)`` with the same mean and spread and the design's correlation with ``x``."""
    z, t = _standard(x), _standard(dates)
    left = t - np.mean(z * t, axis=1, keepdims=True) * z
    for _ in range(_TRIES):
        # Where the date is a function of the input nothing is left of it: other rows' dates stand in.
        none = np.mean(left**2, axis=1) < _LEFT
        if not none.any():
            break
        other = rng.permuted(t, axis=1)
        left[none] = (other - np.mean(z * other, axis=1, keepdims=True) * z)[none]
    else:
        raise _too_few(one, input)
    mixture = one.correlation * z + np.sqrt(1 - one.correlation**2) * _standard(left)
    spread = np.sqrt(np.mean((dates - dates.mean(axis=1, keepdims=True)) ** 2, axis=1, keepdims=True))
    return dates.mean(axis=1, keepdims=True) + spread * mixture
