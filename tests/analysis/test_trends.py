"""Shapes of progress and laws without a part: the published probes, closed forms, planted breaks."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
import scipy.optimize

import progressfit as pf
from progressfit.analysis.trend_shapes import random_walk
from progressfit.analysis.trends import RatePath, forward_cuts, stacked_forward
from progressfit.analysis.variants import without_input, without_trend
from progressfit.dataset import Dataset, Record
from progressfit.noise import Gaussian
from progressfit.params import bind, priors
from progressfit.terms import (
    Constant,
    EffectiveInput,
    ExponentialProgress,
    LogSlope,
    PowerLaw,
    RandomWalkProgress,
    Sum,
)

KEY = jax.random.key(0)
ROWS, NOISE = 60, 0.1


def law(scale=NOISE, augments="compute"):
    prior = dist.Normal(0.0, 1.0)
    index = Sum(
        level=Constant(prior),
        progress=ExponentialProgress(prior, origin=2014.0, channel="algorithms", augments=augments),
        scaling=LogSlope("compute", 0.5, reference=1.0),
    )
    return pf.Model(index, pf.links.Identity(), Gaussian(scale))


def table(gain):
    """Responses ``gain(date) + ln(compute) / 2 + noise``."""
    rng = np.random.default_rng(5)
    date, logs = np.sort(rng.uniform(2014, 2020, ROWS)), rng.normal(0, 1, ROWS)
    record = Record({"date": date, "compute": np.exp(logs)}, {}, {})
    return Dataset(record, gain(date) + 0.5 * logs + NOISE * rng.normal(0, 1, ROWS), np.arange(ROWS))


PUBLISHED = {
    "compute.const": 0.889,
    "compute.progress.rate": 0.159,
    "compute.scaling.slope": 0.154,
    "data.const": 1.783,
    "data.progress.rate": 0.02,
    "data.scaling.slope": 0.063,
    "noise.log_scale": -2.16,
}
VARIANTS = {
    "no trend in data efficiency": (without_trend, "data efficiency", 267.12, 6.89),
    "no trend in compute efficiency": (without_trend, "compute efficiency", 262.52, None),
    "no term in data": (without_input, "data", 252.80, 7.79),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_published_variants(name):
    """Log likelihood and months at the mode near the published one, by SciPy's optimiser instead of the package's."""
    without, part, expected, months = VARIANTS[name]
    data, spec = pf.datasets.imagenet(), without(pf.laws.erdil_besiroglu(), part)
    start = np.array([PUBLISHED[path] for path in priors(spec)])

    bare, ones = data.bare(), jnp.ones(len(data))
    loss = jax.jit(jax.value_and_grad(lambda z: -pf.log_density(spec, z, bare, ones, False)))
    found = scipy.optimize.minimize(
        lambda z: tuple(np.asarray(part, float) for part in loss(z)), start, jac=True, method="BFGS"
    )
    model = bind(spec, dict(zip(priors(spec), found.x, strict=True)))
    assert abs(float(model.log_lik(data.bare(), on="response").sum()) - expected) < 0.0051
    rate = float(pf.growth_rate(model))
    assert rate == 0 if months is None else abs(pf.doubling_time(rate) - months) < 0.0051


@pytest.fixture(scope="module")
def broken():
    """Progress of .6 a year up to 2017 and .1 from then on, in units of the response, and the fit without a break."""
    data = table(lambda date: 0.6 * np.minimum(date, 2017.0) + 0.1 * np.maximum(date, 2017.0) - 0.7 * 2017)
    return data, pf.fit(law(), data, key=KEY, starts=4)


def test_a_law_without_its_trend(broken):
    data, point = broken
    whole, still = pf.variants(point, data, pf.growth_rate, key=KEY, starts=4)
    assert (whole.name, still.name) == ("the law itself", "no trend in algorithms")
    assert still.value == 0 and still.parameters == 1 and whole.value == point.map(pf.growth_rate)
    # One level is left: its posterior mean under a standard normal prior.
    left = data.response - 0.5 * np.log(data.records.columns["compute"])
    level = left.sum() / (ROWS + NOISE**2)
    expected = np.sum(-0.5 * ((left - level) / NOISE) ** 2 - np.log(NOISE * np.sqrt(2 * np.pi)))
    np.testing.assert_allclose(still.log_likelihood, expected, rtol=1e-8)


def test_a_break_is_found_where_it_was_planted(broken):
    data, point = broken
    dates = np.arange(2015.0, 2019.01, 0.5)
    found = pf.trend_breaks(point, data, tuple(dates), key=KEY)
    best = int(np.argmax(found.gain))
    assert found.ok.all() and found.dates[best] == 2017.0 and found.gain[best] > 10
    # The linked response grows by .6 and then .1 a year, and a unit of ln(compute) is worth .5.
    np.testing.assert_allclose([found.before[best], found.after[best]], [1.2, 0.2], atol=0.15)
    # Each date is a linear regression with known noise: its own least squares, priors being wide.
    for k in (1, 6):
        date = data.records.columns["date"]
        after = 0.25 * np.logaddexp(0, (date - dates[k]) / 0.25)
        design = np.stack([np.ones(ROWS), date - 2014, after], axis=1)
        left = data.response - 0.5 * np.log(data.records.columns["compute"])
        residual = [left - x @ np.linalg.lstsq(x, left, rcond=None)[0] for x in (design, design[:, :2])]
        gain = (np.sum(residual[1] ** 2) - np.sum(residual[0] ** 2)) / (2 * NOISE**2)
        assert abs(found.gain[k] - gain) < 0.05 * abs(gain)


def test_the_random_walk_is_kriging():
    """Scales known, the posterior is Gaussian: mode and curvature are those of a process with the walk's covariance."""
    data, scale = table(lambda date: 0.4 * (date - 2014) + 0.3 * np.sin(date)), 0.25
    spec = pf.with_trend(
        law(),
        "compute",
        lambda trend: RandomWalkProgress(
            trend.rate,
            scale,
            dist.Normal(0, 1).expand([9]),
            first_year=2014,
            origin=2014.0,
            channel="algorithms",
            augments="compute",
        ),
    )
    point = pf.fit(spec, data, key=KEY, starts=4)
    at = np.array([2016.5, 2019.5, 2021.0, 2023.0])
    model = jax.vmap(lambda date: point.model.mean.value(Record({"date": date, "compute": 1.0}, {}, {})))(at)
    years = data.records.columns["date"]

    def walk(dates):
        return np.clip(dates[:, None] - 2014 - np.arange(9), 0, 1)

    def covariance(a, b):
        return 1.0 + np.outer(a - 2014, b - 2014) + scale**2 * walk(a) @ walk(b).T

    left = data.response - 0.5 * np.log(data.records.columns["compute"])
    gain = np.linalg.solve(covariance(years, years) + NOISE**2 * np.eye(ROWS), covariance(years, at)).T
    np.testing.assert_allclose(model, gain @ left, atol=1e-6)
    draws = pf.laplace(point, data, key=KEY, draws=4000)
    spread = np.std(draws.map(MeanAt(at)), axis=0)
    exact = np.sqrt(np.diag(covariance(at, at) - gain @ covariance(years, at)))
    np.testing.assert_allclose(spread, exact, rtol=6 / np.sqrt(2 * 4000))  # a false alarm in 1e8
    assert (np.diff(exact[1:]) > 0).all()  # uncertainty grows beyond the last row


