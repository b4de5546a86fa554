"""Which factor of a full factorial table moves its values: shares of variance, by analysis of variance."""

from typing import NamedTuple

import numpy as np


class Effects(NamedTuple):
    """Shares of the variance of a full factorial table, ``(factors,)`` each.

    Attributes
    ----------
    names
        Of the factors.
    alone
        Share that the factor's own means account for (first-order Sobol index).
    total
        Share that is left when everything but the factor is held fixed, on average (total Sobol index): its own share
        and all interactions that it takes part in.
    """

    names: tuple[str, ...]
    alone: np.ndarray
    total: np.ndarray


def variance_shares(names: tuple[str, ...], values: np.ndarray) -> Effects:
    """Shares of the variance of a table with one axis for each factor, all its cells counting the same.

    Parameters
    ----------
    names
        Of the factors.
    values
        A number for each combination of levels, one axis for each factor; cells that are NaN are left out of every
        mean, so shares then hold approximately.

    Returns
    -------
    :class:`Effects`; NaN where nothing varies. The shares ``alone`` add up to at most 1, the shares ``total`` to at
    least 1 where the table is complete (Saltelli et al. 2008, "Global Sensitivity Analysis", chapter 4).

    Raises
    ------
    ValueError
        If the table has not one axis for each name.
    """
    if values.ndim != len(names):
        raise ValueError(f"the table has {values.ndim} axes, but there are {len(names)} factors")
    known = np.isfinite(values)
    overall = np.var(values[known]) if known.any() else np.nan
    if not overall > 0:
        nothing = np.full(len(names), np.nan)
        return Effects(names, nothing, nothing)
    alone, total = [], []
    for axis in range(values.ndim):
        table = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
        own = np.isfinite(table)
        counts = own.sum(axis=1)
        means = np.where(own, table, 0.0).sum(axis=1)[counts > 0] / counts[counts > 0]
        grand = np.average(means, weights=counts[counts > 0])
        alone.append(np.average((means - grand) ** 2, weights=counts[counts > 0]) / overall)
        full = table[:, own.sum(axis=0) > 0]
        within = [np.var(column[np.isfinite(column)]) for column in full.T]
        total.append(np.average(within, weights=np.isfinite(full).sum(axis=0)) / overall)
    return Effects(names, np.array(alone), np.array(total))
