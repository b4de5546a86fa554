"""Sections on ceilings, trends and transfer: what they say of planted numbers, and what they outlive."""

import types

import jax
import numpy as np
import numpyro.distributions as dist
import pytest

import progressfit as pf
from progressfit.analysis.trend_shapes import Breaks
from progressfit.dataset import Dataset, Record
from progressfit.infer.result import RESULTS
from progressfit.noise import Gaussian, LogScale
from progressfit.sensitivity import ceiling, transfer_exponent, trends
from progressfit.sensitivity.base import ask
from progressfit.studies.base import Subject
from progressfit.terms import Constant, ExponentialProgress, LogSlope, Sum

ROWS = 24


def slope(model):
    return model.mean.terms[1].slope


def undated():
    """A question about a law of two inputs without progress."""
    prior = dist.Normal(0.0, 1.0)
    index = Sum(
        level=Constant(prior),
        scaling=LogSlope("tokens", prior, reference=1e9),
        size=LogSlope("parameters", prior, reference=1e9),
    )
    rng = np.random.default_rng(3)
    logs = rng.normal(0, 1, (2, ROWS))
    records = Record({"tokens": 1e9 * np.exp(logs[0]), "parameters": 1e9 * np.exp(logs[1])}, {}, {})
    data = Dataset(records, 0.5 * logs[0] + 0.2 * logs[1] + rng.normal(0, 0.1, ROWS), np.arange(ROWS))
    spec = pf.Model(index, pf.links.Identity(), Gaussian(LogScale(prior)))
    subject = Subject("own", "my law", spec, data, of=slope, quantity="slope", input="tokens", starts=8)
    return ask(subject, key=jax.random.key(0), quick=True)


def test_trends_of_a_table_without_dates_leave_the_variants():
    found = trends.section(undated())
    assert "needs dates" in found.sentences[0] and found.tables.keys() == {"variants"}
    assert [row["variant"] for row in found.tables["variants"]] == ["the law itself", "no term in parameters"]


def test_a_table_whose_rows_share_most_dates_keeps_its_breaks(monkeypatch):
    """Three of four rows share the first date, so no earlier rows are there to fit at the cut of a quick run."""
    breaks = Breaks(np.array([2016.0]), np.array([0.5]), np.array([0.2]), np.array([0.1]), np.ones(1, bool))
    monkeypatch.setattr(trends, "trend_breaks", lambda *args, **kwargs: breaks)
    monkeypatch.setattr(trends, "variants", lambda *args, **kwargs: ())
    data = Dataset(Record.of(date=[2015.0, 2015.0, 2015.0, 2018.0], tokens=[1e9] * 4), np.zeros(4), np.arange(4))
    subject = types.SimpleNamespace(data=data, input="tokens", spec=None, of=None, starts=1)
    question = types.SimpleNamespace(
        subject=subject,
        point=types.SimpleNamespace(weights=np.ones(4)),
        key_for=lambda name: jax.random.key(0),
        has_posterior=True,
        quick=True,
    )
    found = trends.section(question)
    assert "were not compared: too few rows" in found.sentences[0] and "2016.0 fits best" in found.sentences[1]
    assert found.tables.keys() == {"breaks"} and "too few rows" in found.doubt


@pytest.mark.parametrize(("shape", "settled"), [("exponential", False), ("random walk", True)])
def test_only_a_walk_may_have_parameters_that_are_not_identified(shape, settled):
    data = Dataset(Record.of(date=[2015.0, 2018.0], tokens=[1e9, 2e9]), np.zeros(2), np.arange(2))
    trend = ExponentialProgress(dist.Normal(0.0, 1.0), origin=2018.0, channel="algorithms", augments="tokens")
    spec = pf.trend_forms(pf.Model(trend, pf.links.Identity(), Gaussian(0.1)), data, "tokens")[shape]
    drawn = types.SimpleNamespace(spec=spec, result=RESULTS.NOT_IDENTIFIED)
    assert trends._settled(types.SimpleNamespace(draws=drawn)) is settled


@pytest.mark.parametrize(
    ("log_likelihood", "said"),
    [
        ([10.0, 11.0, 11.5], "does not tell them apart"),
        ([10.0, np.nan, 11.5], "does not tell them apart"),
        ([5.0, 11.0, 11.5], "prefers 2.0% to all others but 1.0%"),
        ([5.0, 11.0, 8.0], "prefers 1.0% to all others"),
    ],
)
def test_which_irreducible_errors_the_table_tells_apart(log_likelihood, said):
    found = types.SimpleNamespace(errors=np.array([0.0, 0.01, 0.02]), log_likelihood=np.array(log_likelihood))
    assert ceiling._tells(found) == said


def test_the_picture_of_a_ceiling_at_which_the_rate_is_not_defined():
    from matplotlib.figure import Figure

    dates = np.array([2020.0, 2021.0])
    found = types.SimpleNamespace(
        ok=np.ones(2, bool),
        errors=np.array([0.0, 0.01]),
        value=np.array([0.5, np.nan]),
        fraction=True,
        forecast=np.full((2, 2, 2), 0.5),
        where=types.SimpleNamespace(inside=np.ones((2, 2), bool)),
        dates=dates,
        last=0,
        kind="ceiling",
    )
    figure = Figure()
    ceiling._draw(figure, types.SimpleNamespace(subject=types.SimpleNamespace(unit="a year")), found)
    assert figure.axes[0].get_ylim() == (0.0, 0.525)


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [(1.0, 0.6, "not told apart"), (-1.3, 0.6, "worse"), (1.3, 0.6, "better"), (-1.3, np.nan, "is not known")],
)
def test_held_out_verdicts_of_transfer(value, error, said):
    score = types.SimpleNamespace(value=value, error=error)
    found = types.SimpleNamespace(held_out=score, bad_rows=0, unsettled=())
    assert said in transfer_exponent._held_out_sentence(found)


def test_transfer_without_a_certified_draw(monkeypatch):
    drawn = types.SimpleNamespace(result=RESULTS.POOR_MIXING, stats={"diagnosis": types.SimpleNamespace(mixed=False)})
    point = types.SimpleNamespace(result=RESULTS.NOT_A_MINIMUM)
    nothing = types.SimpleNamespace(draws=drawn, point=point, mean=np.zeros(0))
    monkeypatch.setattr(transfer_exponent, "data_transfer", lambda *args, **kwargs: nothing)
    subject = types.SimpleNamespace(pretraining=("source", "home", "data"), data=None, spec=None, starts=1)
    question = types.SimpleNamespace(
        subject=subject, has_posterior=True, posterior=None, key_for=lambda name: None, quick=True
    )
    found = transfer_exponent.section(question)
    assert "No draw" in found.sentences[0] and found.doubt == RESULTS.POOR_MIXING.value
