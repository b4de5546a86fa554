"""The spec tree: names, binding, bijections, priors. Universal laws over every prior and every whole model."""

import functools
from typing import NamedTuple

import cases
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
import scipy.stats

import progressfit as pf
from progressfit import params, prior_range
from progressfit.links import Identity, Logit
from progressfit.model import Model
from progressfit.noise import Gaussian, LogScale
from progressfit.params import Tied
from progressfit.terms import Constant, Function, LogSlope, Slope, Sum

PUBLISHED = (
    "compute.const",
    "compute.progress.rate",
    "compute.scaling.slope",
    "data.const",
    "data.progress.rate",
    "data.scaling.slope",
    "noise.log_scale",
)
FIXED = ("compute.progress.origin", "compute.scaling.reference", "data.progress.origin", "data.scaling.reference")
COMPOSED = ("erdil_besiroglu", "groups", "tied", "power_laws", "constrained")
SPECS = {
    **{f"prior_{name}": Constant(prior) for name, prior in cases.PRIORS.items()},
    **{name: cases.MODELS[name] for name in COMPOSED},
}

every_spec = pytest.mark.parametrize("name", SPECS)


def plain(**terms) -> Model:
    return Model(Sum(**terms), Logit(), Gaussian(LogScale(cases.normal())))


def somewhere(spec, seed: int) -> jax.Array:
    """An unconstrained vector within 3 of zero, where no bijection loses more than two digits."""
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.uniform(-3, 3, params.dimension(spec)))


def coordinates(spec, values) -> jax.Array:
    """Values as one vector with as many entries as there are coordinates: of a simplex all entries but the last."""
    parts = []
    for leaf in params.free_leaves(spec):
        flat = jnp.ravel(values[leaf.path])
        parts.append(flat[: leaf.size])
    return jnp.concatenate(parts)


class Report(NamedTuple):
    """What one compiled program finds out about a spec at two vectors and two prior draws, leading axis ``(2,)``."""

    z: jax.Array
    back: jax.Array
    stated: jax.Array
    sign: jax.Array
    log_det: jax.Array
    drawn: params.Values
    again: params.Values
    density: jax.Array
    gradient: jax.Array


@functools.cache
def report(name: str) -> Report:
    """Compiled once for each spec, since compiling is what these laws cost."""
    spec = SPECS[name]

    def log_prior(z):
        return params.log_prior(spec, params.constrain(spec, z)[0])

    def look(z, drawn):
        values, stated = params.constrain(spec, z)
        jacobian = jax.jacfwd(lambda v: coordinates(spec, params.constrain(spec, v)[0]))(z)
        there = params.unconstrain(spec, drawn)
        again = params.constrain(spec, there)[0]
        density = jax.value_and_grad(log_prior)(there)
        back = params.unconstrain(spec, values)
        return Report(z, back, stated, *jnp.linalg.slogdet(jacobian), drawn, again, *density)

    vectors = jnp.stack([somewhere(spec, seed) for seed in (1, 2)])
    draws = [params.sample_prior(spec, jax.random.key(seed)) for seed in (3, 4)]
    return jax.jit(jax.vmap(look))(vectors, jax.tree.map(lambda *each: jnp.stack(each), *draws))


@every_spec
def test_constrain_and_unconstrain_are_inverse(name):
    found = report(name)
    # The logistic bijections amplify rounding by up to 1 / (s (1 - s)) = 22 at |z| = 3.
    np.testing.assert_allclose(found.back, found.z, rtol=0, atol=22 * cases.ROUNDING)
    for path, value in found.again.items():
        np.testing.assert_allclose(value, found.drawn[path], rtol=cases.ROUNDING, atol=cases.ROUNDING, err_msg=path)


@every_spec
def test_log_jacobian_is_that_of_autodiff(name):
    found = report(name)
    assert np.all(found.sign != 0)
    np.testing.assert_allclose(found.stated, found.log_det, rtol=0, atol=22 * cases.ROUNDING)


@every_spec
def test_draws_lie_in_the_support_and_have_finite_density(name):
    spec, found = SPECS[name], report(name)
    assert all(np.all(prior.support(found.drawn[path])) for path, prior in params.priors(spec).items())
    assert np.isfinite(found.density).all()
    assert np.isfinite(found.gradient).all()
    assert found.gradient.shape == (2, params.dimension(spec)) == (2, len(params.coordinate_names(spec)))


