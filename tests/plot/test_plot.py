"""Pictures: what is drawn equals the numbers of the result, labels have units, given axes are used, misuse is named."""

import dataclasses
import functools
import subprocess
import sys
from typing import Any

import jax
import matplotlib as mpl
import numpy as np
import numpyro.distributions as dist
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import progressfit as pf
from progressfit.dataset import Dataset, Labels, Record
from progressfit.params import bind
from progressfit.plot.style import BLUE, ORANGE
from progressfit.terms import Constant, ExponentialProgress, GroupEffect, Logistic, LogSlope, Sum

ROWS, LEVEL = 30, 0.9


def table():
    rng = np.random.default_rng(3)
    date, compute = rng.uniform(2012, 2022, ROWS), 10 ** rng.uniform(17, 22, ROWS)
    index = 0.2 + 0.25 * (date - 2016) + 0.3 * np.log(compute / 1e19)
    response = 1 / (1 + np.exp(-(index + rng.normal(0, 0.3, ROWS))))
    codes = {"lab": np.arange(ROWS) % 3 % 2}
    labels = Labels("accuracy", tuple(f"net{i}" for i in range(ROWS)), (("lab", ("anna", "berta")),))
    return Dataset(
        Record({"compute": compute, "date": date}, codes, {}, labels.levels), response, np.arange(ROWS) // 2, labels
    )


def law():
    prior = dist.Normal(0.0, 1.0)
    index = Sum(
        level=Constant(prior),
        lab=GroupEffect("lab", prior, coding="reference", reference="anna"),
        progress=ExponentialProgress(prior, origin=2016.0, channel="algorithms", augments="compute"),
        scaling=LogSlope("compute", prior, reference=1e19),
    )
    return pf.Model(Logistic(index), pf.links.Logit(), pf.noise.Gaussian(dist.HalfNormal(1.0)))


def attribution(model):
    return pf.shapley(
        model, DATA.record(date=2013.0, compute=1e18, lab="anna"), DATA.record(date=2021.0, compute=1e21, lab="anna")
    )


def rate(model):
    return pf.growth_rate(model, at=DATA.record(date=2016.0, compute=1e19, lab="anna"))


DATA = table()


@pytest.fixture(scope="module")
def point():
    return pf.fit(law(), DATA, key=jax.random.key(0), starts=4)


@pytest.fixture(scope="module")
def draws(point):
    made = pf.laplace(point, DATA, key=jax.random.key(1), draws=200)
    # One draw that is not certified: it may not show anywhere.
    return dataclasses.replace(made, ok=np.arange(len(made)) != 7)


@pytest.fixture(scope="module")
def profile(point):
    return pf.profile(point, DATA, rate, points=9, level=LEVEL)


@pytest.fixture(scope="module")
def forecast(draws):
    scenarios = {"date": [2026.0, 2014.0, 2018.0] * 2, "compute": [1e19] * 3 + [1e24] * 3, "lab": ["anna"] * 6}
    return pf.forecast(draws, DATA, scenarios, key=jax.random.key(2), level=LEVEL, test=False)


def new_axes():
    return Figure().subplots()


def offsets(ax, label):
    return next(c for c in ax.collections if c.get_label() == label).get_offsets()


def line(ax, label):
    return next(one for one in ax.lines if one.get_label() == label)


def hspans(ax):
    """Ends of all horizontal bars drawn as lines, ``(m, 2)``, from top to bottom."""
    segments = [s for c in ax.collections if hasattr(c, "get_segments") for s in c.get_segments() if len(s)]
    return np.array([s[:, 0] for s in sorted(segments, key=lambda s: -s[0, 1])])


# --- fit --------------------------------------------------------------------------------------------------------------


def test_the_line_of_a_fit_is_the_law_and_ends_solid_with_the_table(point):
    ax = pf.plot.fit(point, DATA, at={"compute": 1e20, "lab": "berta"}, ax=new_axes())
    solid, dates = line(ax, "best fit"), np.asarray(DATA.records.columns["date"])
    x, y = np.asarray(solid.get_xdata()), np.asarray(solid.get_ydata())
    expected = pf.predict(point.model, DATA.record(date=x, compute=1e20, lab="berta"))
    inside = x <= dates.max()
    np.testing.assert_allclose(y[inside], np.asarray(expected)[inside], rtol=1e-12)
    assert np.isnan(y[~inside]).all() and x[inside].max() == dates.max() and x.max() > dates.max()
    whole = ax.lines[0]
    np.testing.assert_allclose(whole.get_ydata(), expected, rtol=1e-12)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("date (year)", "accuracy")
    assert ax.get_title(loc="right") == "at compute 1e+20, lab berta"
    assert "outside the table's range" in ax.get_legend_handles_labels()[1]


