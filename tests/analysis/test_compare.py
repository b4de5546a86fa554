"""Cross-validation and comparison: closed forms of a linear model, ArviZ, and what must not leak."""

import dataclasses

import arviz as az
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats

import progressfit as pf
from progressfit.analysis.folds import make_folds
from progressfit.analysis.loo import leave_one_out
from progressfit.analysis.refits import sample_without, starts_around
from progressfit.dataset import Dataset, Labels, Record
from progressfit.infer.tables import sample_tables
from progressfit.noise import Gaussian
from progressfit.terms import Constant, ExponentialProgress, LogSlope, Sum

# Four standard errors: a false alarm in 16,000 comparisons.
ERRORS = 4.0
# Batches of four refits from eight starts everywhere: one compiled program for all tests.
ROWS, CLUSTERS, NOISE, PRIOR = 20, 4, 0.3, 1.0
OUTLIERS = 3
KEY = jax.random.key(0)


def line(sd=PRIOR, noise=NOISE, link=None, slope=None):
    """A law that is linear in all three parameters, so that everything about it is known in closed form."""
    prior = dist.Normal(0.0, sd)
    index = Sum(
        level=Constant(prior),
        progress=ExponentialProgress(prior, origin=2018.0, channel="algorithms"),
        scaling=LogSlope("compute", prior if slope is None else slope, reference=1.0),
    )
    return pf.Model(index, link or pf.links.Identity(), Gaussian(noise))


