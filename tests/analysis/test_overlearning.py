"""A benchmark beside its re-tests: planted trends are recovered, and regressions agree with closed forms."""

import dataclasses

import jax
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

import progressfit as pf
from progressfit import sensitivity
from progressfit.analysis import overlearning as analysis
from progressfit.analysis.paired import ERROR_DRAWS, REPLICATE_DRAWS, pair, regress, resample
from progressfit.sensitivity import overlearning as page
from progressfit.studies.base import Retests, Subject

NETWORKS, PAPERS = 160, 40
TREND, SLOPE = 0.10, 0.12
# Test -> level, slope ratio, share of the trend on "main" that carries over.
PLANTED = {"main": (0.5, 1.0, 1.0), "honest": (-0.5, 1.5, 1.0), "gamed": (0.8, 0.7, 0.3)}
KEY = jax.random.key(4)
OPTIONS = {"key": KEY, "reference": "main", "others": ("data",), "sd": "log10_sd", "replicates": 200}


def table(seed: int = 1, error: float = 0.0) -> pd.DataFrame:
    """Networks of papers that share a quality, on three tests; compute as listed carries an error (log10)."""
    rng = np.random.default_rng(seed)
    paper = np.arange(NETWORKS) % PAPERS
    date = 2014 + rng.uniform(0, 8, PAPERS)[paper] + rng.uniform(0, 1, NETWORKS)
    log_compute = 45 + 0.5 * (date - 2018) + rng.normal(0, 1.5, NETWORKS)
    log_images = 14 + rng.normal(0, 1, NETWORKS)
    quality = rng.normal(0, 0.05, PAPERS)[paper] + rng.normal(0, 0.05, NETWORKS)
    parts = []
    listed = np.exp(log_compute + np.log(10) * error * rng.normal(size=NETWORKS))
    for name, (level, ratio, share) in PLANTED.items():
        ability = SLOPE * (log_compute - 45) + share * TREND * (date - 2018) + quality
        score = level + ratio * ability + 0.05 * (log_images - 14) + rng.normal(0, 0.03, NETWORKS)
        parts.append(pd.DataFrame({"network": [f"n{i}" for i in range(NETWORKS)], "test": name, "score": expit(score)}))
        parts[-1] = parts[-1].assign(paper=paper, date=date, flop=listed, images=np.exp(log_images), sd=error)
    return pd.concat(parts, ignore_index=True)


def dataset(frame: pd.DataFrame) -> pf.Dataset:
    return pf.Dataset.from_frame(
        frame,
        response="score",
        inputs={"compute": "flop", "data": "images"},
        covariates={"log10_sd": "sd"},
        date="date",
        groups={"test": "test"},
        cluster="paper",
        label="network",
    )


@pytest.fixture(scope="module")
def found():
    return pf.overlearning(dataset(table()), **OPTIONS)


def ols(frame: pd.DataFrame, test: str, subtract: float = 0.0) -> tuple[float, float]:
    """Slope of ln compute and trend by the normal equations, less an error variance of ln compute."""
    own = frame[frame["test"] == test]
    x = np.stack([np.log(own["flop"]), own["date"], np.log(own["images"])], axis=1)
    x, y = x - x.mean(axis=0), logit(own["score"].to_numpy())
    gram = x.T @ x
    gram[0, 0] -= subtract * len(own)
    slope, trend, _ = np.linalg.solve(gram, x.T @ (y - y.mean()))
    return slope, trend


def test_a_planted_trend_of_the_benchmark_alone_is_recovered(found):
    """Intervals cover the shares that were planted; the one that was gamed is told from 1."""
    assert found.failed == 0 and found.point.converged
    assert {r.test: (r.rows, r.clusters) for r in found.retests} == dict.fromkeys(("gamed", "honest"), (160, 40))
    for name in ("honest", "gamed"):
        _, ratio, share = PLANTED[name]
        retest = found[name]
        for estimate, truth in (
            (retest.ratio, ratio),
            (retest.share(), share),
            (retest.share(ratio), share),
            (retest.specific(), (share - 1) * TREND),
            (retest.drift, ratio * (share - 1) * TREND),
            (retest.reference.trend, TREND),
        ):
            low, high = estimate.interval(0.99)
            assert low < truth < high and abs(estimate.value - truth) < 4 * estimate.draws.std()
        assert retest.bounded()
    assert found["gamed"].share_interval(0.99)[1] < 0.5
    low, high = found["honest"].share_interval(0.99)
    assert 0.5 < low < 1 < high
    # The re-test given the reference's score: its slope is flattened by the scatter, so its trend is not the drift.
    assert found["gamed"].given.slope.value < PLANTED["gamed"][1]


