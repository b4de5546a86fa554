"""The algebra terms are closed under: sums, products, numbers and priors among them, and their names."""

import itertools

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from progressfit import params
from progressfit.links import Identity
from progressfit.model import Model, components
from progressfit.noise import Gaussian
from progressfit.params import Tied
from progressfit.terms import Constant, Exp, Logistic, LogSlope, LogSumExp, Product, Slope, Sum
from progressfit.terms.base import AbstractTerm, default_name

RECORD = cases.records()
PAIRS = list(itertools.pairwise([*cases.TERMS, next(iter(cases.TERMS))]))


def same(one: AbstractTerm, other: AbstractTerm) -> None:
    np.testing.assert_allclose(one(RECORD), other(RECORD), rtol=cases.ROUNDING, atol=cases.ROUNDING)


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_sums_and_products_of_any_two_terms(left, right):
    a, b = (cases.draw(cases.TERMS[name], seed) for name, seed in ((left, 51), (right, 52)))
    values = np.asarray(a(RECORD)), np.asarray(b(RECORD))
    for made, expected in ((a + b, values[0] + values[1]), (a * b, values[0] * values[1])):
        np.testing.assert_allclose(made(RECORD), expected, rtol=cases.ROUNDING, atol=cases.ROUNDING)
    same(a + b, b + a)
    same(a * b, b * a)


def three() -> tuple[AbstractTerm, AbstractTerm, AbstractTerm]:
    return Slope("width", 2.0, reference=0.1), LogSlope("compute", 0.3, reference=1e18), Exp(Constant(0.4))


@pytest.mark.parametrize("kind", [Sum, Product])
def test_one_operator_makes_one_flat_node(kind):
    a, b, c = three()
    left, right = ((a + b) + c, a + (b + c)) if kind is Sum else ((a * b) * c, a * (b * c))
    for made in (left, right):
        assert type(made) is kind
        assert made.names == ("width", "compute", "exp")
        assert all(x is y for x, y in zip(made.terms, (a, b, c), strict=True))
    same(left, right)


def test_operators_of_different_kinds_nest():
    a, b, c = three()
    made = (a + b) * c
    assert (type(made), made.names) == (Product, ("sum", "exp"))
    assert made.terms[0].names == ("width", "compute")
    same(made, a * c + b * c)
    assert (a * c + b * c).names == ("product", "product_2")


def test_names_given_are_kept_and_clashes_numbered():
    a, b, c = three()
    made = Sum(offset=a, tail=b) + Sum(offset=c) + a + a
    assert made.names == ("offset", "tail", "offset_2", "width", "width_2")
    assert Sum(b=a, a=b).names == ("b", "a"), "the order of writing, not of the alphabet"


@pytest.mark.parametrize(
    "number", [2, 2.0, np.float64(2.0), np.array(2.0), jnp.asarray(2.0)], ids=lambda n: str(type(n))
)
def test_numbers_become_constants_on_either_side(number):
    a = three()[0]
    values = np.asarray(a(RECORD))
    for made in (a + number, number + a):
        assert type(made) is Sum
        np.testing.assert_allclose(made(RECORD), values + 2.0, rtol=cases.ROUNDING)
    for made in (a * number, number * a):
        assert type(made) is Product
        np.testing.assert_allclose(made(RECORD), values * 2.0, rtol=cases.ROUNDING)
    assert sorted((a + number).names) == ["constant", "width"]


def test_differences_quotients_and_the_sum_of_a_list():
    a, b, c = three()
    x, y, z = (np.asarray(term(RECORD)) for term in (a, b, c))
    for made, expected in ((a - b, x - y), (2.0 - a, 2.0 - x), (a - 2, x - 2.0), (-a, -x), (a / 4, x / 4.0)):
        np.testing.assert_allclose(made(RECORD), expected, rtol=cases.ROUNDING, atol=cases.ROUNDING)
    made = sum([a, b, c])
    assert made.names == ("width", "compute", "exp")
    np.testing.assert_allclose(made(RECORD), x + y + z, rtol=cases.ROUNDING)


