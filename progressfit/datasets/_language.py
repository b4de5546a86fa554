"""The language-model table of Ho et al. 2024."""

from importlib import resources
from typing import Any, Literal

import numpy as np
import pandas as pd

from progressfit.dataset import Dataset

Columns = Literal["published", "corrected"]
FLOP_PER_PARAMETER_TOKEN = 6.0


def language_table() -> pd.DataFrame:
    """All 231 rows in the authors' order, one system on one benchmark each.

    Returns
    -------
    ``benchmark`` (wt103, ptb, wt2), ``date`` and ``decimal_year``, ``parameters``, ``tokens`` (of the training set),
    ``perplexity``, ``transformer``, ``vocabulary`` (185 rows), ``epochs`` (167 rows) with ``epochs_status``,
    ``training_flop_reported`` (46 rows), ``paper`` as cluster id, and ``*_corrected`` where the source has an error.

    Notes
    -----
    Source: reconstructed from the outputs of notebooks released with arXiv 2403.05812. Quirks: ``README.md``.
    """
    with resources.files("progressfit.datasets").joinpath("language.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)


def language(columns: Columns = "published", *, vocabulary: bool = False) -> Dataset:
    """Load the language models behind "Algorithmic progress in language models": loss against date, size and data.

    Parameters
    ----------
    columns
        "published" keeps the source's figures, errors included, and reproduces the published fits; "corrected" takes
        the corrected size and perplexity where the source has a clear error (4 rows), and drops the one row whose own
        perplexity is not known.
    vocabulary
        Whether to add the input ``vocabulary``, which drops the 46 rows on which it is missing (published: 185 left).

    Returns
    -------
    A data set with the loss in nats a word (ln perplexity), inputs ``parameters``, ``data`` (tokens of the training
    set), ``compute`` (FLOP, 6 parameters tokens: one pass over the data) and ``epochs`` (1 where unknown), the date in
    decimal years, groups ``benchmark`` and ``transformer`` (yes, no), and the paper as cluster.
    """
    if columns not in ("published", "corrected"):
        raise ValueError(f"columns='{columns}': choose 'published' or 'corrected'")
    table: Any = language_table()
    if columns == "corrected":
        table = _corrected(table)
    inputs = {"parameters": "parameters", "data": "tokens", "compute": "compute", "epochs": "epochs"}
    if vocabulary:
        table, inputs = table[table["vocabulary"].notna()], inputs | {"vocabulary": "vocabulary"}
    table = table.reset_index(drop=True)
    size, data = table["parameters"].astype(float), table["tokens"].astype(float)
    table = table.assign(
        loss=np.log(table["perplexity"]),
        compute=FLOP_PER_PARAMETER_TOKEN * size * data,
        epochs=table["epochs"].fillna(1.0),
        transformer=table["transformer"].map({True: "yes", False: "no"}),
    )
    return Dataset.from_frame(
        table,
        response="loss",
        inputs=inputs,
        date="decimal_year",
        groups={"benchmark": "benchmark", "transformer": "transformer"},
        cluster="paper",
        label="model",
    )


def _corrected(table: Any) -> Any:
    foreign = table["note"].str.contains("perplexity is the WikiText-103 value", na=False)
    unknown = foreign & table["perplexity_corrected"].isna()
    better = {name: table[f"{name}_corrected"].fillna(table[name]) for name in ("parameters", "perplexity")}
    return table.assign(**better)[~unknown]
