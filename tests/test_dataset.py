"""Records and data sets, and what `prepare` does to a spec for one of them."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest

import progressfit as pf
from progressfit import params, prior_range
from progressfit.dataset import Dataset, Labels, Record
from progressfit.links import Logit
from progressfit.model import Model
from progressfit.noise import Gaussian, LogScale
from progressfit.terms import GroupEffect, Logistic, Sum


def grouped(effects, scale=1.0) -> Model:
    """A law with one group effect, and nothing else but noise."""
    index = Sum(level=0.5, lab=GroupEffect("lab", effects, scale=scale))
    return Model(Logistic(index), Logit(), Gaussian(LogScale(cases.normal())))


class TestRecord:
    def test_scalars_give_one_row_and_iso_dates_decimal_years(self):
        record = Record.of(date="2019-01-01", compute=4.7e17, data=10**6)
        assert record.date("any channel") == 2019.0
        assert record["compute"] == 4.7e17
        assert {name: (v.shape, v.dtype) for name, v in record.columns.items()} == dict.fromkeys(
            ("compute", "data", "date"), ((), np.dtype(np.float64))
        )

    def test_scalars_are_repeated_along_arrays(self):
        record = Record.of(date=["2012-01-01", "2013-01-01", 2014.5], compute=np.array([1e17, 1e18, 1e19]), data=1e6)
        np.testing.assert_array_equal(record.date("x"), [2012.0, 2013.0, 2014.5])
        np.testing.assert_array_equal(record["data"], [1e6] * 3)
        assert Record.of(date=2012.0, compute=[[1.0, 2.0], [3.0, 4.0]]).date("x").shape == (2, 2)
        with pytest.raises(ValueError, match="shape"):
            Record.of(compute=[1.0, 2.0], data=[1.0, 2.0, 3.0])

    def test_dates_are_read_through_channels_only(self):
        record = Record.of(date=2015.0, compute=1e18)
        with pytest.raises(ValueError, match=r"named channel, record\.date\('algorithms'\)"):
            record["date"]

    def test_clocks_move_one_channel_and_leave_the_others(self):
        record = Record.of(date=2015.0, compute=1e18)
        moved = record.with_clocks({"data efficiency": 2020.0})
        assert moved.date("data efficiency") == 2020.0
        assert moved.date("compute efficiency") == moved.columns["date"] == 2015.0
        assert record.date("data efficiency") == 2015.0, "the record itself is left as it was"
        again = moved.with_clocks({"compute efficiency": 2013.0})
        assert (again.date("data efficiency"), again.date("compute efficiency")) == (2020.0, 2013.0)

    def test_replace_keeps_codes_and_clocks(self):
        record = cases.records().with_clocks({"habits": np.full(cases.ROWS, 2000.0)})
        changed = record.replace(compute=np.ones(cases.ROWS))
        assert (changed["compute"] == 1).all()
        assert changed.codes is record.codes
        np.testing.assert_array_equal(changed.date("habits"), np.full(cases.ROWS, 2000.0))

    def test_row_is_what_vmap_sees(self):
        record = cases.records()
        row = record.row(4)
        assert row["compute"] == record["compute"][4]
        assert row.code("lab") == 1
        seen = jax.vmap(lambda r: jnp.stack([r["compute"], r.date("x"), r.code("lab") * 1.0]))(record)
        np.testing.assert_array_equal(seen[4], [row["compute"], row.date("x"), 1.0])

    def test_absent_columns_groups_and_dates_say_what_there_is(self):
        with pytest.raises(
            ValueError, match=r"reads the column 'flop', which the data do not have \(they have: .*compute"
        ):
            cases.records()["flop"]
        with pytest.raises(ValueError, match=r"reads the group 'country'.*it has: lab.*data\.record"):
            cases.records().code("country")
        with pytest.raises(ValueError, match=r"reads the column 'date'.*they have: compute"):
            Record.of(compute=1.0).date("algorithms")
        with pytest.raises(ValueError, match="it has: none"):
            Record.of(compute=1.0).code("lab")


class TestDataset:
    def test_take_selects_rows_of_everything(self):
        data = cases.table()
        for rows in ([4, 0], np.array([4, 0])):
            part = data.take(rows)
            assert len(part) == 2
            np.testing.assert_array_equal(part.response, np.asarray(data.response)[[4, 0]])
            np.testing.assert_array_equal(part.records["compute"], data.records["compute"][[4, 0]])
            assert part.records.codes["lab"].tolist() == [1, 0]
            assert part.clusters.tolist() == [2, 0]
            assert part.labels.rows == ("net4", "net0")
        mask = np.asarray(data.records["compute"]) > 1e18
        assert len(data.take(mask)) == mask.sum() < len(data)

    def test_take_keeps_levels_that_no_row_has_any_more(self):
        assert cases.table().take([0]).levels("lab") == cases.LABS

    def test_an_empty_selection_is_refused(self):
        with pytest.raises(pf.TableError, match=r"No rows are left.*Relax the filter"):
            cases.table().take(np.zeros(cases.ROWS, bool))

    def test_record_names_group_levels(self):
        record = cases.table().record(date="2020-01-01", compute=1e20, lab="clara")
        assert record.code("lab") == 2
        assert record["compute"] == 1e20
        assert record.date("any") == 2020.0
        assert cases.table().record(compute=1e20).codes == {}
        with pytest.raises(ValueError, match=r"group 'lab' has no level 'dora'; it has: anna, berta, clara"):
            cases.table().record(compute=1e20, lab="dora")

    def test_a_record_of_several_dates_has_one_level(self):
        data = cases.table()
        model = cases.draw(cases.MODELS["groups"], 34)
        record = data.record(compute=[1e18, 1e19], lab="clara")
        apart = [model.mean.value(data.record(compute=compute, lab="clara")) for compute in (1e18, 1e19)]
        np.testing.assert_allclose(model.predict(record), apart, rtol=cases.ROUNDING)

    def test_unknown_groups_say_which_there_are(self):
        assert cases.table().levels("lab") == cases.LABS
        with pytest.raises(
            ValueError, match=r"no group 'country' \(they have: lab, benchmark\).*groups=\{'country': COLUMN\}"
        ):
            cases.table().levels("country")

    def test_record_of_a_level_predicts_like_its_rows(self):
        data = cases.table()
        model = cases.draw(cases.MODELS["groups"], 31)
        row = data.take([5])
        one = data.record(compute=float(row.records["compute"][0]), lab=cases.LABS[5 % 3])
        np.testing.assert_allclose(model.mean.value(one), model.predict(row.records)[0], rtol=cases.ROUNDING)

    def test_bare_has_arrays_only_and_one_structure_whatever_the_labels(self):
        data = cases.table()
        bare = data.bare()
        assert bare.labels == Labels()
        assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(bare))
        kinds = {name: v.dtype for name, v in bare.records.columns.items()}
        assert set(kinds.values()) == {jnp.dtype("float64")}
        assert bare.records.codes["lab"].dtype == bare.clusters.dtype == jnp.int64
        other = Dataset(data.records, data.response, data.clusters, Labels("loss")).bare()
        assert jax.tree.structure(other) == jax.tree.structure(bare)

    def test_integer_columns_become_float64(self):
        frame = pd.DataFrame({"y": [1, 2, 3], "n": [10, 20, 30], "year": [2012, 2013, 2014]})
        bare = Dataset.from_frame(frame, "y", {"n": "n"}, date="year").bare()
        assert {v.dtype.name for v in (*bare.records.columns.values(), bare.response)} == {"float64"}

    def test_with_response_changes_the_response_alone(self):
        data = cases.table()
        other = data.with_response(np.zeros(cases.ROWS))
        assert (other.response == 0).all()
        assert other.records is data.records
        assert other.labels == data.labels

    def test_a_data_set_is_a_pytree(self):
        leaves, treedef = jax.tree.flatten(cases.table())
        again = jax.tree.unflatten(treedef, leaves)
        assert again.labels == cases.table().labels
        assert len(leaves) == 6 + 2 + 2, "six columns, two groups, response and clusters"

    def test_every_row_is_its_own_cluster_where_none_is_named(self):
        frame = pd.DataFrame({"y": [0.1, 0.2, 0.3], "n": [1, 2, 3], "paper": ["b", "a", "b"]})
        assert Dataset.from_frame(frame, "y", {"n": "n"}).clusters.tolist() == [0, 1, 2]
        assert Dataset.from_frame(frame, "y", {"n": "n"}, cluster="paper").clusters.tolist() == [1, 0, 1]


class TestPrepare:
    def test_group_priors_are_copied_to_all_levels(self):
        spec = grouped(dist.Normal(0.1, 0.5), scale=dist.HalfNormal(1.0))
        assert params.dimension(spec) == 3
        prepared = pf.prepare(spec, cases.table())
        assert params.dimension(prepared) == 5
        assert params.coordinate_names(prepared)[:3] == tuple(f"lab.effects[{lab}]" for lab in cases.LABS)
        np.testing.assert_array_equal(prior_range.ranges_of(prepared).scale[:3], [0.5] * 3)

    def test_preparing_again_changes_nothing(self):
        for spec in (grouped(cases.normal()), *cases.LAWS.values()):
            once = pf.prepare(spec, cases.table())
            twice = pf.prepare(once, cases.table())
            assert jax.tree.structure(twice) == jax.tree.structure(once)
            for a, b in zip(jax.tree.leaves(twice), jax.tree.leaves(once), strict=True):
                np.testing.assert_array_equal(a, b)

    def test_all_numbers_become_float64_arrays(self):
        prepared = pf.prepare(grouped(cases.normal(), scale=2), cases.table())
        assert {(type(leaf), leaf.dtype) for leaf in jax.tree.leaves(prepared)} == {(np.ndarray, np.dtype("float64"))}

    def test_fixed_effects_need_one_number_for_each_level(self):
        spec = grouped(np.array([1.0, 2.0, 3.0]))
        model = cases.draw(pf.prepare(spec, cases.table()), 32)
        np.testing.assert_allclose(
            model.mean.term(cases.records()), 0.5 + np.array([1.0, 2.0, 3.0] * 3), rtol=cases.ROUNDING
        )
        with pytest.raises(ValueError, match=r"'lab\.effects' is one number; a fixed group effect needs 3"):
            pf.prepare(grouped(1.0), cases.table())
        with pytest.raises(ValueError, match=r"'lab\.effects' has shape \(2,\), but the group 'lab' has 3 levels"):
            pf.prepare(grouped(np.array([1.0, 2.0])), cases.table())

    def test_priors_for_another_number_of_levels_are_refused(self):
        with pytest.raises(ValueError, match=r"'lab\.effects' has shape \(4,\).*'lab' has 3 levels"):
            pf.prepare(grouped(cases.normal().expand([4])), cases.table())

    def test_an_absent_group_is_refused(self):
        data = cases.table()
        without = Dataset(data.records, data.response, data.clusters)
        with pytest.raises(ValueError, match=r"no group 'lab' \(they have: none\)"):
            pf.prepare(grouped(cases.normal()), without)

    def test_an_unprepared_group_effect_says_so(self):
        model = cases.draw(grouped(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])), 33)
        with pytest.raises(ValueError, match=r"returned shape \(2,\) for one record.*prepare\(spec, data\)"):
            model.mean.term.terms[1](cases.records())


def test_tied_group_effects():
    spec = Model(
        Logistic(Sum(a=GroupEffect("lab", cases.normal()), b=GroupEffect("lab", cases.normal(), scale=2.0))),
        Logit(),
        Gaussian(LogScale(cases.normal())),
    )
    prepared = pf.prepare(pf.tie(spec, {"b.effects": "a.effects"}), cases.table())
    assert params.dimension(prepared) == 4
