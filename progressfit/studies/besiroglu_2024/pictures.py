"""What the study shows: tokens per parameter against compute, residuals of both parameter sets, the replicates."""

import numpy as np

from progressfit.analysis.allocation import Allocation
from progressfit.picture import Curve, CurvesPicture, ModesPicture, Picture
from progressfit.studies.besiroglu_2024 import published
from progressfit.studies.besiroglu_2024.evidence import Evidence, letters
from progressfit.studies.besiroglu_2024.figures import LEVEL, TAILS

BUDGETS = np.geomspace(1e18, 1e26, 49)


def pictures(found: Evidence) -> dict[str, Picture]:
    """Name -> picture."""
    return {
        "tokens_per_parameter": _ratio(found),
        "residuals_replication": _residuals(found, "replication", "the replication's parameters"),
        "residuals_hoffmann": _residuals(found, "hoffmann", "Hoffmann's parameters"),
        "replicates": _replicates(found),
    }


def along(split: Allocation, budgets: np.ndarray = BUDGETS) -> np.ndarray:
    """Tokens per parameter at each budget, ``(..., budgets)``, from the split of one budget.

    For this law it is a power of compute whose exponent is the difference of the two inputs' exponents.
    """
    power = np.asarray(split.data_exponent - split.parameters_exponent)[..., None]
    return np.asarray(split.tokens_per_parameter)[..., None] * (budgets / published.COMPUTE) ** power


def _ratio(found: Evidence) -> CurvesPicture:
    columns = {name: np.asarray(values)[found.used] for name, values in found.data.records.columns.items()}
    inside = (columns["compute"].min() <= BUDGETS) & (columns["compute"].max() >= BUDGETS)
    low, high = np.quantile(along(found.allocations_rows), TAILS, axis=0)
    names = {"huber": "refit", "hoffmann": "Hoffmann's parameters"}
    return CurvesPicture(
        title="Compute-optimal tokens per parameter",
        x_label="training compute (FLOP)",
        y_label="tokens per parameter",
        curves=tuple(
            Curve(label, BUDGETS, along(found.allocations[name]), inside)
            if name == "hoffmann"
            else Curve(label, BUDGETS, along(found.allocations[name]), inside, low=low, high=high)
            for name, label in names.items()
        ),
        x=columns["compute"],
        y=columns["data"] / columns["parameters"],
        shade=np.asarray(found.data.response)[found.used],
        shade_label="loss (nats per token)",
        log_x=True,
        log_y=True,
        note=f"points: the runs; band: {LEVEL:.0%} interval, {found.rows.kind}, {len(found.rows)} replicates; "
        "dashed beyond the compute of the runs",
    )


def _residuals(found: Evidence, name: str, of: str) -> CurvesPicture:
    columns = {name: np.asarray(values)[found.used] for name, values in found.data.records.columns.items()}
    ends = np.array([columns["compute"].min(), columns["compute"].max()])
    return CurvesPicture(
        title=f"Residuals of ln loss under {of}",
        x_label="training compute (FLOP)",
        y_label="ln loss, observed less predicted",
        curves=(Curve("no difference", ends, np.zeros(2), np.ones(2, bool), shade=None),),
        x=columns["compute"],
        y=found.residuals[name],
        shade=np.log10(columns["data"] / columns["parameters"]),
        shade_label="log10 tokens per parameter",
        log_x=True,
        note=f"mean {np.mean(found.residuals[name]):+.4f}, {len(found.residuals[name])} points",
    )


def _replicates(found: Evidence) -> ModesPicture:
    draws, best = letters(found.rows.values), letters(found.huber.parameters)
    ok = found.rows.ok
    ratio = float(found.allocations["huber"].tokens_per_parameter)
    return ModesPicture(
        title="Refits of resampled points",
        x_label="exponent of model size, alpha",
        y_label="exponent of data, beta",
        quantity_label=f"log10 tokens per parameter at {published.COMPUTE:.3g} FLOP",
        x=np.asarray(draws["alpha"])[ok],
        y=np.asarray(draws["beta"])[ok],
        quantity=np.log10(found.allocations_rows.tokens_per_parameter),
        mode=np.zeros(int(ok.sum()), int),
        optima=np.array([[float(best["alpha"]), float(best["beta"]), np.log10(ratio)]]),
        names=(f"{found.rows.kind}, {len(found.rows)} replicates",),
        note="cross and dashed line: the fit of all 240 points",
    )