def test_priors_and_ties_become_constants():
    a, prior = three()[0], cases.normal()
    for made in (a + prior, prior + a, a * prior, prior * a):
        assert list(params.priors(made)) == ["constant"]
    assert params.leaves(a + Tied("width.slope"))["constant"] == Tied("width.slope")
    assert list(params.priors(Logistic(prior) * Exp(prior))) == ["logistic", "exp"]


@pytest.mark.parametrize("wrong", ["a string", np.zeros(2), None, [1.0, 2.0], {}], ids=str)
def test_anything_else_is_refused(wrong):
    with pytest.raises(TypeError, match="expected a term, a number or a prior"):
        Sum(a=wrong)


@pytest.mark.parametrize("kind", [Sum, Product, LogSumExp])
def test_nodes_with_children_need_one_with_a_proper_name(kind):
    with pytest.raises(ValueError, match=f"{kind.__name__} needs at least one named term"):
        kind()
    with pytest.raises(ValueError, match=r"'a\.b' cannot name a term"):
        kind(**{"a.b": 1.0})


def test_default_names_say_what_a_term_reads():
    names = {name: default_name(term) for name, term in cases.TERMS.items()}
    assert names["log_slope"] == names["effective_input"] == "compute"
    assert names["slope"] == "width"
    assert names["progress"] == "progress"
    assert (names["log_sum_exp"], names["group_effect"], names["power_law"]) == (
        "log_sum_exp",
        "group_effect",
        "power_law",
    )


def test_one_term_in_a_node_is_itself():
    a = three()[0]
    same(Sum(only=a), a)
    same(Product(only=a), a)
    same(LogSumExp(only=a), a)


def test_gradients_flow_to_every_child():
    spec = cases.TERMS["sum"] * cases.TERMS["product"]
    values = params.sample_prior(spec, jax.random.key(53))
    gradient = jax.grad(lambda v: jnp.sum(params.bind(spec, v)(RECORD) ** 2))(values)
    assert set(gradient) == set(params.priors(spec))
    assert all(np.isfinite(g) and g != 0 for g in gradient.values())


def shown(mean: AbstractTerm) -> dict[str, np.ndarray]:
    return {name: np.asarray(v) for name, v in components(Model(mean, Identity(), Gaussian(0.1)), RECORD).items()}


def test_components_of_a_sum_add_up():
    a, b, c = three()
    found = shown(Sum(base=a, gain=b, floor=c))
    assert list(found) == ["mean", "base", "gain", "floor", "floor.argument"]
    total = found["base"] + found["gain"] + found["floor"]
    np.testing.assert_allclose(total, found["mean"], rtol=cases.ROUNDING)
    np.testing.assert_array_equal(found["gain"], b(RECORD))


def test_components_of_nested_nodes_add_and_multiply_up():
    a, b, c = three()
    found = shown(Product(height=c, shape=Logistic(Sum(width=a, compute=b))))
    index = found["shape.width"] + found["shape.compute"]
    np.testing.assert_allclose(found["shape.argument"], index, rtol=cases.ROUNDING)
    np.testing.assert_allclose(found["shape"], 1 / (1 + np.exp(-index)), rtol=cases.ROUNDING)
    np.testing.assert_allclose(found["height"] * found["shape"], found["mean"], rtol=cases.ROUNDING)
    assert {v.shape for v in found.values()} == {(cases.ROWS,)}


def test_components_of_the_published_law():
    model = cases.draw(cases.LAWS["erdil_besiroglu"], 54)
    found = components(model, RECORD)
    for side in ("compute", "data"):
        index = found[f"{side}.const"] + found[f"{side}.progress"] + found[f"{side}.scaling"]
        np.testing.assert_allclose(found[f"{side}.argument"], index, rtol=cases.ROUNDING, atol=cases.ROUNDING)
    np.testing.assert_allclose(found["compute"] * found["data"], found["mean"], rtol=cases.ROUNDING)
