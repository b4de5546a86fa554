"""Expected Fisher information of the likelihood, and the verdict on identification.

Priors keep every posterior proper, so what the data determine can only be judged on the likelihood. The information of
a standardised response about the noise's own parameters (location, scale, shape) is integrated numerically, once; the
chain rule carries it to the free parameters, row by row.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.compiled import compiled
from progressfit.dataset import Dataset, Record
from progressfit.infer.identification import NOT_IDENTIFIED, WEAK, Identification
from progressfit.infer.least_squares import LeastSquares, Reduced, reduced, stacked_root
from progressfit.model import Model
from progressfit.params import Numbers, bind, constrain, coordinate_names, is_fixed, priors

# Nodes of a sinh-stretched trapezoidal rule: dense about the location, reaching a million scales for heavy tails.
_STEP = 0.05
# No node at zero, where the score of a kinked density jumps.
_T = (np.arange(-290, 290) + 0.5) * _STEP
_NODES, _NODE_WEIGHTS = np.sinh(_T), np.cosh(_T) * _STEP

# A flat prior has no standard deviation; its coordinate is measured in units of this many standard errors it would
# have if the others were known, so that "weak" and "not identified" mean collinear to 1e-6 and 1e-12.
_FLAT_PRIOR_UNITS = 1e3


def fisher_information(spec: Model, z: jax.Array, data: Dataset, weights: jax.Array) -> jax.Array:
    """Expected information of the weighted likelihood about the unconstrained vector, shape ``(d, d)``."""
    root = information_root(spec, z, data, weights)
    return root.T @ root


def information_root(spec: Model, z: jax.Array, data: Dataset, weights: jax.Array) -> jax.Array:
    """A triangular ``R`` with information ``R' R``, shape ``(d, d)``.

    Its singular values show a direction without information down to ``eps**2`` of the largest eigenvalue, where the
    eigenvalues of the information itself would drown in rounding at ``eps``.
    """
    noise_root = _noise_root(spec, z)

    def place(vector: jax.Array, record: Record) -> jax.Array:
        model = bind(spec, constrain(spec, vector)[0])
        return jnp.stack([model.linked(record), jnp.log(model.noise.scale.value(record))])

    def row(at: jax.Array) -> jax.Array:
        record, size = data.records.row(at), jnp.sqrt(weights[at])
        moves = jax.jacfwd(place)(z, record) / jnp.stack([jnp.exp(place(z, record)[1]), 1.0])[:, None]
        return size * noise_root[:, :2] @ moves + size * noise_root[:, 2:]

    return stacked_root(row, len(data), z.shape[0])


def _noise_root(spec: Model, z: jax.Array) -> jax.Array:
    """A root of the information in one standardised response, the same for all rows of a location-scale family.

    Columns: the location in scales, the logarithm of the scale, and the vector by way of the noise's shape, ``2 + d``.
    """
    shaped = not all(is_fixed(getattr(spec.noise, f.name)) for f in dataclasses.fields(spec.noise) if f.name != "scale")

    def log_prob(x: jax.Array, y: jax.Array) -> jax.Array:
        noise = bind(spec, constrain(spec, x[2:] if shaped else z)[0]).noise
        return jnp.asarray(noise.distribution(x[0], jnp.exp(x[1])).log_prob(y))

    at = jnp.concatenate([jnp.zeros(2), z if shaped else z[:0]])
    score, density = jax.vmap(lambda y: (jax.grad(log_prob)(at, y), jnp.exp(log_prob(at, y))))(jnp.asarray(_NODES))
    mass = density * _NODE_WEIGHTS
    score = jnp.where((mass > 0)[:, None], score, 0.0)
    root = jnp.linalg.qr(score * jnp.sqrt(mass)[:, None], mode="r")
    return jnp.pad(root, ((0, 0), (0, 2 + z.shape[0] - root.shape[1])))


@compiled()
def _at_point(spec: Model, z: jax.Array, data: Dataset, weights: jax.Array) -> tuple[Reduced, jax.Array]:
    return reduced(spec, z, data, weights), information_root(spec, z, data, weights)


def _is_saturated(spec: Model, mean: LeastSquares, scale: np.ndarray, rows: int) -> bool:
    """Whether the free parameters can move the means of all rows that count independently, with a free noise."""
    root = mean.root * np.where(np.isfinite(scale), scale, 1.0)
    if not priors(spec.noise) or not np.isfinite(root).all():
        return False
    return bool(np.linalg.matrix_rank(root) >= rows)


def identify(
    spec: Model, z: np.ndarray, data: Dataset, weights: Numbers, prior_sd: Numbers | None
) -> tuple[Identification, LeastSquares]:
    """Eigenvalues and directions of the information at ``z`` in prior standard deviations, with a verdict.

    ``prior_sd`` is the ``scale`` of :class:`progressfit.prior_range.Ranges`, or ``None`` for a maximum-likelihood fit,
    whose priors only supply starts and count as flat here. The mean as a least-squares problem, which the verdict looks
    at too, is the second result.
    """
    found, root = _at_point(spec, z, data, weights)
    scale, mean = np.full(len(z), np.nan) if prior_sd is None else np.asarray(prior_sd), found.as_numbers()
    saturated = _is_saturated(spec, mean, scale, int(np.sum(np.asarray(weights) > 0)))
    return judge(np.asarray(root), scale, coordinate_names(spec), saturated), mean


def judge(root: np.ndarray, prior_sd: np.ndarray, names: tuple[str, ...], saturated: bool = False) -> Identification:
    """Eigenvalues, directions and verdict from a root of the information ``(k, d)``; ``prior_sd`` NaN where flat."""
    sizes = np.maximum(np.max(np.abs(root), axis=0), 1e-150)  # their squares alone could overflow
    alone = 1 / (sizes * np.maximum(np.linalg.norm(root / sizes, axis=0), 1e-150))
    scale = np.where(np.isfinite(prior_sd), prior_sd, _FLAT_PRIOR_UNITS * alone)
    whitened = root * scale[None, :]
    if np.isfinite(whitened).all():
        _, singular, rows = np.linalg.svd(whitened)
        eigenvalues, directions = singular[::-1] ** 2, rows[::-1].T
    else:
        eigenvalues, directions = np.full(len(scale), np.nan), np.eye(len(scale))
    smallest = eigenvalues[0]
    verdict = "weak" if smallest < WEAK else "identified"
    if saturated or not smallest >= NOT_IDENTIFIED:
        verdict = "not identified"
    return Identification(eigenvalues, directions, scale, names, verdict, saturated)
