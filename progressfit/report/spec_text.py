"""A spec as plain text: each leaf's number or prior by dotted path, in the notation of the command line."""

from typing import Any

import numpy as np

from progressfit.model import Model
from progressfit.params import Tied, leaves

# Name of the distribution -> its name in the notation, and its parameters in that order.
_FORMS = {
    "Normal": ("normal", ("loc", "scale")),
    "LogNormal": ("lognormal", ("loc", "scale")),
    "HalfNormal": ("half_normal", ("scale",)),
    "HalfCauchy": ("half_cauchy", ("scale",)),
    "StudentT": ("student_t", ("df", "loc", "scale")),
    "Cauchy": ("cauchy", ("loc", "scale")),
    "Laplace": ("laplace", ("loc", "scale")),
    "Uniform": ("uniform", ("low", "high")),
    "Gamma": ("gamma", ("concentration", "rate")),
    "Exponential": ("exponential", ("rate",)),
    "Beta": ("beta", ("concentration1", "concentration0")),
}
_TRUNCATED = ("TwoSidedTruncatedDistribution", "LeftTruncatedDistribution", "RightTruncatedDistribution")
_COPIES = ("ExpandedDistribution", "Independent")


def spec_dict(spec: Model) -> dict[str, Any]:
    """Plain data that say what a spec is.

    Returns
    -------
    ``link`` and ``noise`` by name, and ``leaves``: a number (or list), or text such as "normal(0, 1)", "tied to PATH".
    """
    return {
        "link": type(spec.link).__name__,
        "noise": type(spec.noise).__name__,
        "leaves": {path: _leaf(leaf) for path, leaf in leaves(spec).items()},
    }


def _leaf(leaf: Any) -> Any:
    if isinstance(leaf, Tied):
        return f"tied to {leaf.path}"
    return prior_text(leaf) if hasattr(leaf, "log_prob") else np.asarray(leaf).tolist()


def prior_text(prior: Any) -> str:
    """One prior as text; what the command line can read, it reads back to the same prior."""
    kind = type(prior).__name__
    if kind in _COPIES:
        inner = prior_text(prior.base_dist)
        return f"{inner} for each of {int(np.prod(prior.shape()))}" if kind == "ExpandedDistribution" else inner
    if kind == "ImproperUniform":
        return "flat"
    if kind in _TRUNCATED and type(prior.base_dist).__name__ == "Normal":
        return _truncated_normal(prior)
    name, parameters = _FORMS.get(kind, (kind, tuple(prior.arg_constraints)))
    return f"{name}({', '.join(_number(getattr(prior, parameter)) for parameter in parameters)})"


def _truncated_normal(prior: Any) -> str:
    edges = (getattr(prior, "low", -np.inf), getattr(prior, "high", np.inf))
    numbers = (prior.base_dist.loc, prior.base_dist.scale, *edges)
    return f"truncated_normal({', '.join(map(_number, numbers))})"


def _number(value: Any) -> str:
    """All digits of a number, or a list of them."""
    found = np.asarray(value, np.float64)
    return repr(float(found)) if found.ndim == 0 else str(found.tolist())
