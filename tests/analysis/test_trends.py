"""Shapes of progress and laws without a part: the published probes, closed forms, planted breaks."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import progressfit as pf
from progressfit.analysis.trend_shapes import random_walk
from progressfit.analysis.trends import RatePath
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


def test_the_published_variants():
    """No data-augmenting trend 267.12 (6.89 months), no compute-augmenting one 262.52, no data term 252.80 (7.79)."""
    data, spec = pf.datasets.imagenet(), pf.laws.erdil_besiroglu()
    known = {"compute.const": 0.889, "compute.progress.rate": 0.159, "compute.scaling.slope": 0.154}
    known |= {"data.const": 1.783, "data.progress.rate": 0.02, "data.scaling.slope": 0.063, "noise.log_scale": -2.16}
    point = pf.fit(spec, data, starts={path: [value] for path, value in known.items()})
    found = {one.name: one for one in pf.variants(point, data, pf.growth_rate, key=KEY, spec=spec, starts=8)}
    expected = {
        "the law itself": (267.06, 8.09),
        "no trend in data efficiency": (267.12, 6.89),
        "no trend in compute efficiency": (262.52, np.inf),
        "no term in data": (252.80, 7.79),
    }
    assert list(found) == ["the law itself", *(name for name in found if name != "the law itself")]
    assert found.keys() == expected.keys()
    for name, (log_likelihood, months) in expected.items():
        assert abs(found[name].log_likelihood - log_likelihood) < 0.0051
        assert np.isinf(months) == (found[name].value == 0)
        assert np.isinf(months) or abs(pf.doubling_time(found[name].value) - months) < 0.0051
    assert [found[name].parameters for name in expected] == [0, 1, 1, 3]


def test_a_break_is_found_where_it_was_planted():
    data = table(lambda date: 0.6 * np.minimum(date, 2017.0) + 0.1 * np.maximum(date, 2017.0) - 0.7 * 2017)
    point = pf.fit(law(), data, key=KEY, starts=4)
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
    spread = np.std(draws.map(RateOrMean(at)), axis=0)
    exact = np.sqrt(np.diag(covariance(at, at) - gain @ covariance(years, at)))
    np.testing.assert_allclose(spread, exact, rtol=6 / np.sqrt(2 * 4000))  # a false alarm in 1e8
    assert (np.diff(exact[1:]) > 0).all()  # uncertainty grows beyond the last row


class RateOrMean:
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
    path = RatePath(Record({"date": 2014.0, "compute": 1.0}, {}, {}), jnp.array([2014.0, 2016.0]), "compute")
    np.testing.assert_allclose(path(model), 0.8 * np.exp([0.0, -1.0]), rtol=1e-10)


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
