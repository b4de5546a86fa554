"""Universal laws of every term in the registry, and each term against its formula."""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from progressfit import params
from progressfit.dataset import Record
from progressfit.terms import (
    CES,
    AbstractPositiveTerm,
    ByGroup,
    Constant,
    EffectiveInput,
    Exp,
    ExponentialProgress,
    Function,
    GroupEffect,
    LogarithmicProgress,
    LogEffectiveEpochs,
    Logistic,
    LogSlope,
    LogSumExp,
    PiecewiseProgress,
    PositiveConstant,
    Power,
    PowerLaw,
    PowerSum,
    Product,
    RandomWalkProgress,
    SaturatingProgress,
    Slope,
    Sum,
    TransferredInput,
)
from progressfit.terms.base import is_positive, log_value

every_term = pytest.mark.parametrize("name", cases.TERMS)
RECORD = cases.records()
X = RECORD.columns
LAB = np.asarray(RECORD.codes["lab"])
AGES = X["date"] - 2012.0


@every_term
def test_finite_values_and_gradients_in_a_compiled_batch_that_is_a_loop(name):
    spec = cases.TERMS[name]
    moved = {column: X[column] for column in ("compute", "width", "date")}

    def values(leaves, columns):
        found = params.bind(spec, leaves)(Record({**X, **columns}, RECORD.codes, {}))
        return jnp.sum(found), found

    def at(leaves):
        return jax.value_and_grad(values, (0, 1), has_aux=True)(leaves, moved)

    draws = [params.sample_prior(spec, jax.random.key(seed)) for seed in (41, 42, 43)]
    (_, found), gradients = jax.jit(jax.vmap(at))(jax.tree.map(lambda *each: jnp.stack(each), *draws))
    assert found.shape == (3, cases.ROWS)
    assert np.isfinite(found).all()
    assert set(gradients[0]) == set(params.priors(spec))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    for together, leaves in zip(found[:2], draws, strict=False):
        term = params.bind(spec, leaves)
        np.testing.assert_allclose(together, term(RECORD), rtol=cases.ROUNDING, atol=cases.ROUNDING)
        rows = [term.value(RECORD.row(i)) for i in range(0, cases.ROWS, 4)]
        np.testing.assert_allclose(together[::4], rows, rtol=cases.ROUNDING, atol=cases.ROUNDING)


@every_term
def test_terms_are_pytrees(name):
    for term in (cases.TERMS[name], cases.draw(cases.TERMS[name], 46)):
        leaves, treedef = jax.tree.flatten(term)
        again = jax.tree.unflatten(treedef, leaves)
        assert jax.tree.structure(again) == treedef
        assert type(again) is type(term)
        assert list(params.leaves(again)) == list(params.leaves(term))


@every_term
def test_positive_terms_know_their_logarithm(name):
    term = cases.draw(cases.TERMS[name], 47)
    if isinstance(term, AbstractPositiveTerm):
        assert is_positive(term)
    values = np.asarray(term(RECORD))
    if (values > 0).all():
        logs = jax.vmap(lambda record: log_value(term, record))(RECORD)
        np.testing.assert_allclose(logs, np.log(values), rtol=cases.ROUNDING, atol=cases.ROUNDING)
    else:
        assert not is_positive(term)


def rate(value: float, **kwargs) -> ExponentialProgress:
    return ExponentialProgress(value, origin=2012.0, channel="algorithms", **kwargs)


def wave(record: Record, height):
    return height * jnp.sin(record["width"])


WALK = np.array([0.7, -1.2, 2.0, 0.1])
AWAY = GroupEffect("lab", np.array([1.0, -3.0]), scale=0.5, coding="reference", reference="berta", levels=cases.LABS)


def walked(date):
    """Sum of the innovations of 2014 to 2017 up to a date."""
    return np.interp(date, 2014.0 + np.arange(5), np.concatenate([[0.0], np.cumsum(WALK)]))