def test_without_errors_of_compute_it_is_least_squares(found):
    frame = table()
    for name in ("honest", "gamed"):
        slope, trend = ols(frame, name)
        beside_slope, beside_trend = ols(frame, "main")
        retest = found[name]
        np.testing.assert_allclose(
            [retest.own.slope.value, retest.own.trend.value, retest.ratio.value, retest.share().value],
            [slope, trend, slope / beside_slope, trend / (slope / beside_slope) / beside_trend],
            rtol=1e-6,
        )


def test_errors_of_compute_are_taken_off_as_by_the_closed_form():
    """Normal equations less the error variance, to the Monte Carlo error and what a parabola leaves."""
    sd = 0.25
    frame = table(error=sd)
    paired = pair(dataset(frame), "test", "main")
    drawn = resample(paired.base, KEY, 20, "compute", "log10_sd")
    law = pf.laws.linear({"compute": 1e19, "data": 1e6}, origin=2018.0)
    got = regress(law, paired.base, paired.scores["main"], paired.both("main"), drawn)
    variance = (np.log(10) * sd) ** 2
    slope, trend = ols(frame, "main", subtract=variance)
    naive, naive_trend = ols(frame, "main")
    np.testing.assert_allclose(
        [got.naive["compute.slope"], got.naive["progress.rate"]], [naive, naive_trend], rtol=1e-6
    )
    x = np.log(paired.base.records["compute"])
    date = np.asarray(paired.base.records.date(""))
    a = variance / (np.var(x) * (1 - np.corrcoef(x, date)[0, 1] ** 2))
    # Errors enter once with weight -3 and once, larger by sqrt(2), with weight 1.
    monte_carlo = abs(np.sqrt(2) - 3) * slope * np.sqrt(a / NETWORKS / ERROR_DRAWS)
    tolerance = 5 * monte_carlo + 6 * a**3 * slope
    assert abs(got.values["compute.slope"] - slope) < tolerance < abs(naive - slope)
    lean = np.polyfit(date, x, 1)[0]
    assert abs(got.values["progress.rate"] - trend) < tolerance * lean < abs(naive_trend - trend)
    assert got.ok.all()


def test_replicates_hold_little_noise_of_the_simulation():
    """Replicates of one table that differ in their error draws alone: next to nothing beside those of papers."""
    paired = pair(dataset(table(error=0.25)), "test", "main")
    law = pf.laws.linear({"compute": 1e19, "data": 1e6}, origin=2018.0)
    score, both = paired.scores["main"], paired.both("main")
    drawn = resample(paired.base, KEY, 100, "compute", "log10_sd")
    assert drawn.errors.shape == (ERROR_DRAWS + 100 * REPLICATE_DRAWS, NETWORKS)
    papers = regress(law, paired.base, score, both, drawn)
    alone = regress(law, paired.base, score, both, drawn._replace(weights=np.ones_like(drawn.weights)))
    for path in ("compute.slope", "progress.rate"):
        # One draw in place of pairs of opposite sign makes this ratio about 1.
        assert 0 < np.var(alone.draws[path]) < 0.2 * np.var(papers.draws[path])
        assert abs(np.mean(alone.draws[path]) - alone.values[path]) < np.std(papers.draws[path]) / 4


