"""Tables: results side by side, and a study's figures beside the published ones."""

import functools
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import pandas as pd

from progressfit._x64 import require_x64
from progressfit.analysis.identify import determined
from progressfit.growth import doubling_interval, doubling_time, duration, growth_rate
from progressfit.infer.result import RESULTS, Draws, Fit
from progressfit.model import Model
from progressfit.studies.base import Quantity, StudyResult

_PAGE = 110
_ROUNDING = 1e-12


def summary(results: Mapping[str, Fit | Draws], of: Callable[[Model], Any], level: float = 0.95) -> pd.DataFrame:
    """Put one or several derived quantities from several results side by side.

    Parameters
    ----------
    results
        Name -> :class:`progressfit.Fit` or :class:`progressfit.Draws`.
    of
        A function of one model that returns a number or a (possibly nested) dictionary of numbers.
    level
        Coverage of the central intervals.

    Returns
    -------
    One row for each result and quantity: ``estimate`` (of a fit, or the median of certified draws), ``low``, ``high``,
    ``level``, ``interval`` (its kind), ``draws``, ``failed``, ``undefined`` (certified draws whose quantity is not
    finite; left out of the interval), ``not_positive`` (share of draws not above 0), ``data_say``: whether the
    likelihood determines the quantity (where it does not, the numbers are left empty), and ``certified``. With
    :func:`progressfit.growth_rate` (or a ``functools.partial`` of it) as ``of``, the growth factor a year, orders of
    magnitude a year and the doubling time follow, the latter by :func:`progressfit.doubling_interval`.
    """
    require_x64()
    if not 0 < level < 1:
        raise ValueError(f"level={level}: give a fraction strictly between 0 and 1")
    rows = [row for name, result in results.items() for row in _rows(name, result, of, level)]
    table = pd.DataFrame(rows)
    if _is_rate(of):
        table = table.assign(
            x_per_year=np.exp(table["estimate"]),
            magnitudes_per_year=table["estimate"] / np.log(10),
            doubling=[_doubling(row) for row in table.to_dict("records")],
        )
    return table.set_index(["result", "quantity"])


def _is_rate(of: Callable[[Model], Any]) -> bool:
    return (of.func if isinstance(of, functools.partial) else of) is growth_rate


def _rows(name: str, result: Fit | Draws, of: Callable[[Model], Any], level: float) -> list[dict[str, Any]]:
    values, verdicts = _named(result.map(of), of), _named(determined(result, of), of)
    fit = result.origin if isinstance(result, Draws) else result
    rows = []
    # In the user's order: mapped over draws, a dictionary comes back with its keys sorted.
    for quantity in _named(fit.map(of), of):
        verdict = str(np.asarray(verdicts[quantity]))
        numbers = _numbers(result, np.asarray(values[quantity]), level)
        certified = result.result is RESULTS.CONVERGED
        row = {"result": name, "quantity": quantity, **numbers, "data_say": verdict, "certified": certified}
        if verdict == "not identified":
            row |= dict.fromkeys(("estimate", "low", "high", "not_positive"), np.nan)
        rows.append(row)
    return rows


def _named(tree: Any, of: Callable[..., Any]) -> dict[str, Any]:
    """Leaves of a nested dictionary by slash-separated name; a single number under the name of its function."""
    if isinstance(tree, Mapping):
        return {
            f"{key}/{inner}" if isinstance(value, Mapping) else str(key): leaf
            for key, value in tree.items()
            for inner, leaf in (_named(value, of).items() if isinstance(value, Mapping) else [(str(key), value)])
        }
    leaves = jax.tree.leaves(tree)
    if len(leaves) != 1:
        raise ValueError("summary needs a function that returns one number or a dictionary of numbers")
    inner = of.func if isinstance(of, functools.partial) else of
    return {getattr(inner, "__name__", "value"): leaves[0]}


def _numbers(result: Fit | Draws, value: np.ndarray, level: float) -> dict[str, Any]:
    if isinstance(result, Fit):
        nothing = {
            "low": np.nan,
            "high": np.nan,
            "level": np.nan,
            "interval": "",
            "draws": 0,
            "failed": 0,
            "undefined": 0,
        }
        return {"estimate": float(value), **nothing, "not_positive": np.nan}
    certified = value[result.ok]
    if len(certified) == 0:
        raise ValueError(
            f"none of the {len(result)} draws is certified, so there is no interval: {result.result.value}"
        )
    finite = certified[np.isfinite(certified)]
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2]) if len(finite) else (np.nan, np.nan)
    return {
        "estimate": float(np.median(finite)) if len(finite) else np.nan,
        "low": float(low),
        "high": float(high),
        "level": level,
        "interval": result.kind,
        "draws": len(result),
        "failed": result.failed,
        "undefined": len(certified) - len(finite),
        "not_positive": float(np.mean(~(certified > 0))),
    }


