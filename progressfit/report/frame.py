"""Parameters and draws as tidy data frames, from which ``to_csv`` and ``to_json`` are one call."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from progressfit.infer.result import Draws, Fit
from progressfit.params import entry_names


def frame(found: Fit | Draws, *, level: float = 0.95) -> pd.DataFrame:
    """One row for each parameter (each entry of an array): the table that papers print.

    Parameters
    ----------
    found
        A fit, or draws around one.
    level
        Coverage of the intervals of draws.

    Returns
    -------
    ``parameter``, ``estimate`` (best optimum) and ``std_error``: of a fit, from its curvature, NaN where that says
    nothing; of draws, the standard deviation of the certified ones, and also the ends ``low`` and ``high`` of their
    central interval, with its ``level`` and ``kind``.

    Raises
    ------
    ValueError
        If the level is not strictly between 0 and 1, or no draw is certified.
    """
    if not 0 < level < 1:
        raise ValueError(f"level={level}: give a fraction strictly between 0 and 1")
    fit = found.origin if isinstance(found, Draws) else found
    names = [name for path, value in fit.parameters.items() for name in entry_names(fit.spec, path, np.shape(value))]
    columns = {"parameter": names, "estimate": _stacked(fit.parameters)}
    if isinstance(found, Fit):
        return pd.DataFrame(columns | {"std_error": _stacked(found.stderr())})
    draws = _certified(found)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    spread = {"std_error": np.std(draws, axis=0, ddof=1 if len(draws) > 1 else 0), "low": low, "high": high}
    return pd.DataFrame(columns | spread | {"level": level, "kind": found.kind})


def draws_frame(draws: Draws) -> pd.DataFrame:
    """One row for each draw, certified or not: what is said of it, then a column for each parameter.

    Returns
    -------
    ``draw``, ``chain``, ``certified``, ``negative_log_density``, ``optimum`` (the nearest, 1 is the fit) and the
    parameters by name.
    """
    count = len(draws)
    said = {
        "draw": np.arange(count),
        "chain": np.arange(count) // max(count // draws.chains, 1),
        "certified": draws.ok,
        "negative_log_density": draws.objective,
        "optimum": np.asarray(draws.mode) + 1,
    }
    return pd.DataFrame(said | draw_columns(draws))


def draw_columns(draws: Draws) -> dict[str, np.ndarray]:
    """Each entry of each parameter over all draws, ``(draws,)`` by name, in the order of the fit."""
    found: dict[str, np.ndarray] = {}
    for path in draws.origin.parameters:
        values = np.asarray(draws.values[path])
        names = entry_names(draws.spec, path, values.shape[1:])
        found |= dict(zip(names, values.reshape(len(draws), -1).T, strict=True))
    return found


def parameter_rows(
    fit: Fit, errors: Mapping[str, np.ndarray], draws: Draws | None, level: float
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Path, name and ``(estimate, standard error, low, high)`` of each entry of each parameter at the best optimum.

    Parameters
    ----------
    fit
        The fit.
    errors
        Standard errors by path; NaN stands for those that are missing.
    draws, level
        Draws whose certified ones give the central interval; NaN without any.
    """
    found = intervals(draws, level)
    for path, value in fit.parameters.items():
        nothing = np.full(np.shape(value), np.nan)
        table = np.stack([value, errors.get(path, nothing), *found.get(path, (nothing, nothing))]).reshape(4, -1).T
        names = entry_names(fit.spec, path, np.shape(value))
        yield from ((path, name, row) for name, row in zip(names, table, strict=True))


def intervals(draws: Draws | None, level: float) -> dict[str, np.ndarray]:
    """Central intervals of the parameters over certified draws: path -> ``(2, ...)``; empty without such draws."""
    if draws is None or not draws.ok.any():
        return {}
    edges = [(1 - level) / 2, (1 + level) / 2]
    # In the order of the fit: mapped over replicates, a dictionary comes back with its keys sorted.
    return {
        path: np.quantile(np.asarray(draws.values[path])[draws.ok], edges, axis=0) for path in draws.origin.parameters
    }


def _stacked(values: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(value) for value in values.values()])


def _certified(draws: Draws) -> np.ndarray:
    """The certified draws, ``(draws, parameters)``, in the order of the fit."""
    if not draws.ok.any():
        raise ValueError(f"none of the {len(draws)} draws is certified: {draws.result.value}")
    found = [np.asarray(draws.values[path])[draws.ok] for path in draws.origin.parameters]
    return np.concatenate([values.reshape(len(values), -1) for values in found], axis=1)
