"""The twenty forms against formulas written out by hand, and the published objective."""

import jax
import numpy as np
import numpyro.distributions as dist
import pytest
from cases import ROUNDING

import progressfit as pf
from progressfit.infer.prepare import prepare
from progressfit.laws.ho2024 import FORMS, ORIGIN, SATURATION, SMALLEST, Form, Half, ho2024, laplace_scale
from progressfit.params import bind, constrain, dimension
from progressfit.studies.ho_2024 import procedure, published

PUBLISHED_COUNTS = [6, 5, 5, 8, 8, 10, 10, 9, 9, 14, 18, 9, 12, 10, 12, 8, 10, 5, 11, 10]


@pytest.fixture(scope="module")
def known():
    return pf.datasets.language(vocabulary=True)


def bound(number, data, values):
    spec = prepare(ho2024(number), data)
    return bind(spec, constrain(spec, np.asarray(values))[0])


@pytest.mark.parametrize("number", FORMS)
def test_parameters_as_many_as_published(number, known):
    assert dimension(prepare(ho2024(number), known)) == PUBLISHED_COUNTS[number - 1]


def parts(data):
    read, codes = data.records.columns, data.records.codes
    years, calendar = np.asarray(read["date"]) - ORIGIN, np.log(np.asarray(read["date"]))
    size, tokens, compute = (np.log(np.asarray(read[k]) / SMALLEST[k]) for k in ("parameters", "data", "compute"))
    benchmark, kind = np.asarray(codes["benchmark"]), np.asarray(codes["transformer"])
    epochs = np.log(1 + SATURATION * (1 - np.exp(-np.asarray(read["epochs"]) / SATURATION)))
    vocabulary = np.log(np.asarray(read["vocabulary"]))
    return years, calendar, size, tokens, compute, benchmark == 0, benchmark == 2, kind, epochs, vocabulary


def by_hand(number, data, v):
    """Parameters in the order of the paths: constants, trend, exponent; then the other half."""
    years, calendar, size, tokens, compute, ptb, wt2, kind, epochs, vocabulary = parts(data)
    d = v[len(v) // 2 :] if len(v) % 2 == 0 else v
    if number == 7:
        first = v[0] + v[1] * ptb + v[2] * wt2 - v[3] * years - v[4] * size
        return np.exp(first) + np.exp(d[0] + d[1] * ptb + d[2] * wt2 - d[3] * years - d[4] * tokens)
    if number == 11:
        c, r, e = (x[0] + x[1] * ptb + x[2] * wt2 for x in (v[:3], v[3:6], v[6:9]))
        a, b, g = (x[0] + x[1] * ptb + x[2] * wt2 for x in (d[:3], d[3:6], d[6:9]))
        return np.exp(c - r * years - e * size) + np.exp(a - b * years - g * tokens)
    if number == 12:
        first = np.exp(v[1] + v[2] * ptb + v[3] * wt2 - v[4] * size)
        return np.exp(-v[0] * years) * (first + np.exp(v[5] + v[6] * ptb + v[7] * wt2 - v[8] * tokens))
    if number == 13:
        first = v[0] + v[1] * ptb + v[2] * wt2 - v[3] * years - np.where(kind, v[5], v[4]) * size
        second = d[0] + d[1] * ptb + d[2] * wt2 - d[3] * years - np.where(kind, d[5], d[4]) * tokens
        return np.exp(first) + np.exp(second)
    if number == 15:
        first = v[0] + v[1] * ptb + v[2] * wt2 - v[3] * years - (v[4] + v[5] * calendar) * size
        second = d[0] + d[1] * ptb + d[2] * wt2 - d[3] * years - (d[4] + d[5] * calendar) * tokens
        return np.exp(first) + np.exp(second)
    if number == 18:
        return np.exp(v[0] + v[1] * ptb + v[2] * wt2 - v[3] * years - v[4] * compute)
    if number == 19:
        return by_hand(7, data, v[:-1]) + v[-1] * vocabulary
    assert number == 20
    first = v[0] + v[1] * ptb + v[2] * wt2 - v[3] * years - v[4] * size
    return np.exp(first) + np.exp(d[0] + d[1] * ptb + d[2] * wt2 - d[3] * years - d[4] * (tokens + epochs))


@pytest.mark.parametrize("number", [7, 11, 12, 13, 15, 18, 19, 20])
def test_against_the_formula(number, known):
    values = np.random.default_rng(number).normal(0.0, 0.1, PUBLISHED_COUNTS[number - 1])
    found = bound(number, known, values).predict(known.records)
    # Exponents of up to about 5, each a sum of rounded terms.
    np.testing.assert_allclose(found, by_hand(number, known, values), rtol=8 * ROUNDING)


def test_the_published_point_has_the_published_objective():
    data = pf.datasets.language()
    model = bound(7, data, published.POINT)
    squares = (np.asarray(model.predict(data.records)) - np.asarray(data.response)) ** 2
    value = squares.mean() + published.DELTA * np.sum(np.abs(published.POINT))
    assert value == pytest.approx(published.OBJECTIVE, abs=1e-6)
    assert value == pytest.approx(
        procedure.objective(np.asarray(published.POINT), procedure.columns(data), published.DELTA), rel=1e-12
    )


def test_the_prior_is_the_penalty():
    """Differences of the negative log density are ``rows`` times those of the published objective."""
    data = pf.datasets.language()
    spec, rows = prepare(ho2024(7), data), len(data)
    points = np.stack([published.POINT, np.random.default_rng(0).normal(0, 0.1, 10)])
    mine = [-float(pf.log_density(spec, z, data)) for z in points]
    theirs = [procedure.objective(z, procedure.columns(data), published.DELTA) for z in points]
    assert mine[1] - mine[0] == pytest.approx(rows * (theirs[1] - theirs[0]), rel=1e-12)
    assert laplace_scale(published.DELTA, rows) == pytest.approx(1 / (rows * published.DELTA))


def test_variants_compose(known):
    base = dimension(prepare(ho2024(7), known))
    extra = {
        "multiplier": (ho2024(7, transformer_multiplier=True), 1),
        "irreducible": (ho2024(7, irreducible="benchmark"), 3),
        "pooled": (ho2024(7, pooled=True), 4),  # three effects for two differences, and a standard deviation, twice
        "break": (ho2024(7, break_date=2017.0), 2),
        "free break": (ho2024(7, break_date=dist.Normal(2017.0, 2.0), break_width=0.5), 4),
        "own": (ho2024(Form(Half("benchmark"), Half())), -2),
    }
    for name, (law, more) in extra.items():
        spec = prepare(law, known)
        assert dimension(spec) == base + more, name
        values = constrain(spec, 0.01 * np.ones(base + more))[0]
        assert np.isfinite(np.asarray(jax.jit(lambda v, s=spec: bind(s, v).predict(known.records))(values))).all(), name


def test_only_forms_there_are():
    with pytest.raises(ValueError, match="from 1 to 20"):
        ho2024(21)