def test_moved_rows_keep_their_residuals(point):
    ax = pf.plot.fit(point, DATA, at={"compute": 1e20, "lab": "berta"}, ax=new_axes())
    np.testing.assert_allclose(offsets(ax, "rows"), np.stack([DATA.records.columns["date"], DATA.response], axis=1))
    x, y = np.asarray(offsets(ax, "rows, moved to these inputs")).T
    moved = DATA.record(date=x, compute=1e20, lab="berta")
    logit = lambda p: np.log(p / (1 - p))  # noqa: E731
    left = logit(y) - logit(np.asarray(pf.predict(point.model, moved)))
    own = logit(np.asarray(DATA.response)) - logit(np.asarray(pf.predict(point.model, DATA.records)))
    np.testing.assert_allclose(left, own, rtol=1e-8, atol=1e-10)


def test_the_band_of_draws_is_their_interval(draws):
    ax = pf.plot.fit(draws, DATA, over="compute", level=LEVEL, ax=new_axes())
    band = next(c for c in ax.collections if c.get_label() == "90% Laplace, expected")
    x = np.asarray(ax.lines[0].get_xdata())
    date = float(np.median(DATA.records.columns["date"]))
    records = DATA.record(compute=x, date=date, lab="anna")
    values = np.asarray(draws.map(lambda model: model.predict(records)))[draws.ok]
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95], axis=0)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), middle)
    corners = band.get_paths()[0].vertices
    np.testing.assert_allclose([corners[:, 1].min(), corners[:, 1].max()], [low.min(), high.max()])
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "training compute (FLOP)"


# --- growth -----------------------------------------------------------------------------------------------------------


def test_growth_draws_median_and_interval_of_certified_draws(point, draws, profile):
    results = {"best fit": point, "many": draws, "profile": profile}
    ax = pf.plot.growth(results, of=rate, level=LEVEL, ax=new_axes())
    kept = np.asarray(draws.map(rate))[draws.ok]
    low, middle, high = np.quantile(kept, [0.05, 0.5, 0.95])
    places = [float(one.get_xdata()[0]) for one in ax.lines if one.get_marker() == "o"]
    np.testing.assert_allclose(places, [float(point.map(rate)), middle, profile.optima[0]])
    np.testing.assert_allclose(hspans(ax)[-2:], [[low, high], profile.interval])
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names[0] == "best fit" and names[1].startswith("many\n90% Laplace\n") and names[1].endswith(", 1 left out")
    assert names[2] == "profile\n90% profile posterior"
    assert f"{np.mean(kept <= 0):.1%} not above 0" in names[1]
    assert ax.get_xlabel() == "rate (natural log units a year)"


def test_growth_in_orders_of_magnitude(draws):
    ax = pf.plot.growth(draws, of=rate, magnitudes=True, ax=new_axes())
    kept = np.asarray(draws.map(rate))[draws.ok]
    np.testing.assert_allclose(hspans(ax), [np.quantile(kept, [0.025, 0.975]) / np.log(10)])
    assert ax.get_xlabel() == "rate (orders of magnitude a year)"
    (above,) = ax.child_axes
    factors = {tick.get_text(): place for tick, place in zip(above.get_xticklabels(), above.get_xticks(), strict=True)}
    assert factors["1x"] == 0.0
    for text, place in factors.items():
        np.testing.assert_allclose(10**place, float(text.removesuffix("x")))


def test_open_ends_of_a_profile_are_arrows(profile):
    piece = dataclasses.replace(profile.pieces[-1], high=np.inf, open_high=True)
    ax = pf.plot.growth(dataclasses.replace(profile, pieces=(piece,)), of=rate, ax=new_axes())
    arrows = [one for one in ax.lines if one.get_marker() == ">"]
    assert [float(one.get_xdata()[0]) for one in arrows] == [ax.get_xlim()[1]]


# --- shapley, influence, optima ---------------------------------------------------------------------------------------


def test_shapley_bars_and_whiskers(point, draws):
    ax = pf.plot.shapley({"best fit": point, "many": draws}, attribution, level=LEVEL, ax=new_axes())
    players = [tick.get_text() for tick in ax.get_yticklabels()]
    shares, many = point.map(attribution).shares, draws.map(attribution).shares
    assert players == list(shares) and set(players) == {"algorithms", "compute"}
    first, second = ax.containers
    np.testing.assert_allclose([bar.get_width() for bar in first], [shares[name] for name in players])
    kept = np.array([np.asarray(many[name])[draws.ok] for name in players])
    np.testing.assert_allclose([bar.get_width() for bar in second], np.median(kept, axis=1))
    np.testing.assert_allclose(hspans(ax), np.quantile(kept, [0.05, 0.95], axis=1).T)
    assert ax.get_legend_handles_labels()[1] == ["best fit", "many: 90% Laplace, 1 left out"]
    assert ax.get_xlabel() == "share of the change"