@pytest.mark.parametrize("name", [n for n, p in cases.PRIORS.items() if p.shape() == ()])
def test_prior_draws_follow_the_prior_and_density_integrates_to_one(name):
    """In unconstrained space exp(log_prior + log|J|) is a density, and prior draws follow it."""
    spec = Constant(cases.PRIORS[name])

    @jax.jit
    @jax.vmap
    def density(z):
        values, log_det = params.constrain(spec, z[None])
        return jnp.exp(params.log_prior(spec, values) + log_det)

    # A stretched trapezoidal rule. On the line it reaches 1e7; of the heaviest tail, Cauchy's, 3e-8 lies beyond.
    # Bounded supports have exponential tails there, below e**-36 at 36.
    reach = np.arcsinh(1e7 if cases.PRIORS[name].support is dist.constraints.real else 36.0)
    t, step = np.linspace(-reach, reach, 1121, retstep=True)
    masses = np.asarray(density(jnp.sinh(t))) * np.cosh(t) * step
    # At a kink on a node (Laplace at zero: slopes +-0.5 / 0.4**2) the rule errs by step**2 / 12 times the jump.
    kink = step**2 / 12 * 6.25 if name == "laplace" else 0.0
    np.testing.assert_allclose(masses.sum(), 1.0, rtol=0, atol=1e-7 + 1.01 * kink)
    draws = jax.jit(jax.vmap(lambda k: params.unconstrain(spec, params.sample_prior(spec, k))))(
        jax.random.split(jax.random.key(7), 2000)
    )
    # Each node has half of its own mass below it.
    cdf = np.cumsum(masses) - masses / 2
    result = scipy.stats.kstest(np.asarray(draws)[:, 0], lambda x: np.interp(x, np.sinh(t), cdf))
    assert result.pvalue > cases.FALSE_ALARM


def test_bijections_and_draws_compile_and_batch():
    spec = cases.MODELS["constrained"]
    z = jnp.stack([somewhere(spec, seed) for seed in (8, 9, 10)])
    batched = jax.jit(jax.vmap(lambda v: params.constrain(spec, v)))(z)
    for i in range(3):
        values, log_det = params.constrain(spec, z[i])
        np.testing.assert_allclose(batched[1][i], log_det, rtol=cases.ROUNDING)
        for path, value in values.items():
            np.testing.assert_allclose(batched[0][path][i], value, rtol=cases.ROUNDING, err_msg=path)


def test_paths_drop_wrappers_and_keep_the_order_of_writing():
    spec = pf.laws.erdil_besiroglu()
    assert tuple(params.priors(spec)) == PUBLISHED == params.coordinate_names(spec)
    assert set(params.leaves(spec)) == {*PUBLISHED, *FIXED}
    assert list(params.leaves(plain(zebra=1.0, ant=cases.normal(), mole=2.0)))[:3] == ["zebra", "ant", "mole"]


def test_coordinates_of_array_leaves_are_numbered():
    names = params.coordinate_names(cases.MODELS["groups"])
    assert names[:4] == ("lab.effects[0]", "lab.effects[1]", "lab.effects[2]", "lab.scale")
    simplex = params.coordinate_names(Function(cases.mixed, shares=cases.PRIORS["dirichlet"]))
    assert simplex == ("shares[0]", "shares[1]"), "three shares that add up to one have two coordinates"


def test_two_parameters_cannot_share_a_path():
    with pytest.raises(ValueError, match=r"share the path 'noise\.scale'.*another name"):
        Model(Sum(noise=Sum(scale=cases.normal())), Logit(), Gaussian(dist.HalfNormal(1.0)))


@pytest.mark.parametrize("name", ["a.b", "", "2nd", "with space", "class"])
def test_names_that_could_not_stand_in_a_path_are_refused(name):
    with pytest.raises(ValueError, match="cannot name a term"):
        Sum(**{name: cases.normal()})


def test_bind_needs_every_free_leaf_and_knows_every_path():
    spec = plain(a=cases.normal(), b=2.0)
    model = params.bind(spec, {"a": 1.5, "noise.log_scale": 0.0})
    assert params.leaves(model) == {"a": 1.5, "b": 2.0, "noise.log_scale": 0.0}
    assert params.priors(model) == {}
    assert params.dimension(model) == 0
    with pytest.raises(ValueError, match=r"no value for the free parameter 'noise\.log_scale'"):
        params.bind(spec, {"a": 1.5})
    with pytest.raises(ValueError, match=r"no parameter 'c' in this spec; it has: a, b, noise\.log_scale"):
        params.bind(spec, {"a": 1.5, "c": 1.0, "noise.log_scale": 0.0})


