"""A spec as plain text: each leaf's number or prior by dotted path, in the notation of the command line."""

from typing import Any

import numpy as np

from progressfit.model import Model
from progressfit.notation import NotationError, write_prior
from progressfit.params import Tied, leaves


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
    """One prior as text; what the notation has a form for, it reads back to the same prior."""
    try:
        return write_prior(prior)
    except NotationError:
        return _described(prior)


def _described(prior: Any) -> str:
    """A prior that the notation has no form for: its name in numpyro and its numbers."""
    kind = type(prior).__name__
    if kind == "ExpandedDistribution":
        return f"{prior_text(prior.base_dist)} for each of {int(np.prod(prior.shape()))}"
    if kind == "Independent":
        return prior_text(prior.base_dist)
    if kind == "ImproperUniform":
        return "flat"
    numbers = (getattr(prior, name, None) for name in prior.arg_constraints)
    return f"{kind}({', '.join(str(np.asarray(number).tolist()) for number in numbers if number is not None)})"