def test_refits_without_an_optimum_leave_no_number_and_are_counted(found, monkeypatch, tmp_path):
    """A test without certified values has NaN, is in ``failed`` and in no verdict; nothing else is lost."""
    data = dataset(table())

    def failing(replicates_too):
        def own(law, base, response, rows, resampled):
            got = regress(law, base, response, rows, resampled)
            if abs(np.nanmean(logit(response)) - np.nanmean(logit(gamed))) > 1e-12:
                return got
            ok = got.ok & (not replicates_too)
            return got._replace(values=dict.fromkeys(got.values, np.nan), ok=ok)

        gamed = pair(data, "test", "main").scores["gamed"]
        monkeypatch.setattr(analysis, "regress", own)
        return pf.overlearning(data, **OPTIONS)

    some, none = failing(False), failing(True)
    assert some.failed == 1 and none.failed == 1 + OPTIONS["replicates"]
    assert np.isnan(some["gamed"].share().value) and np.isfinite(some["honest"].share().value)
    assert some["gamed"].share_interval() == found["gamed"].share_interval()
    lost = none["gamed"]
    assert np.isnan([*lost.share_interval(), *lost.drift.interval(), lost.drift.error]).all()
    # An uncertified reference: its sign is read off the replicates.
    trend = dataclasses.replace(found["gamed"].reference.trend, value=np.nan)
    blind = dataclasses.replace(found["gamed"], reference=found["gamed"].reference._replace(trend=trend))
    assert blind.share_interval() == found["gamed"].share_interval()
    retests = Retests(data, "main", {"main": "Main", "honest": "Honest", "gamed": "Gamed"}, log10_sd="log10_sd")
    monkeypatch.setattr(page, "overlearning", lambda *args, **options: none)
    subject = Subject("s", "S", found.point.spec, data, retests=retests)
    outcome = sensitivity.run_section("overlearning", sensitivity.Question(subject, found.point, KEY, True), tmp_path)
    assert outcome.error is None and "did not reach an optimum" in outcome.section.doubt
    text = " ".join(outcome.section.sentences)
    assert "On Gamed the share is not certified" in text.replace("; on Gamed", "; On Gamed")
    assert "Gamed (not certified) (no certified replicate)" in text and "nan" not in text


def test_the_joint_law_gives_the_same_shares(found):
    """With coefficients of its own for each test the joint likelihood is the product of the tests' likelihoods."""
    data = dataset(table())
    law = pf.laws.retests({"compute": 1e19}, {"data": 1e6}, origin=2018.0, reference="main")
    joint = pf.fit(law, data, key=KEY, starts=3, objective="mle")
    assert joint.converged
    np.testing.assert_allclose(joint.objective, found.objective, rtol=1e-9)

    def at(test):
        return data.record(date=2018.0, compute=1e19, data=1e6, test=test)

    for name in ("honest", "gamed"):
        share = pf.carried_over(joint.model, at(name), at("main"))
        np.testing.assert_allclose(share, found[name].share().value, rtol=1e-5)


def test_a_retest_is_set_beside_the_reference_on_rows_that_have_both(found):
    """Scores that are missing, or rows that do not count, leave the other tests' rows alone."""
    data = dataset(table())
    late = np.asarray(data.records.date("")) > 2016
    honest = np.asarray(data.records.codes["test"]) == data.levels("test").index("honest")
    some = pf.overlearning(data, **OPTIONS, rows=late | ~honest)
    assert some["honest"].rows == np.sum(late & honest) < NETWORKS == some["gamed"].rows
    np.testing.assert_allclose(some["gamed"].share().draws, found["gamed"].share().draws, rtol=1e-6)
    frame = table()
    frame = frame[(frame["date"] > 2016)]
    np.testing.assert_allclose(some["honest"].reference.trend.value, ols(frame, "main")[1], rtol=1e-6)
    absent = pf.overlearning(data.take(late | ~honest), **OPTIONS)
    np.testing.assert_allclose(absent["honest"].share().draws, some["honest"].share().draws, rtol=1e-6)


def test_no_bounded_share_where_the_benchmark_may_not_have_moved(found):
    retest = found["gamed"]
    spread = retest.reference.trend.draws - np.mean(retest.reference.trend.draws)
    still = retest.reference._replace(trend=dataclasses.replace(retest.reference.trend, draws=spread))
    unbounded = dataclasses.replace(retest, reference=still)
    assert not unbounded.bounded() and unbounded.share_interval() == (-np.inf, np.inf)