def test_fix_and_free_move_leaves_between_numbers_and_priors():
    spec = pf.laws.erdil_besiroglu()
    fixed = pf.fix(spec, {"data.progress.rate": 0})
    assert params.dimension(fixed) == 6
    assert "data.progress.rate" not in params.priors(fixed)
    assert params.leaves(fixed)["data.progress.rate"].dtype == np.float64
    freed = pf.free(fixed, {"data.progress.rate": dist.Normal(0.0, 0.2), "compute.progress.origin": cases.normal()})
    assert params.dimension(freed) == 8
    assert params.priors(freed)["data.progress.rate"].scale == 0.2
    assert params.dimension(spec) == 7, "the spec itself is left as it was"
    for change, value in ((pf.fix, 1.0), (pf.free, cases.normal()), (pf.tie, "data.const")):
        with pytest.raises(ValueError, match=r"no parameter 'data\.slope'"):
            change(spec, {"data.slope": value})


def test_a_tied_leaf_follows_its_target():
    spec = pf.tie(pf.laws.erdil_besiroglu(), {"data.progress.rate": "compute.progress.rate"})
    assert params.dimension(spec) == 6
    values, _ = params.constrain(spec, jnp.arange(6.0))
    model = params.bind(spec, values)
    found = params.leaves(model)
    assert found["data.progress.rate"] == found["compute.progress.rate"] == 1.0
    assert found["data.scaling.slope"] == 4.0
    to_fixed = pf.tie(spec, {"data.progress.origin": "compute.progress.origin"})
    assert params.leaves(params.bind(to_fixed, values))["data.progress.origin"] == 2012.0


def test_gradients_of_tied_leaves_add_up():
    free = plain(a=cases.normal(), b=cases.normal())
    tied = pf.tie(free, {"b": "a"})
    data = cases.table()

    def total(spec):
        return lambda z: jnp.sum(params.bind(spec, params.constrain(spec, z)[0]).predict(data.records) ** 2)

    apart = jax.grad(total(free))(jnp.array([0.3, 0.3, 0.1]))
    together = jax.grad(total(tied))(jnp.array([0.3, 0.1]))
    np.testing.assert_allclose(together[0], apart[0] + apart[1], rtol=cases.ROUNDING)


@pytest.mark.parametrize(
    "pairs",
    [
        {"b": "nowhere"},
        {"b": "b"},
        {"b": "c", "c": "a"},
    ],
    ids=["absent", "itself", "chain"],
)
def test_a_tie_must_lead_to_a_number_or_a_prior(pairs):
    spec = plain(a=cases.normal(), b=cases.normal(), c=cases.normal())
    with pytest.raises(ValueError, match=r"'b' is tied to '.*', which is not a free or fixed parameter"):
        tied = pf.tie(spec, pairs)
        params.bind(tied, params.sample_prior(tied, jax.random.key(0)))


def test_ties_survive_tree_maps_and_float64_conversion():
    spec = cases.MODELS["tied"]
    doubled = jax.tree.map(lambda leaf: leaf, params.numeric(spec))
    assert params.leaves(doubled)["b.scaling.slope"] == Tied("a.up.slope")
    values = params.sample_prior(doubled, jax.random.key(11))
    bound = params.leaves(params.bind(doubled, values))
    assert bound["b.scaling.slope"] == bound["a.up.slope"]


@every_spec
def test_specs_and_models_are_pytrees(name):
    spec = SPECS[name]
    for tree in (spec, cases.draw(spec, 12)):
        leaves, treedef = jax.tree.flatten(tree)
        again = jax.tree.unflatten(treedef, leaves)
        assert jax.tree.structure(again) == treedef
        assert list(params.leaves(again)) == list(params.leaves(tree))
        assert all(a is b for a, b in zip(jax.tree.leaves(again), leaves, strict=True))


@every_spec
def test_numeric_turns_every_number_into_float64(name):
    converted = params.numeric(SPECS[name])
    assert {(type(leaf), leaf.dtype) for leaf in jax.tree.leaves(converted)} == {(np.ndarray, np.dtype(np.float64))}
    assert params.coordinate_names(converted) == params.coordinate_names(SPECS[name])


def test_prior_draws_depend_on_the_key_and_on_nothing_else():
    spec = pf.laws.erdil_besiroglu()
    one, same, other = (params.sample_prior(spec, jax.random.key(seed)) for seed in (1, 1, 2))
    assert tuple(one) == PUBLISHED
    assert one == same
    assert all(one[path] != other[path] for path in PUBLISHED)
    assert len({float(v) for v in one.values()}) == 7, "leaves with one and the same prior get draws of their own"


def test_flat_priors_are_named_and_cannot_be_drawn_from():
    flat = dist.ImproperUniform(dist.constraints.real, (), ())
    spec = plain(a=cases.normal(), b=flat, c=flat.expand([2]))
    assert params.improper(spec) == ("b", "c")
    with pytest.raises(ValueError, match=r"prior of 'b' is flat.*starts=.*or a proper prior"):
        params.sample_prior(spec, jax.random.key(0))
    assert np.isnan(prior_range.ranges_of(spec).scale).tolist() == [False, True, True, True, False]
    values, log_det = params.constrain(spec, jnp.arange(5.0))
    assert log_det == 0.0
    proper = dist.Normal(0.0, 0.5)
    expected = proper.log_prob(values["a"]) + proper.log_prob(values["noise.log_scale"])
    np.testing.assert_allclose(params.log_prior(spec, values), expected, rtol=cases.ROUNDING)


