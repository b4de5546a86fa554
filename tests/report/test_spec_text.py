"""Specs as text: what the command line reads is written so that it reads the same prior back."""

import cases
import numpy as np
import numpyro.distributions as dist
import pytest

from progressfit.notation import parse_prior
from progressfit.params import leaves, tie
from progressfit.report.spec_text import prior_text, spec_dict

READABLE = (
    "normal(0.1, 2.0)",
    "lognormal(-1.0, 0.5)",
    "half_normal(0.3)",
    "half_cauchy(0.3)",
    "student_t(4.0, 0.1, 2.0)",
    "cauchy(0.1, 2.0)",
    "laplace(0.1, 2.0)",
    "uniform(-1.0, 2.5)",
    "gamma(3.0, 2.0)",
    "exponential(0.7)",
    "beta(2.0, 3.0)",
    "truncated_normal(0.1, 0.5, -0.2, 1.3)",
)


@pytest.mark.parametrize("text", READABLE)
def test_text_reads_back(text):
    assert prior_text(parse_prior(text)) == text


@pytest.mark.parametrize("name", cases.PRIORS)
def test_every_prior_has_a_text(name):
    assert "object at" not in prior_text(cases.PRIORS[name])


def test_special_forms():
    assert prior_text(dist.Normal(0.0, 1.0).expand([3])) == "normal(0.0, 1.0) for each of 3"
    assert prior_text(dist.ImproperUniform(dist.constraints.real, (), ())) == "flat"
    assert prior_text(cases.PRIORS["dirichlet"]) == "dirichlet([2.0, 3.0, 4.0])"
    assert prior_text(cases.PRIORS["half_line"]) == "truncated_normal(0.1, 0.5, -0.2, inf)"


def test_every_leaf_of_a_spec_is_there():
    spec = tie(cases.LAWS["linear"], {"compute.slope": "data.slope"})
    found = spec_dict(spec)
    assert list(found["leaves"]) == list(leaves(spec)) and found["link"] == "Logit" and found["noise"] == "Gaussian"
    assert found["leaves"]["compute.slope"] == "tied to data.slope"
    assert np.isclose(found["leaves"]["compute.reference"], 1e18)
