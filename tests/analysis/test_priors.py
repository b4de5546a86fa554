"""Priors: finite differences of certified refits, published held-out scores, and ArviZ's own power scaling."""

import arviz as az
import jax
import numpy as np
import numpyro.distributions as dist
import pytest

import progressfit as pf
from progressfit.dataset import Dataset, Record
from progressfit.hyper import hyper_parameters, with_hyper
from progressfit.infer.points import map_values
from progressfit.infer.refit import Changes, refit_around, stack_specs
from progressfit.noise import Gaussian, LogScale
from progressfit.params import free, priors
from progressfit.terms import Constant, ExponentialProgress, LogSlope, Sum

KEY = jax.random.key(0)
OFFSETS, FOURTH = np.array([-2.0, -1.0, 1.0, 2.0]), np.array([1.0, -8.0, 8.0, -1.0]) / 12


@pytest.fixture(scope="module")
def imagenet():
    data = pf.datasets.imagenet()
    return data, pf.fit(pf.laws.erdil_besiroglu(), data, key=KEY, starts=32)


def own_law():
    """A law whose priors are of several families, bounded ones among them."""
    index = Sum(
        level=Constant(dist.Uniform(-1.0, 4.0)),
        progress=ExponentialProgress(dist.StudentT(4.0, 0.0, 0.3), origin=2018.0, channel="algorithms"),
        scaling=LogSlope("compute", dist.LogNormal(-1.0, 0.7), reference=1.0),
        size=LogSlope("parameters", dist.TruncatedNormal(0.2, 0.5, low=0.0), reference=1.0),
        share=Constant(dist.Beta(2.0, 3.0)),
    )
    return pf.Model(index, pf.links.Identity(), Gaussian(LogScale(dist.Normal(0.0, 1.0))))


@pytest.fixture(scope="module")
def own():
    rng, rows = np.random.default_rng(6), 30
    year, x, y = rng.uniform(2014, 2022, rows), rng.normal(0, 1, rows), rng.normal(0, 1, rows)
    response = 1.0 + 0.2 * (year - 2018) + 0.5 * x + 0.3 * y + rng.normal(0, 0.3, rows)
    record = Record({"date": year, "compute": np.exp(x), "parameters": np.exp(y)}, {}, {})
    data = Dataset(record, response, np.arange(rows))
    return data, pf.fit(own_law(), data, key=KEY, starts=8)


@pytest.mark.parametrize("which", ["imagenet", "own"])
def test_derivatives_match_finite_differences_of_certified_refits(which, request):
    data, point = request.getfixturevalue(which)
    found = pf.prior_derivatives(point, data, pf.growth_rate)
    families = priors(point.spec)
    assert [(e.path, e.name) for e in found] == [(p, n) for p, d in families.items() for n in hyper_parameters(d)]
    # Steps of a hundredth of the prior's own width; half-widths of bounded families are of that order too.
    steps = [0.01 * float(hyper_parameters(families[e.path]).get("scale", 1.0)) for e in found]
    moved = [
        free(point.spec, {e.path: with_hyper(families[e.path], {e.name: e.value + k * step})})
        for e, step in zip(found, steps, strict=True)
        for k in OFFSETS
    ]
    ends = refit_around(point, data, Changes(spec=stack_specs(moved)))
    assert ends.ok.all()
    values = np.asarray(map_values(pf.growth_rate, point.spec, ends.values)).reshape(-1, 4)
    numeric = values @ FOURTH / np.array(steps)
    exact = np.array([e.derivative for e in found])
    # Refits stop at 1e-9 standard errors; divided by the smallest step this is what the absolute part allows.
    np.testing.assert_allclose(numeric, exact, rtol=1e-5, atol=1e-6 * np.max(np.abs(exact)))


def test_sweep_gives_the_published_scores_and_brute_force_fits(imagenet):
    data, point = imagenet
    specs = {f"{sd}": pf.laws.erdil_besiroglu(sd, constant_sd=2.0) for sd in (0.02, 0.04, 0.08, 0.09, 0.15)}
    found = pf.prior_sweep(point, data, pf.growth_rate, specs, key=KEY)
    shift = float(np.mean(point.spec.link.log_jacobian(np.asarray(data.response))))
    assert found.ok.all()
    # Leave-one-out mean log density of accuracy by slope sd, as the authors chose theirs: four digits are known.
    np.testing.assert_allclose(found.held_out + shift, [2.5548, 2.6465, 2.6671, 2.6665, 2.6585], atol=6e-5)
    alone = pf.fit(specs["0.02"], data, key=jax.random.key(3), starts=32)
    np.testing.assert_allclose(found.value[0], float(alone.map(pf.growth_rate)), rtol=1e-6)


def test_power_scaling_is_that_of_arviz(imagenet):
    data, point = imagenet
    draws = pf.sample(point.spec, data, key=KEY, point=point, chains=4, draws=250, method="importance")
    found = pf.power_scaling(draws, data, pf.growth_rate)
    tree = pf.report.arviz(draws, data)
    assert [entry.name for entry in found] == ["growth_rate", *draws.values]
    for group in ("prior", "likelihood"):
        theirs = az.psense(tree, group=group)
        ours = {entry.name: getattr(entry, group) for entry in found[1:]}
        np.testing.assert_allclose([ours[p] for p in ours], [float(theirs[p]) for p in ours], rtol=1e-9)
    single = az.psense(tree, group="prior", group_var_names="data.const")
    np.testing.assert_allclose(found[1].prior_of["data.const"], float(single["compute.const"]), rtol=1e-9)


@pytest.mark.parametrize(
    "prior",
    [
        dist.Normal(0.3, 2.0),
        dist.LogNormal(0.3, 2.0),
        dist.HalfNormal(2.0),
        dist.Normal(0.3, 2.0).expand([3]),
        dist.TruncatedNormal(0.3, 2.0, low=-1.0, high=3.0),
        dist.Gamma(2.0, 3.0),
        dist.Normal(0.0, np.array([1.0, 2.0])).to_event(1),
    ],
    ids=lambda prior: type(prior).__name__,
)
def test_a_prior_is_rebuilt_from_its_numbers(prior):
    numbers = hyper_parameters(prior)
    draw = prior.sample(KEY)
    np.testing.assert_allclose(with_hyper(prior, numbers).log_prob(draw), prior.log_prob(draw), rtol=1e-14)
    name = next(iter(numbers))
    moved = with_hyper(prior, {name: numbers[name] * 1.1 + 0.1})
    assert moved.shape() == prior.shape() and not np.allclose(moved.log_prob(draw), prior.log_prob(draw))


def test_rescaled_priors(own):
    _, point = own
    wider = priors(pf.rescaled_priors(point.spec, 2.0))
    assert float(wider["noise.log_scale"].scale) == 2.0 and float(wider["scaling.slope"].scale) == pytest.approx(1.4)
    assert hyper_parameters(wider["share"]) == hyper_parameters(priors(point.spec)["share"])


def test_refusals(own):
    data, point = own
    plain = pf.fit(own_law(), data, key=KEY, starts=8, objective="mle")
    with pytest.raises(ValueError, match="leaves the priors out"):
        pf.prior_derivatives(plain, data, pf.growth_rate)
    with pytest.raises(ValueError, match="differ in more than numbers"):
        pf.prior_sweep(point, data, pf.growth_rate, {"a": own_law(), "b": pf.laws.erdil_besiroglu()}, key=KEY)
    with pytest.raises(ValueError, match="needs draws of a posterior"):
        pf.power_scaling(pf.laplace(point, data, key=KEY, draws=10), data, pf.growth_rate)
