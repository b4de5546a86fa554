"""Every published figure beside what was found, and where they differ, why."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from progressfit.infer.curvature import hessian_covariance, standard_errors
from progressfit.infer.result import Fit
from progressfit.laws.chinchilla import LETTERS
from progressfit.studies.base import Quantity, sectioned
from progressfit.studies.besiroglu_2024 import published
from progressfit.studies.besiroglu_2024.evidence import Evidence, letters, likelihood_ratio

LEVEL = 0.95
TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
# One false alarm in a hundred over the 15 figures that come from random resamples.
_SIGMAS = 3.4
_REPETITIONS = 200


def interval(values: Any) -> tuple[float, float]:
    """Central interval of draws."""
    low, high = np.quantile(values, TAILS)
    return float(low), float(high)


def quantities(found: Evidence) -> tuple[Quantity, ...]:
    """All figures of the study in the order of the argument."""
    parts = {
        "Plain Huber loss of ln loss, 240 points": _huber,
        "Huber likelihood with a free scale, 240 points: the published fit": _free,
        "All 245 points": _everything,
        "Standard errors": _standard_errors,
        "Ends of the 95% intervals": _interval_ends,
        "Hoffmann's parameters": _hoffmann,
        f"Compute-optimal split of {published.COMPUTE:.3g} FLOP": _allocation,
    }
    return sectioned(parts, found)


def _within(point: Fit, digit: float) -> Mapping[str, float]:
    """How far each letter moves before the loss changes by ``digit``, half a unit of its last printed digit."""
    best = point.optima[0]
    return {
        name: float(np.sqrt(2 * digit) * error)
        for name, error in letters(standard_errors(point.spec, best.z, hessian_covariance(best.hessian))).items()
    }


def _huber(found: Evidence) -> Iterator[Quantity]:
    certificate = found.huber.certificate
    yield Quantity(
        "huber/loss",
        found.huber.loss,
        published.HUBER_LOSS,
        published.HUBER_LOSS_DIGIT,
        "sum of Huber losses",
    )
    slack = _within(found.huber, published.HUBER_LOSS_DIGIT)
    for name, figure in published.HUBER.items():
        value = float(letters(found.huber.parameters)[name])
        tolerance = published.DIGITS["huber"][name] + slack[name]
        kind = {"interval": interval(_draws(found, name)), "level": LEVEL, "kind": found.rows.kind}
        yield Quantity(f"huber/{name}", value, figure, tolerance, **kind)
    yield Quantity(
        "huber/starts_agreeing",
        certificate.starts_agreeing / certificate.starts,
        unit="share of starts",
        why=f"of Hoffmann's {certificate.starts:,} starts; {certificate.moved} were moved first, because some "
        "parameter had no effect there",
    )


def _free(found: Evidence) -> Iterator[Quantity]:
    log_scale = float(found.free.parameters["noise.log_scale"])
    yield Quantity("nll", found.free.objective, published.NEGATIVE_LOG_LIKELIHOOD, 5.1e-5, "nats")
    for name, figure in published.FIT.items():
        value = float(letters(found.free.parameters)[name])
        yield Quantity(name, value, figure, published.DIGITS["fit"][name])
    yield Quantity("log_scale", log_scale, published.LOG_SCALE, 5e-6, "ln of the residuals' scale")
    inside = int(np.sum(np.abs(found.residuals["replication"]) <= np.exp(log_scale) * published.KNEE))
    yield Quantity(
        "knee",
        float(np.exp(log_scale) * published.KNEE),
        unit="of ln loss",
        why=f"the knee at the fitted scale. {inside} residuals of {int(found.used.sum())} are below it, as many as the "
        f"law has parameters ({len(LETTERS)}), and all others beyond: this fit is one of least absolute deviations",
    )
    yield Quantity("nll_laplace", laplace_limit(found), unit="nats", why="Laplace density at these parameters")
    yield Quantity(
        "nll_knee_in_residuals",
        found.knee_in_residuals,
        published.KNEE_IN_RESIDUALS,
        5e-5,
        "nats",
        why="at the optimum of the plain loss, knee at 1e-3 of the residual",
    )


def laplace_limit(found: Evidence) -> float:
    """Negative log likelihood of the published fit's residuals under the Laplace density of the best scale."""
    residuals = found.residuals["replication"]
    return float(len(residuals) * (1 + np.log(2 * np.mean(np.abs(residuals)))))


