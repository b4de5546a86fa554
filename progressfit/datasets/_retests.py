"""Networks scored on ImageNet and on later re-tests of it, and control runs of one algorithm."""

from importlib import resources
from typing import Any, Final

import pandas as pd

from progressfit.dataset import Dataset

TESTS: Final = {
    "imagenet": "imagenet_top1",
    "real": "imagenet_real_top1",
    "v2": "imagenetv2_top1",
    "a": "imagenet_a_top1",
    "r": "imagenet_r_top1",
    "sketch": "imagenet_sketch_top1",
}
"""Test -> column of accuracy: ImageNet itself first, then ReaL, V2 (matched frequency), A, R and Sketch."""


def imagenet_retests_table() -> pd.DataFrame:
    """All 886 rows: one set of pretrained weights, 2012 to 2025, dated and costed, with its accuracy on each test.

    Returns
    -------
    ``date`` and ``decimal_year`` (the later of architecture and recipe), ``training_flop_estimate`` (this project's
    count, FLOP) and ``log10_flop_sd``, its uncertainty, ``pretraining_images`` (unique), ``parameters``, accuracies as
    fractions, ``paper`` as cluster id, and how the weights came about (``method``, ``distilled``,
    ``recipe_confidence``).

    Notes
    -----
    Scores: results of timm (Apache-2.0) and of imagenet-testbed (MIT). Columns and quirks: ``README.md``.
    """
    return _read("imagenet_retests.csv")


def imagenet_retests_controls_table() -> pd.DataFrame:
    """All 77 control runs, in which training went further, or on more images, with the algorithm held fixed.

    Returns
    -------
    ``control`` (early_checkpoint, small_data_checkpoint, data_subsample), ``epochs``, ``train_images``,
    ``training_flop`` (FLOP, where the schedule is known) and accuracies as fractions; ReaL was not measured.
    """
    return _read("imagenet_retests_controls.csv")


def imagenet_retests() -> Dataset:
    """Load accuracies on ImageNet and five re-tests in long form: one row for each set of weights and test.

    Returns
    -------
    A data set with inputs ``compute`` (training FLOP) and ``data`` (unique training images), the covariate
    ``log10_sd`` (standard deviation of log10 of compute), the date in decimal years, the group ``test`` (levels of
    :data:`TESTS`), the paper as cluster, the name of the weights as label, and accuracy as a fraction. Tests that a set
    of weights was not scored on have no row.
    """
    return Dataset.from_frame(
        _long(imagenet_retests_table()),
        response="accuracy",
        inputs={"compute": "training_flop_estimate", "data": "pretraining_images"},
        covariates={"log10_sd": "log10_flop_sd"},
        date="decimal_year",
        groups={"test": "test"},
        cluster="paper",
        label="model",
    )


def imagenet_retests_controls() -> Dataset:
    """Load the control runs in long form: one row for each run and test, all tests but ReaL.

    Returns
    -------
    A data set with the input ``data`` (images of the training set), the groups ``test`` and ``control``, the name of
    the run as label, and accuracy as a fraction; undated.
    """
    table: Any = imagenet_retests_controls_table()
    table = table.assign(run=table["row"].astype(str) + " " + table["model"])
    return Dataset.from_frame(
        _long(table),
        response="accuracy",
        inputs={"data": "train_images"},
        groups={"test": "test", "control": "control"},
        label="run",
    )


def _long(table: Any) -> pd.DataFrame:
    measured = {test: column for test, column in TESTS.items() if column in table.columns}
    long: Any = pd.concat([table.assign(test=test, accuracy=table[column]) for test, column in measured.items()])
    return long[long["accuracy"].notna()].reset_index(drop=True)


def _read(name: str) -> pd.DataFrame:
    with resources.files("progressfit.datasets").joinpath(name).open(encoding="utf-8") as file:
        return pd.read_csv(file)
