"""Training runs that reach a fixed level of performance, as gathered by Hernandez and Brown 2020."""

from importlib import resources
from typing import Any, Literal

import pandas as pd

from progressfit.dataset import Dataset
from progressfit.features import decimal_year

Columns = Literal["published", "corrected"]


def efficiency_table() -> pd.DataFrame:
    """All 12 rows: one training run that reaches the level of its ``target``.

    Returns
    -------
    ``target`` (alexnet_level is 79.1% top-5 on ImageNet), ``date`` and ``decimal_year`` as listed, ``training_flop``
    (teraflop/s-days x 8.64e16), ``reduction_factor`` against the first row of the target, and ``date_corrected``
    where the listed date is not that of the paper.

    Notes
    -----
    Source: ``efficiency_sota.csv`` of openai/ai-and-efficiency at 1f280d1 (arXiv 2005.04305). Quirks: ``README.md``.
    """
    with resources.files("progressfit.datasets").joinpath("efficiency.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)


def efficiency(target: str = "alexnet_level", columns: Columns = "published") -> Dataset:
    """Load the training runs that reach one level: training compute against date.

    Parameters
    ----------
    target
        alexnet_level (6 rows), resnet50_level, seq2seq_level or gnmt_level (2 rows each).
    columns
        "published" takes the dates as listed; "corrected" those of the papers, where they differ (8 of 12 rows).

    Returns
    -------
    A data set whose response is training compute in FLOP, with the date in decimal years and the paper as cluster.
    """
    table: Any = efficiency_table()
    known = list(dict.fromkeys(table["target"]))
    if target not in known:
        raise ValueError(f"target='{target}': choose one of {', '.join(known)}")
    if columns not in ("published", "corrected"):
        raise ValueError(f"columns='{columns}': choose 'published' or 'corrected'")
    rows = table[table["target"] == target].reset_index(drop=True)
    if columns == "corrected":
        better = rows["date_corrected"].map(decimal_year, na_action="ignore")
        rows = rows.assign(decimal_year=better.fillna(rows["decimal_year"]).astype(float))
    return Dataset.from_frame(rows, response="training_flop", date="decimal_year", cluster="paper", label="model")
