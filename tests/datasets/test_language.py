"""The language-model table, against figures stated for it by those who gathered it."""

import numpy as np
import pytest

import progressfit as pf


@pytest.fixture(scope="module")
def runs():
    return pf.datasets.language()


def test_rows_and_groups_in_the_authors_order(runs):
    counts = np.bincount(np.asarray(runs.records.codes["benchmark"]))
    assert runs.levels("benchmark") == ("ptb", "wt103", "wt2")
    assert counts.tolist() == [80, 103, 48]
    assert int(np.sum(np.asarray(runs.records.codes["transformer"]))) == 104
    assert runs.labels.rows[1] == "LBL"
    np.testing.assert_allclose(np.asarray(runs.response)[1], np.log(159.1), rtol=1e-15)


def test_correlations_of_the_inputs_with_the_date(runs):
    read = runs.records.columns
    date = np.asarray(read["date"])
    for name, stated in {"compute": 0.618, "parameters": 0.611, "data": 0.593}.items():
        assert np.corrcoef(date, np.log(np.asarray(read[name])))[0, 1] == pytest.approx(stated, abs=5e-4)
    np.testing.assert_allclose(read["compute"], 6 * np.asarray(read["parameters"]) * np.asarray(read["data"]))
    assert np.asarray(read["epochs"]).min() > 0


def test_other_columns_drop_rows_only_where_nothing_is_known(runs):
    better = pf.datasets.language("corrected")
    assert len(better) == 230
    changed = [name for name in better.labels.rows if name in runs.labels.rows]
    assert len(changed) == 230
    known = pf.datasets.language(vocabulary=True)
    assert len(known) == 185
    assert np.asarray(known.records.columns["vocabulary"]).min() > 1


def test_unknown_columns_are_refused():
    with pytest.raises(ValueError, match="choose 'published' or 'corrected'"):
        pf.datasets.language("best")
