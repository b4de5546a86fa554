"""References for the three posteriors: importance sampling from a mixture fitted in rounds, in NumPy.

    python benchmarks/posterior_reference.py [--draws 1000000] [--model imagenet]

It shares the log density with the package and nothing else. Printed: log evidence, moments, quantiles and (ImageNet)
the chances that measure the second mode, each with its Monte Carlo standard error, and the effective draws behind them.
"""

import argparse
import json
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from _reference_models import augmented, chinchilla, imagenet
from scipy.special import gammaln, logsumexp

import progressfit as pf
from progressfit.compiled import compiled
from progressfit.density import log_density

MODELS: dict[str, Callable[[], tuple[pf.Model, pf.Dataset]]] = {
    "imagenet": imagenet,
    "chinchilla_student_t": chinchilla,
    "chinchilla_gaussian": lambda: chinchilla("gaussian"),
    "augmented": augmented,
}
_IMAGENET = ("compute.progress.rate", "compute.scaling.slope", "data.progress.rate")
DF, ROUNDS, COMPONENTS, STEPS = 5.0, 5, 24, 60


@compiled()
def densities(spec: pf.Model, z: Any, data: pf.Dataset) -> jax.Array:
    return jax.lax.map(lambda one: log_density(spec, one, data, jacobian=True), z, batch_size=256)


