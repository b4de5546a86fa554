"""Identification: closed forms of linear laws with normal noise, finite differences, and tables that cannot tell."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest

import progressfit as pf
from progressfit.analysis.identification_result import verdict_of
from progressfit.analysis.inputs import input_table
from progressfit.analysis.roles import roles
from progressfit.dataset import Dataset, Labels, Record
from progressfit.noise import Gaussian
from progressfit.terms import Constant, ExponentialProgress, LogSlope, Sum

KEY = jax.random.key(0)
ROWS, NOISE, PRIOR = 40, 0.3, 0.5


def line(prior=None):
    """Linear in its three parameters, with a known noise: everything is known in closed form."""
    prior = prior or dist.Normal(0.0, PRIOR)
    index = Sum(
        level=Constant(prior),
        progress=ExponentialProgress(prior, origin=2018.0, channel="algorithms", augments="compute"),
        scaling=LogSlope("compute", prior, reference=1.0),
    )
    return pf.Model(index, pf.links.Identity(), Gaussian(NOISE))


def made(years, logs, seed=1):
    rng = np.random.default_rng(seed)
    response = 0.4 + 0.2 * years + 0.5 * logs + rng.normal(0, NOISE, len(years))
    codes = {"lab": np.arange(len(years)) % 3}
    record = Record({"date": 2018.0 + years, "compute": np.exp(logs)}, codes, {})
    return Dataset(record, response, np.arange(len(years)), Labels(levels=(("lab", ("a", "b", "c")),)))


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(3)
    years = rng.uniform(-3, 3, ROWS)
    return made(years, 0.4 * years + rng.normal(0, 0.8, ROWS))


@pytest.fixture(scope="module")
def point(table):
    return pf.fit(line(), table, key=KEY, starts=4)


def design(table):
    columns = table.records.columns
    return np.stack([np.ones(len(table)), columns["date"] - 2018.0, np.log(columns["compute"])], axis=1)


def both_slopes(model):
    return 2.0 * model.mean.terms[1].rate + model.mean.terms[2].slope


def test_contraction_and_information_of_a_linear_law_in_closed_form(table, point):
    found = pf.identify(point, table, of={"twice and once": both_slopes}, profiled=False)
    x, v = design(table), np.array([0.0, 2.0, 1.0])
    information = x.T @ x / NOISE**2
    covariance = np.linalg.inv(information + np.eye(3) / PRIOR**2)
    names = ["level", "progress.rate", "scaling.slope"]
    entries = [found[name] for name in names]
    np.testing.assert_allclose([e.error for e in entries], np.sqrt(np.diag(covariance)), rtol=1e-8)
    np.testing.assert_allclose([e.contraction for e in entries], 1 - np.diag(covariance) / PRIOR**2, rtol=1e-8)
    alone = np.diag(np.linalg.inv(information)) / PRIOR**2
    np.testing.assert_allclose([e.likelihood_ratio for e in entries], alone, rtol=1e-8)
    np.testing.assert_allclose(found.directions["information"], np.linalg.eigvalsh(PRIOR**2 * information), rtol=1e-8)
    derived = found["twice and once"]
    np.testing.assert_allclose(derived.error, np.sqrt(v @ covariance @ v), rtol=1e-8)
    # Half the central 68% range of 4,096 normal draws: five standard errors of 0.96 / sqrt(4096) each.
    assert derived.prior == pytest.approx(PRIOR * np.sqrt(5), rel=5 * 0.96 / 64)
    assert list(found.verdicts["kind"]) == ["parameter"] * 3 + ["derived"]
    correlation = covariance_to_correlation(np.linalg.inv(information))
    (most,) = [
        t for t in found.trades if {t.first, t.second} == {"compute-augmenting progress", "the exponent of compute"}
    ]
    assert most.correlation == pytest.approx(correlation[1, 2], rel=1e-8)


def covariance_to_correlation(covariance):
    root = np.sqrt(np.diag(covariance))
    return covariance / np.outer(root, root)


def test_contraction_from_draws(table, point):
    """The Laplace approximation of a normal posterior is exact, so its draws have the closed form's variance."""
    draws = pf.laplace(point, table, key=jax.random.key(1), draws=4000)
    found = pf.identify(point, table, draws, of=both_slopes, profiled=False)
    exact = pf.identify(point, table, of=both_slopes, profiled=False)
    for one, other in zip(found.entries, exact.entries, strict=True):
        # Standard deviations of 4,000 draws, half ranges at most: five standard errors.
        assert one.error == pytest.approx(other.error, rel=5 * 0.96 / np.sqrt(4000)), one.name
        assert one.verdict == other.verdict
    assert found.source == "Laplace" and "normal approximation" in exact.source


