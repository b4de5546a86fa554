"""What pictures read from results: certified numbers with their interval, the quantity's name, the results' names."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from progressfit.infer.result import Draws, Fit


class Span(NamedTuple):
    """A number with a central interval, and what both are, in words; ``draws`` are the numbers behind it, ``(m,)``.

    ``low`` and ``high`` are NaN for a point fit; ``left_out`` counts draws that are not certified or not finite.
    """

    middle: float
    low: float
    high: float
    about: str
    draws: np.ndarray
    left_out: int


def span(result: Fit | Draws, values: Any, level: float) -> Span:
    """The number of a fit, or the median and central interval of certified draws; ``values`` as ``map`` gave them."""
    numbers = np.asarray(values, np.float64)
    if isinstance(result, Fit):
        return Span(float(numbers), np.nan, np.nan, "best fit", np.empty(0), 0)
    kept = numbers[result.ok & np.isfinite(numbers)]
    if len(kept) == 0:
        raise ValueError(f"none of the {len(result)} draws is certified and finite: {result.result.value}")
    low, middle, high = np.quantile(kept, [(1 - level) / 2, 0.5, (1 + level) / 2])
    return Span(middle, low, high, f"{level:.0%} {result.kind}", kept, len(numbers) - len(kept))


def named_results(results: Any, kinds: tuple[type, ...], where: str) -> dict[str, Any]:
    """Results by name; one alone goes by what it is.

    Raises
    ------
    TypeError
        If a result is of none of these kinds.
    """
    if isinstance(results, kinds):
        found = {str(getattr(results, "kind", "best fit")): results}
    else:
        found = dict(results) if isinstance(results, Mapping) else {"": results}
    allowed = ", ".join(kind.__name__ for kind in kinds)
    for name, result in found.items():
        if not isinstance(result, kinds):
            under = f" under the name '{name}'" if name else ""
            raise TypeError(
                f"pf.plot.{where} cannot draw a {type(result).__name__}{under}; give one of {allowed}, or a dictionary "
                "of them by name"
            )
    if not found:
        raise ValueError(f"pf.plot.{where} has nothing to draw: the dictionary is empty")
    return found


def require_level(level: float) -> None:
    """Raise unless ``level`` is a fraction strictly between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level={level}: give a fraction strictly between 0 and 1")


def name_of(of: Any) -> str:
    """The name of a quantity: a path itself, a function's name, that of what a ``functools.partial`` wraps."""
    if isinstance(of, str):
        return of
    return getattr(getattr(of, "func", of), "__name__", "value")