def table(outliers=0.0, seed=6):
    rng = np.random.default_rng(seed)
    year, log_compute = np.sort(rng.uniform(2014, 2022, ROWS)), rng.normal(0, 1, ROWS)
    response = 1.0 + 0.2 * (year - 2018) + 0.5 * log_compute + rng.normal(0, NOISE, ROWS)
    response[:OUTLIERS] += outliers * np.array([1.0, -1.0, 1.0])
    labels = Labels(rows=tuple(f"run {i}" for i in range(ROWS)))
    record = Record({"date": year, "compute": np.exp(log_compute)}, {}, {})
    return Dataset(record, response, np.arange(ROWS) // 5, labels)


def design(data):
    columns = data.records.columns
    return np.stack([np.ones(ROWS), columns["date"] - 2018.0, np.log(columns["compute"])], axis=1)


def exact(data, fitted):
    """Log posterior predictive density of every row, given the fitted ones: Bayesian linear regression."""
    x, y = design(data), np.asarray(data.response)
    own, seen = x[fitted], y[fitted]
    covariance = np.linalg.inv(own.T @ own / NOISE**2 + np.eye(3) / PRIOR**2)
    mean = covariance @ own.T @ seen / NOISE**2
    spread = np.sqrt(NOISE**2 + np.einsum("ni,ij,nj->n", x, covariance, x))
    return stats.norm.logpdf(y, x @ mean, spread)


def exact_mode(data, fitted):
    """Log density of every row at the mode given the fitted ones."""
    x, y = design(data), np.asarray(data.response)
    own = x[fitted]
    mode = np.linalg.solve(own.T @ own / NOISE**2 + np.eye(3) / PRIOR**2, own.T @ y[fitted] / NOISE**2)
    return stats.norm.logpdf(y, x @ mode, NOISE)


def held_out(data, folds, score):
    """A closed-form score of every row under the fold that leaves it out."""
    found = np.full(ROWS, np.nan)
    for fitted, out in zip(folds.fitted, folds.held_out, strict=True):
        found[out] = score(data, fitted)[out]
    return found


@pytest.fixture(scope="module")
def posterior():
    return weighted_draws(line(), table())


def weighted_draws(spec, data):
    """Independent draws, which need no chains to be compiled."""
    return pf.sample(spec, data, key=KEY, method="importance", draws=500, starts=8)


@pytest.fixture(scope="module")
def left_out():
    return pf.cross_validate(line(), table(), key=KEY, folds="clusters", starts=8)


FOLDS = {
    "clusters": {"folds": "clusters"},
    "four": {"folds": 4},
    "whole": {"folds": 4, "whole_clusters": True},
    "forward": {"forward": [2016.0, 2017.0, "2018-06-01", 2020.0]},
}


@pytest.mark.parametrize("which", FOLDS)
def test_point_refits_have_their_closed_form(which):
    found = pf.cross_validate(line(), table(), key=KEY, method="map", starts=8, **FOLDS[which])
    assert found.ok.all()
    # The optimiser ends within 1e-6 standard errors; a row's log density moves by its residual times as much.
    np.testing.assert_allclose(found.log_density, held_out(table(), found.folds, exact_mode), atol=1e-5)
    np.testing.assert_array_equal(found.error[found.folds.fold >= 0], 0.0)


def test_posterior_refits_have_their_closed_form(left_out):
    truth = held_out(table(), left_out.folds, exact)
    assert left_out.ok.all()
    assert np.all(left_out.error < 0.05)
    assert np.all(np.abs(left_out.log_density - truth) < ERRORS * left_out.error)
    assert left_out.elpd.value == pytest.approx(truth.sum(), abs=ERRORS * np.sqrt(np.sum(left_out.error**2)))


def test_forward_validation_has_its_closed_form_and_sees_no_later_row():
    data = table()
    settings = {"key": KEY} | FOLDS["forward"]
    found = pf.cross_validate(line(), data, **settings)
    truth = held_out(data, found.folds, exact)
    scored = np.asarray(data.records.columns["date"]) >= 2016.0
    np.testing.assert_array_equal(np.isfinite(found.log_density), scored)
    away = np.abs(found.log_density - truth)[scored]
    assert np.all(away < ERRORS * found.error[scored])
    later = np.asarray(data.records.columns["date"]) >= 2020.0
    assert 0 < later.sum() < scored.sum()
    changed = pf.cross_validate(line(), data.with_response(data.response + 5.0 * later), **settings)
    np.testing.assert_array_equal(changed.log_density[~later], found.log_density[~later])
    assert np.all(changed.log_density[later] != found.log_density[later])


def test_folds_are_partitions_and_clusters_stay_whole():
    data = table()
    for settings in [*FOLDS.values(), {"folds": "loo"}, {"folds": 3, "whole_clusters": True}]:
        folds = make_folds(data, KEY, **settings)
        assert not (folds.fitted & folds.held_out).any()
        assert folds.held_out.sum(axis=0).max() == 1
        assert len(folds.names) == len(folds.fitted)
    three = make_folds(data, KEY, 3)
    assert sorted(three.held_out.sum(axis=1)) == [6, 7, 7]
    for settings in (FOLDS["clusters"], FOLDS["whole"]):
        fold = make_folds(data, KEY, **settings).fold
        assert all(len(set(fold[data.clusters == cluster])) == 1 for cluster in range(CLUSTERS))
    assert make_folds(data, KEY, "clusters").names[1] == "run 5 and 4 more"


def test_whole_clusters_are_the_units_of_standard_errors():
    found = pf.cross_validate(line(), table(), key=KEY, method="map", folds="clusters", starts=8)
    np.testing.assert_allclose(found.elpd.error, np.sqrt(CLUSTERS * np.var(found.by_fold, ddof=1)), rtol=1e-12)
    assert found.elpd.value == pytest.approx(found.by_fold.sum())


def test_loo_is_that_of_arviz(posterior):
    found = leave_one_out(posterior, table())
    tree = pf.report.arviz(posterior, table())
    other = az.loo(tree, pointwise=True)
    np.testing.assert_allclose(found.log_density, other.elpd_i, atol=1e-6)
    np.testing.assert_allclose(found.pareto_k, other.pareto_k, atol=1e-6)
    np.testing.assert_allclose(found.elpd[:2], (other.elpd, other.se), atol=1e-6)


def test_rows_that_importance_sampling_cannot_leave_out_are_refitted():
    data = table(outliers=3.0)
    draws = weighted_draws(line(), data)
    without = leave_one_out(draws, data)
    assert without.refitted == () and "refit without" in without.sentences[1]
    rows = without.diagnosis.rows
    assert 3 <= len(rows) <= 4, "the batch of refits has another shape than in other tests"
    found = leave_one_out(draws, data, key=KEY)
    assert found.refitted == without.diagnosis.names and found.unsettled == ()
    np.testing.assert_array_equal(np.delete(found.log_density, rows), np.delete(without.log_density, rows))
    refits = sample_without(
        draws.spec, starts_around(draws.origin, KEY), data, 1.0 - np.eye(ROWS)[rows][[0, 1, 2, -1]], KEY, "link", 4, 500
    )
    evidence_error = np.hypot(draws.stats["log_evidence_error"], refits.evidence_error.max())
    assert evidence_error < 0.05
    for row, log_density, error in zip(rows, refits.log_density, refits.error, strict=False):
        truth = exact(data, np.arange(ROWS) != row)
        assert np.all(np.abs(log_density - truth) < ERRORS * error)
        # So far out that a few draws carry the density: the result is the ratio of evidences instead.
        allowed = ERRORS * (evidence_error if np.isinf(error[row]) else error[row])
        assert abs(found.log_density[row] - truth[row]) < allowed


def test_rows_of_weight_zero_are_neither_fitted_nor_scored():
    weights = np.where(np.arange(ROWS) < 15, 1.0, 0.0)
    found = pf.cross_validate(line(), table(), key=KEY, method="map", folds=4, weights=weights, starts=8)
    assert found.elpd.rows == 15
    np.testing.assert_array_equal(np.isnan(found.log_density), weights == 0)
    folds = found.folds._replace(fitted=found.folds.fitted & (weights > 0))
    np.testing.assert_allclose(found.log_density[:15], held_out(table(), folds, exact_mode)[:15], atol=1e-5)


def test_the_density_of_the_response_adds_the_jacobian():
    data = dataclasses.replace(table(), response=np.exp(np.asarray(table().response)))
    spec = pf.Model(pf.terms.Exp(line().mean), pf.links.Log(), Gaussian(NOISE))
    forward = [2016.0, 2017.0, 2018.4, 2020.0]
    found = pf.cross_validate(spec, data, key=KEY, method="map", on="response", forward=forward)
    truth = held_out(table(), found.folds, exact_mode) - np.log(data.response)
    np.testing.assert_allclose(found.log_density, truth, atol=1e-5)
    with pytest.raises(ValueError, match="kinds of density"):
        found.minus(dataclasses.replace(found, on="link"))
    assert found.minus(found) == (0.0, 0.0, found.elpd.rows)


def test_new_numbers_do_not_compile_again(left_out):
    before = sample_tables._cache_size()
    other = pf.cross_validate(line(sd=1.5), table(seed=7), key=jax.random.key(1), folds="clusters", starts=8)
    assert sample_tables._cache_size() == before
    assert not np.allclose(other.log_density, left_out.log_density, atol=0.01)


# The same law with a firm opinion on one slope, so that no other program has to be compiled.
STEEP = dist.Normal(0.6, 0.02)


def rate(model):
    return pf.growth_rate(model)


@pytest.fixture(scope="module")
def compared(posterior):
    forms = {"line": posterior, "steep": weighted_draws(line(slope=STEEP), table())}
    return pf.compare(forms, table(), key=KEY, of=rate)


def test_a_comparison_agrees_with_arviz(compared):
    trees = {form.name: pf.report.arviz(form.draws, table()) for form in compared.forms}
    other = az.compare(trees, round_to="none")
    refitted = {form.name: len(form.loo.refitted) for form in compared.forms}
    assert refitted == {"line": 0, "steep": 0}
    for form in compared.forms:
        row = other.loc[form.name]
        score = (*form.loo.elpd[:2], form.difference.value)
        np.testing.assert_allclose(score, row[["elpd", "se", "elpd_diff"]].astype(float), atol=1e-6)
        # ArviZ divides by n for differences and by n - 1 for scores; here it is n - 1 for both.
        assert form.difference.error == pytest.approx(row["dse"] * np.sqrt(ROWS / (ROWS - 1)), abs=1e-6)
        # ArviZ stops its optimiser at a change of 1e-6 of the score.
        assert form.weight == pytest.approx(row["weight"], abs=5e-3)


def test_evidence_has_its_closed_form(compared):
    data = table()
    x, y = design(data), np.asarray(data.response)
    cases = {"line": (0.0, PRIOR), "steep": (0.6, 0.02)}
    truth = {}
    for name, (location, sd) in cases.items():
        spread = NOISE**2 * np.eye(ROWS) + x @ np.diag([PRIOR, PRIOR, sd]) ** 2 @ x.T
        truth[name] = stats.multivariate_normal.logpdf(y, location * x[:, 2], spread)
    for form in compared.forms:
        assert abs(form.log_evidence - truth[form.name]) < ERRORS * form.evidence_error
    odds = np.exp(truth["line"] - truth["steep"])
    assert compared["line"].probability == pytest.approx(odds / (1 + odds), abs=0.02)


def test_the_stack_is_a_mixture_of_answers(compared):
    line_, flat, stacked = compared["line"], compared["steep"], compared.stacked
    values = np.concatenate([line_.answer.values, flat.answer.values])
    shares = np.concatenate([line_.weight * line_.answer.shares, flat.weight * flat.answer.shares])
    below = np.sum(shares[values <= stacked.median]) / shares.sum()
    assert below == pytest.approx(0.5, abs=2 * shares.max())
    assert (
        min(line_.answer.median, flat.answer.median) <= stacked.median <= max(line_.answer.median, flat.answer.median)
    )
    np.testing.assert_allclose(line_.answer.median, np.median(rate_of(line_.draws)), rtol=1e-12)


def rate_of(draws):
    return np.asarray(draws.values["progress.rate"]) / np.asarray(draws.values["scaling.slope"])


def test_a_comparison_in_words_as_a_frame_and_as_a_picture(compared):
    said = str(compared)
    assert said.splitlines()[0].startswith("form")
    assert "stacked" in said and "rate [95%]" in said and "depend on how wide the priors are" in said
    frame = pf.report.comparison_frame(compared)
    assert list(frame.index) == [compared.forms[0].name, compared.forms[1].name, "stacked"]
    assert frame.loc["stacked", "median"] == compared.stacked.median
    assert frame["elpd"].iloc[0] >= frame["elpd"].iloc[1]
    axis = pf.report.plot_comparison(compared, "growth").axes[0]
    assert [label.get_text().split("\n")[0] for label in axis.get_yticklabels()] == list(frame.index)
    assert axis.get_xlabel() == "growth"


def test_what_cannot_be_compared_is_refused(posterior):
    data = table()
    with pytest.raises(ValueError, match="on='response'"):
        other = dataclasses.replace(posterior.origin, spec=line(link=pf.links.Log()))
        pf.compare({"a": posterior, "b": dataclasses.replace(posterior, origin=other)}, data, key=KEY)
    with pytest.raises(ValueError, match="other row weights"):
        weighted = dataclasses.replace(posterior.origin, weights=np.full(ROWS, 0.5))
        pf.compare({"a": posterior, "b": dataclasses.replace(posterior, origin=weighted)}, data, key=KEY)
    with pytest.raises(ValueError, match="other numbers"):
        pf.compare({"a": posterior}, table(seed=9), key=KEY)
    with pytest.raises(ValueError, match="draws of a posterior"):
        pf.compare({"a": dataclasses.replace(posterior, kind="row bootstrap")}, data, key=KEY)
    with pytest.raises(ValueError, match="returns one number"):
        pf.compare({"a": posterior}, data, key=KEY, of=lambda model: jnp.ones(2))
    with pytest.raises(ValueError, match="nothing to compare"):
        pf.compare({}, data, key=KEY)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"folds": 1}, "from 2 to 20"),
        ({"folds": 5, "whole_clusters": True}, "from 2 to 4"),
        ({"folds": "tenths"}, "choose 'loo'"),
        ({"forward": []}, "at least one date"),
        ({"forward": [2013.0]}, "would fit 0 rows"),
        ({"forward": [2030.0]}, "score 0"),
        ({"method": "mle"}, "choose one of nuts, map"),
        ({"key": 0}, "not a random key"),
    ],
)
def test_bad_arguments(wrong, match):
    with pytest.raises(ValueError, match=match):
        pf.cross_validate(line(), table(), **({"key": KEY} | wrong))


def test_flat_priors_are_for_point_refits_only():
    flat = pf.free(line(), {"level": dist.ImproperUniform(dist.constraints.real, (), ())})
    with pytest.raises(ValueError, match=r"'level' is flat.*method='map'"):
        pf.cross_validate(flat, table(), key=KEY)
    point = dataclasses.replace(pf.fit(line(), table(), key=KEY, starts=8), spec=flat)
    np.testing.assert_array_equal(starts_around(point, KEY), point.optima[0].z[None])
