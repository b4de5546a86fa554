"""What the sensitivity analyses are given: the published law and table, its other conventions, known errors."""

from typing import Any

import numpy as np

from progressfit.datasets import imagenet, imagenet_table
from progressfit.laws import erdil_besiroglu
from progressfit.studies.base import Subject
from progressfit.studies.erdil_besiroglu_2022 import published

SLOPE_SDS = (0.02, 0.03, 0.04, 0.06, 0.08, 0.09, 0.1, 0.12, 0.15, 0.25, 0.5, 1.0)
NAME = "erdil-besiroglu-2022"


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
        log10_sd=table.loc[table["used_in_fit"], "recount_log10_sd"].to_numpy(np.float64),
        pretraining=("pretraining_dataset", "imagenet-1k", "data"),
    )
