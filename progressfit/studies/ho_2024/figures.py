"""Every published figure beside what was found, and where they differ, why."""

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np

from progressfit.analysis.attribution import Attribution, shapley
from progressfit.growth import doubling_time
from progressfit.infer.result import Draws, Fit
from progressfit.model import Model
from progressfit.studies.base import Marginal, Quantity, sectioned
from progressfit.studies.ho_2024 import procedure, published
from progressfit.studies.ho_2024.evidence import (
    Evidence,
    along_optimum,
    at_point,
    growth,
    objective,
    printed_gain,
    scale_share,
    shared_compute,
    system,
)

TAILS = ((1 - published.LEVEL) / 2, (1 + published.LEVEL) / 2)
_RATE, _MONTHS = "natural log units a year", "months"


def interval(values: np.ndarray) -> tuple[float, float]:
    """Central interval of draws."""
    low, high = np.quantile(values, TAILS)
    return float(low), float(high)


def rates(draws: Draws) -> np.ndarray:
    """Growth rates of the certified draws."""
    return np.asarray(draws.map(growth))[draws.ok]


def quantities(found: Evidence) -> tuple[Quantity, ...]:
    """All figures of the study in the order of the argument."""
    parts = {
        "Model 7 at the published point": _published_point,
        "The published procedure, run again": _procedure,
        "Model 7, converged": _converged,
        "Model 7, least squares without the penalty": _unpenalised,
        "Hicks-neutral progress (model 12), converged": _neutral,
        "Transformers": _transformer,
        "Chinchilla's allocation against Kaplan's": _allocation,
        "Gains that depend on scale (Gundlach et al. 2025)": _scale,
        "Shapley shares at the published point": _shapley,
    }
    return sectioned(parts, found)


def _published_point(found: Evidence) -> Iterator[Quantity]:
    rate = float(growth(found.point))
    table = procedure.columns(found.data)
    value = procedure.objective(np.asarray(published.POINT), table, published.DELTA)
    yield Quantity("published/objective", value, published.OBJECTIVE, 1e-6, "mean square plus penalty")
    yield Quantity("published/doubling", float(doubling_time(rate)), published.DOUBLING_MONTHS, 1e-2, _MONTHS)
    optimal = float(doubling_time(along_optimum(found.point)))
    yield Quantity(
        "published/doubling_optimal_scaling",
        optimal,
        published.OPTIMAL_SCALING_MONTHS[0],
        0.15,
        _MONTHS,
        why=f"along the compute-optimal path at {published.OPTIMAL_COMPUTE:.0e} FLOP in 2023, by the envelope "
        "theorem: for this law exactly the closed form. The published figure is a bootstrap median of a looser "
        "numerical solution",
        published_interval=published.OPTIMAL_SCALING_MONTHS[1:],
    )
    for name, (*_, loss) in published.SYSTEMS.items():
        predicted = float(found.point.mean.value(system(name)))
        yield Quantity(f"published/loss/{name}", predicted, loss, 6e-4, "nats a word")


def _procedure(found: Evidence) -> Iterator[Quantity]:
    months = doubling_time(procedure.growth(found.resampled))
    median, low, high = published.BOOTSTRAP_MONTHS
    yield Quantity(
        "procedure/objective",
        found.stopped.objective,
        published.OBJECTIVE,
        1e-6,
        "mean square plus penalty",
        why=f"SLSQP from zeros, {found.stopped.iterations} iterations, reports "
        f"{'success' if found.stopped.success else 'failure'}, and is no optimum",
    )
    yield Quantity(
        "procedure/doubling",
        float(np.median(months)),
        median,
        1e-3,
        _MONTHS,
        interval(months),
        (low, high),
        published.LEVEL,
        f"row resamples of the published procedure ({len(months)})",
    )