def test_interval_of_the_share_is_fiellers(found):
    """For jointly normal replicates: the roots of ``(g - s t)^2 = z^2 var(g - s t)``, to Monte Carlo error."""
    rng = np.random.default_rng(0)
    g, t, draws = 0.06, 0.10, rng.multivariate_normal([0.06, 0.10], [[4e-4, 2e-4], [2e-4, 9e-4]], 200_000)
    own, reference = found["gamed"].own, found["gamed"].reference
    own = own._replace(trend=dataclasses.replace(own.trend, value=g, draws=draws[:, 0]))
    reference = reference._replace(trend=dataclasses.replace(reference.trend, value=t, draws=draws[:, 1]))
    low, high = dataclasses.replace(found["gamed"], own=own, reference=reference).share_interval(0.95, ratio=1.0)
    z2 = 1.959964**2
    roots = np.roots([t**2 - z2 * 9e-4, -2 * (g * t - z2 * 2e-4), g**2 - z2 * 4e-4])
    np.testing.assert_allclose([low, high], np.sort(roots), rtol=0.02)


def test_bad_tables_are_refused():
    frame, data = table(), dataset(table())
    with pytest.raises(ValueError, match="has no level 'imagenet'; it has: gamed, honest, main"):
        pf.overlearning(data, key=KEY, reference="imagenet")
    with pytest.raises(ValueError, match="several rows on"):
        pf.overlearning(dataset(frame.assign(network="n0")), **OPTIONS)
    with pytest.raises(ValueError, match="no network has scores on 'gamed' and 'main'"):
        pf.overlearning(dataset(frame.assign(network=[str(i) for i in range(len(frame))])), **OPTIONS)
    moved = frame.assign(flop=np.where(frame["test"] == "gamed", 2.0, 1.0) * frame["flop"])
    with pytest.raises(ValueError, match="the column 'compute' of 'n0' differs"):
        pf.overlearning(dataset(moved), **OPTIONS)
    with pytest.raises(ValueError, match="all rows are one cluster"):
        pf.overlearning(dataset(frame.assign(paper="p")), **OPTIONS)
    with pytest.raises(ValueError, match="rows must be a mask of length 480"):
        pf.overlearning(data, **OPTIONS, rows=[True])


def test_slopes_of_the_control_runs():
    table = pf.datasets.imagenet_retests_controls_table()
    slopes = pf.control_slopes(pf.datasets.imagenet_retests_controls(), reference="imagenet")
    assert set(slopes) == {"data_subsample", "early_checkpoint", "small_data_checkpoint"}
    assert all(np.isnan(of["a"]) for of in slopes.values()), "they guess on ImageNet-A"
    for kind, of in slopes.items():
        own = table[(table["control"] == kind) & (table["imagenet_top1"] > 0.02)]
        for name, column in (("v2", "imagenetv2_top1"), ("r", "imagenet_r_top1")):
            expected = np.polyfit(logit(own["imagenet_top1"]), logit(own[column]), 1)[0]
            np.testing.assert_allclose(of[name], expected, rtol=1e-6)
    stated = {"early_checkpoint": 0.987, "small_data_checkpoint": 0.964, "data_subsample": 0.922}
    for kind, figure in stated.items():
        assert abs(slopes[kind]["v2"] - figure) < 5e-4


def test_the_page_names_the_gamed_test(found, monkeypatch, tmp_path):
    """The section's sentences and tables follow from the numbers."""
    monkeypatch.setattr(page, "_REPLICATES", 10 * OPTIONS["replicates"])
    data = dataset(table())
    early = np.asarray(data.records.date("")) < 2100
    names = {"main": "Main", "honest": "Honest", "gamed": "Gamed"}
    retests = Retests(data, "main", names, filters={"of all dates": early}, others=("data",), log10_sd="log10_sd")
    subject = Subject("s", "S", found.point.spec, data, retests=retests)
    question = sensitivity.Question(subject, found.point, KEY, quick=True)
    outcome = sensitivity.run_section("overlearning", question, tmp_path)
    assert outcome.error is None and outcome.doubt is None
    text = " ".join(outcome.section.sentences)
    assert "On Gamed less than all of it does, so that part is specific to Main; on Honest the interval" in text
    lines = pd.DataFrame(outcome.section.tables["shares"]).set_index(["rows", "test"])
    fixed, same = lines.loc["all, compute and data held fixed"], lines.loc["of all dates"]
    pd.testing.assert_frame_equal(fixed, same)
    assert fixed.loc["gamed", "share_high"] < 0.5 and fixed.loc["gamed", "probability_below_1"] == 1
    assert (tmp_path / "overlearning-shares.png").read_bytes().startswith(b"\x89PNG")
