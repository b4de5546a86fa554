"""What the sensitivity analyses are given: the published law and table, its other conventions, known errors."""

import itertools
from typing import Any

import numpy as np

from progressfit.dataset import Record
from progressfit.datasets import (
    imagenet,
    imagenet_retests,
    imagenet_retests_controls,
    imagenet_retests_table,
    imagenet_table,
)
from progressfit.laws import erdil_besiroglu
from progressfit.studies.base import Retests, Subject, Window
from progressfit.studies.erdil_besiroglu_2022 import published
from progressfit.studies.erdil_besiroglu_2022.choices import CHOICES, universe
from progressfit.studies.erdil_besiroglu_2022.evidence import WINDOW

SLOPE_SDS = (0.02, 0.03, 0.04, 0.06, 0.08, 0.09, 0.1, 0.12, 0.15, 0.25, 0.5, 1.0)
NAME = "erdil-besiroglu-2022"
TESTS = {
    "imagenet": "ImageNet",
    "real": "ReaL",
    "v2": "ImageNetV2",
    "a": "ImageNet-A",
    "r": "ImageNet-R",
    "sketch": "ImageNet-Sketch",
}


def _scenarios() -> dict[str, list[float]]:
    """The grid of the published forecasts: years 2012 to 2026, three sizes of data set and three of compute."""
    grid = itertools.product((1.28e6, 1e9, 1e12), (1e18, 1e21, 1e24), range(2012, 2027, 2))
    data, compute, year = zip(*grid, strict=True)
    return {"date": list(map(float, year)), "data": list(data), "compute": list(compute)}


def subject() -> Subject:
    """The published fit, to be doubted."""
    tables = {name: imagenet(name) for name in ("published", "corrected", "recounted")}
    table: Any = imagenet_table()
    return Subject(
        name=NAME,
        title=published.CITATION,
        spec=erdil_besiroglu(),
        data=tables["published"],
        quantity="growth rate of effective compute on ImageNet",
        tables=tables,
        sweep=("prior standard deviation of the four slopes", {sd: erdil_besiroglu(sd) for sd in SLOPE_SDS}),
        window=Window(tuple(published.THRESHOLDS), Record.of(data=published.COMMON_DATA), tuple(WINDOW)),
        retests=_retests(),
        choices=(CHOICES, universe),
        scenarios=_scenarios(),
        comparable="training compute at fixed performance",
        log10_sd={"recounted": table.loc[table["used_in_fit"], "recount_log10_sd"].to_numpy(np.float64)},
        pretraining=("pretraining_dataset", "imagenet-1k", "data"),
    )


def _retests() -> Retests:
    data = imagenet_retests()
    table: Any = imagenet_retests_table().set_index("model").loc[list(data.labels.rows)]
    filters = {
        "whose recipe is known with high confidence": table["recipe_confidence"] == "high",
        "trained on ImageNet labels, not zero-shot": table["imagenet_trained"],
        "that saw no images beyond ImageNet-1k": table["pretraining_dataset"] == "imagenet-1k",
        "dated from 2019 on": table["decimal_year"] >= 2019,
    }
    masks = {name: mask.to_numpy(bool) for name, mask in filters.items()}
    return Retests(data, "imagenet", TESTS, imagenet_retests_controls(), masks, ("data",), "log10_sd")