def _growth_rows(name: str, point: Fit, draws: Draws, posterior: Draws | None = None) -> Quantity:
    spread = rates(draws)
    return Quantity(
        name,
        float(point.map(growth)),
        unit=_RATE,
        interval=interval(spread),
        level=published.LEVEL,
        kind=draws.kind,
        why=f"probability that it is not positive {np.mean(spread <= 0):.3f}",
        posterior=None if posterior is None else Marginal.of(rates(posterior), published.LEVEL, posterior.kind),
    )


def _converged(found: Evidence) -> Iterator[Quantity]:
    rows = len(found.data)
    for k, (value, months) in enumerate(published.CONVERGED):
        if k < len(found.converged.optima):
            optimum = found.converged.optima[k]
            here = objective(optimum.loss, optimum.values, rows)
            why = f"{optimum.starts} of {found.converged.certificate.starts} starts; recomputed before by others"
            unit = "mean square plus penalty"
            yield Quantity(f"converged/objective_{k + 1}", here, value, 1e-7 if k == 0 else 5e-8, unit, why=why)
            rate = float(growth(_model_of(found.converged, k)))
            yield Quantity(f"converged/doubling_{k + 1}", float(doubling_time(rate)), months, 5e-3, _MONTHS)
    yield _growth_rows("converged/rate", found.converged, found.rows, found.posterior)
    yield _growth_rows("converged/rate_by_paper", found.converged, found.papers, found.posterior)


def _model_of(point: Fit, k: int) -> Model:
    return at_point(point.spec, point.optima[k].z)


def _unpenalised(found: Evidence) -> Iterator[Quantity]:
    rows = len(found.data)
    for k, (value, months) in enumerate(published.UNPENALISED):
        optimum = found.unpenalised.optima[k]
        yield Quantity(f"unpenalised/mean_square_{k + 1}", optimum.loss / rows, value, 5e-7, "nats squared")
        rate = float(growth(_model_of(found.unpenalised, k)))
        yield Quantity(f"unpenalised/doubling_{k + 1}", float(doubling_time(rate)), months, 0.05, _MONTHS)
    for k, one in enumerate(found.unpenalised.certificate.runaways[:3]):
        yield Quantity(
            f"unpenalised/at_infinity_{k + 1}",
            one.loss / rows,
            unit="nats squared",
            why=f"no optimum: {one.starts} starts ran off in {', '.join(one.paths)}, the loss still falling",
        )


def _neutral(found: Evidence) -> Iterator[Quantity]:
    spread = rates(found.neutral_papers)
    rate = float(found.neutral.map(growth))
    median, low, high = published.HICKS_NEUTRAL_MONTHS
    yield Quantity(
        "neutral/doubling",
        float(doubling_time(rate)),
        median,
        1.0,
        _MONTHS,
        published_interval=(low, high),
        why="of the converged optimum; the published figure is the median of early-stopped refits of resamples",
    )
    yield Quantity(
        "neutral/rate",
        rate,
        unit=_RATE,
        interval=interval(spread),
        level=published.LEVEL,
        kind=found.neutral_papers.kind,
        why=f"probability that it is not positive {np.mean(spread <= 0):.3f}",
    )


