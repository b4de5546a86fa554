"""Every cell of a table of refits is the fit that ``fit`` would have made."""

import jax
import numpy as np
import numpyro.distributions as dist
import pytest
from cases import small_table

import progressfit as pf
from progressfit.analysis.penalised import penalised_refits
from progressfit.noise import Gaussian
from progressfit.terms import Logistic, Slope, Sum

STRENGTHS = (0.0, 0.3, 2.0)


def law(strength=1.0):
    prior = dist.Laplace(0.0, 0.5 / strength)
    index = Sum(level=prior, gain=Slope("width", prior, reference=0.0))
    return pf.Model(Logistic(index), pf.links.Identity(), Gaussian(0.2))


@pytest.fixture(scope="module")
def refits():
    data = small_table()
    weights = 1.0 - np.eye(len(data))
    return data, weights, penalised_refits(law(), data, STRENGTHS, weights, key=jax.random.key(0), starts=8)


def test_cells_are_fits(refits):
    data, weights, found = refits
    assert found.ok.all()
    assert found.z.shape == (3, 12, 2)
    rows = len(data)
    for k, strength in enumerate(STRENGTHS):
        for fold in (0, 7):
            if strength == 0:
                one = pf.fit(law(), data, key=jax.random.key(1), starts=4, weights=weights[fold], objective="mle")
            else:
                # A penalty on a mean: eleven rows of twelve.
                spec = law(strength * (rows - 1) / rows)
                one = pf.fit(spec, data, key=jax.random.key(1), starts=4, weights=weights[fold])
            np.testing.assert_allclose(found.z[k, fold], one.optima[0].z, atol=1e-9)
            np.testing.assert_allclose(found.predicted[k, fold], one.model.predict(data.records), atol=1e-9)


def test_a_stronger_prior_ends_at_its_kinks():
    data = small_table()
    found = penalised_refits(law(), data, [1e4], np.ones((1, 12)), key=jax.random.key(0), starts=4)
    assert (found.z == 0).all()
    assert found.ok.all()
