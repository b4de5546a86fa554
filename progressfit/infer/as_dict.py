"""Results as plain data, for JSON."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from progressfit.infer.result import Fit


def finite(value: Any) -> Any:
    """The same plain data with ``None`` for every number that is not finite, so that it is valid JSON."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def fit_dict(fit: "Fit") -> dict[str, Any]:
    """A fit as plain data, valid JSON: ``None`` stands for numbers that are not finite."""
    errors = fit.stderr()
    return finite(
        {
            "n": fit.stats["n"],
            "kind": fit.stats["objective"],
            "objective": fit.objective,
            "loss": fit.loss,
            "parameters": {path: np.asarray(value).tolist() for path, value in fit.parameters.items()},
            "std_errors": {path: np.asarray(value).tolist() for path, value in errors.items()},
            "certificate": certificate_dict(fit),
            "table": fit.stats["table"],
            "seconds": fit.stats["seconds"],
        }
    )


def certificate_dict(fit: "Fit") -> dict[str, Any]:
    """The certificate of a fit as plain data."""
    found = fit.certificate
    return {
        "converged": fit.converged,
        "result": fit.result.value,
        "gradient_norm": found.gradient_norm,
        "positive_definite": found.positive_definite,
        "condition": found.condition,
        "starts": found.starts,
        "starts_agreeing": found.starts_agreeing,
        "unfinished": found.unfinished,
        "at_bound": list(found.at_bound),
        "identification": {
            "verdict": found.identification.verdict,
            "smallest_eigenvalue": float(found.identification.eigenvalues[0]),
            "weakest_direction": found.identification.direction(),
        },
        "optima": [
            {
                "objective": optimum.objective,
                "starts": optimum.starts,
                "share": optimum.share,
                "parameters": {path: np.asarray(value).tolist() for path, value in optimum.values.items()},
            }
            for optimum in fit.optima
        ],
    }
