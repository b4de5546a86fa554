"""Shared by the benchmarks: interleaved runs, ratios pair by pair, and one way to print a result.

On a shared machine absolute times drift by tens of per cent within minutes. Contenders therefore take turns
(A B C A B C ...), and a ratio is formed inside each turn, where both saw the same machine, before the median is taken.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import _one_thread as _one_thread
import numpy as np

_PACKAGES = ("jax", "numpy", "scipy", "numpyro", "progressfit")
_PAGE = 100

Row = dict[str, Any]
"""One line of a table: name of the column -> text or number."""


class Runs(NamedTuple):
    """What the contenders did: seconds ``(rounds,)`` and the list of their return values, both by name."""

    seconds: dict[str, np.ndarray]
    results: dict[str, list[Any]]


class Ratio(NamedTuple):
    """A ratio of times over the rounds."""

    minimum: float
    median: float
    maximum: float

    def __str__(self) -> str:
        return f"{self.median:.3g}x ({self.minimum:.3g} to {self.maximum:.3g})"


def interleave(contenders: Mapping[str, Callable[[int], Any]], rounds: int) -> Runs:
    """Let the contenders take turns; each is called with the number of the round and has to return finished work."""
    runs = Runs({name: np.zeros(rounds) for name in contenders}, {name: [] for name in contenders})
    for turn in range(rounds):
        for name, contender in contenders.items():
            begin = time.perf_counter()
            result = contender(turn)
            runs.seconds[name][turn] = time.perf_counter() - begin
            runs.results[name].append(result)
    return runs


def ratio(slow: np.ndarray, fast: np.ndarray) -> Ratio:
    """How many times longer ``slow`` took, formed within each round."""
    pairs = slow / fast
    return Ratio(float(pairs.min()), float(np.median(pairs)), float(pairs.max()))


def versions() -> dict[str, str]:
    """Versions of the interpreter and of the packages that matter here."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in _PACKAGES}}


def device() -> str:
    """The device that JAX computes on, and the number of cores."""
    import jax

    found = jax.devices()[0]
    kind = "" if found.device_kind == found.platform else f" ({found.device_kind})"
    return f"{found.platform}{kind} x {jax.device_count()}, {os.cpu_count()} cores"


def wants_json(about: str) -> bool:
    """Read the command line, which has one switch."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    return parser.parse_args().json


def show(name: str, tables: Mapping[str, Sequence[Row]], ratios: Mapping[str, Ratio], as_json: bool) -> None:
    """Print tables and ratios, with the line that says where they were measured."""
    where, what = device(), versions()
    if as_json:
        named = {key: value._asdict() for key, value in ratios.items()}
        print(json.dumps({"benchmark": name, "device": where, "versions": what, "tables": tables, "ratios": named}))
        return
    for rows in tables.values():
        print("\n".join([*table(rows), ""]))
    print("Ratios of time, pair by pair: median (least to greatest)")
    for key, value in ratios.items():
        print(f"  {key}: {value}")
    print(f"\nDevice: {where}. {', '.join(f'{key} {value}' for key, value in what.items())}")


def table(rows: Sequence[Row]) -> list[str]:
    """Lines of a Markdown table, one line for each row; turned on its side where that would be too wide for a page."""
    lines = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    if sum(map(max, (map(len, column) for column in zip(*lines, strict=True)))) > _PAGE:
        lines = [list(line) for line in zip(*lines, strict=True)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines]
    return [text[0], f"|{'|'.join('-' * (width + 2) for width in widths)}|", *text[1:]]


def _cell(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
