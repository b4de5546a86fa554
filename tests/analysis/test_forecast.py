"""Forecasts: the marks of extrapolation, the back-test against a known posterior, and rates that stay distributions."""

import jax
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest
from scipy import stats

import progressfit as pf
from progressfit.analysis.backtest import backtest, usual_cuts
from progressfit.analysis.transfer import PRESETS
from progressfit.dataset import Dataset, Record
from progressfit.noise import Gaussian
from progressfit.terms import Constant, ExponentialProgress, LogSlope, Sum

ROWS, SCALE, SD = 40, 0.3, 1.0
RNG = np.random.default_rng(5)
YEAR, LOGS = np.sort(RNG.uniform(2012, 2022, ROWS)), RNG.normal(0, 1, ROWS)
DESIGN = np.stack([np.ones(ROWS), YEAR - 2016, LOGS], axis=1)
RESPONSE = DESIGN @ [0.5, 0.2, 0.4] + RNG.normal(0, SCALE, ROWS)
TABLE = Dataset(Record({"date": YEAR, "compute": np.exp(LOGS)}, {}, {}), RESPONSE, np.arange(ROWS))
CUT = 2018.0


def law():
    prior = dist.Normal(0.0, SD)
    mean = Sum(
        level=Constant(prior),
        progress=ExponentialProgress(prior, origin=2016.0, channel="algorithms", augments="compute"),
        scaling=LogSlope("compute", prior, reference=1.0),
    )
    return pf.Model(mean, pf.links.Identity(), Gaussian(SCALE))


def predictive(kept, at):
    """Mean and standard deviation of a new response under the conjugate posterior of the kept rows."""
    precision = DESIGN[kept].T @ DESIGN[kept] / SCALE**2 + np.eye(3) / SD**2
    mean = np.linalg.solve(precision, DESIGN[kept].T @ RESPONSE[kept] / SCALE**2)
    spread = np.sqrt(np.einsum("ni,ij,nj->n", at, np.linalg.inv(precision), at) + SCALE**2)
    return at @ mean, spread


@pytest.fixture(scope="module")
def draws():
    point = pf.fit(law(), TABLE, key=jax.random.key(0), starts=4)
    return pf.laplace(point, TABLE, key=jax.random.key(1), draws=4000)


@pytest.fixture(scope="module")
def tested():
    return backtest(law(), TABLE, key=jax.random.key(2), cuts=["2018-01-01", 2020.0])


def test_the_backtest_is_the_conjugate_predictive(tested):
    assert tested.ok.all()
    own = tested.frame[tested.frame["cut"] == CUT]
    after = YEAR >= CUT
    mean, spread = predictive(~after, DESIGN[after])
    # A thousand correlated draws: quantiles to a tenth of a standard deviation or so.
    np.testing.assert_allclose(own["median"], mean, atol=0.2 * spread.max())
    np.testing.assert_allclose(own["high"] - own["low"], 2 * 1.96 * spread, rtol=0.15)
    np.testing.assert_allclose(own["log_density"], stats.norm.logpdf(RESPONSE[after], mean, spread), atol=0.15)
    np.testing.assert_allclose(own["years_after"], YEAR[after] - CUT)


def test_scores_count_what_lay_inside(tested):
    own = tested.frame[tested.frame["cut"] == CUT]
    score = tested.scores.set_index("cut").loc[CUT]
    inside = (own["observed"] >= own["low"]) & (own["observed"] <= own["high"])
    assert score["inside"] == inside.mean() and score["scored"] == len(own)
    assert score["mean_error"] == pytest.approx(float((own["observed"] - own["median"]).mean()))
    assert "before 2018.0" in str(tested)


def test_rows_of_no_weight_are_neither_fitted_nor_scored(tested):
    weights = np.ones(ROWS)
    outliers = np.flatnonzero((YEAR < CUT) | (YEAR >= 2021))[::7]
    weights[outliers] = 0.0
    spoiled = TABLE.with_response(np.where(weights == 0, 50.0, RESPONSE))
    found = backtest(law(), spoiled, key=jax.random.key(2), cuts=[2018.0, 2020.0], weights=weights)
    own = found.frame[found.frame["cut"] == CUT]
    after = (YEAR >= CUT) & (weights > 0)
    mean, spread = predictive((YEAR < CUT) & (weights > 0), DESIGN[after])
    np.testing.assert_allclose(own["observed"], RESPONSE[after])
    np.testing.assert_allclose(own["median"], mean, atol=0.2 * spread.max())


