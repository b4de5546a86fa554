"""The tables of re-tests and of efficiency, against figures stated for them by those who gathered them."""

import numpy as np
import pytest
from scipy.special import logit

import progressfit as pf


def test_rows_and_tests():
    table = pf.datasets.imagenet_retests_table()
    assert len(table) == 886 and table["model"].is_unique and table["paper"].nunique() == 113
    runs = pf.datasets.imagenet_retests()
    assert runs.levels("test") == ("a", "imagenet", "r", "real", "sketch", "v2")
    assert np.bincount(np.asarray(runs.records.codes["test"])).tolist() == [885, 886, 886, 855, 886, 886]
    assert len(np.unique(runs.clusters)) == 113


def test_correlations_as_stated():
    table = pf.datasets.imagenet_retests_table()
    flop, images = np.log10(table["training_flop_estimate"]), np.log10(table["pretraining_images"])
    assert np.corrcoef(table["decimal_year"], flop)[0, 1] == pytest.approx(0.293, abs=5e-4)
    assert np.corrcoef(flop, images)[0, 1] == pytest.approx(0.698, abs=5e-4)
    # The slope of V2 on ImageNet across networks, date held fixed.
    columns = np.stack([np.ones(len(table)), logit(table["imagenet_top1"]), table["decimal_year"]], axis=1)
    slope = np.linalg.lstsq(columns, logit(table["imagenetv2_top1"].to_numpy()))[0][1]
    assert slope == pytest.approx(0.915, abs=5e-4)


def test_controls():
    runs = pf.datasets.imagenet_retests_controls()
    assert runs.levels("test") == ("a", "imagenet", "r", "sketch", "v2") and len(runs) == 5 * 77
    counts = pf.datasets.imagenet_retests_controls_table()["control"].value_counts()
    assert counts.to_dict() == {"small_data_checkpoint": 61, "early_checkpoint": 10, "data_subsample": 6}


def test_efficiency():
    runs = pf.datasets.efficiency()
    date, flop = np.asarray(runs.records.columns["date"]), np.log(np.asarray(runs.response))
    assert np.corrcoef(date, flop)[0, 1] == pytest.approx(-0.991, abs=5e-4)
    assert 12 * np.log(2) / -np.polyfit(date, flop, 1)[0] == pytest.approx(15.68, abs=5e-3)
    better = np.asarray(pf.datasets.efficiency(columns="corrected").records.columns["date"])
    assert 12 * np.log(2) / -np.polyfit(better, flop, 1)[0] == pytest.approx(14.85, abs=5e-3)
    assert np.sum(better != date) == 3 and np.abs(better - date).max() < 0.6
    assert len(pf.datasets.efficiency("gnmt_level")) == 2
    with pytest.raises(ValueError, match="choose one of alexnet_level, resnet50_level"):
        pf.datasets.efficiency("vgg_level")
    with pytest.raises(ValueError, match="choose 'published' or 'corrected'"):
        pf.datasets.efficiency(columns="best")