def test_information_is_the_hessian_where_the_law_fits_exactly():
    """On ImageNet, for a response on the law's own curve: minus the log likelihood, differentiated numerically."""
    data, law = pf.datasets.imagenet(), pf.laws.erdil_besiroglu()
    point = pf.fit(law, data, key=KEY, starts=8)
    found = pf.identify(point, data, of=(), profiled=False)
    z, curve = point.optima[0].z, data.with_response(point.model.predict(data.bare().records)).bare()
    gradient = jax.jit(jax.grad(lambda v: -pf.log_density(point.spec, v, curve, prior_weight=0.0)))
    step = 1e-5
    rows = [np.asarray(gradient(z + step * e) - gradient(z - step * e)) / (2 * step) for e in np.eye(len(z))]
    numeric = np.stack(rows)[:-1, :-1] * np.outer(found.identification.scale, found.identification.scale)[:-1, :-1]
    one = found.identification
    exact = ((one.directions * one.eigenvalues) @ one.directions.T)[:-1, :-1]
    # Central differences of second order: 1e-10 of the third derivative, and rounding of 1e-11 in the gradient.
    np.testing.assert_allclose(numeric, exact, rtol=1e-5, atol=1e-6 * np.max(np.abs(exact)))
    weakly = ["data-augmenting progress", "the exponent of compute", "compute-augmenting progress"]
    assert {e.words for e in found.entries if e.verdict == "weakly"} >= set(weakly)
    assert found.direction(0).startswith("the exponent of compute, data-augmenting progress")
    assert found["data.scaling.slope"].verdict == "identified"
    (trade,) = [t for t in found.trades if t.trends]
    assert (trade.first, trade.second) == ("compute-augmenting progress", "data-augmenting progress")


def test_two_trends_that_nothing_tells_apart():
    prior = dist.Normal(0.0, PRIOR)
    index = Sum(
        compute=ExponentialProgress(prior, origin=2018.0, channel="a", augments="compute"),
        data=ExponentialProgress(prior, origin=2018.0, channel="b", augments="data"),
        scaling=LogSlope("compute", prior, reference=1.0),
    )
    law = pf.Model(index, pf.links.Identity(), Gaussian(NOISE))
    years = np.linspace(-3, 3, ROWS)
    found = pf.identify(law, made(years, np.cos(5 * years)), key=KEY, starts=4, of=())
    assert found.direction(0) in (
        "compute-augmenting progress against data-augmenting progress",
        "data-augmenting progress against compute-augmenting progress",
    )
    assert found["compute.rate"].verdict == found["data.rate"].verdict == "not at all"
    # Their common part is known, their difference is not: half of each prior variance is left.
    assert found["compute.rate"].contraction == pytest.approx(0.5, abs=0.01)
    assert found["scaling.slope"].verdict == "identified"


def test_a_table_where_the_date_is_a_function_of_compute():
    years = np.linspace(-3, 3, ROWS)
    data = made(years, 0.5 * years)
    found = pf.identify(line(), data, key=KEY, starts=4)
    assert found.sentences[0].startswith("Date is an exact function of log compute in this table (correlation +1.0")
    assert found.describe().splitlines()[0] == found.sentences[0]
    for name in ("progress.rate", "scaling.slope", "growth_rate"):
        assert found[name].verdict == "not at all"
    assert found["level"].verdict == "identified" and all(d.fixed for d in found.inputs.dependences)
    assert found.profile is None and "not certified" in found.no_profile


def test_a_curve_and_a_constant_are_named():
    years = np.linspace(-3, 3, ROWS)
    bent = input_table(line(), made(years, 0.1 * years**3 + years**2))
    assert not bent.dependences[1].exact and bent.dependences[1].fixed
    assert "by a curve" in bent.warnings[0] and bent.warnings[0].startswith("Log compute")
    still = input_table(line(), made(years, np.zeros(ROWS)))
    assert still.constant == ("log compute",) and "same log compute" in still.warnings[0] and not still.pairs
    assert not input_table(line(), made(years, np.cos(7 * years))).warnings


def test_correlations_within_years_and_groups_against_pandas(table):
    found = input_table(line(), table)
    frame = pd.DataFrame({"t": table.records.columns["date"], "x": np.log(table.records.columns["compute"])})
    (pair,) = found.pairs
    for name, by in (("year", np.floor(frame.t)), ("lab", table.records.codes["lab"])):
        away = frame - frame.groupby(np.asarray(by)).transform("mean")
        assert pair.within[name] == pytest.approx(away.t.corr(away.x), rel=1e-9)
    assert pair.overall == pytest.approx(frame.t.corr(frame.x), rel=1e-9)
    away = frame.x - frame.groupby(np.floor(frame.t)).x.transform("mean")
    assert found.dependences[1].within_year == pytest.approx((away**2).mean() / frame.x.var(ddof=0), rel=1e-9)
    # Weights of zero drop rows.
    kept = np.arange(ROWS) < 25
    assert input_table(line(), table, kept.astype(float)).pairs[0].overall == pytest.approx(
        frame.t[kept].corr(frame.x[kept]), rel=1e-9
    )