def _transformer(found: Evidence) -> Iterator[Quantity]:
    rows, best = len(found.data), found.transformer.optima[0]
    value, gamma, months = published.TRANSFORMER_CONVERGED
    unit = "mean square plus penalty"
    residuals = np.asarray(found.transformer_point.residuals(found.data))
    penalty = published.DELTA * float(np.sum(np.abs(published.TRANSFORMER_POINT)))
    # Residuals are in units of a standard deviation whose square is one half.
    at_point = 0.5 * float(np.mean(residuals**2)) + penalty
    yield Quantity("transformer/published_objective", at_point, published.TRANSFORMER_OBJECTIVE, 1e-6, unit)
    yield Quantity("transformer/objective", objective(best.loss, best.values, rows), value, 5e-7, unit)
    yield Quantity("transformer/gamma", float(best.z[0]), gamma, 1e-3, "multiplier is its logistic function")
    yield Quantity("transformer/doubling", float(doubling_time(found.transformer.map(growth))), months, 1e-2, _MONTHS)
    for budget, (printed, converged, draws) in found.gains.items():
        median, low, high = published.TRANSFORMER_GAINS[budget]
        finite = draws[np.isfinite(draws)]
        yield Quantity(
            f"transformer/gain_published_{budget:.0e}",
            printed,
            published.TRANSFORMER_GAINS_AT_POINT[budget],
            6e-3,
            "times the compute",
        )
        yield Quantity(
            f"transformer/gain_{budget:.0e}",
            converged,
            published.TRANSFORMER_GAINS_CONVERGED[budget],
            0.06,
            "times the compute",
            interval(finite),
            (low, high),
            published.LEVEL,
            found.transformer_rows.kind,
            why=f"median of the replicates {np.median(draws):.3g}, published {median:g} (early-stopped refits)",
        )


def _allocation(found: Evidence) -> Iterator[Quantity]:
    for budget, (printed, exact) in published.CHINCHILLA_GAINS.items():
        yield Quantity(
            f"allocation_gain/{budget:.3g}",
            found.allocation_gains[budget],
            exact,
            0.01 * exact,
            "times the compute",
            why=f"printed in the paper: {printed:g}, from a loose optimiser and a fitted line",
        )


def _scale(found: Evidence) -> Iterator[Quantity]:
    budgets = np.geomspace(1e15, 1e27, 1201)
    gains = np.asarray(printed_gain(budgets))
    where = float(np.exp(np.interp(np.log(published.GUNDLACH_GAIN), np.log(gains), np.log(budgets))))
    yield Quantity(
        "scale/compute_of_published_gain",
        where,
        unit="FLOP",
        why="where the printed letters of LSTM and modern transformer give the printed "
        f"{published.GUNDLACH_GAIN:,.0f}x",
    )
    point, papers = found.architectures
    mine, draws = point.map(scale_share), papers.map(scale_share)
    start, end = shared_compute()
    span = np.log(end / start)
    for name, value, spread, unit in (
        ("gain_start", mine.start, draws.start, "times the compute"),
        ("gain_end", mine.end, draws.end, "times the compute"),
        ("gain_exponent", np.log(mine.end / mine.start) / span, np.log(draws.end / draws.start) / span, "of compute"),
    ):
        kept = np.asarray(spread)[papers.ok]
        why = {
            "gain_start": f"transformers against other models at {start:.0e} FLOP",
            "gain_end": f"at {end:.0e} FLOP, the largest at which this table has both",
            "gain_exponent": "0 is a gain that is the same at every scale; the paper finds that "
            f"{published.GUNDLACH_SHARE:.0%} of the log gain comes with scale, in experiments of its own. "
            f"Share of resampled tables with a positive exponent: {np.mean(kept > 0):.2f}, so that this table "
            f"{'leans to gains that grow with scale' if np.mean(kept > 0) > 0.9 else 'does not show it'}",
        }[name]
        yield Quantity(
            f"scale/{name}",
            float(value),
            unit=unit,
            interval=interval(kept[np.isfinite(kept)]),
            level=published.LEVEL,
            kind=papers.kind,
            why=why,
        )


def attribution(found: Evidence, start: str, end: str) -> Attribution:
    """Shapley shares of the change in predicted loss between two systems, at the published point."""
    return shapley(found.point, system(start), system(end), players=published.PLAYERS)


def _shapley(found: Evidence) -> Iterator[Quantity]:
    for (start, end), shares in published.SHAPLEY.items():
        mine = attribution(found, start, end).shares
        for player, share in zip(published.PLAYERS, shares, strict=True):
            name = f"shapley/{start}-{end}/{player.replace(' ', '_')}"
            yield Quantity(name, float(100 * jnp.asarray(mine[player])), share, 0.1, "per cent")
