"""The mean of a fit as a least-squares problem, reduced to a small triangle, and the classical errors that follow."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.dataset import Dataset, Record
from progressfit.model import Model
from progressfit.params import bind, constrain

_BLOCK = 1024
_COMMON = 1e-12


@dataclasses.dataclass(frozen=True)
class LeastSquares:
    """What the linked mean and the residuals say about the parameters, whatever the noise and the priors.

    Attributes
    ----------
    root
        Triangular ``R`` with ``R' R = J' W J``, where ``J`` is the derivative of the linked mean by the unconstrained
        vector and ``W`` holds the row weights, ``(d, d)``. Columns of parameters that do not move the mean are zero.
    sum_of_squares
        Weighted sum of squared residuals on the link scale.
    rows
        Sum of the weights: a weight counts how often a row was seen.
    scales
        Smallest and largest noise scale of the rows that count.
    """

    root: np.ndarray
    sum_of_squares: float
    rows: float
    scales: tuple[float, float]

    @property
    def common_scale(self) -> bool:
        """Whether all rows scatter equally, to rounding."""
        low, high = self.scales
        return bool(high - low <= _COMMON * high)


def stacked_root(row: Callable[[jax.Array], jax.Array], rows: int, width: int) -> jax.Array:
    """The triangle ``R`` of a QR decomposition of all rows, ``(width, width)``, from a block of them at a time.

    ``row`` takes the index of a row to its part of the matrix, ``(k, width)``. Memory does not grow with the rows.
    """
    block = min(rows, _BLOCK)

    def part(index: jax.Array) -> jax.Array:
        return jnp.where(index < rows, row(jnp.minimum(index, rows - 1)), 0.0)

    def add(total: jax.Array, first: jax.Array) -> tuple[jax.Array, None]:
        new = jax.vmap(part)(first + jnp.arange(block)).reshape(-1, width)
        return jnp.linalg.qr(jnp.concatenate([total, new]), mode="r"), None

    return jax.lax.scan(add, jnp.zeros((width, width)), jnp.arange(0, rows, block))[0]


class Reduced(NamedTuple):
    """What a compiled program finds for a :class:`LeastSquares`: its root, scalars, and the two noise scales."""

    root: jax.Array
    sum_of_squares: jax.Array
    rows: jax.Array
    smallest: jax.Array
    largest: jax.Array

    def as_numbers(self) -> LeastSquares:
        """The same in NumPy and Python numbers."""
        scales = float(self.smallest), float(self.largest)
        return LeastSquares(np.asarray(self.root), float(self.sum_of_squares), float(self.rows), scales)


def reduced(spec: Model, z: jax.Array, data: Dataset, weights: jax.Array) -> Reduced:
    """The rows of a table as least squares at one unconstrained vector; for use under ``jit``.

    From the triangle of ``sqrt(W) [J, residuals]``, by orthogonal reflections of the rows themselves: ``J' J`` would
    square the condition number.

    Parameters
    ----------
    spec, z
        A prepared spec and a vector ``(d,)``.
    data, weights
        The bare table and its row weights ``(n,)``. Memory is that of a thousand rows, whatever their number.
    """
    model = bind(spec, constrain(spec, z)[0])

    def linked(vector: jax.Array, record: Record) -> jax.Array:
        return bind(spec, constrain(spec, vector)[0]).linked(record)

    def row(at: jax.Array) -> jax.Array:
        record, weight = data.records.row(at), weights[at]
        residual = model.link.forward(data.response[at]) - linked(z, record)
        scaled = jnp.sqrt(weight) * jnp.append(jax.jacfwd(linked)(z, record), residual)
        return jnp.where(weight > 0, scaled, 0.0)[None]

    triangle = stacked_root(row, len(data), z.shape[0] + 1)
    scales, counts = model.noise.scale(data.records), weights > 0
    low, high = jnp.min(jnp.where(counts, scales, jnp.inf)), jnp.max(jnp.where(counts, scales, -jnp.inf))
    return Reduced(triangle[:-1, :-1], jnp.sum(triangle[:, -1] ** 2), jnp.sum(weights), low, high)


def least_squares_covariance(found: LeastSquares, ddof: float) -> np.ndarray:
    """Classical covariance ``s^2 (J' W J)^-1`` of the unconstrained vector, ``s^2 = sum(w r^2) / (sum(w) - ddof)``.

    Returns
    -------
    Shape ``(d, d)``; NaN in rows and columns of parameters that do not move the mean, and throughout where the others
    cannot be told apart.

    Raises
    ------
    ValueError
        If ``ddof`` is negative or leaves no rows.
    """
    if not 0 <= ddof < found.rows:
        raise ValueError(
            f"ddof={ddof}: give a number from 0 (included) to the number of rows, {found.rows:g} (excluded)"
        )
    covariance = np.full_like(found.root, np.nan)
    if not np.isfinite(found.root).all():
        return covariance
    # Largest entries, not lengths: their squares could overflow.
    sizes = np.max(np.abs(found.root), axis=0)
    moving = np.flatnonzero(sizes > 0)
    columns = found.root[:, moving] / sizes[moving]
    if np.linalg.matrix_rank(columns) < len(moving):
        return covariance
    # The zero columns left out, what remains need not be square: triangular again, then inverted.
    inverse = np.linalg.inv(np.linalg.qr(columns, mode="r")) / sizes[moving, None]
    covariance[np.ix_(moving, moving)] = inverse @ inverse.T * found.sum_of_squares / (found.rows - ddof)
    return covariance