FORMULAS = {
    "constant": (Constant(1.7), np.full(cases.ROWS, 1.7)),
    "slope": (Slope("width", 3.0, reference=0.25), 3.0 * (X["width"] - 0.25)),
    "log_slope": (LogSlope("compute", 0.3, reference=4.7e17), 0.3 * np.log(X["compute"] / 4.7e17)),
    "progress": (rate(0.4), 0.4 * AGES),
    "effective_input": (EffectiveInput("data", rate(0.4), reference=1e6), np.log(X["data"] / 1e6) + 0.4 * AGES),
    "power_law": (PowerLaw(2.5, 0.3, LogSlope("data", 1.0, reference=1e6)), 2.5 * (X["data"] / 1e6) ** -0.3),
    "positive_constant": (PositiveConstant(1.7), np.full(cases.ROWS, 1.7)),
    "power": (
        Power(-1.5, PositiveConstant(2.0) + PowerLaw(2.5, 0.3, LogSlope("data", 1.0, reference=1e6))),
        (2.0 + 2.5 * (X["data"] / 1e6) ** -0.3) ** -1.5,
    ),
    "power_sum": (
        PowerSum(power=0.25, a=PositiveConstant(2.0), b=PowerLaw(2.5, 0.3, LogSlope("data", 1.0, reference=1e6))),
        (2.0**4 + (2.5 * (X["data"] / 1e6) ** -0.3) ** 4) ** 0.25,
    ),
    "exp": (Exp(Slope("width", 2.0, reference=0.0)), np.exp(2.0 * X["width"])),
    "logistic": (Logistic(Slope("width", 2.0, reference=0.0)), scipy.special.expit(2.0 * X["width"])),
    "log_sum_exp": (
        LogSumExp(a=0.5, b=Slope("width", 2.0, reference=0.0)),
        scipy.special.logsumexp(np.stack([np.full(cases.ROWS, 0.5), 2.0 * X["width"]]), axis=0),
    ),
    "ces": (
        CES(-0.8, a=0.5, b=Slope("width", 2.0, reference=0.0)),
        -2.5 * np.log((np.exp(-0.4) + np.exp(-1.6 * X["width"])) / 2),
    ),
    "sum": (Sum(a=0.5, b=Slope("width", 2.0, reference=0.0)), 0.5 + 2.0 * X["width"]),
    "product": (Product(a=0.5, b=Slope("width", 2.0, reference=0.0)), X["width"]),
    "group_effect": (GroupEffect("lab", np.array([1.0, -2.0, 4.0]), scale=0.5), np.array([0.5, -1.0, 2.0] * 3)),
    "group_reference": (
        GroupEffect("lab", np.array([1.0, 4.0]), coding="reference", reference="berta", levels=cases.LABS),
        np.array([1.0, 0.0, 4.0] * 3),
    ),
    "group_sum": (GroupEffect("lab", np.array([1.0, -3.0]), coding="sum", levels=cases.LABS), [1.0, -3.0, 2.0] * 3),
    "by_group": (
        ByGroup("lab", levels=cases.LABS, clara=rate(0.4), anna=2.0, berta=Slope("width", 3.0, reference=0.0)),
        np.where(LAB == 0, 2.0, np.where(LAB == 1, 3.0 * X["width"], 0.4 * AGES)),
    ),
    "negative": (-Slope("width", 3.0, reference=0.25), -3.0 * (X["width"] - 0.25)),
    "drift": (LogarithmicProgress(0.4, origin=2.0, channel="algorithms"), 0.4 * np.log(X["date"] / 2.0)),
    "break": (
        PiecewiseProgress(0.4, 1.1, 2016.5, origin=2018.0, channel="algorithms"),
        np.where(X["date"] < 2016.5, 0.4 * (X["date"] - 2016.5), 1.1 * (X["date"] - 2016.5)) - 1.1 * 1.5,
    ),
    "saturating": (
        SaturatingProgress(0.4, 3.0, origin=2012.0, channel="algorithms"),
        0.4 * 3.0 * (1 - np.exp(-AGES / 3.0)),
    ),
    "random_walk": (
        RandomWalkProgress(0.1, 0.5, WALK, first_year=2014, origin=2016.25, channel="algorithms"),
        0.1 * (X["date"] - 2016.25) + 0.5 * (walked(X["date"]) - walked(2016.25)),
    ),
    "transfer": (
        TransferredInput("data", 0.3, 0.6, AWAY, anchor=2e5, reference=1e6),
        0.3 * np.log(2e5 / 1e6) + 0.3 * np.array([0.6 + 0.5, 1.0, 0.6 - 1.5])[LAB] * np.log(X["data"] / 2e5),
    ),
    "epochs": (
        LogEffectiveEpochs("data", saturation=2.5, reference=1e7),
        np.log(1 + 2.5 * (1 - np.exp(-X["data"] / 2.5e7))),
    ),
    "function": (Function(wave, height=3.0), 3.0 * np.sin(X["width"])),
    "function_vector": (
        Function(cases.mixed, shares=np.array([0.2, 0.3, 0.5])),
        0.2 * X["width"] + 0.3 * X["width"] ** 2 + 0.5,
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_against_the_formula(name):
    term, expected = FORMULAS[name]
    np.testing.assert_allclose(term(RECORD), expected, rtol=cases.ROUNDING, atol=cases.ROUNDING)


def test_every_public_term_has_a_formula():
    assert {type(term) for term, _ in FORMULAS.values()} >= {
        type(term) for term in cases.TERMS.values() if type(term).__module__.startswith("progressfit.terms")
    }


def test_trends_follow_their_own_channel():
    moved = RECORD.with_clocks({"algorithms": X["date"] + 2.0})
    np.testing.assert_allclose(rate(0.4)(moved), 0.4 * (AGES + 2.0), rtol=cases.ROUNDING)
    other = RECORD.with_clocks({"hardware": X["date"] + 2.0})
    np.testing.assert_array_equal(rate(0.4)(other), rate(0.4)(RECORD))


def test_a_long_timescale_is_exponential_progress():
    slow = SaturatingProgress(0.4, 1e9, origin=2012.0, channel="algorithms")
    np.testing.assert_allclose(slow(RECORD), 0.4 * AGES, rtol=1e-8)


def test_the_rate_of_a_random_walk_is_that_of_the_year():
    """At a turn of the year that of the new one; the drift alone where no year has an innovation."""
    walk = RandomWalkProgress(0.1, 0.5, WALK, first_year=2014, origin=2012.0, channel="algorithms")
    at = np.array([2012.0, 2013.9, 2014.0, 2014.5, 2015.0, 2017.99, 2018.0, 2030.0])
    found = jax.vmap(jax.grad(lambda date: walk.value(Record({"date": date}, {}, {}))))(at)
    own = np.array([0.0, 0.0, *WALK[[0, 0, 1, 3]], 0.0, 0.0])
    np.testing.assert_allclose(found, 0.1 + 0.5 * own, rtol=cases.ROUNDING)
    assert walk.years == ("2014", "2015", "2016", "2017")
    with pytest.raises(ValueError, match="one for each year"):
        RandomWalkProgress(0.1, 0.5, 0.0, first_year=2014, origin=2012.0, channel="algorithms")


def test_transfer_needs_a_home():
    with pytest.raises(ValueError, match="data set at home as their reference level"):
        TransferredInput("data", 0.3, 0.6, GroupEffect("lab", 1.0), anchor=1.0, reference=1.0)


def test_saturated_terms_keep_the_digits_of_their_logarithm():
    """At +-800 exp overflows and a logistic rounds to 0 or 1; the logarithms are the arguments themselves."""
    steep = Slope("width", 800.0, reference=0.0)
    record = Record.of(width=[-1.0, 1.0])
    np.testing.assert_array_equal(jax.vmap(lambda r: log_value(Exp(steep), r))(record), [-800.0, 800.0])
    logs = jax.vmap(lambda r: log_value(Product(a=Logistic(steep), b=Exp(Constant(-1.0))), r))(record)
    np.testing.assert_allclose(logs, [-801.0, -1.0], rtol=4 * cases.EPS)
    np.testing.assert_allclose(LogSumExp(a=steep, b=0.0)(record), [0.0, 800.0], rtol=4 * cases.EPS, atol=0)


def test_a_sum_of_positive_terms_keeps_the_digits_of_its_logarithm():
    steep, record = Slope("width", 800.0, reference=0.0), Record.of(width=[-1.0, 0.0, 1.0])
    total = Sum(a=Exp(steep), b=Exp(-steep), c=PositiveConstant(2.0)) * Exp(Constant(1.0))
    logs = jax.vmap(lambda r: log_value(total, r))(record)
    np.testing.assert_allclose(logs, [801.0, 1.0 + np.log(4.0), 801.0], rtol=4 * cases.EPS)
    slopes = jax.vmap(jax.grad(lambda r: log_value(total, r)))(record).columns["width"]
    np.testing.assert_allclose(slopes, [-800.0, 0.0, 800.0], atol=800 * 4 * cases.EPS)
    mixed = Sum(a=Exp(steep), b=Constant(2.0))
    assert is_positive(total) and not is_positive(mixed)
    assert is_positive(Sum(a=PositiveConstant(1.0))) and not is_positive(-Sum(a=PositiveConstant(1.0)))


@pytest.mark.parametrize("far", [-np.inf, np.inf])
def test_logarithms_of_sums_with_an_infinite_child(far):
    infinite = Exp(Constant(far))
    assert log_value(Sum(a=infinite, b=infinite), RECORD.row(0)) == far
    found = log_value(Sum(a=infinite, b=PositiveConstant(2.0)), RECORD.row(0))
    np.testing.assert_allclose(found, max(far, np.log(2.0)), rtol=4 * cases.EPS)


def test_the_power_of_a_power_sum_says_how_sharply_the_largest_dominates():
    def blend(power: float) -> float:
        term = PowerSum(power=power, a=PositiveConstant(2.0), b=PositiveConstant(3.0))
        return float(term.value(RECORD.row(0)))

    np.testing.assert_allclose([blend(1.0), blend(0.5), blend(1e-4)], [5.0, np.sqrt(13.0), 3.0], rtol=4 * cases.EPS)


@pytest.mark.parametrize("make", [lambda term: Power(2.0, term), lambda term: PowerSum(power=0.5, a=term)])
def test_powers_are_of_positive_terms(make):
    for term in (Constant(2.0), Exp(Constant(1.0)) + 2.0, -Exp(Constant(1.0))):
        with pytest.raises(ValueError, match="takes powers of terms that are positive everywhere"):
            make(term)


@pytest.mark.parametrize("kind", [Slope, LogSlope])
def test_dates_enter_through_trends_only(kind):
    with pytest.raises(ValueError, match=r"progress trend with a named channel, not through a slope on 'date'"):
        kind("date", 1.0, reference=2012.0)


def test_progress_stands_in_the_input_it_augments():
    with pytest.raises(ValueError, match=r"augments 'data' but stands in the effective input 'compute'"):
        EffectiveInput("compute", rate(0.1, augments="data"), reference=1e18)
    with pytest.raises(ValueError, match="not through a slope on 'date'"):
        EffectiveInput("date", rate(0.1), reference=2012.0)
    assert EffectiveInput("compute", rate(0.1, augments="compute"), reference=1e18).progress.augments == "compute"


def pair(record: Record, height):
    return jnp.stack([height, height])


def test_a_term_is_a_scalar_of_one_record():
    with pytest.raises(ValueError, match=r"Function\.value returned shape \(2,\) for one record; a term is a scalar"):
        Function(pair, height=1.0)(RECORD)


def test_calling_a_term_wants_rows():
    with pytest.raises(ValueError, match=r"records need a leading axis.*for a single record use term\.value\(record\)"):
        Constant(1.0)(RECORD.row(0))
    assert Constant(1.0).value(RECORD.row(0)) == 1.0


def any_parameters(record, **parameters):
    return sum(parameters.values())


@pytest.mark.parametrize("name", ["a.b", "", "2nd"])
def test_function_parameters_need_proper_names(name):
    with pytest.raises(ValueError, match="cannot name a"):
        Function(any_parameters, **{name: 1.0})