class MeanAt:
    """Mean at each date, compute at its reference."""

    def __init__(self, dates):
        self.dates = dates

    def __call__(self, model):
        return jax.vmap(lambda date: model.mean.value(Record({"date": date, "compute": 1.0}, {}, {})))(self.dates)


def test_forms_keep_their_priors_and_place():
    data = table(lambda date: 0.4 * (date - 2014))
    forms = pf.trend_forms(law(), data, horizon=5.0)
    assert list(forms) == ["exponential", "one break", "saturating", "random walk"]
    walk = forms["random walk"].mean.terms[1]
    assert isinstance(walk, RandomWalkProgress) and walk.years[0] == "2014" and walk.years[-1] == "2024"
    assert {"progress.rate", "progress.later_rate", "progress.change"} <= priors(forms["one break"]).keys()
    inside = pf.Model(
        PowerLaw(2.0, 0.3, EffectiveInput("compute", law().mean.terms[1], reference=1.0)),
        pf.links.Log(),
        Gaussian(NOISE),
    )
    swapped = pf.with_trend(inside, "compute", random_walk(2014, 5))
    assert "progress.drift" in priors(swapped)
    own = {name: np.zeros(prior.shape()) for name, prior in priors(forms["saturating"]).items()}
    model = bind(forms["saturating"], own | {"progress.rate": 0.4, "progress.timescale": 2.0})
    first = data.records.columns["date"].min()  # where the rate has its prior, whatever the law's own origin
    path = RatePath(Record({"date": first, "compute": 1.0}, {}, {}), jnp.array([first, first + 2.0]), "compute")
    np.testing.assert_allclose(path(model), 0.8 * np.exp([0.0, -1.0]), rtol=1e-10)