def test_cuts_leave_enough_rows():
    for cut in usual_cuts(TABLE, 3):
        assert (cut > YEAR).sum() >= 9 and (cut <= YEAR).sum() >= 5
    with pytest.raises(ValueError, match="leaves fewer than two rows"):
        backtest(law(), TABLE, key=jax.random.key(0), cuts=[2000])


def test_scenarios_are_marked_and_predicted(draws):
    scenarios = pd.DataFrame({"date": [2016.0, 2032.0], "compute": [1.0, 1.0]})
    found = pf.forecast(draws, TABLE, scenarios, key=jax.random.key(3), test=False)
    assert list(found.prediction.inside) == [True, False]
    assert found.prediction.distance[1] == pytest.approx((2032 - YEAR.max()) / (YEAR.max() - YEAR.min()))
    at = np.array([[1.0, 0.0, 0.0], [1.0, 16.0, 0.0]])
    mean, spread = predictive(np.ones(ROWS, bool), at)
    np.testing.assert_allclose(found.prediction.median, mean, atol=0.1)
    np.testing.assert_allclose(found.draws.std(axis=0), spread, rtol=0.06)
    assert found.draws.shape == (4000, 2) and "No back-test: it was not wanted" in str(found)


def test_a_backtest_stands_beside_a_forecast(draws):
    found = pf.forecast(draws, TABLE, {"date": [2024.0], "compute": [1.0]}, key=jax.random.key(3), cuts=[2018, 2020])
    assert found.tested is not None and len(found.tested.scores) == 2
    assert "How such forecasts did before" in str(found)


def test_what_a_forecast_refuses(draws):
    key, good = jax.random.key(0), {"date": [2024.0], "compute": [1.0]}
    with pytest.raises(ValueError, match="point fits mislead"):
        pf.forecast(draws.origin, TABLE, good, key=key)
    with pytest.raises(ValueError, match="'compute'"):
        pf.forecast(draws, TABLE, {"date": [2024.0]}, key=key)
    with pytest.raises(ValueError, match="column 'size'"):
        pf.forecast(draws, TABLE, good | {"size": [1.0]}, key=key)
    with pytest.raises(ValueError, match="no scenarios"):
        pf.forecast(draws, TABLE, {"date": [], "compute": []}, key=key)


def test_a_transferred_rate_is_a_product_of_distributions(draws):
    rates = np.random.default_rng(0).normal(1.0, 0.1, 20_000)
    found = pf.transfer(rates, dist.LogNormal(np.log(0.5), 0.3), key=jax.random.key(0))
    # Mean of a product of independent factors, and the median of a log-normal times nearly nothing.
    assert found.draws.mean() == pytest.approx(0.5 * np.exp(0.3**2 / 2), rel=0.01)
    assert found.probability_below(0.0) == 0.0
    assert found.quantiles((0.5,))[0.5] == pytest.approx(0.5, rel=0.02)
    some = pf.transfer(np.append(rates, np.nan), "cotra", key=jax.random.key(0))
    assert some.dropped == 1 and "1 draws have no growth rate" in str(some)
    own = pf.transfer(draws, "cotra", key=jax.random.key(0))
    assert len(own.draws) == len(draws) and "Cotra" in str(own)
    assert np.median(own.factors) == pytest.approx(0.5, abs=0.05)


def test_presets_say_where_they_come_from():
    assert set(PRESETS) == {"cotra", "uninformative"}
    assert all(len(source) > 20 for _, source in PRESETS.values())


@pytest.mark.parametrize("rates", [1.03, [1.03], [1.0, 1.0], np.nan])
def test_a_point_estimate_is_refused(rates):
    with pytest.raises(ValueError, match="not a point estimate"):
        pf.transfer(rates, "cotra", key=jax.random.key(0))


def test_a_point_fit_and_a_point_factor_are_refused(draws):
    with pytest.raises(ValueError, match="not a point estimate"):
        pf.transfer(draws.origin, "cotra", key=jax.random.key(0))
    for factor in (0.5, dist.Delta(0.5)):
        with pytest.raises(ValueError, match="has to be a distribution"):
            pf.transfer(draws, factor, key=jax.random.key(0))
    with pytest.raises(ValueError, match="choose one of"):
        pf.transfer(draws, "half", key=jax.random.key(0))
    with pytest.raises(ValueError, match="has to be positive"):
        pf.transfer(draws, dist.Normal(0.0, 1.0), key=jax.random.key(0))
    with pytest.raises(TypeError, match="no single number"):
        float(pf.transfer(draws, "cotra", key=jax.random.key(0)))