def log_density_of(spec: pf.Model, data: pf.Dataset, z: np.ndarray, block: int = 50_000) -> np.ndarray:
    """Log posterior density, unnormalised, of vectors ``(n, d)``; minus infinity where it is not a number."""
    parts = [np.asarray(densities(spec, part, data)) for part in np.array_split(z, max(1, len(z) // block))]
    return np.nan_to_num(np.concatenate(parts), nan=-np.inf, posinf=-np.inf, neginf=-np.inf)


class Mixture:
    """A mixture of multivariate Student-t's."""

    def __init__(self, weights: Any, centres: Any, shapes: Any):
        self.weights, self.centres = np.asarray(weights) / np.sum(weights), np.asarray(centres)
        self.factors = np.linalg.cholesky(np.asarray(shapes))

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draws ``(count, d)``."""
        k = rng.choice(len(self.weights), count, p=self.weights)
        steps = rng.normal(size=(count, self.centres.shape[1]))
        steps /= np.sqrt(rng.chisquare(DF, (count, 1)) / DF)
        return self.centres[k] + np.einsum("nij,nj->ni", self.factors[k], steps)

    def log_density(self, z: np.ndarray) -> np.ndarray:
        """Normalised log density at ``(n, d)``."""
        d = z.shape[1]
        constant = gammaln((DF + d) / 2) - gammaln(DF / 2) - 0.5 * d * np.log(DF * np.pi)
        each = [
            np.log(weight) - 0.5 * (DF + d) * np.log1p(lengths(z - centre, factor) / DF) - np.log(np.diag(factor)).sum()
            for weight, centre, factor in zip(self.weights, self.centres, self.factors, strict=True)
        ]
        return constant + logsumexp(each, axis=0)


def lengths(steps: np.ndarray, factor: np.ndarray) -> np.ndarray:
    return np.sum(np.linalg.solve(factor, steps.T) ** 2, axis=0)


def fit_normals(z: np.ndarray, rng: np.random.Generator, components: int, steps: int) -> tuple[Any, Any, Any]:
    """Weights, means and covariances of a mixture of normals, by expectation-maximisation."""
    whole = np.cov(z.T)
    weights = np.full(components, 1 / components)
    means, covariances = z[rng.choice(len(z), components)], np.array([0.3 * whole] * components)
    for _ in range(steps):
        factors = np.linalg.cholesky(covariances)
        log_shares = [
            np.log(w) - 0.5 * lengths(z - mean, factor) - np.log(np.diag(factor)).sum()
            for w, mean, factor in zip(weights, means, factors, strict=True)
        ]
        shares = np.exp(log_shares - logsumexp(log_shares, axis=0))
        counts = shares.sum(axis=1) + 1e-9
        weights, means = counts / counts.sum(), (shares @ z) / counts[:, None]
        scatter = np.array([((z - m).T * s) @ (z - m) for m, s in zip(means, shares, strict=True)])
        covariances = scatter / counts[:, None, None] + 1e-4 * whole
    return weights, means, covariances


def importance_sample(
    point: pf.Fit,
    data: pf.Dataset,
    draws: int,
    *,
    seed: int = 1,
    pilot: int = 400_000,
    components: int = COMPONENTS,
    rounds: int = ROUNDS,
    steps: int = STEPS,
) -> tuple[np.ndarray, np.ndarray]:
    """Draws ``(n, d)`` and log weights: from the optima first, then from a mixture fitted to each round's draws."""
    rng, bare = np.random.default_rng(seed), data.bare()
    optima = np.array([o.z for o in point.optima])
    shapes = np.array([1.5 * np.linalg.inv(o.hessian) for o in point.optima])
    found = Mixture(np.ones(len(optima)), optima, shapes)
    for _ in range(rounds):
        z = found.draw(rng, pilot)
        log_weights = log_density_of(point.spec, bare, z) - found.log_density(z)
        # Truncated: one lucky draw must not decide where the next round looks.
        kept = np.minimum(log_weights, logsumexp(log_weights) - 0.5 * np.log(pilot))
        chosen = z[rng.choice(pilot, pilot // 10, p=np.exp(kept - logsumexp(kept)))]
        weights, means, covariances = fit_normals(chosen, rng, components, steps)
        # A tenth from wide shapes at the optima and a twentieth from the whole cloud, against thin tails.
        found = Mixture(
            [*(0.85 * weights), *np.full(len(optima), 0.1 / len(optima)), 0.05],
            [*means, *optima, chosen.mean(axis=0)],
            [*(1.2 * covariances), *(2 * shapes), 1.5 * np.cov(chosen.T)],
        )
    z = found.draw(rng, draws)
    return z, log_density_of(point.spec, bare, z) - found.log_density(z)


def with_error(weights: np.ndarray, values: np.ndarray) -> dict[str, float]:
    mean = float(weights @ values)
    return {"value": mean, "mcse": float(np.sqrt(np.sum((weights * (values - mean)) ** 2)))}


def quantile(weights: np.ndarray, values: np.ndarray, level: float) -> dict[str, float]:
    """A weighted quantile; its error from that of the share below it."""
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    found = values[order][np.searchsorted(below, level)]
    error = with_error(weights, (values <= found).astype(float))["mcse"]
    low, high = values[order][np.searchsorted(below, np.clip([level - error, level + error], 1e-9, 1 - 1e-9))]
    return {"value": float(found), "mcse": float(high - low) / 2}


def reference(name: str, draws: int) -> dict[str, Any]:
    spec, data = MODELS[name]()
    point = pf.fit(spec, data, key=jax.random.key(1), starts=128)
    z, log_weights = importance_sample(point, data, draws)
    weights = np.exp(log_weights - logsumexp(log_weights))
    effective = 1 / np.sum(weights**2)
    columns = dict(zip(pf.params.coordinate_names(point.spec), z.T, strict=True))
    found: dict[str, Any] = {
        "model": name,
        "draws": draws,
        "effective": float(effective),
        "log_evidence": float(logsumexp(log_weights) - np.log(draws)),
        "log_evidence_mcse": float(np.sqrt(1 / effective - 1 / draws)),
    }
    if name == "imagenet":
        rate, slope, other = (columns[path] for path in _IMAGENET)
        found["P(beta_year_2 > beta_year)"] = with_error(weights, (other > rate).astype(float))
        found["P(rate <= 0)"] = with_error(weights, (rate / slope <= 0).astype(float))
        columns["rate"] = rate / slope
    for path, values in columns.items():
        levels = {f"{level}": quantile(weights, values, level) for level in (0.025, 0.5, 0.975)}
        # The growth rate has no mean.
        mean = {} if path == "rate" else {"mean": with_error(weights, values)}
        found[path] = mean | levels
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Reference figures of the three posteriors.")
    parser.add_argument("--draws", type=int, default=1_000_000)
    parser.add_argument("--model", choices=MODELS, action="append")
    asked = parser.parse_args()
    for model in asked.model or MODELS:
        print(json.dumps(reference(model, asked.draws), indent=1), flush=True)