def _everything(found: Evidence) -> Iterator[Quantity]:
    yield Quantity(
        "all/loss",
        found.everything.loss,
        published.ALL_LOSS,
        published.ALL_LOSS_DIGIT,
        "sum of Huber losses",
    )
    slack = _within(found.everything, published.ALL_LOSS_DIGIT)
    for name, figure in published.ALL.items():
        value = float(letters(found.everything.parameters)[name])
        yield Quantity(f"all/{name}", value, figure, published.DIGITS["all"][name] + slack[name])
    yield Quantity(
        "all/beta_least_squares",
        float(letters(found.least_squares.parameters)["beta"]),
        published.BETA_LEAST_SQUARES,
        5e-3,
        why="least squares of ln loss: the five points with the largest losses pull beta far up here too. The "
        "published figure belongs to least squares of the loss itself, where their pull is stronger",
    )


def _draws(found: Evidence, name: str) -> np.ndarray:
    return np.asarray(letters(found.rows.values)[name])[found.rows.ok]


def monte_carlo_error(draws: np.ndarray, statistic: Callable[..., Any]) -> float:
    """Standard deviation of the difference between a statistic of these replicates and of as many as were published.

    ``statistic(samples, axis=1)`` of resampled draws ``(repetitions, replicates)``.
    """
    rng = np.random.default_rng(0)
    spread = np.std(statistic(rng.choice(draws, size=(_REPETITIONS, len(draws))), axis=1))
    return float(spread * np.sqrt(1 + len(draws) / published.REPLICATES))


def _standard_errors(found: Evidence) -> Iterator[Quantity]:
    for name, figure in published.STANDARD_ERRORS.items():
        draws = _draws(found, name)
        error = monte_carlo_error(draws, np.std)
        yield Quantity(
            f"se/{name}",
            float(np.std(draws, ddof=1)),
            figure,
            _SIGMAS * error + 0.5 * 10.0 ** -(3 if figure > 1 else 5),
            why=f"from {len(draws)} converged refits; other random resamples, and as many as were published, move it "
            f"by {error:.2g} (one standard deviation)",
        )


def _interval_ends(found: Evidence) -> Iterator[Quantity]:
    for name, ends in published.INTERVALS.items():
        draws = _draws(found, name)
        for end, tail, figure in zip(("low", "high"), TAILS, ends, strict=True):
            error = monte_carlo_error(draws, lambda samples, axis, q=tail: np.quantile(samples, q, axis=axis))
            yield Quantity(
                f"interval/{name}_{end}",
                float(np.quantile(draws, tail)),
                figure,
                _SIGMAS * error + published.DIGITS["interval"][name],
                why=f"quantile of {len(draws)} converged refits; random resamples move it by {error:.2g}",
            )


def _hoffmann(found: Evidence) -> Iterator[Quantity]:
    statistic, p_value = likelihood_ratio(found.likelihoods)
    yield Quantity("hoffmann/nll", found.likelihoods["hoffmann"].value, unit="nats", why="the scale at its best")
    yield Quantity(
        "hoffmann/likelihood_ratio",
        statistic,
        unit="twice the log likelihood ratio",
        why="Huber likelihood, each with the scale at its own best; five degrees of freedom",
    )
    yield Quantity(
        "hoffmann/log10_p",
        float(np.log10(p_value)),
        float(np.log10(published.P_VALUE)),
        # Half a unit of the second digit printed.
        0.05 / 1.2 / np.log(10),
        "log10 of a probability",
        why=f"p = {p_value:.3g}",
    )
    excess = np.mean(found.residuals["hoffmann"])
    yield Quantity("hoffmann/mean_residual", float(excess), unit="of ln loss", why="observed less predicted")


def _allocation(found: Evidence) -> Iterator[Quantity]:
    splits, rows = found.allocations, found.allocations_rows
    shared: dict[str, Any] = {"level": LEVEL, "kind": found.rows.kind}
    expected = {"published": published.TOKENS_PER_PARAMETER, "hoffmann": published.TOKENS_PER_PARAMETER_HOFFMANN}
    for name, figure in expected.items():
        value = float(splits[name].tokens_per_parameter)
        yield Quantity(f"tokens_per_parameter/{name}", value, figure, 0.05, why="printed parameters")
    for name in ("replication", "huber"):
        span: dict[str, Any] = {"interval": interval(rows.tokens_per_parameter)} | shared if name == "huber" else {}
        yield Quantity(f"tokens_per_parameter/{name}", float(splits[name].tokens_per_parameter), **span)
    best = splits["huber"]
    for name, value, spread in (
        ("a", best.parameters_exponent, rows.parameters_exponent),
        ("b", best.data_exponent, rows.data_exponent),
    ):
        yield Quantity(f"exponent/{name}", float(value), interval=interval(spread), **shared)
    yield Quantity("exponent/a_hoffmann", float(splits["hoffmann"].parameters_exponent))
    share = float(np.mean(rows.tokens_per_parameter >= splits["hoffmann"].tokens_per_parameter))
    yield Quantity("above_hoffmann", share, unit="share of replicates with Hoffmann's tokens per parameter or more")
