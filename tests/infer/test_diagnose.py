"""Diagnostics: ArviZ is the oracle for figures, and every problem is a sentence that names it."""

import arviz_stats as azs
import numpy as np
import pytest
from arviz_base import from_dict

from progressfit.infer.diagnose import diagnose
from progressfit.infer.diagnose_loo import diagnose_loo

CHAINS, DRAWS = 4, 500
# The same functions on the same numbers: rounding only.
CLOSE = {"rtol": 1e-6, "atol": 1e-6}


@pytest.fixture(scope="module")
def values():
    """Correlated draws of a number and of a vector; one entry of the vector has tails without a mean."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((CHAINS, DRAWS, 3))
    slow = noise.copy()
    for t in range(1, DRAWS):
        slow[:, t] = 0.9 * slow[:, t - 1] + np.sqrt(1 - 0.81) * noise[:, t]
    slow[..., 2] = rng.standard_cauchy((CHAINS, DRAWS))
    return {"rate": rng.standard_normal((CHAINS, DRAWS)), "shares": slow}


def independent(seed=1, shape=(CHAINS, DRAWS)):
    return np.random.default_rng(seed).standard_normal(shape)


def quiet_sampler():
    return {
        "diverging": np.zeros((CHAINS, DRAWS), bool),
        "energy": independent(2),
        "n_steps": np.full((CHAINS, DRAWS), 7),
    }


def test_figures_are_those_of_arviz(values):
    found = diagnose(values, {"energy": values["shares"][..., 0]})
    for figures, oracle in (
        (found.rhat, azs.rhat(values)),
        (found.ess_bulk, azs.ess(values, method="bulk")),
        (found.ess_tail, azs.ess(values, method="tail")),
    ):
        for path in values:
            np.testing.assert_allclose(figures[path], oracle[path].values, **CLOSE)
    tree = from_dict({"sample_stats": {"energy": values["shares"][..., 0]}})
    np.testing.assert_allclose(found.ebfmi, azs.bfmi(tree)["energy"].values, **CLOSE)
    slowest = int(np.argmin(found.ess_bulk["shares"]))
    assert found.worst_ess_bulk.name == f"shares[{slowest}]"
    assert found.worst_ess_bulk.value == found.ess_bulk["shares"][slowest]


def test_nothing_wrong_still_shows_the_figures():
    found = diagnose({"a": independent()}, quiet_sampler())
    assert found.ok and found.mixed and found.divergence_share == 0 and found.depth_share == 0
    assert len(found.sentences) == 2
    assert f"{found.worst_rhat.value:.4f} (a)" in found.sentences[0]
    assert f"{found.worst_ess_bulk.value:.0f} in the bulk" in found.sentences[1]
    assert str(found) == "\n".join(found.sentences)


def test_a_sampler_without_statistics_is_not_spoken_of():
    found = diagnose({"a": independent()}, {})
    assert found.ok and found.ebfmi.shape == (0,) and found.divergences == 0
    assert len(found.sentences) == 2


PROBLEMS = {
    "diverging": ({"diverging": np.arange(CHAINS * DRAWS).reshape(CHAINS, DRAWS) < 3}, "3 of 2000 trajectories"),
    "energy": ({"energy": np.cumsum(independent(3), axis=1)}, "E-BFMI is 0.3 or less in chain 1 "),
    "tree_depth": ({"tree_depth": np.full((CHAINS, DRAWS), 10)}, "100.0% of the trajectories were cut off"),
    "n_steps": ({"n_steps": np.full((CHAINS, DRAWS), 1023)}, "100.0% of the trajectories were cut off"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_each_problem_of_a_sampler_is_a_sentence(name):
    sampler, sentence = PROBLEMS[name]
    found = diagnose({"a": independent()}, quiet_sampler() | sampler, deepest=10)
    assert found.mixed and not found.ok
    assert len(found.sentences) == 3 and sentence in found.sentences[-1]


def test_trees_below_the_limit_are_fine():
    assert diagnose({"a": independent()}, {"n_steps": np.full((CHAINS, DRAWS), 1023)}, deepest=11).ok


def test_chains_that_disagree():
    found = diagnose({"a": independent(), "b": independent(4) + 3 * np.arange(CHAINS)[:, None]}, {})
    assert not found.mixed and found.worst_rhat.name == "b" and found.worst_rhat.value > 2
    text = " ".join(found.sentences)
    assert "R-hat of b is 1.01 or more" in text and "Fewer than 400 effective draws of b:" in text


def test_too_few_draws():
    found = diagnose({"a": independent(5, (CHAINS, 60))}, {})
    assert not found.mixed and "Fewer than 400 effective draws of a" in found.sentences[-1]


def test_a_coordinate_that_never_moves():
    values = {"a": independent(), "b": np.stack([independent(6), np.full((CHAINS, DRAWS), 2.0)], axis=-1)}
    found = diagnose(values, {})
    assert not found.mixed and np.isnan(found.rhat["b"][1]) and np.isnan(found.ess_bulk["b"][1])
    assert np.isfinite(found.worst_rhat.value)
    assert "Draws of b[1] never moved" in found.sentences[-1]


def test_draws_that_are_not_finite():
    bad = independent()
    bad[0, 0] = np.inf
    found = diagnose({"a": bad, "b": independent(7)}, {})
    assert not found.mixed and np.isnan(found.ess_tail["a"])
    assert "Draws of a are not finite" in " ".join(found.sentences)


def test_one_chain():
    found = diagnose({"a": independent(8, (1, 2000))}, {})
    assert not found.mixed and np.isnan(found.rhat["a"]) and np.isnan(found.worst_rhat.value)
    assert "One chain cannot show" in " ".join(found.sentences)


def test_shapes_have_to_agree():
    with pytest.raises(ValueError, match=r"one shape \(chains, draws, ...\)"):
        diagnose({"a": independent(), "b": independent(0, (CHAINS, DRAWS - 1))}, {})


def test_rows_at_fault_are_named():
    names = [f"net{i}" for i in range(5)]
    found = diagnose_loo(np.array([0.1, 0.71, -0.2, np.nan, 0.9]), names, draws=10_000)
    assert found.threshold == 0.7 and found.names == ("net3", "net4", "net1")
    assert found.rows.tolist() == [3, 4, 1] and not found.ok
    assert "net4 (0.90)" in found.sentences[1] and "exact refits" in found.sentences[1]


def test_fewer_draws_need_a_smaller_k():
    found = diagnose_loo(np.array([0.2, 0.65]), ["a", "b"], draws=400)
    assert found.threshold == 1 - 1 / np.log10(400) and found.names == ("b",)
    assert diagnose_loo(np.array([0.2, 0.3]), ["a", "b"], draws=400).ok
