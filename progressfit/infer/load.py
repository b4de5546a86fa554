"""Fits and draws from the file that their ``save`` wrote."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp

from progressfit._x64 import require_x64
from progressfit.infer.diagnose import Diagnosis, Worst
from progressfit.infer.identification import Identification, Runaway
from progressfit.infer.least_squares import LeastSquares
from progressfit.infer.packed import unpack
from progressfit.infer.result import Certificate, Draws, Fit, Optimum
from progressfit.infer.save import PARTS, SPEC
from progressfit.infer.stored import read
from progressfit.model import Model
from progressfit.params import bind, numeric
from progressfit.spec.errors import SpecError
from progressfit.spec.functions import Functions
from progressfit.spec.text import from_toml


def load(path: str | Path, *, functions: Functions | None = None) -> Fit | Draws:
    """Read a fit or draws that their ``save`` wrote; everything works on them that works on the originals.

    Nothing in the file is run, and what has been changed since it was saved is refused.

    Parameters
    ----------
    path
        The file.
    functions
        The functions of your own in the spec, by qualified name: ``{"module:name": fn}``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it was not written by ``save``, is damaged, or needs functions that are not given.
    """
    require_x64()
    stored = read(Path(path))
    try:
        spec = numeric(from_toml(stored.texts[SPEC], functions=functions or {}))
        found = unpack(json.loads(stored.texts[PARTS]), stored.arrays, _kinds(spec))
    except SpecError as error:
        raise ValueError(f"'{path}': its spec cannot be read: {error}") from None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise ValueError(f"'{path}' is damaged, or of another version of progressfit ({error!r})") from None
    if not isinstance(found, Fit | Draws) or type(found).__name__ != stored.content:
        raise ValueError(f"'{path}' holds neither a fit nor draws")
    return found


def _kinds(spec: Model) -> dict[str, Callable[..., Any]]:
    """What makes each class from its kept fields."""

    def fit(**fields: Any) -> Fit:
        values = {path: jnp.asarray(value) for path, value in fields["optima"][0].values.items()}
        return Fit(spec=spec, model=bind(spec, values), **fields)

    def draws(values: Any, **fields: Any) -> Draws:
        return Draws(values={path: jnp.asarray(value) for path, value in values.items()}, **fields)

    return {
        "Fit": fit,
        "Draws": draws,
        "Optimum": Optimum,
        "Certificate": Certificate,
        "Runaway": Runaway,
        "Identification": Identification,
        "LeastSquares": LeastSquares,
        "Diagnosis": Diagnosis,
        "Worst": Worst,
    }