def test_influence_shows_the_largest_first_order_shifts(point):
    found = pf.influence(point, DATA, rate)
    ax = pf.plot.influence(found, count=5, label="the rate (a year)", ax=new_axes())
    one_out = found.without(np.eye(ROWS))
    order = np.argsort(-np.abs(one_out))[:5]
    (bars,) = ax.containers
    np.testing.assert_allclose([bar.get_width() for bar in bars], one_out[order])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [f"net{i}" for i in order]
    assert [to_hex(bar.get_facecolor()) for bar in bars] == [
        (BLUE if one_out[i] >= 0 else ORANGE).lower() for i in order
    ]
    assert ax.get_xlabel() == "shift of the rate (a year) without the row, first order"


def test_exact_refits_have_their_prediction_beside_them(point):
    found = pf.leave_out(point, DATA, rate, by="cluster")
    ax = pf.plot.influence(found, count=3, ax=new_axes())
    order = np.argsort(-np.abs(found.shift))[:3]
    np.testing.assert_allclose([bar.get_width() for bar in ax.containers[0]], found.shift[order])
    np.testing.assert_allclose(line(ax, "first-order prediction").get_xdata(), (found.predicted - found.full)[order])
    assert "without the cluster, exact refit" in ax.get_xlabel()


def test_optima_stand_at_their_value_and_height(point):
    best = point.optima[0]
    moved = {**best.values, "progress.rate": best.values["progress.rate"] - 1.0}
    other = dataclasses.replace(best, values=moved, objective=best.objective + 2.5, starts=1, share=0.25)
    two = dataclasses.replace(point, optima=(best, other))
    ax = pf.plot.optima(two, rate, ax=new_axes())
    marks = next(c for c in ax.collections if len(c.get_offsets()) == 2)
    expected = [[float(rate(bind(point.spec, one.values))), one.objective - point.objective] for one in two.optima]
    np.testing.assert_allclose(marks.get_offsets(), expected, atol=1e-12)
    assert "1 of 4 starts" in ax.texts[1].get_text()
    assert pf.plot.optima(two, "progress.rate", ax=new_axes()).get_xlabel() == "progress.rate"


# --- profile, forecast ------------------------------------------------------------------------------------------------


def test_a_profile_shows_curve_cut_and_interval(profile):
    ax = pf.plot.profile(profile, label="growth (a year)", ax=new_axes())
    curve, cut = ax.lines[:2]
    np.testing.assert_array_equal(curve.get_xdata(), profile.quantity)
    np.testing.assert_allclose(curve.get_ydata(), profile.objective - profile.stats["lowest"])
    np.testing.assert_allclose(cut.get_ydata(), profile.cut - profile.stats["lowest"])
    assert (cut.get_label(), ax.get_xlabel()) == ("cut, level 0.9", "growth (a year)")


def test_a_forecast_is_sorted_marked_and_grouped(forecast):
    ax = pf.plot.forecast(forecast, DATA, ax=new_axes())
    dashed = [one for one in ax.lines if one.get_linestyle() == "--"]
    assert len(dashed) == 2
    for k, rows in enumerate(([1, 2, 0], [4, 5, 3])):
        np.testing.assert_array_equal(dashed[k].get_xdata(), [2014, 2018, 2026])
        np.testing.assert_allclose(dashed[k].get_ydata(), forecast.prediction.median[rows])
    cheap, dear = line(ax, "compute 1e+19, lab anna"), line(ax, "compute 1e+24, lab anna")
    np.testing.assert_array_equal(np.isfinite(cheap.get_ydata()), [True, True, False])
    assert not np.isfinite(dear.get_ydata()).any()
    bands = [c.get_paths()[0].vertices[:, 1] for c in ax.collections if c.get_label().startswith("_")][:2]
    own = forecast.prediction
    for band, low, high in zip(bands, (own.new_low, own.low), (own.new_high, own.high), strict=True):
        np.testing.assert_allclose([band.min(), band.max()], [low[:3].min(), high[:3].max()])
    assert "90% Laplace" in ax.get_title(loc="right") and ax.get_ylabel() == "accuracy"
    assert ax.get_xlabel() == "date (year)"


