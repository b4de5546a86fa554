"""Shares of variance against their closed form."""

import numpy as np
import pytest

from progressfit.analysis.variance import variance_shares

A, B = np.array([-1.0, 1.0]), np.array([-3.0, 0.0, 3.0])


def test_an_additive_table():
    table = A[:, None] + B[None, :]
    found = variance_shares(("a", "b"), table)
    shares = np.array([1.0, 6.0]) / 7.0
    np.testing.assert_allclose(found.alone, shares)
    np.testing.assert_allclose(found.total, shares)


def test_a_pure_interaction():
    found = variance_shares(("a", "b"), A[:, None] * B[None, :])
    np.testing.assert_allclose(found.alone, 0.0, atol=1e-15)
    np.testing.assert_allclose(found.total, 1.0)


def test_three_factors_with_an_interaction():
    c = np.array([-2.0, 2.0])
    table = A[:, None, None] + (A[:, None] * B[None, :])[:, :, None] + c
    found = variance_shares(("a", "b", "c"), table)
    np.testing.assert_allclose(found.alone, np.array([1.0, 0.0, 4.0]) / 11.0, atol=1e-15)
    np.testing.assert_allclose(found.total, np.array([7.0, 6.0, 4.0]) / 11.0)


def test_missing_cells_are_left_out():
    table = np.array([[1.0, np.nan], [3.0, 3.0]])
    found = variance_shares(("a", "b"), table)
    # Means 1 and 3 with weights 1 and 2 about 7/3; within columns 1 (two cells) and 0 (one).
    np.testing.assert_allclose(found.alone[0], 1.0)
    np.testing.assert_allclose(found.total[0], (2 * 1.0 + 0.0) / 3 / np.var([1.0, 3.0, 3.0]))


def test_nothing_varies():
    assert np.isnan(variance_shares(("a",), np.ones(3)).alone).all()
    with pytest.raises(ValueError, match="2 axes"):
        variance_shares(("a",), np.ones((2, 2)))
