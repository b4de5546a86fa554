"""Everything the study computes: the published procedure, converged fits and their replicates, gains, a posterior."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.analysis.compute_growth import effective_compute_growth, optimal_growth
from progressfit.analysis.gain import ScaleDependence, allocation_gain, innovation_curve, law_gain, scale_dependence
from progressfit.dataset import Dataset, Record
from progressfit.datasets import language
from progressfit.infer.bootstrap import bootstrap
from progressfit.infer.optimise import fit
from progressfit.infer.result import Draws, Fit
from progressfit.infer.sample import sample
from progressfit.laws import chinchilla, gundlach2025, kaplan
from progressfit.laws.chinchilla import LETTERS as HOFFMANN_LETTERS
from progressfit.laws.gundlach2025 import PUBLISHED
from progressfit.laws.ho2024 import SMALLEST, ho2024, laplace_scale
from progressfit.laws.kaplan import LETTERS as KAPLAN_LETTERS
from progressfit.model import Model
from progressfit.noise import Gaussian, LogScale
from progressfit.notation import parse_prior
from progressfit.params import bind, constrain
from progressfit.studies.base import Wanted
from progressfit.studies.ho_2024 import procedure, published

_STARTS = 64
# The kinks of Laplace priors make longer steps diverge.
_TARGET_ACCEPT = 0.97


class Evidence(NamedTuple):
    """Fits, draws and gains of the study.

    Attributes
    ----------
    data
        The 231 rows.
    stopped, resampled
        The published procedure: its fit, and parameters of its refits of row resamples, ``(replicates, 10)``.
    point
        The published point as a model.
    converged, unpenalised, neutral, transformer
        Fits of model 7, of model 7 by least squares, of model 12, and of model 7 with a multiplier for transformers.
    rows, papers, neutral_papers, transformer_rows
        Their replicates.
    transformer_point
        The published point of the law with the multiplier, as a model.
    gains
        Compute -> gain of the transformer: at the published point, at the converged one, and of each replicate.
    allocation_gains
        Compute -> gain of Chinchilla's over Kaplan's allocation.
    architectures
        Compute laws of transformers and of other models, each with a coefficient and an exponent of its own, and
        refits of resampled papers.
    posterior
        Draws under the equivalent Laplace priors, the noise's scale free, if asked for.
    """

    data: Dataset
    stopped: procedure.Stopped
    resampled: np.ndarray
    point: Model
    converged: Fit
    unpenalised: Fit
    neutral: Fit
    transformer: Fit
    rows: Draws
    papers: Draws
    neutral_papers: Draws
    transformer_rows: Draws
    transformer_point: Model
    gains: dict[float, tuple[float, float, np.ndarray]]
    allocation_gains: dict[float, float]
    architectures: tuple[Fit, Draws]
    posterior: Draws | None


def growth(model: Model) -> jax.Array:
    """Growth rate of effective compute on WikiText-103, natural log units a year; the same at every record."""
    return effective_compute_growth(model, at=system("GPT-2"))


def system(name: str, transformer: str = "no") -> Record:
    """One of the named systems as a record, on WikiText-103."""
    date, parameters, tokens, _ = published.SYSTEMS[name]
    return _levels().record(date=date, parameters=parameters, data=tokens, benchmark="wt103", transformer=transformer)


@functools.cache
def _levels() -> Dataset:
    """The table, read once: records need the names of its levels."""
    return language()


def objective(loss: Any, values: Any, rows: int) -> float:
    """The published objective: the mean square plus the penalty, from a sum of squares and the parameters."""
    return float(loss) / rows + published.DELTA * sum(float(np.sum(np.abs(value))) for value in values.values())


def at_point(spec: Model, vector: Any) -> Model:
    """A prepared spec with the parameters of an unconstrained vector ``(d,)``."""
    return bind(spec, constrain(spec, jnp.asarray(vector, float))[0])


def posterior_spec() -> Model:
    """Model 7 with the scale of the noise free and Laplace priors as strong as the published penalty."""
    rows = len(_levels())
    scale = laplace_scale(published.DELTA, rows, published.EQUIVALENT_VARIANCE)
    prior = parse_prior(f"laplace(0, {scale!r})")
    return ho2024(7, prior=prior, noise=Gaussian(LogScale(parse_prior("normal(-1.5, 1)"))))


def architecture_spec() -> Model:
    """Gundlach et al.'s law with two kinds of architecture, transformers and others, and the table's benchmarks."""
    return gundlach2025(("no", "yes"), group="transformer", benchmark="benchmark", reference=SMALLEST["compute"])


def scale_share(model: Model) -> ScaleDependence:
    """How far the gain of transformers depends on scale, over the compute at which the table has others too."""
    at = system("RNN")

    def gain(compute: jax.Array) -> jax.Array:
        return innovation_curve(model, compute, at, {"transformer": "yes"}, inputs=("compute",))

    return scale_dependence(gain, *shared_compute())


def shared_compute() -> tuple[float, float]:
    """Smallest and largest compute (FLOP) at which the table has both transformers and other models."""
    data = _levels()
    compute, kind = np.asarray(data.records.columns["compute"]), np.asarray(data.records.codes["transformer"])
    spans = [(compute[kind == code].min(), compute[kind == code].max()) for code in (0, 1)]
    return float(max(low for low, _ in spans)), float(min(high for _, high in spans))


def printed_gain(compute: Any) -> jax.Array:
    """Gain of the modern transformer over the LSTM by the published letters of Gundlach et al. 2025."""
    old, new = (gundlach2025((name,), letters=PUBLISHED, noise=Gaussian(1.0)) for name in ("lstm", "modern"))
    one = Record({}, {"architecture": jnp.zeros((), int)}, {})
    return law_gain(old, new, compute, at=one)


def gather(wanted: Wanted, replicates: int, say: Callable[[str], None]) -> Evidence:
    """Run every fit and replicate of the study."""
    data, keys = _levels(), jax.random.split(jax.random.key(wanted.seed), 11)
    say("the published procedure: SLSQP from zeros, and its refits of row resamples")
    table = procedure.columns(data)
    stopped = procedure.published_fit(table, published.DELTA)
    resampled = procedure.published_bootstrap(table, published.DELTA, 100, 0)
    say(f"model 7 to convergence; {replicates} refits by rows and by papers")
    spec = ho2024(7)
    converged = fit(spec, data, key=keys[0], starts=_STARTS)
    rows = bootstrap(converged, data, key=keys[1], replicates=replicates)
    papers = bootstrap(converged, data, key=keys[2], replicates=replicates, kind="clusters")
    say("least squares without the penalty; Hicks-neutral progress; a multiplier for transformers")
    unpenalised = fit(spec, data, key=keys[3], starts=_STARTS, objective="mle")
    neutral = fit(ho2024(12), data, key=keys[4], starts=_STARTS)
    neutral_papers = bootstrap(neutral, data, key=keys[5], replicates=replicates, kind="clusters")
    transformer = fit(ho2024(7, transformer_multiplier=True), data, key=keys[6], starts=_STARTS)
    transformer_rows = bootstrap(transformer, data, key=keys[7], replicates=replicates)
    transformer_point = at_point(transformer.spec, np.roll(published.TRANSFORMER_POINT, 1))
    say("a law in compute for transformers, another for all others")
    by_kind = fit(architecture_spec(), data, key=keys[9], starts=_STARTS)
    by_kind_papers = bootstrap(by_kind, data, key=keys[10], replicates=replicates, kind="clusters")
    posterior = None
    if wanted.sample:
        say("posterior under the equivalent Laplace priors")
        posterior = sample(posterior_spec(), data, key=keys[8], target_accept=_TARGET_ACCEPT)
    return Evidence(
        data,
        stopped,
        resampled,
        at_point(converged.spec, published.POINT),
        converged,
        unpenalised,
        neutral,
        transformer,
        rows,
        papers,
        neutral_papers,
        transformer_rows,
        transformer_point,
        _transformer_gains(transformer, transformer_rows, transformer_point),
        _allocation_gains(),
        (by_kind, by_kind_papers),
        posterior,
    )


def _transformer_gains(best: Fit, rows: Draws, point: Model) -> dict[float, tuple[float, float, np.ndarray]]:
    at, budgets = system("GPT-2").replace(date=published.GAIN_YEAR), jnp.asarray(list(published.TRANSFORMER_GAINS))

    def gains(model: Model) -> jax.Array:
        return innovation_curve(model, budgets, at, {"transformer": "yes"})

    printed, found, draws = gains(point), best.map(gains), np.asarray(rows.map(gains))
    return {float(budget): (float(printed[k]), float(found[k]), draws[rows.ok, k]) for k, budget in enumerate(budgets)}


def _allocation_gains() -> dict[float, float]:
    judge = bind(chinchilla(), {HOFFMANN_LETTERS[name]: value for name, value in published.HOFFMANN.items()})
    spec = kaplan(Gaussian(1.0))
    planner = bind(spec, {KAPLAN_LETTERS[name]: value for name, value in published.KAPLAN.items()})
    return {budget: float(allocation_gain(judge, planner, budget)) for budget in published.CHINCHILLA_GAINS}


def along_optimum(model: Model) -> jax.Array:
    """Growth rate along the compute-optimal path, where the authors evaluate it."""
    at = system("GPT-2").replace(date=published.OPTIMAL_YEAR)
    return optimal_growth(model, published.OPTIMAL_COMPUTE, at)
