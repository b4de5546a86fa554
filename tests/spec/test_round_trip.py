"""What is written as TOML reads back to the same tree: every case of the registry, and random trees built from it."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from numpyro.distributions import Distribution

import progressfit as pf
from progressfit.density import log_density
from progressfit.links import Identity
from progressfit.model import Model
from progressfit.noise import AbstractNoise
from progressfit.notation import parse_prior, write_prior
from progressfit.params import dimension, leaves, numeric
from progressfit.spec.registry import LINKS, NOISES, TERMS, Field, Holds, fields, registered
from progressfit.terms import (
    AbstractTerm,
    AbstractTrend,
    Constant,
    ExponentialProgress,
    Function,
    GroupEffect,
    PositiveConstant,
)
from progressfit.terms.base import walk_terms

CASES = cases.MODELS | {
    f"term_{name}": Model(term, Identity(), cases.NOISES["gaussian"]) for name, term in cases.TERMS.items()
}
FUNCTIONS = {"cases:bend": cases.bend, "cases:mixed": cases.mixed}


def is_composed(spec) -> bool:
    return not any(isinstance(term, Function) for term in [spec.mean, *(term for _, term in walk_terms(spec.mean))])


def require_same(one, other) -> None:
    """The same tree: structure (names, kinds, static fields, families of priors), and every number exactly."""
    assert jax.tree.structure(one) == jax.tree.structure(other)
    assert list(leaves(one)) == list(leaves(other))
    for left, right in zip(jax.tree.leaves(numeric(one)), jax.tree.leaves(numeric(other)), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("name", CASES)
def test_every_case_reads_back(name):
    spec, functions = CASES[name], FUNCTIONS if not is_composed(CASES[name]) else None
    text = pf.spec.to_toml(spec, functions=functions)
    back = pf.spec.from_toml(text, functions=functions)
    require_same(spec, back)
    assert pf.spec.to_toml(back, functions=functions) == text


@pytest.mark.parametrize("name", cases.LAWS)
def test_the_density_is_the_same(name):
    """One program serves both, as they have one structure."""
    spec = cases.LAWS[name]
    back = pf.spec.from_toml(pf.spec.to_toml(spec))
    z, data = 0.1 * jnp.arange(dimension(spec)), cases.table()
    density = jax.jit(lambda one: log_density(one, z, data, jnp.ones(len(data)), True))
    values = [density(numeric(one)) for one in (spec, back)]
    assert np.isfinite(values[0]) and values[0] == values[1] and density._cache_size() == 1


def test_models_and_fixed_arrays_read_back():
    model = cases.draw(cases.SPECIAL["groups"], 3)
    require_same(model, pf.spec.from_toml(pf.spec.to_toml(model)))


@pytest.mark.parametrize("name", cases.PRIORS)
def test_every_prior_reads_back(name):
    prior = cases.PRIORS[name]
    for one in (prior, prior.expand([2, 3]) if prior.batch_shape == () else prior.to_event(1)):
        back = parse_prior(write_prior(one))
        assert jax.tree.structure(back) == jax.tree.structure(one)
        np.testing.assert_equal(jax.tree.leaves(numeric(back)), jax.tree.leaves(numeric(one)))


def test_files(tmp_path):
    spec = cases.LAWS["kaplan"]
    path = pf.spec.write(spec, tmp_path / "mine.toml")
    require_same(spec, pf.spec.read(path))


def test_the_registry_is_all_that_is_public():
    """Fields of every class have a form; abstract classes are no kinds."""
    assert {"Sum", "LogScale", "Calibrated", "InputScatter"} <= set(TERMS) and "AbstractTerm" not in TERMS
    assert set(LINKS) == {"Identity", "Log", "Logit", "Probit"} and {"Gaussian", "Huber", "Asymmetric"} <= set(NOISES)
    for kind in (*TERMS.values(), *NOISES.values()):
        assert all(isinstance(field, Field) for field in fields(kind)), kind


# Random trees. A class may refuse what was drawn (a power of a term that may be negative); a constant stands in then.
names = st.text("abcxyz_é", min_size=1, max_size=6).filter(
    lambda name: name.isidentifier() and name not in ("as", "self")
)
words = st.text(st.characters(codec="utf-8"), max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False)
widths = st.floats(1e-300, 1e300)


@st.composite
def some_prior(draw) -> Distribution:
    a, b, low = draw(numbers), draw(widths), draw(st.floats(-1e3, 1e3))
    form = draw(st.sampled_from(["normal({}, {})", "lognormal({}, {})", "laplace({}, {})", "cauchy({}, {})"]))
    edge = draw(st.sampled_from(["inf", repr(low + 1.0)]))
    text = draw(
        st.sampled_from(
            [form.format(repr(a), repr(b)), f"gamma({b!r}, {b!r})", f"half_normal({b!r})", "flat", "flat_positive",
             f"truncated_normal({a!r}, {b!r}, {low!r}, {edge})", f"uniform({low!r}, {low + 1.0!r})"]
        )
    )  # fmt: skip
    return parse_prior(
        text + draw(st.sampled_from(["", " for each of 3", " for each of 2 x 2", " for each of 2, jointly"]))
    )


some_leaf = st.one_of(
    numbers, st.lists(numbers, min_size=1, max_size=3).map(np.asarray), some_prior(), st.integers(-9, 9)
)
# What stands in for a class that refuses what was drawn for it.
PLAIN = {
    AbstractTerm: PositiveConstant(1.0),
    AbstractTrend: ExponentialProgress(0.1, origin=2012.0, channel="a"),
}


@st.composite
def some_part(draw, base: type, depth: int):
    """An instance of a registered class, its fields drawn by what they hold."""
    kind = draw(st.sampled_from([kind for kind in registered(base).values() if kind is not Function]))
    if depth <= 0 and base is AbstractTerm:
        return Constant(draw(some_leaf.filter(lambda leaf: np.shape(leaf) == ())))
    arguments = {}
    for field in fields(kind):
        arguments |= draw(some_field(field, depth))
    if kind is GroupEffect:
        arguments |= {"coding": "reference", "reference": "a", "levels": draw(st.sampled_from([(), ("a", "b c")]))}
    try:
        return kind(**arguments)
    except (ValueError, TypeError):
        return PLAIN[base] if base in PLAIN else reject()


@st.composite
def some_field(draw, field: Field, depth: int):
    if field.optional and draw(st.booleans()):
        return {}
    if field.holds in (Holds.TERMS, Holds.LEAVES):
        children = draw(st.lists(names, min_size=1, max_size=3, unique=True))
        return {name: draw(some_part(AbstractTerm, depth - 1)) for name in children}
    if field.holds is Holds.PART:
        return {field.name: draw(st.just(LINKS["Log"]()) if field.name == "link" else some_part(field.kind, depth - 1))}
    static = {Holds.WHOLE: st.integers(0, 3000), Holds.TEXT: words, Holds.TEXTS: st.lists(words, max_size=3).map(tuple)}
    return {field.name: draw(static.get(field.holds, some_leaf))}


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(some_part(AbstractTerm, 3), some_part(AbstractNoise, 2), st.sampled_from(sorted(LINKS)), st.booleans())
def test_random_trees_read_back(mean, noise, link, tied):
    try:
        spec = Model(mean, LINKS[link](), noise)
    except ValueError as error:
        assert "share the path" in str(error)
        return
    first, *others = leaves(spec)
    if tied and others:
        spec = pf.tie(spec, {others[-1]: first})
    require_same(spec, pf.spec.from_toml(pf.spec.to_toml(spec)))
