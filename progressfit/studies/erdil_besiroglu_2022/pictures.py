"""What the study shows: fitted curves, attribution, the two modes, trade-offs between data and compute."""

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.analysis.predict import extrapolation
from progressfit.analysis.threshold import pareto_frontier
from progressfit.dataset import Record
from progressfit.growth import growth_rate
from progressfit.params import bind, constrain
from progressfit.picture import BarsPicture, Curve, CurvesPicture, ModesPicture, Picture
from progressfit.studies.erdil_besiroglu_2022 import published
from progressfit.studies.erdil_besiroglu_2022.evidence import Evidence
from progressfit.studies.erdil_besiroglu_2022.figures import LEVEL

_BUDGETS = (1e18, 1e20, 1e22)
_YEARS = (2012.0, 2015.0, 2018.0, 2021.0)
_TAILS = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]


def pictures(found: Evidence) -> dict[str, Picture]:
    """Name -> picture."""
    made: dict[str, Picture] = {
        "accuracy_over_time": _accuracy(found),
        "shapley": _bars(found),
        "modes": _two_modes(found),
    }
    for level in published.FRONTIER_LEVELS:
        made[f"frontier_{level:.3f}"] = _frontier(found, level)
    return made


def _accuracy(found: Evidence) -> CurvesPicture:
    years = np.linspace(2012.0, 2024.0, 121)
    curves = []
    for budget in _BUDGETS:
        records = Record.of(date=years, compute=budget, data=1.28e6)
        inside = extrapolation(found.data, records).inside
        accuracy = np.asarray(found.point.model.predict(records))
        curves.append(Curve(f"{budget:.0e} FLOP", years, accuracy, inside, shade=float(np.log10(budget))))
    columns = found.data.records.columns
    return CurvesPicture(
        title="ImageNet accuracy over time and the fitted law at fixed compute",
        x_label="publication date",
        y_label="top-1 accuracy (fraction)",
        curves=tuple(curves),
        x=np.asarray(columns["date"]),
        y=np.asarray(found.data.response),
        shade=np.log10(np.asarray(columns["compute"])),
        shade_label="log10 training compute (FLOP)",
        note="curves: 1.28 million training images; dashed where a date or budget lies outside the fitted range",
    )


def _bars(found: Evidence) -> BarsPicture:
    pairs = [f"{a} -> {b}" for a, b in published.SHAPLEY]
    draws = np.array([[found.shares_rows[pair][player] for player in published.PLAYERS] for pair in pairs])
    low, high = np.quantile(draws, _TAILS, axis=-1)
    return BarsPicture(
        title="What the gain in accuracy is attributed to (Shapley shares)",
        y_label="share of the change in accuracy",
        groups=tuple(pairs),
        bars=published.PLAYERS,
        value=np.array([[float(found.shares[pair][player]) for player in published.PLAYERS] for pair in pairs]),
        low=low,
        high=high,
        note=f"bars: best fit; whiskers: {LEVEL:.0%} interval, {found.rows.kind}, {len(found.rows)} replicates; "
        "the widest whiskers run off the picture (see shapley.csv)",
    )


def _two_modes(found: Evidence) -> ModesPicture:
    paths = [published.PARAMETERS[name].path for name in ("beta_year", "beta_year_2")]
    ok, optima = found.rows.ok, found.point.optima
    x, y = (np.asarray(found.rows.values[path])[ok] for path in paths)
    spec = found.point.spec
    rates = [float(growth_rate(bind(spec, constrain(spec, jnp.asarray(o.z))[0]))) for o in optima]
    return ModesPicture(
        title="Two explanations of the same table",
        x_label="compute-augmenting progress, beta_year (per year)",
        y_label="data-augmenting progress, beta_year_2 (per year)",
        quantity_label="growth of effective compute (natural log units per year)",
        x=x,
        y=y,
        quantity=found.rates["rows"],
        mode=found.rows.mode[ok],
        optima=np.array([[*(float(o.values[path]) for path in paths), r] for o, r in zip(optima, rates, strict=True)]),
        names=("A: compute-augmenting", "B: data-augmenting")[: len(optima)],
        note=f"{found.rows.kind}, {len(found.rows)} replicates, coloured by the nearest optimum; crosses: the optima",
    )


@jax.jit
def _needed(model, level, years, images):
    return jax.vmap(lambda year: pareto_frontier(model, level, year, images))(years)


def frontier(found: Evidence, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Training images ``(k,)`` and the compute needed for one accuracy in each year, ``(years, k)``."""
    images = np.geomspace(3e5, 3e10, 101)
    return images, np.asarray(_needed(found.point.model, level, jnp.asarray(_YEARS), images))


def _frontier(found: Evidence, level: float) -> CurvesPicture:
    images, needed = frontier(found, level)
    curves = []
    for year, compute in zip(_YEARS, needed, strict=True):
        amount = np.where(np.isfinite(compute) & (compute < 1e30), compute, np.nan)
        records = Record.of(date=year, data=images, compute=np.nan_to_num(amount, nan=1e40))
        curves.append(Curve(f"{year:.0f}", images, amount, extrapolation(found.data, records).inside))
    return CurvesPicture(
        title=f"Data and compute needed for {level:.1%} accuracy, by year",
        x_label="training images",
        y_label="training compute (FLOP)",
        curves=tuple(curves),
        log_x=True,
        log_y=True,
        note="dashed outside the fitted range; a curve ends where no amount of compute suffices",
    )