def _doubling(row: Mapping[str, Any]) -> str:
    if row["data_say"] == "not identified":
        return "not identified"
    unsure = "" if row["certified"] else " (not certified)"
    if row["interval"]:
        return doubling_interval(row["low"], row["high"]).text + unsure
    estimate = row["estimate"]
    if not np.isfinite(estimate):
        return "not defined" + unsure
    return (duration(float(doubling_time(estimate))) if estimate > 0 else "no progress") + unsure


def figures_frame(result: StudyResult) -> pd.DataFrame:
    """All figures of a study as a data frame, one row each."""
    return pd.DataFrame([_figure(quantity) for quantity in result.quantities])


def _figure(quantity: Quantity) -> dict[str, Any]:
    low, high = quantity.interval or (None, None)
    published_low, published_high = quantity.published_interval or (None, None)
    return {
        "name": quantity.name,
        "published": quantity.published,
        "value": quantity.value,
        "low": low,
        "high": high,
        "level": quantity.level,
        "kind": quantity.kind,
        "published_low": published_low,
        "published_high": published_high,
        "unit": quantity.unit,
        "agrees": quantity.agrees,
        "why": quantity.why,
        **_marginal(quantity),
    }


def _marginal(quantity: Quantity) -> dict[str, float | None]:
    names = ("posterior_median", "posterior_low", "posterior_high")
    found = quantity.posterior
    return dict(zip(names, (None,) * 3 if found is None else (found.median, found.low, found.high), strict=True))


def figures_text(result: StudyResult) -> str:
    """All figures of a study as text, published beside found; reasons below the figures they belong to."""
    sections = {q.section: [p for p in result.quantities if p.section == q.section] for q in result.quantities}
    labels = {name: label for section in sections.values() for name, label in _labels(section).items()}
    width = max(map(len, labels.values()))
    lines = [f"  {'':{width}}  {'published':>11}  {'found':>11}  agrees"]
    for title, section in sections.items():
        lines += ["", title]
        for quantity in section:
            lines.append(f"  {labels[quantity.name]:{width}}  {_figure_line(quantity)}")
            if quantity.why and quantity.agrees is not True:
                lines += wrapped(quantity.why, "      ")
    return "\n".join(lines)


def wrapped(text: str, indent: str = "") -> list[str]:
    """A paragraph as lines that fit a page, indented throughout."""
    return textwrap.wrap(text, _PAGE, initial_indent=indent, subsequent_indent=indent)


def _labels(section: list[Quantity]) -> dict[str, str]:
    """Names shown in one section: without the part before the slash where the whole section shares it."""
    prefixes = {quantity.name.rpartition("/")[0].partition("/")[0] for quantity in section}
    shared = prefixes.pop() + "/" if len(prefixes) == 1 else "/"
    return {quantity.name: quantity.name.removeprefix(shared) for quantity in section}


def _figure_line(quantity: Quantity) -> str:
    agrees = {True: "yes", False: "NO", None: "-"}[quantity.agrees]
    span = ""
    if quantity.interval is not None:
        low, high = quantity.interval
        span = f"[{_clean(low):.4g}, {_clean(high):.4g}] {quantity.level:.0%} {quantity.kind}"
    if quantity.published_interval is not None:
        low, high = quantity.published_interval
        span += f"{'; ' if span else ''}published [{low:.4g}, {high:.4g}]"
    if quantity.posterior is not None:
        found = quantity.posterior
        ends = f"[{_clean(found.low):.4g}, {_clean(found.high):.4g}] {found.level:.0%}"
        span += f"{'; ' if span else ''}{found.kind} {_clean(found.median):.4g} {ends}"
    numbers = f"{_number(quantity.published):>11}  {_number(quantity.value):>11}"
    return f"{numbers}  {agrees:<6}  {span}".rstrip()


def _number(value: float | None) -> str:
    return "-" if value is None else f"{_clean(value):.6g}"


def _clean(value: float) -> float:
    """Zero where only rounding is left."""
    return 0.0 if abs(value) < _ROUNDING else value