def test_prior_scale_is_the_standard_deviation_where_there_is_one():
    scale = prior_range.ranges_of(pf.laws.erdil_besiroglu(slope_sd=0.07, constant_sd=1.3)).scale
    np.testing.assert_allclose(scale, [1.3, 0.07, 0.07, 1.3, 0.07, 0.07, 1.3], rtol=4 * cases.EPS)
    spread = Sum(a=dist.Normal(np.zeros(3), np.array([1.0, 2.0, 3.0])), b=dist.StudentT(4.0, 1.0, 2.0))
    np.testing.assert_allclose(prior_range.ranges_of(spread).scale, [1, 2, 3, 2 * np.sqrt(2)], rtol=4 * cases.EPS)


ONE_SD = scipy.stats.norm.cdf(1.0)
FALLING = [dist.transforms.AffineTransform(0.0, -1.0), dist.transforms.ExpTransform()]


@pytest.mark.parametrize(
    ("prior", "centre", "scale"),
    [
        (dist.Cauchy(1.0, 0.4), [1.0], [0.4 * np.tan(np.pi * (ONE_SD - 0.5))]),
        (dist.Uniform(2.0, 5.0), [0.0], [np.log(ONE_SD / (1 - ONE_SD))]),
        (dist.LogNormal(np.array([3.0, 0.0]), 0.25), [3.0, 0.0], [0.25, 0.25]),
        (dist.TransformedDistribution(dist.Normal(1.0, 0.5), FALLING), [-1.0], [0.5]),
        (dist.TransformedDistribution(dist.Normal(1.0, 0.5).expand([2]), FALLING), [-1.0, -1.0], [0.5, 0.5]),
    ],
    ids=["heavy_tail", "logit", "log", "falling", "batch"],
)
def test_prior_scale_elsewhere_is_half_the_central_range(prior, centre, scale):
    found = prior_range.ranges_of(Constant(prior))
    np.testing.assert_allclose(found.centre, centre, atol=8 * cases.EPS)
    np.testing.assert_allclose(found.scale, scale, rtol=1e-13)


def test_prior_scale_without_quantiles_is_that_of_draws():
    """Of 4096: their quantiles at 16 and 84% have a standard error, and five and a half of those are allowed."""
    found = prior_range.ranges_of(Constant(dist.FoldedDistribution(dist.Normal(0.0, 1.0))))

    def quantile(p: float) -> float:
        return float(np.log(scipy.stats.norm.ppf((1 + p) / 2)))

    def density_at_quantile(p: float) -> float:
        return 2e-4 / (quantile(p + 1e-4) - quantile(p - 1e-4))

    # Var[(q84 - q16) / 2] = p (1 - p) (1 / f84^2 + 1 / f16^2 - 2 p / ((1 - p) f16 f84)) / (4 n), with p = 16%.
    p, n = 1 - ONE_SD, 4096
    low, high = density_at_quantile(p), density_at_quantile(1 - p)
    variance = p * (1 - p) / (4 * n) * (1 / high**2 + 1 / low**2 - 2 * p / ((1 - p) * low * high))
    z_limit = scipy.stats.norm.isf(cases.FALSE_ALARM / 2)
    assert abs(found.scale[0] - (quantile(1 - p) - quantile(p)) / 2) < z_limit * np.sqrt(variance)
    assert abs(found.centre[0] - quantile(0.5)) < z_limit / (2 * np.sqrt(n) * density_at_quantile(0.5))


def test_fixed_specs_have_no_coordinates():
    spec = Model(Sum(a=1.0, b=Slope("width", 2.0, reference=0.0)), Identity(), Gaussian(0.1))
    values, log_det = params.constrain(spec, jnp.zeros(0))
    assert (values, float(log_det), params.dimension(spec)) == ({}, 0.0, 0)
    assert params.unconstrain(spec, {}).shape == prior_range.ranges_of(spec).scale.shape == (0,)
    assert params.sample_prior(spec, jax.random.key(0)) == {}


def test_a_term_holds_the_leaves_it_was_given():
    term = LogSlope("compute", Tied("other"), reference=4.7e17)
    assert params.leaves(term) == {"slope": Tied("other"), "reference": 4.7e17}


def test_no_parameter_is_nameless():
    spec = Model(dist.Normal(0.0, 1.0), Identity(), Gaussian(LogScale(dist.Normal(0.0, 1.0))))
    assert all(params.leaves(spec)), list(params.leaves(spec))
