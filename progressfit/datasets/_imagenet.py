"""The ImageNet table of Erdil and Besiroglu 2022."""

from importlib import resources
from typing import Any, Literal

import pandas as pd

from progressfit.dataset import Dataset

Columns = Literal["published", "corrected", "recounted"]

_CORRECTED = ("training_flop", "parameters", "top1_error")


def imagenet_table() -> pd.DataFrame:
    """All 113 rows as released, one ImageNet-1k result each, with this project's corrections in columns of their own.

    Returns
    -------
    Inputs in natural units (FLOP, unique images, parameters), ``top1_error`` as a fraction, ``decimal_year`` as the
    authors compute it, ``used_in_fit`` for the 97 rows of the published fit, ``paper`` as cluster id,
    ``*_corrected`` where the source has a clear error, ``training_flop_recount`` where operations were counted anew.

    Notes
    -----
    Source: table released with arXiv 2212.05153 (repository Besiroglu/computer_vision_data at 32a1108), which carries
    no licence file; the figures are facts from the cited papers. Quirks row by row: column ``note``.
    """
    with resources.files("progressfit.datasets").joinpath("imagenet.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)


def imagenet(columns: Columns = "published") -> Dataset:
    """Load the 97 rows of the published fit: top-1 accuracy against date, compute, data and parameters.

    Parameters
    ----------
    columns
        "published" keeps the source's figures, errors included, and reproduces the published fit; "corrected" takes
        the corrected date, compute, size and error where the source has a clear error; "recounted" also replaces
        compute by this project's own operation count where there is one (65 of the 97 rows).

    Returns
    -------
    A data set with inputs ``compute`` (FLOP), ``data`` (unique training images) and ``parameters``, the date in
    decimal years, ``architecture`` and ``pretraining_dataset`` as groups, the paper as cluster, and accuracy as a
    fraction.
    """
    table: Any = imagenet_table()
    table = table[table["used_in_fit"]].reset_index(drop=True)
    if columns not in ("published", "corrected", "recounted"):
        raise ValueError(f"columns='{columns}': choose 'published', 'corrected' or 'recounted'")
    if columns != "published":
        table = _corrected(table)
    if columns == "recounted":
        table["training_flop"] = table["training_flop_recount"].fillna(table["training_flop"])
    table["top1_accuracy"] = 1.0 - table["top1_error"]
    return Dataset.from_frame(
        table,
        response="top1_accuracy",
        inputs={"compute": "training_flop", "data": "training_images", "parameters": "parameters"},
        date="decimal_year",
        groups={"architecture": "architecture", "pretraining_dataset": "pretraining_dataset"},
        cluster="paper",
        label="model",
    )


def _corrected(table: Any) -> Any:
    better = {name: table[f"{name}_corrected"].fillna(table[name]) for name in _CORRECTED}
    dates = pd.to_datetime(table["date_corrected"])
    # The authors' own formula for the decimal year, so that corrected and published rows are on one footing.
    years = dates.dt.year + (dates.dt.month - 1) / 12 + dates.dt.day / 365
    return table.assign(**better, decimal_year=years.fillna(table["decimal_year"]))
