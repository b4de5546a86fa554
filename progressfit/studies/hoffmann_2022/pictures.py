"""What the study shows: the optima of approaches 1 and 2 with the lines of approach 3, and the loss over sizes."""

import numpy as np

from progressfit.analysis.allocation import FLOP_PER_PARAMETER_TOKEN
from progressfit.dataset import Record
from progressfit.picture import Curve, CurvesPicture, Picture
from progressfit.studies.hoffmann_2022 import published
from progressfit.studies.hoffmann_2022.evidence import TOLERANCE, Evidence, columns_of, with_letters

_COMPUTE = np.geomspace(1e18, 1e25, 29)


def pictures(found: Evidence) -> dict[str, Picture]:
    """Name -> picture."""
    return {"model_size": _sizes(found), "profile": _profile(found)}


def _sizes(found: Evidence) -> CurvesPicture:
    compute = columns_of(found.data)["compute"]
    inside = (compute.min() <= _COMPUTE) & (compute.max() >= _COMPUTE)
    curves = [
        Curve(
            label,
            _COMPUTE,
            float(split.parameters) * (_COMPUTE / published.COMPUTE) ** split.parameters_exponent,
            inside,
        )
        for label, split in (
            ("approach 3, published parameters", found.allocations["source"]),
            ("approach 3, refit", found.allocations["refit"]),
        )
    ]
    for number in (1, 2):
        law = found.approaches[number].found
        line = float(law.parameters_coefficient) * _COMPUTE ** float(law.parameters_exponent)
        curves.append(Curve(f"approach {number} on these points", _COMPUTE, line, inside))
    law = found.approaches[2].found
    used = np.asarray(law.used)
    return CurvesPicture(
        title="Compute-optimal model size",
        x_label="training compute (FLOP)",
        y_label="model parameters",
        curves=tuple(curves),
        x=np.append(np.asarray(law.compute)[used], published.COMPUTE),
        y=np.append(np.asarray(law.parameters)[used], 70e9),
        shade=np.append(np.asarray(law.loss)[used], float(found.allocations["refit"].loss)),
        shade_label="loss (nats per token)",
        log_x=True,
        log_y=True,
        note="points: vertices of the parabolas of approach 2, and Chinchilla; dashed beyond the compute of the runs",
    )


def _profile(found: Evidence) -> CurvesPicture:
    """Loss over model size at one budget, under the published parameters and the refit."""
    columns, budget = columns_of(found.data), published.BUDGETS[-2]
    near = np.abs(np.log(columns["compute"] / budget)) <= TOLERANCE
    sizes = np.geomspace(columns["parameters"][near].min() / 2, columns["parameters"][near].max() * 2, 81)
    records = Record.of(parameters=sizes, data=budget / FLOP_PER_PARAMETER_TOKEN / sizes)
    inside = (sizes >= columns["parameters"][near].min()) & (sizes <= columns["parameters"][near].max())
    models = {"published parameters": with_letters(published.PARAMETERS), "refit": found.refit.model}
    return CurvesPicture(
        title=f"Loss over model size at {budget:.0e} FLOP",
        x_label="model parameters",
        y_label="loss (nats per token)",
        curves=tuple(Curve(name, sizes, np.asarray(model.predict(records)), inside) for name, model in models.items()),
        x=columns["parameters"][near],
        y=np.asarray(found.data.response)[near],
        shade=np.log10(columns["compute"][near]),
        shade_label="log10 training compute (FLOP)",
        log_x=True,
        note=f"points: runs within {TOLERANCE} of the budget in ln compute",
    )
