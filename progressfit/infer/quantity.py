"""What a profile is of: one free parameter by its path, or a function of one model."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.compiled import compiled
from progressfit.infer.constrained import Measure, quantity_of
from progressfit.infer.points import stack_values
from progressfit.infer.result import Fit
from progressfit.model import Model
from progressfit.params import Tied, coordinate_names, free_leaves, leaves

# A gradient below this, relative to the value and for a move by one typical size, is rounding.
_CONSTANT = 1e-12


@dataclasses.dataclass(frozen=True)
class Quantity:
    """A scalar that the unconstrained vector determines.

    Attributes
    ----------
    name
        The path, or the function's name.
    measure, direction
        The function of a model; or, for a parameter, ``None`` and the signed unit vector ``(d,)`` of its coordinate,
        so that all parameters share one compiled program.
    reported
        From the coordinate that is profiled to the parameter itself, increasing, elementwise; a function is its own.
    """

    name: str
    measure: Measure | None
    direction: np.ndarray
    reported: Callable[[np.ndarray], np.ndarray]


def resolve(of: Any, point: Fit) -> Quantity:
    """The quantity that ``of`` names.

    Raises
    ------
    ValueError
        If the path is not a free scalar parameter, or the function does not return one real number.
    """
    if isinstance(of, str):
        return _coordinate(of, point)
    if not callable(of):
        raise ValueError(f"of={of!r}: give the dotted path of a parameter, or a function of one model")
    measure: Any = of
    name = getattr(of, "__name__", None) or repr(of)
    found = jax.tree.leaves(jax.eval_shape(of, point.model))
    if len(found) != 1 or found[0].shape != () or not jnp.issubdtype(found[0].dtype, jnp.floating):
        shapes = ", ".join(f"{leaf.dtype}{list(leaf.shape)}" for leaf in found)
        raise ValueError(f"'{name}' has to return one real number (a scalar) to be profiled; it returns {shapes}")
    return Quantity(name, measure, np.zeros(len(point.optima[0].z)), lambda u: u)


@dataclasses.dataclass(frozen=True)
class Entry:
    """One entry of a parameter as a function of a model; equal ones are equal, so that programs are compiled once."""

    path: str
    index: int

    def __call__(self, model: Model) -> jax.Array:
        """The number at this place of the tree."""
        return jnp.ravel(jnp.asarray(leaves(model)[self.path]))[self.index]


def measured(of: Any, point: Fit) -> tuple[str, Measure]:
    """Name and function of the quantity that ``of`` names, a parameter in its own space; see :func:`resolve`."""
    quantity = resolve(of, point)
    if quantity.measure is not None:
        return quantity.name, quantity.measure
    path, _, index = quantity.name.removesuffix("]").partition("[")
    return quantity.name, Entry(path, int(index or 0))


def _coordinate(path: str, point: Fit) -> Quantity:
    spec, names = point.spec, coordinate_names(point.spec)
    if path not in names:
        raise ValueError(_why_not(path, spec))
    index, bare = names.index(path), re.sub(r"\[[^\]]*\]$", "", path)
    leaf = next(leaf for leaf in free_leaves(spec) if leaf.path in (path, bare))
    if leaf.prior.event_shape != ():
        raise ValueError(f"the entries of '{leaf.path}' depend on each other; give a function of the model instead")
    best, offset = point.optima[0].z, index - leaf.start

    def raw(z: np.ndarray) -> np.ndarray:
        moved = np.tile(best, (len(z), 1))
        moved[:, index] = z
        return np.asarray(stack_values(spec, moved)[leaf.path]).reshape(len(z), -1)[:, offset]

    low, high = raw(best[index] + np.array([-0.5, 0.5]))
    sign = 1.0 if high > low else -1.0
    return Quantity(path, None, sign * np.eye(len(best))[index], lambda u: raw(sign * np.asarray(u)))


def _why_not(path: str, spec: Model) -> str:
    names, found = coordinate_names(spec), leaves(spec)
    inside = [name for name in names if name.startswith(f"{path}[")]
    if inside:
        return f"'{path}' is not a scalar; profile one entry of it: {inside[0]} to {inside[-1]}"
    if isinstance(found.get(path), Tied):
        return f"'{path}' is tied; profile '{found[path].path}' instead"
    if path in found:
        return f"'{path}' is fixed in this spec, so it has no profile; the free parameters are: {', '.join(names)}"
    return f"no parameter '{path}' in this spec; the free parameters are: {', '.join(names)}"


@compiled("measure")
def quantity_and_gradient(
    spec: Model, z: jax.Array, direction: jax.Array, measure: Measure | None
) -> tuple[jax.Array, jax.Array]:
    """Value ``(k,)`` and gradient ``(k, d)`` of a quantity at several unconstrained vectors ``(k, d)``."""
    return jax.vmap(jax.value_and_grad(quantity_of(spec, direction, measure)))(z)


def require_varying(quantity: Quantity, value: float, gradient: np.ndarray, scale: np.ndarray) -> None:
    """Raise unless a quantity is finite at the fit and moves when parameters do."""
    if not np.isfinite(value):
        raise ValueError(f"'{quantity.name}' is {value} at the fit, so it cannot be profiled there")
    if not np.isfinite(gradient).all():
        raise ValueError(f"the derivative of '{quantity.name}' is not finite at the fit, so it cannot be profiled")
    if np.linalg.norm(gradient * scale) <= _CONSTANT * abs(value):
        raise ValueError(f"'{quantity.name}' does not change with any free parameter at the fit; nothing to profile")
