"""Plain data: what every JSON object of the package has in common."""

import math
from typing import Any

VERSIONED = ("progressfit", "jax", "jaxlib", "numpyro", "equinox", "optimistix", "numpy", "pandas")
"""Packages whose versions are written beside every answer."""


def finite(value: Any) -> Any:
    """The same plain data with ``None`` for every number that is not finite, so that it is valid JSON."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
