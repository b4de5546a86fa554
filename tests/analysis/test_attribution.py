"""Shapley values against a brute-force sum over orders, additivity, and the published rows."""

import itertools

import jax
import numpy as np
import pytest
from jax.scipy.special import logit

import progressfit as pf
from progressfit.studies.erdil_besiroglu_2022 import published
from progressfit.studies.erdil_besiroglu_2022.evidence import endpoints


@pytest.fixture(scope="module")
def point():
    return pf.fit(pf.laws.erdil_besiroglu(), pf.datasets.imagenet(), key=jax.random.key(0))


def brute_force(model, start, end, players, of):
    """Mean marginal contribution over all orders, each coalition evaluated from its definition."""

    def value(present):
        record = start.with_clocks({c: (end if c in present else start).columns["date"] for c in pf.channels(model)})
        record = record.replace(**{p: end[p] for p in present if p in end.columns})
        return float(of(model.mean.value(record)))

    totals = dict.fromkeys(players, 0.0)
    orders = list(itertools.permutations(players))
    for order in orders:
        for k, player in enumerate(order):
            totals[player] += value(order[: k + 1]) - value(order[:k])
    return {player: total / len(orders) for player, total in totals.items()}


@pytest.mark.parametrize("of", [lambda p: p, logit], ids=["accuracy", "logit"])
def test_against_all_orders(point, of):
    at = endpoints()
    start, end = at["ResNet-50"], at["ViT-e"]
    found = pf.shapley(point.model, start, end, players=published.PLAYERS, of=of)
    expected = brute_force(point.model, start, end, published.PLAYERS, of)
    for player in published.PLAYERS:
        np.testing.assert_allclose(found.contributions[player], expected[player], atol=1e-12)
    assert abs(float(found.residual)) < 1e-10
    np.testing.assert_allclose(sum(map(float, found.shares.values())), 1.0, atol=1e-10)


def test_published_rows(point):
    at = endpoints()
    assert len(published.SHAPLEY) == 10
    for (a, b), row in published.SHAPLEY.items():
        found = pf.shapley(point.model, at[a], at[b], players=published.PLAYERS)
        shares = [float(found.shares[player]) for player in published.PLAYERS]
        np.testing.assert_allclose(shares, row, atol=0.005, err_msg=f"{a} -> {b}")
        assert abs(float(found.residual)) < 1e-10


def test_published_compute_equivalent_gains(point):
    at = endpoints()
    for name, (by_logit, by_accuracy) in published.GAINS.items():
        gain = pf.compute_equivalent_gain(point.model, at["AlexNet"], at[name], of=logit)
        np.testing.assert_allclose(gain, by_logit, rtol=0.01)
        if by_accuracy is not None:
            gain = pf.compute_equivalent_gain(point.model, at["AlexNet"], at[name])
            np.testing.assert_allclose(gain, by_accuracy, rtol=0.01)


def test_players_default_to_channels_and_inputs_that_differ(point):
    at = endpoints()
    found = pf.shapley(point.model, at["AlexNet"], at["ResNet-50"])
    assert set(found.shares) == {"compute efficiency", "data efficiency", "compute"}


def test_teams_move_together(point):
    """Two players: each team's value is the mean of its first and last marginal contribution."""
    at = endpoints()
    start, end = at["AlexNet"], at["ViT-e"]
    teams = {"algorithms": ("compute efficiency", "data efficiency"), "scale": ("compute", "data")}
    found = pf.shapley(point.model, start, end, players=teams)
    accuracy = point.model.mean.value
    later = start.replace(date=end.columns["date"])
    larger = end.replace(date=start.columns["date"])
    expected = 0.5 * (accuracy(later) - accuracy(start) + accuracy(end) - accuracy(larger))
    np.testing.assert_allclose(found.contributions["algorithms"], expected, atol=1e-12)


def test_intervals_by_mapping_over_replicates(point):
    runs = pf.datasets.imagenet()
    at = endpoints()
    draws = pf.bootstrap(point, runs, key=jax.random.key(1), replicates=50)
    found = draws.map(lambda m: pf.shapley(m, at["AlexNet"], at["ViT-e"]))
    assert found.shares["compute"].shape == (50,)
    assert np.abs(np.asarray(found.residual)).max() < 1e-10
    assert np.ptp(np.asarray(found.shares["compute"])) > 0.01


def test_refusals(point):
    at = endpoints()
    start, end = at["AlexNet"], at["ViT-e"]
    with pytest.raises(ValueError, match=r"'data' differs.*belongs to no player"):
        pf.shapley(point.model, start, end, players=("compute efficiency", "data efficiency", "compute"))
    with pytest.raises(ValueError, match="neither a channel of the model nor an input"):
        pf.shapley(point.model, start, end, players=("compute", "tokens"))
    with pytest.raises(ValueError, match="belongs to two players"):
        pf.shapley(point.model, start, end, players={"a": ("compute", "data"), "b": ("compute",)})
    with pytest.raises(ValueError, match="'compute' is the same at both records"):
        same = end.replace(compute=start["compute"])
        pf.compute_equivalent_gain(point.model, start, same)
