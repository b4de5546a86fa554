"""What the study shows: growth rates by procedure, Shapley bars, gains over compute, the specification curve."""

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.analysis.attribution import shapley
from progressfit.analysis.gain import innovation_curve
from progressfit.laws.ho2024 import FORMS
from progressfit.model import Model
from progressfit.picture import BarsPicture, Curve, CurvesPicture, ModesPicture, Picture, SpecificationPicture
from progressfit.studies.ho_2024 import published
from progressfit.studies.ho_2024.evidence import Evidence, system
from progressfit.studies.ho_2024.figures import TAILS, interval, rates
from progressfit.studies.ho_2024.forms import Growth, choices

_BUDGETS = np.geomspace(1e18, 1e26, 33)


def pictures(found: Evidence) -> dict[str, Picture]:
    """Name -> picture."""
    return {"growth": _modes(found), "shapley": _shapley(found), "transformer_gain": _gains(found)}


def _modes(found: Evidence) -> ModesPicture:
    draws, optima = found.papers, found.converged.optima
    values = {path: np.asarray(value)[draws.ok] for path, value in draws.values.items()}
    places = [[float(optimum.z[3]), float(optimum.z[8])] for optimum in optima]
    points = [float(optimum.z[3] / optimum.z[4] + optimum.z[8] / optimum.z[9]) for optimum in optima]
    return ModesPicture(
        title="Model 7 on resampled papers: two optima, two stories",
        x_label="trend in parameter efficiency (a_year)",
        y_label="trend in data efficiency (b_year)",
        quantity_label="growth rate of effective compute (natural log units a year)",
        x=values["size.gain.progress.rate"],
        y=values["data.gain.progress.rate"],
        quantity=rates(draws),
        mode=draws.mode[draws.ok],
        optima=np.column_stack([places, points]),
        names=tuple(f"near optimum {k + 1}" for k in range(len(optima))),
        note=f"{draws.kind}, {len(draws)} replicates; crosses and dashes: the optima of the whole table",
    )


def _shapley(found: Evidence) -> BarsPicture:
    pairs = list(published.SHAPLEY)

    def shares(model: Model) -> jax.Array:
        found = [shapley(model, system(a), system(b), published.PLAYERS).shares for a, b in pairs]
        return jnp.stack([jnp.stack([shares[player] for player in published.PLAYERS]) for shares in found])

    low, high = np.quantile(np.asarray(found.rows.map(shares))[found.rows.ok], TAILS, axis=0)
    return BarsPicture(
        title="Where lower loss came from, WikiText-103: converged fit of model 7",
        y_label="share of the change in predicted loss",
        groups=tuple(f"{a} -> {b}" for a, b in pairs),
        bars=published.PLAYERS,
        value=np.asarray(found.converged.map(shares)),
        low=low,
        high=high,
        note=f"whiskers: {published.LEVEL:.0%} interval, {found.rows.kind}, {len(found.rows)} replicates",
    )


def _gains(found: Evidence) -> CurvesPicture:
    at, budgets = system("GPT-2").replace(date=published.GAIN_YEAR), jnp.asarray(_BUDGETS)

    def curve(model: Model) -> jax.Array:
        return innovation_curve(model, budgets, at, {"transformer": "yes"})

    draws = np.asarray(found.transformer_rows.map(curve))[found.transformer_rows.ok]
    low, high = np.quantile(np.where(np.isfinite(draws), draws, np.nanmax(draws)), TAILS, axis=0)
    read = found.data.records.columns
    inside = float(np.max(np.asarray(read["compute"]))) >= _BUDGETS
    return CurvesPicture(
        title="What the transformer is worth",
        x_label="training compute (FLOP)",
        y_label="compute-equivalent gain",
        curves=(
            Curve("converged", _BUDGETS, np.asarray(found.transformer.map(curve)), inside, low=low, high=high),
            Curve("published point", _BUDGETS, np.asarray(curve(found.transformer_point)), inside),
        ),
        log_x=True,
        log_y=True,
        note=f"year 2023, equal parameters and tokens; band: {published.LEVEL:.0%} interval, "
        f"{found.transformer_rows.kind}; dashed beyond the compute of the table",
    )


def specification_curve(found: list[Growth]) -> SpecificationPicture:
    """The growth rate of every form that has one, sorted, with the choices behind it."""
    ordered = sorted(found, key=lambda one: one.rate)
    spans = np.array([interval(one.papers) for one in ordered])
    marks = [choices(FORMS[one.number]) for one in ordered]
    return SpecificationPicture(
        title="Growth of effective compute, every functional form",
        y_label="natural log units a year",
        names=tuple(str(one.number) for one in ordered),
        value=np.array([one.rate for one in ordered]),
        low=spans[:, 0],
        high=spans[:, 1],
        choices=tuple(marks[0]),
        marks=np.array([list(mark.values()) for mark in marks]),
        note=f"{published.LEVEL:.0%} intervals from resampled papers; forms by their published number",
    )
