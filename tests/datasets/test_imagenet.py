"""The embedded ImageNet table."""

import numpy as np
import pytest

import progressfit as pf


def test_table_and_flag():
    table = pf.datasets.imagenet_table()
    assert table.shape == (113, 24)
    assert table["row"].tolist() == list(range(113))
    assert table["used_in_fit"].sum() == 97
    left_out = set(table.loc[~table["used_in_fit"], "model"])
    assert {"AmoebaNet-A"} <= left_out


def test_used_rows_in_order_with_groups_and_papers():
    runs = pf.datasets.imagenet()
    table = pf.datasets.imagenet_table()
    used = table[table["used_in_fit"]]
    assert len(runs) == 97
    assert list(runs.labels.rows) == used["model"].tolist()
    np.testing.assert_allclose(runs.response, 1 - used["top1_error"])
    np.testing.assert_array_equal(runs.records.columns["compute"], used["training_flop"])
    assert len(np.unique(runs.clusters)) == 65
    assert set(runs.levels("architecture")) == {"cnn", "transformer", "hybrid", "mlp"}


def test_correlations_of_the_inputs():
    """As the data dictionary states them."""
    columns = {name: np.asarray(v, float) for name, v in pf.datasets.imagenet().records.columns.items()}
    year, flop, images = columns["date"], np.log(columns["compute"]), np.log(columns["data"])
    found = np.corrcoef([year, flop, images])
    np.testing.assert_allclose([found[0, 1], found[0, 2], found[1, 2]], [0.491, 0.288, 0.805], atol=5.1e-4)
    assert np.sum((year >= 2021) & (year < 2022)) == 58
    assert np.sum(columns["data"] == 1.28e6) == 71


def test_corrections_change_only_what_they_name():
    published, corrected, recounted = (pf.datasets.imagenet(c) for c in ("published", "corrected", "recounted"))
    table = pf.datasets.imagenet_table()
    used = table[table["used_in_fit"]].reset_index(drop=True)
    changed = np.asarray(published.records.columns["compute"]) != np.asarray(corrected.records.columns["compute"])
    np.testing.assert_array_equal(changed, used["training_flop_corrected"].notna())
    dates = np.asarray(published.records.columns["date"]) != np.asarray(corrected.records.columns["date"])
    assert (used["date_corrected"].notna() | ~dates).all() and dates.sum() >= 8
    counted = used["training_flop_recount"].notna()
    assert counted.sum() == 65
    np.testing.assert_array_equal(
        np.asarray(recounted.records.columns["compute"])[counted], used.loc[counted, "training_flop_recount"]
    )


def test_unknown_convention():
    with pytest.raises(ValueError, match="'published', 'corrected' or 'recounted'"):
        pf.datasets.imagenet("guessed")