def test_the_profile_is_that_of_the_likelihood_whatever_the_priors(table):
    """Kinks and all: with a known noise it is least squares plus or minus 1.96 standard errors."""
    prior = dist.Laplace(0.0, 0.05)
    point = pf.fit(line(prior), table, key=KEY, starts=4)
    found = pf.identify(point, table, of=RATE)
    x = design(table)
    inverse = np.linalg.inv(x.T @ x)
    plain, error = (inverse @ x.T @ np.asarray(table.response))[1], NOISE * np.sqrt(inverse[1, 1])
    assert found.profile is not None and found.profile.kind == "profile likelihood"
    np.testing.assert_allclose(found.profile.interval, plain + 1.959964 * error * np.array([-1, 1]), rtol=1e-5)
    assert "prior's variances" in found.source
    assert any("by profile likelihood" in text for text in found.sentences)


RATE = "progress.rate"


def test_words_of_laws():
    imagenet = pf.prepare(pf.with_interaction(pf.laws.erdil_besiroglu()), pf.datasets.imagenet())
    assert roles(imagenet) == (
        "the constant compute.const",
        "compute-augmenting progress",
        "the exponent of compute",
        "the interaction of compute and the date",
        "the constant data.const",
        "data-augmenting progress",
        "the exponent of data",
        "the noise's log scale",
    )
    language = roles(pf.prepare(pf.laws.ho2024(7), pf.datasets.language()))
    assert "parameters-augmenting progress" in language and "the exponent of parameters" in language
    chinchilla = roles(pf.prepare(pf.laws.chinchilla(), pf.datasets.chinchilla()))
    assert len(set(chinchilla)) == len(chinchilla)


@pytest.mark.parametrize(
    ("says", "contraction", "distance", "verdict"),
    [
        ("identified", 0.95, 9.0, "identified"),
        ("identified", 0.89, 9.0, "weakly"),
        ("weak", 0.95, 9.0, "weakly"),
        ("weak", 0.05, 0.2, "prior only"),
        ("weak", -0.05, 0.2, "prior only"),
        ("weak", 0.05, 2.0, "weakly"),
        ("identified", -3.0, 2.0, "weakly"),
        ("not identified", 0.95, 0.0, "not at all"),
        ("identified", np.nan, np.nan, "identified"),
    ],
)
def test_verdicts(says, contraction, distance, verdict):
    assert verdict_of(says, contraction, distance) == verdict


def test_without_priors_only_the_likelihood_judges(table):
    plain = pf.fit(line(), table, key=KEY, starts=4, objective="mle")
    found = pf.identify(plain, table, of=(), profiled=False)
    assert all(np.isnan(e.contraction) and e.verdict == "identified" for e in found.entries)
    assert "Identified by the likelihood (no prior to compare with): " in found.describe()
    assert "The likelihood determines every direction" in found.describe()
    assert "the prior's" not in found.describe() and "than the prior" not in found.describe()


def test_the_sign_of_a_logarithm_is_not_that_of_a_parameter(table):
    """A rate near one: its logarithm may have either sign, the rate itself may not."""
    law = pf.free(line(), {RATE: dist.LogNormal(0.0, 1.0)})
    years = np.asarray(table.records.columns["date"]) - 2018.0
    near_one = table.with_response(np.asarray(table.response) + 0.8 * years)
    found = pf.identify(pf.fit(law, near_one, key=KEY, starts=4), near_one, of=(), profiled=False)
    rate = found[RATE]
    assert rate.low < 0 < rate.high and rate.coordinate == "logarithm"
    assert not any("sign is open" in text for text in found.sentences)
    assert list(found.verdicts["coordinate"]) == ["itself", "logarithm", "itself"]


def test_draws_of_which_none_is_certified_leave_the_normal_approximation(table, point):
    draws = pf.laplace(point, table, key=KEY, draws=10)
    none = dataclasses.replace(draws, ok=np.zeros(10, bool))
    found = pf.identify(point, table, none, of=both_slopes, profiled=False)
    assert found.entries == pf.identify(point, table, of=both_slopes, profiled=False).entries
    assert "none of 10 draws is certified" in found.sentences[0]


def test_refusals(table, point):
    with pytest.raises(ValueError, match="one real number"):
        pf.identify(point, table, of=lambda model: jnp.zeros(2), profiled=False)
    with pytest.raises(ValueError, match="other numbers"):
        pf.identify(point, table.with_response(table.response + 1.0))
    with pytest.raises(KeyError, match="was not judged"):
        pf.identify(point, table, of=(), profiled=False)["nothing"]
    others = pf.prepare(pf.fix(line(), {"level": 0.4}), table)
    draws = dataclasses.replace(
        pf.laplace(point, table, key=KEY, draws=4000), origin=dataclasses.replace(point, spec=others)
    )
    with pytest.raises(ValueError, match="other parameters"):
        pf.identify(point, table, draws)
