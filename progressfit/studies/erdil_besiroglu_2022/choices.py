"""Choices behind the published figure that others could have made, for the multiverse."""

import functools
from typing import Any

import numpy as np
import numpyro.distributions as dist

from progressfit.analysis.multiverse import Universe
from progressfit.analysis.selection import best_of_cluster
from progressfit.dataset import Dataset
from progressfit.datasets import imagenet
from progressfit.laws.erdil_besiroglu import COMPUTE_EFFICIENCY, DATA_EFFICIENCY
from progressfit.links import Logit
from progressfit.model import Model
from progressfit.noise import Gaussian, LogScale, StudentT
from progressfit.terms import Constant, ExponentialProgress, Logistic, LogSlope, Product, Sum

ONE_SET = 1.28e6
"""Training images of ImageNet-1k, on which most rows were trained."""
_FIRST_RECENT = 2021.0

FORMS = ("published", "no data-augmenting trend", "one index")
CHOICES = {
    "form": FORMS,
    "table": ("published", "corrected", "recounted"),
    "rows": ("all", "best of each paper", "ImageNet-1k only", "before 2021"),
    "ceiling": ("100%", "98%", "95%"),
    "prior sd of slopes": ("0.05", "0.09", "0.18"),
    "origin": ("2012", "2017"),
    "noise": ("Gaussian", "Student-t"),
}
"""1,296 combinations; the first option of each but the prior's is the published one."""


def universe(**picked: str) -> Universe:
    """The law, table and rows of one combination of :data:`CHOICES`."""
    prior = dist.Normal(0.0, float(picked["prior sd of slopes"]))
    origin, ceiling = float(picked["origin"]), float(picked["ceiling"].rstrip("%")) / 100
    scale = LogScale(dist.Normal(0.0, 1.0))
    noise = Gaussian(scale) if picked["noise"] == "Gaussian" else StudentT(scale, df=4.0)
    data = _table(picked["table"])
    law = Model(_mean(picked["form"], prior, origin, ceiling), Logit(), noise)
    return Universe(law, data, _rows(picked["rows"], data))


def _mean(form: str, prior: dist.Distribution, origin: float, ceiling: float) -> Any:
    constant = Constant(dist.Normal(0.0, 1.0))
    by_date = ExponentialProgress(prior, origin=origin, channel=COMPUTE_EFFICIENCY, augments="compute")
    compute = LogSlope("compute", prior, reference=4.7e17)
    data = LogSlope("data", prior, reference=1e6)
    if form == "one index":
        return Product(
            index=Logistic(Sum(const=constant, progress=by_date, compute=compute, data=data)), ceiling=Constant(ceiling)
        )
    trend = ExponentialProgress(prior, origin=origin, channel=DATA_EFFICIENCY, augments="data")
    parts = {"const": constant, "scaling": data} | ({"progress": trend} if form == "published" else {})
    return Product(
        compute=Logistic(Sum(const=constant, progress=by_date, scaling=compute)),
        data=Logistic(Sum(**parts)),
        ceiling=Constant(ceiling),
    )


@functools.cache
def _table(columns: Any) -> Dataset:
    return imagenet(columns)


def _rows(rows: str, data: Dataset) -> np.ndarray:
    kept = {
        "all": np.ones(len(data)),
        "best of each paper": best_of_cluster(data, 1),
        "ImageNet-1k only": np.isclose(data.records.columns["data"], ONE_SET),
        "before 2021": np.asarray(data.records.columns["date"]) < _FIRST_RECENT,
    }[rows]
    return np.asarray(kept, np.float64)
