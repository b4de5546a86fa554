"""Every published figure beside what was found, and where they differ, why."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from progressfit.growth import doubling_interval, doubling_time, growth_rate
from progressfit.infer.result import Draws
from progressfit.studies.base import Marginal, Quantity, sectioned
from progressfit.studies.erdil_besiroglu_2022 import published
from progressfit.studies.erdil_besiroglu_2022.evidence import Evidence, endpoints

LEVEL = 0.95
_TAILS = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]


def interval(values: np.ndarray) -> tuple[float, float]:
    """Central interval of draws."""
    low, high = np.quantile(values, _TAILS, axis=0)
    return float(low), float(high)


def quantities(found: Evidence) -> tuple[Quantity, ...]:
    """All figures of the study in the order in which the paper states them."""
    parts = {
        "Parameters at the best fit": _parameters,
        "Growth of effective compute": _growth,
        "Ends of the published interval of the rate": _interval_ends,
        "Two optima": _modes,
        "Posterior with the published priors": _posterior,
        "Linear baseline": _baseline,
        "Predicted accuracy": _predicted,
        "Attribution: Shapley shares of the change in accuracy": _shapley,
        "Compute-equivalent gain of compute efficiency since AlexNet": _gains,
        "Compute needed for a fixed accuracy: halving time, 1.28e6 images, 2012-2022": _thresholds,
        "Conventions of the table": _conventions,
    }
    return tuple(_with_marginal(quantity, found) for quantity in sectioned(parts, found))


def _with_marginal(quantity: Quantity, found: Evidence) -> Quantity:
    """The quantity with its posterior, where the study sampled and the figure is a function of one model."""
    if found.posterior is None or quantity.name not in found.marginals:
        return quantity
    marginal = Marginal.of(found.marginals[quantity.name], LEVEL, found.posterior.kind)
    return dataclasses.replace(quantity, posterior=marginal)


def _posterior(found: Evidence) -> Iterator[Quantity]:
    """Masses and probabilities under the posterior; empty if the study did not sample."""
    if found.posterior is None:
        return
    stats, diagnosis = found.posterior.stats, found.posterior.stats["diagnosis"]
    error = 2 * stats["log_evidence_error"]
    yield Quantity(
        "log_evidence",
        stats["log_evidence"],
        unit="nats, logit scale",
        interval=(stats["log_evidence"] - error, stats["log_evidence"] + error),
        level=LEVEL,
        kind=f"Monte Carlo error; Pareto k {stats['pareto_k']:.2f}",
    )
    yield Quantity(
        "mode_b_share_posterior", float(np.mean(found.posterior.mode > 0)), unit="share of draws nearest to B"
    )
    more = found.posterior.values[published.PARAMETERS["beta_year_2"].path]
    less = found.posterior.values[published.PARAMETERS["beta_year"].path]
    yield Quantity(
        "beta_year_2_above_beta_year", float(np.mean(np.asarray(more) > np.asarray(less))), unit="probability"
    )
    yield Quantity("highest_r_hat", diagnosis.worst_rhat.value, why=f"of {diagnosis.worst_rhat.name}")
    yield Quantity("fewest_effective_draws", diagnosis.worst_ess_bulk.value, why=f"of {diagnosis.worst_ess_bulk.name}")


def _parameters(found: Evidence) -> Iterator[Quantity]:
    for name, figure in published.PARAMETERS.items():
        draws = np.asarray(found.rows.values[figure.path])[found.rows.ok]
        yield Quantity(
            name,
            float(found.point.parameters[figure.path]),
            figure.point,
            published.PARAMETER_TOLERANCE,
            interval=interval(draws),
            published_interval=(figure.low, figure.high),
            level=LEVEL,
            kind=found.rows.kind,
        )
    log_lik = float(np.sum(found.point.model.log_lik(found.data, on="response")))
    yield Quantity("log_likelihood", log_lik, published.LOG_LIKELIHOOD, 0.005, "nats, accuracy scale")


def _growth(found: Evidence) -> Iterator[Quantity]:
    rate = float(found.point.map(growth_rate))
    per_year = "natural log units per year"
    common = {"published": published.RATE, "tolerance": 1e-3, "unit": per_year, "level": LEVEL}
    low, high = interval(found.rates["rows"])
    yield Quantity(
        "rate",
        rate,
        **common,
        interval=(low, high),
        published_interval=published.RATE_INTERVAL,
        kind=found.rows.kind,
        why="growth of effective compute at the best fit; for the ends of the interval see below",
    )
    yield Quantity("rate_by_paper", rate, **common, interval=interval(found.rates["papers"]), kind=found.papers.kind)
    yield Quantity("rate_laplace", rate, **common, interval=interval(found.rates["laplace"]), kind=found.laplace.kind)
    said = doubling_interval(low, high, float(np.mean(found.rates["rows"] <= 0))).text
    yield Quantity(
        "halving_months",
        float(doubling_time(rate)),
        published.HALVING_AT_MAP,
        0.01,
        "months",
        published_interval=published.HALVING_INTERVAL,
        why=f"at the best fit; {LEVEL:.0%} {found.rows.kind}: {said}",
    )


def _quantile_range(draws: np.ndarray, quantile: float) -> tuple[float, float]:
    """Where a quantile of as few replicates as were published would fall in 99% of repetitions."""
    rng = np.random.default_rng(0)
    samples = rng.choice(draws, size=(4000, published.BOOTSTRAP_REPLICATES))
    low, high = np.quantile(np.quantile(samples, quantile, axis=1), [0.005, 0.995])
    return float(low), float(high)


def _interval_ends(found: Evidence) -> Iterator[Quantity]:
    """The ends of the published interval, against refits from all optima and from the best alone."""
    gained = (found.one_start.objective - found.rows.objective)[found.rows.ok & found.one_start.ok]
    missed = (
        f"{np.sum(gained > 1e-6)} of {len(gained)} replicates fit better from the second optimum (progress mostly "
        f"data-augmenting), by up to {gained.max():.1f} nats. A refit that starts at the point estimate alone, as the "
        "published ones did, does not get there"
    )
    for end, quantile, figure in zip(("low", "high"), _TAILS, published.RATE_INTERVAL, strict=True):
        for name, draws in (("rate_interval", "rows"), ("rate_interval_one_start", "one_start")):
            plausible = _quantile_range(found.rates[draws], quantile)
            agrees = plausible[0] <= figure <= plausible[1]
            reason = "" if agrees else missed
            if draws == "one_start":
                reason = "every replicate started from the best optimum alone, on the same resamples"
            yield Quantity(
                f"{name}_{end}",
                float(np.quantile(found.rates[draws], quantile)),
                figure,
                unit="natural log units per year",
                interval=plausible,
                level=0.99,
                kind=f"repetitions with {published.BOOTSTRAP_REPLICATES} replicates",
                agrees=agrees,
                why=reason,
            )


def _in_mode_b(draws: Draws) -> tuple[int, int]:
    return int(np.sum(draws.mode[draws.ok] > 0)), int(draws.ok.sum())


def _modes(found: Evidence) -> Iterator[Quantity]:
    optima = found.point.optima
    for name, optimum, figure in zip(("a", "b"), optima, published.LOG_POSTERIORS, strict=False):
        yield Quantity(
            f"log_posterior_{name}",
            -optimum.objective,
            figure,
            0.02,
            "nats, logit scale",
            why=f"optimum {name.upper()}, reached by {optimum.starts} of {found.point.certificate.starts} starts",
        )
    if len(optima) > 1:
        mass = found.laplace.stats["mode_weights"][1]
        yield Quantity("mode_b_laplace_mass", mass, published.LAPLACE_MASS_B, 0.003, "share of the posterior")
    for name, draws in (("rows", found.rows), ("papers", found.papers), ("one_start", found.one_start)):
        count, total = _in_mode_b(draws)
        yield Quantity(
            f"mode_b_share_{name}", count / total, unit="share of replicates", why=f"{draws.kind}, nearest to B"
        )
    for name, rates in found.rates.items():
        yield Quantity(f"rate_not_positive_{name}", float(np.mean(rates <= 0)), unit="probability")


def _baseline(found: Evidence) -> Iterator[Quantity]:
    fit, data = found.baseline, found.data
    for name, (path, figure) in published.BASELINE.items():
        yield Quantity(f"ols_{name}", float(fit.parameters[path]), figure, 5.1e-5, "logits")
    linked = np.asarray(fit.model.link.forward(data.response))
    residuals = linked - np.asarray(fit.model.link.forward(fit.model.predict(data.records)))
    yield Quantity("ols_r2", 1 - float(np.var(residuals) / np.var(linked)), published.BASELINE_R2, 5e-4)
    log_lik = float(np.sum(fit.model.log_lik(data, on="response")))
    yield Quantity("ols_log_likelihood", log_lik, published.BASELINE_LOG_LIKELIHOOD, 0.005, "nats, accuracy scale")


def _predicted(found: Evidence) -> Iterator[Quantity]:
    for name, record in endpoints().items():
        value = float(found.point.model.mean.value(record))
        yield Quantity(f"accuracy/{name}", value, published.PREDICTED[name], 5.1e-4, "fraction")


def _shapley(found: Evidence) -> Iterator[Quantity]:
    for (a, b), row in published.SHAPLEY.items():
        pair = f"{a} -> {b}"
        for player, figure in zip(published.PLAYERS, row, strict=True):
            yield Quantity(
                f"shapley/{pair}/{player}",
                float(found.shares[pair][player]),
                figure,
                published.SHAPLEY_TOLERANCE,
                "share of the change in accuracy",
                interval=interval(found.shares_rows[pair][player]),
                level=LEVEL,
                kind=found.rows.kind,
            )


def _gains(found: Evidence) -> Iterator[Quantity]:
    for name, figures in published.GAINS.items():
        for scale, value, figure in zip(("logit", "accuracy"), found.gains[name], figures, strict=True):
            tolerance = published.GAIN_TOLERANCE * figure if figure is not None else 0.0
            yield Quantity(f"gain_{scale}/AlexNet -> {name}", value, figure, tolerance, "x")


def _thresholds(found: Evidence) -> Iterator[Quantity]:
    for level, (figure, exact) in published.THRESHOLDS.items():
        reading = found.thresholds[level]
        why, tolerance = reading.text, 0.0
        if np.isfinite(reading.halving):
            # One grid step at both ends of the window, in months: what reading off a grid can be wrong by.
            tolerance = reading.halving * published.GRID_STEP / np.log(reading.required[0] / reading.required[-1])
            why = f"exact; the published figure is read off a grid of compute, good to {tolerance:.2f} months"
        yield Quantity(f"threshold/{level:.2f}", reading.halving, figure, tolerance, "months", why=why)
        if exact is not None:
            yield Quantity(f"threshold_exact/{level:.2f}", reading.halving, exact, 0.005, "months")


def _conventions(found: Evidence) -> Iterator[Quantity]:
    for name, (months, log_lik) in published.CONVENTIONS.items():
        data, fit = found.conventions[name]
        yield Quantity(
            f"halving_months/{name}",
            float(doubling_time(fit.map(growth_rate))),
            months,
            0.01,
            "months",
            why=f"{name} columns of the table; {fit.result.value}",
        )
        value = float(np.sum(fit.model.log_lik(data, on="response")))
        yield Quantity(f"log_likelihood/{name}", value, log_lik, 0.01, "nats, accuracy scale")