# --- axes and refusals ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pictures(point, draws, profile, forecast):
    return {
        "fit": functools.partial(pf.plot.fit, point, DATA),
        "growth": functools.partial(pf.plot.growth, point, rate),
        "shapley": functools.partial(pf.plot.shapley, point, attribution),
        "profile": functools.partial(pf.plot.profile, profile),
        "influence": functools.partial(pf.plot.influence, pf.influence(point, DATA, rate)),
        "forecast": functools.partial(pf.plot.forecast, forecast),
        "optima": functools.partial(pf.plot.optima, point, rate),
    }


def test_every_picture_is_looked_at(pictures):
    assert set(pictures) == set(pf.plot.__all__)


@pytest.mark.parametrize("name", ["fit", "growth", "shapley", "profile", "influence", "forecast", "optima"])
def test_given_axes_are_used_and_new_ones_are_pyplots_where_it_is_loaded(name, pictures, tmp_path):
    from matplotlib import pyplot

    before = mpl.get_backend()
    mpl.use("agg")
    try:
        mine = new_axes()
        assert pictures[name](ax=mine) is mine
        current = pyplot.figure().subplots()
        new = pictures[name]()
        assert new is not current and not current.has_data()
        assert new.figure in map(pyplot.figure, pyplot.get_fignums())
        new.figure.savefig(tmp_path / "one.png")
    finally:
        pyplot.close("all")
        mpl.use(before)
    assert (tmp_path / "one.png").read_bytes()[:4] == b"\x89PNG"
    assert new.get_xlabel() and (new.get_ylabel() or new.get_yticklabels())


def test_without_pyplot_a_new_figure_is_a_plain_one():
    code = (
        "import sys; from progressfit.plot.style import axes_of; ax = axes_of(None); "
        "print(type(ax.figure).__name__, 'matplotlib.pyplot' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["Figure", "False"]


MISUSE: dict[str, tuple[Any, str]] = {
    "fit": (lambda: pf.plot.fit("x", DATA), r"pf\.plot\.fit cannot draw a str; give what pf\.fit"),
    "growth": (lambda: pf.plot.growth({"a": 1.0}), r"pf\.plot\.growth cannot draw a float under the name 'a'"),
    "shapley": (
        lambda: pf.plot.shapley([1], attribution),
        r"pf\.plot\.shapley cannot draw a list; give one of Fit, Draws",
    ),
    "profile": (lambda: pf.plot.profile(1), r"pf\.plot\.profile cannot draw a int; give what pf\.profile returned"),
    "influence": (
        lambda: pf.plot.influence(DATA),
        r"pf\.plot\.influence cannot draw a Dataset; give what pf\.influence",
    ),
    "forecast": (lambda: pf.plot.forecast(None), r"pf\.plot\.forecast cannot draw a NoneType; give what pf\.forecast"),
    "optima": (lambda: pf.plot.optima({}, rate), r"pf\.plot\.optima cannot draw a dict; give what pf\.fit returned"),
}


@pytest.mark.parametrize("what", MISUSE)
def test_wrong_input_is_named(what):
    call, message = MISUSE[what]
    with pytest.raises(TypeError, match=message):
        call()


def test_other_refusals(point, draws, profile, forecast):
    with pytest.raises(TypeError, match="ax is a Figure; give one matplotlib Axes"):
        pf.plot.fit(point, DATA, ax=Figure())
    with pytest.raises(
        ValueError, match="the table has no column 'size' to draw along or hold; it has: compute, date, lab"
    ):
        pf.plot.fit(point, DATA, over="size")
    with pytest.raises(ValueError, match="'p' is a profile of 'rate', not of 'growth_rate'"):
        pf.plot.growth({"p": profile})
    with pytest.raises(TypeError, match="an Attribution or a dictionary of numbers by player; this one returns a"):
        pf.plot.shapley(point, rate)
    with pytest.raises(ValueError, match="level=95: give a fraction"):
        pf.plot.growth(draws, rate, level=95)
    with pytest.raises(ValueError, match="none of the 200 draws is certified"):
        pf.plot.growth(dataclasses.replace(draws, ok=np.zeros(len(draws), bool)), rate)
    with pytest.raises(ValueError, match="count=0: show at least one row"):
        pf.plot.influence(pf.influence(point, DATA, rate), count=0)
    with pytest.raises(ValueError, match="the scenarios have no column 'size'; they have: date, compute, lab"):
        pf.plot.forecast(forecast, over="size")
    with pytest.raises(ValueError, match="nothing to draw: the dictionary is empty"):
        pf.plot.growth({})