def test_cuts_have_two_rows_before_them_and_one_after():
    assert forward_cuts(np.arange(2010.0, 2019.0)) == (2012.0, 2014.0, 2016.0)
    assert forward_cuts([2010.0] * 5 + [2011.0, 2012.0, 2013.0]) == (2011.25,)
    assert forward_cuts([2010.0, 2011.0, 2020.0, 2020.0]) == (2020.0,)  # no row lies between 2015.5 and it
    with pytest.raises(ValueError, match="too few"):
        forward_cuts([2010.0, 2010.0, 2010.0])


def test_a_shape_that_rules_a_row_out_is_not_rewarded():
    scored = np.log(np.array([[0.6, 0.5], [0.6, 0.5], [0.6, 0.5], [np.nan, 0.5], [0.6, 0.5]]))
    known, stack = stacked_forward(scored)
    assert known.tolist() == [True, True, True, False, True] and stack.weights[0] > 0.99
    scored[4, 0] = -np.inf
    # The score of weight w is 3 log(.5 + .1 w) + log(.5 (1 - w)), highest where .3 (1 - w) = .5 + .1 w: at w = 0.
    known, stack = stacked_forward(scored)
    assert known.sum() == 4 and stack.weights[0] < 1e-6
    with pytest.raises(ValueError, match="no later row"):
        stacked_forward(np.full((3, 2), np.nan))


def test_tables_without_dates_are_refused(broken):
    data, point = broken
    still = Dataset(Record({"compute": data.records.columns["compute"]}, {}, {}), data.response, data.clusters)
    with pytest.raises(ValueError, match="needs dates"):
        pf.trend_forms(law(), still)
    with pytest.raises(ValueError, match="needs dates"):
        pf.outlook(point.model, still, 5.0)
    with pytest.raises(ValueError, match="dates= is empty"):
        pf.trend_breaks(point, data, (), key=KEY)


def test_refusals():
    with pytest.raises(ValueError, match="no trend of this law augments 'data'"):
        pf.with_trend(law(), "data", random_walk(2014, 5))
    fixed = pf.fix(law(), {"progress.rate": 0.1})
    with pytest.raises(ValueError, match="not exponential with a prior on its rate"):
        pf.with_trend(fixed, "compute", random_walk(2014, 5))
    with pytest.raises(ValueError, match="no trend of this law has the channel 'hardware'"):
        without_trend(law(), "hardware")
    with pytest.raises(ValueError, match="with another part beside it"):
        without_input(law(), "compute")
    with pytest.raises(ValueError, match="neither a sum nor a product"):
        without_input(pf.Model(law().mean.terms[2], pf.links.Identity(), Gaussian(0.1)), "compute")
