"""Compute to AlexNet's level, against least squares and Student's t computed elsewhere."""

import json

import numpy as np
import pytest
import scipy.stats

import progressfit as pf
from progressfit.report.export import study_json, write_folder
from progressfit.studies import load
from progressfit.studies.base import Wanted
from progressfit.studies.hernandez_brown_2020 import student_quantile

MONTHS = 12 * np.log(2)


@pytest.fixture(scope="module")
def result():
    return load("hernandez-brown-2020").run(Wanted(), lambda text: None)


@pytest.fixture(scope="module")
def line():
    runs = pf.datasets.efficiency()
    return scipy.stats.linregress(np.asarray(runs.records.columns["date"]), -np.log(np.asarray(runs.response)))


def figure(result, name):
    return next(q for q in result.quantities if q.name == name)


def test_agreement(result):
    judged = [q for q in result.quantities if q.published is not None]
    assert {q.name for q in judged if not q.agrees} == {"reduction/resnet50_level", "reduction/seq2seq_level"}
    assert result.certified and result.n == 6
    assert len({q.name for q in result.quantities}) == len(result.quantities)


def test_rate_and_its_interval(result, line):
    rate = figure(result, "rate")
    np.testing.assert_allclose(rate.value, line.slope, rtol=1e-7)
    reach = scipy.stats.t.ppf(0.975, 4) * line.stderr
    np.testing.assert_allclose(rate.interval, [line.slope - reach, line.slope + reach], rtol=1e-6)
    np.testing.assert_allclose(figure(result, "doubling_months").interval, MONTHS / np.array(rate.interval)[::-1])
    np.testing.assert_allclose(figure(result, "correlation").value, -line.rvalue, rtol=1e-12)
    for p in (0.6, 0.9, 0.975, 0.9999):
        np.testing.assert_allclose(student_quantile(p), scipy.stats.t.ppf(p, 4), rtol=1e-10)


def test_one_run_left_out(result):
    runs = pf.datasets.efficiency()
    date, flop = np.asarray(runs.records.columns["date"]), np.log(np.asarray(runs.response))
    for k, name in enumerate(runs.labels.rows):
        slope = -np.polyfit(np.delete(date, k), np.delete(flop, k), 1)[0]
        np.testing.assert_allclose(figure(result, f"doubling_months/without {name}").value, MONTHS / slope, rtol=1e-6)


def test_output(result, tmp_path):
    found = json.loads(study_json(result))
    assert found["study"] == "hernandez-brown-2020" and found["certificate"]["certified"]
    written = {path.name for path in write_folder(result, tmp_path, {})}
    assert {"runs.csv", "targets.csv", "compute.png", "report.html"} <= written
