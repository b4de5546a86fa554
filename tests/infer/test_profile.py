"""Profiles against closed forms, against SciPy's constrained optimiser, with two optima, and without an end."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy.optimize import brentq, minimize
from scipy.stats import chi2, norm

import progressfit as pf
from progressfit.compiled import compiled
from progressfit.dataset import Labels
from progressfit.infer.constrained import constrained_minima
from progressfit.noise import Gaussian, Laplace, LogScale
from progressfit.report.profile_plot import draw_profile, plot_profile
from progressfit.terms import Function, LogSlope, Sum

KEY = jax.random.key(31)
HALF = chi2.ppf(0.95, 1) / 2
NOISE = 0.2


def table(x, y) -> pf.Dataset:
    return pf.Dataset(pf.Record({"x": x}, {}, {}), y, np.arange(len(x)), Labels())


# --- a straight line with known noise: everything is normal -----------------------------------------------------------


def at_hundred(model):
    """The mean at x = 100."""
    return model.predict(pf.Record.of(x=[100.0]))[0]


def line(sd: float = 0.3, centre: float = 0.0) -> pf.Model:
    prior = dist.Normal(centre, sd)
    return pf.Model(Sum(a=prior, b=LogSlope("x", prior, reference=1.0)), pf.links.Identity(), Gaussian(NOISE))


def line_table(seed: int = 0) -> pf.Dataset:
    rng = np.random.default_rng(seed)
    x = rng.uniform(1.0, 50.0, 30)
    return table(x, 0.3 + 0.7 * np.log(x) + NOISE * rng.standard_normal(30))


def line_moments(data: pf.Dataset, sd: float, objective: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of (a, b) after the table, in closed form."""
    design = np.c_[np.ones(30), np.log(np.asarray(data.records["x"]))]
    precision = design.T @ design / NOISE**2 + (objective == "map") * np.eye(2) / sd**2
    return np.linalg.solve(precision, design.T @ np.asarray(data.response) / NOISE**2), np.linalg.inv(precision)


QUANTITIES = {"a": (1.0, 0.0), "b.slope": (0.0, 1.0), "at_hundred": (1.0, np.log(100.0))}


@pytest.mark.parametrize("objective", ["map", "mle"])
@pytest.mark.parametrize("of", QUANTITIES)
def test_normal_posteriors_are_profiled_in_closed_form(of, objective):
    data = line_table()
    point = pf.fit(line(), data, key=KEY, starts=8, objective=objective)
    found = pf.profile(point, data, at_hundred if of == "at_hundred" else of, level=0.9)
    mean, covariance = line_moments(data, 0.3, objective)
    along = np.array(QUANTITIES[of])
    centre, sd = along @ mean, np.sqrt(along @ covariance @ along)
    expected = centre + sd * norm.ppf([0.05, 0.95])
    np.testing.assert_allclose(found.interval, expected, rtol=0, atol=1e-6 * 2 * sd)
    assert found.ok.all() and found.open == (False, False) and not found.disconnected
    parabola = point.objective + 0.5 * ((found.quantity - centre) / sd) ** 2
    np.testing.assert_allclose(found.objective, parabola, rtol=0, atol=1e-9 * abs(point.objective))
    # The other coefficient follows the regression line.
    other = along @ covariance / (along @ covariance @ along)
    b = mean[1] + other[1] * (found.quantity - centre)
    np.testing.assert_allclose(found.values["b.slope"], b, rtol=0, atol=1e-6 * np.sqrt(covariance[1, 1]))
    assert found.kind == {"map": "profile posterior", "mle": "profile likelihood"}[objective]
    assert ("taken as known" in str(found)) == (objective == "mle")


def test_other_numbers_compile_nothing_and_are_used():
    data = line_table()
    first = pf.profile(pf.fit(line(), data, key=KEY, starts=8), data, "a")
    before = constrained_minima._cache_size()
    other, law = line_table(7), line(0.5, 0.1)
    point = pf.fit(law, other, key=KEY, starts=8)
    second = pf.profile(point, other, "b.slope", level=0.5)
    third = pf.profile(point, other, "b.slope", points=21)
    assert constrained_minima._cache_size() == before
    assert second.interval != first.interval
    assert third.interval[0] < second.interval[0] < second.interval[1] < third.interval[1]
    assert len(second.quantity) == 41 and len(third.quantity) == len(third.values["a"]) == 21


# --- a curve with free noise: the profile likelihood of a nonlinear least-squares problem -----------------------------


def approach(record, limit, rate):
    return limit * -jnp.expm1(-rate * record["x"])


def initial_slope(model):
    limit, rate = model.mean.parameters
    return limit * rate


def curve() -> pf.Model:
    mean = Function(approach, limit=dist.Normal(1.0, 1.0), rate=dist.HalfNormal(2.0))
    return pf.Model(mean, pf.links.Identity(), Gaussian(LogScale(dist.Normal(-2.0, 1.0))))


def curve_table(first: float) -> pf.Dataset:
    rng = np.random.default_rng(5)
    x = np.linspace(first, first + 7.0, 12)
    return table(x, -np.expm1(-0.6 * x) + 0.05 * rng.standard_normal(12))


def squares(data: pf.Dataset, rate: float) -> float:
    """Residual sum of squares at one rate, the limit at its best."""
    y, shape = np.asarray(data.response), -np.expm1(-rate * np.asarray(data.records["x"]))
    return float(np.sum((y - shape * (shape @ y) / (shape @ shape)) ** 2))


@pytest.fixture(scope="module")
def curve_fit():
    data = curve_table(0.3)
    return pf.fit(curve(), data, key=KEY, starts=16, objective="mle"), data


def test_the_profile_of_a_rate_is_that_of_its_sum_of_squares(curve_fit):
    """With the scale at its best, ``n / 2 log(squares)`` up to a constant; its roots by Brent's method."""
    point, data = curve_fit
    found = pf.profile(point, data, "rate")
    best = float(point.parameters["rate"])

    def above(rate: float) -> float:
        return 6 * np.log(squares(data, rate) / squares(data, best)) - HALF

    ends = [brentq(above, best / 10, best, xtol=1e-13), brentq(above, best, 10 * best, xtol=1e-13)]
    np.testing.assert_allclose(found.interval, ends, rtol=0, atol=1e-6 * (ends[1] - ends[0]))
    height = np.array([above(rate) + HALF for rate in found.quantity])
    np.testing.assert_allclose(found.objective - point.objective, height, rtol=0, atol=1e-8)
    # Not symmetric: that is what a profile is for.
    assert ends[1] - best > 1.1 * (best - ends[0])


@compiled("of")
def objective_and_quantity(spec, z, data, prior_weight, of):
    """Value and gradient of the negative log density, and of the quantity."""

    def held(v):
        return of(pf.params.bind(spec, pf.params.constrain(spec, v)[0]))

    density = jax.value_and_grad(lambda v: -pf.log_density(spec, v, data, prior_weight=prior_weight))(z)
    return density, jax.value_and_grad(held)(z)


def scipy_profile(point: pf.Fit, data: pf.Dataset, of, value: float, starts) -> float:
    """The constrained minimum by sequential least-squares programming, the lowest of several starts."""
    prior_weight = np.float64(point.stats["objective"] == "map")

    def at(z):
        return jax.tree.map(np.asarray, objective_and_quantity(point.spec, z, data.bare(), prior_weight, of=of))

    constraint = {"type": "eq", "fun": lambda z: at(z)[1][0] - value, "jac": lambda z: at(z)[1][1]}
    options = {"ftol": 1e-13, "maxiter": 500}
    ends = [
        minimize(lambda z: at(z)[0], start, jac=True, method="SLSQP", constraints=constraint, options=options)
        for start in starts
    ]
    return min(float(end.fun) for end in ends if abs(constraint["fun"](end.x)) < 1e-9)


def test_a_function_of_two_parameters_agrees_with_scipy(curve_fit):
    point, data = curve_fit
    found = pf.profile(point, data, initial_slope)
    for index in (0, 10, 30, 40):
        value = float(found.quantity[index])
        expected = scipy_profile(point, data, initial_slope, value, [point.optima[0].z])
        assert abs(found.objective[index] - expected) < 1e-6
    held = jax.vmap(lambda values: initial_slope(pf.params.bind(point.spec, values)))(found.values)
    np.testing.assert_allclose(held, found.quantity, rtol=1e-9)


def test_a_rate_without_upper_end_is_called_open():
    """Rows on the plateau alone say that the approach is fast, not how fast; the lower end is still there."""
    data = curve_table(6.0)
    point = pf.fit(curve(), data, key=KEY, starts=16, objective="mle")
    found = pf.profile(point, data, "rate")
    assert found.open == (False, True) and found.interval[1] == np.inf
    best = float(point.parameters["rate"])
    lowest = min(squares(data, best), squares(data, 1e3))
    low = brentq(lambda rate: 6 * np.log(squares(data, rate) / lowest) - HALF, 1e-3, best, xtol=1e-13)
    assert abs(found.interval[0] - low) < 1e-6 * low
    assert "No upper end: the profile stays below the cut up to" in str(found)


# --- the square of a parameter: two mirrored optima, an edge, and a flat direction ------------------------------------


def lifted(record, level, root):
    return level + root**2 * record["x"]


def square(model):
    return model.mean.parameters[1] ** 2


def squared() -> pf.Model:
    prior = dist.Normal(0.0, 1.0)
    return pf.Model(Function(lifted, level=prior, root=prior), pf.links.Identity(), Gaussian(NOISE))


def squared_table(slope: float, last: float = 2.0) -> pf.Dataset:
    x = np.linspace(0.0, last, 12)
    return table(x, 0.5 + slope * x + NOISE * np.random.default_rng(3).standard_normal(12))


def slope_and_error(data: pf.Dataset) -> tuple[float, float]:
    x, y = np.asarray(data.records["x"]), np.asarray(data.response)
    off = x - x.mean()
    return float(off @ y / (off @ off)), float(NOISE / np.sqrt(off @ off))


@pytest.fixture(scope="module")
def squared_fit():
    data = squared_table(1.0)
    return pf.fit(squared(), data, key=KEY, starts=16, objective="mle"), data


def test_two_optima_leave_two_pieces(squared_fit):
    """The slope is the square of the root: the root's interval is the slope's, in either sign."""
    point, data = squared_fit
    found = pf.profile(point, data, "root")
    slope, error = slope_and_error(data)
    low, high = np.sqrt(slope + error * norm.ppf([0.025, 0.975]))
    assert found.disconnected and len(found.pieces) == len(found.optima) == 2
    ends = [(piece.low, piece.high) for piece in found.pieces]
    np.testing.assert_allclose(ends, [(-high, -low), (low, high)], rtol=0, atol=1e-6 * (high - low))
    np.testing.assert_allclose(found.interval, (-high, high), rtol=1e-6)
    assert "form 2 separate ranges" in str(found)
    assert set(found.optimum[found.objective < found.cut]) == {0, 1}


@pytest.mark.parametrize("slope", [1.0, 0.05])
def test_the_edge_of_what_a_quantity_can_be(slope):
    """A square is never negative; where the interval reaches that edge there is no lower end."""
    data = squared_table(slope)
    point = pf.fit(squared(), data, key=KEY, starts=16, objective="mle")
    found = pf.profile(point, data, square)
    estimate, error = slope_and_error(data)
    assert estimate > 0
    low, high = estimate + error * norm.ppf([0.025, 0.975])
    assert abs(found.interval[1] - high) < 1e-6 * (high - low)
    assert found.open == (low < 0, False)
    if low < 0:
        assert found.interval[0] == -np.inf
        assert 0 <= found.pieces[0].followed[0] < 0.01 * high
    else:
        assert abs(found.interval[0] - low) < 1e-6 * (high - low)


def test_a_flat_direction_is_open_on_both_sides():
    """Where x is 0 in every row, the root has no effect at all."""
    data = squared_table(1.0, last=0.0)
    point = pf.fit(squared(), data, key=KEY, starts=16, objective="mle")
    assert not point.converged
    found = pf.profile(point, data, "root")
    assert found.interval == (-np.inf, np.inf) and found.open == (True, True)
    np.testing.assert_allclose(found.objective[found.ok], point.objective, rtol=1e-9)
    assert "No lower end" in str(found) and "No upper end" in str(found)
    assert f"About the fit itself: {point.result.value}" in found.notes


def test_chunks_do_not_move_the_answer(squared_fit):
    point, data = squared_fit
    plain, chunked = pf.profile(point, data, "root"), pf.profile(point, data, "root", chunk=7)
    np.testing.assert_allclose(chunked.quantity, plain.quantity, rtol=1e-9)
    np.testing.assert_allclose(chunked.objective, plain.objective, rtol=1e-9)
    np.testing.assert_allclose(chunked.interval, plain.interval, rtol=1e-9)
    np.testing.assert_array_equal(chunked.optimum, plain.optimum)


def test_the_picture_shows_curve_cut_pieces_and_optima(squared_fit, tmp_path):
    point, data = squared_fit
    found = pf.profile(point, data, "root", points=21)
    (axis,) = plot_profile(found, "root of the slope (per year)").axes
    curve, cut = axis.lines[:2]
    np.testing.assert_array_equal(curve.get_xdata(), found.quantity)
    np.testing.assert_allclose(curve.get_ydata(), found.objective - found.stats["lowest"])
    np.testing.assert_allclose(cut.get_ydata(), HALF, rtol=1e-9)
    assert axis.get_xlabel() == "root of the slope (per year)"
    spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axis.patches]
    np.testing.assert_allclose(spans, [(piece.low, piece.high) for piece in found.pieces])
    crosses = {line.get_label(): line.get_xdata()[0] for line in axis.lines if line.get_marker() == "X"}
    assert crosses == {"optimum 1": found.optima[0], "optimum 2": found.optima[1]}
    draw_profile(found, tmp_path / "profile.png")
    assert (tmp_path / "profile.png").read_bytes()[:4] == b"\x89PNG"


# --- the growth rate on ImageNet --------------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", ["map", "mle"])
def test_the_growth_rate_on_imagenet_is_the_lower_envelope(objective):
    runs = pf.datasets.imagenet()
    point = pf.fit(pf.laws.erdil_besiroglu(), runs, key=KEY, objective=objective)
    assert len(point.optima) == 2
    found = pf.profile(point, runs, pf.growth_rate, level=0.999, points=21)
    assert found.ok.all()
    starts = [optimum.z for optimum in point.optima]
    for index in (0, 5, 10, 15, 20):
        expected = scipy_profile(point, runs, pf.growth_rate, float(found.quantity[index]), starts)
        assert abs(found.objective[index] - expected) < 1e-6
    for piece in found.pieces:
        for end in (piece.low, piece.high):
            assert abs(scipy_profile(point, runs, pf.growth_rate, end, starts) - found.cut) < 1e-6
    # Both optima lie on the profile's side of the cut, 4.5 and 2.5 above the best.
    assert set(found.optimum) == {0, 1}
    half = chi2.ppf(0.999, 1) / 2
    np.testing.assert_allclose(found.cut, point.objective + half, rtol=1e-12)


# --- what is refused --------------------------------------------------------------------------------------------------


def constant(model):
    return jnp.ones(())


def infinite(model):
    return 1.0 / jnp.zeros(())


def vector(model):
    return jnp.stack(model.mean.parameters)


REFUSED = {
    "an unknown path": ({"of": "rot"}, "no parameter 'rot' in this spec; the free parameters are: level, root"),
    "a fixed parameter": ({"of": "noise.scale"}, "'noise.scale' is fixed in this spec"),
    "a vector": ({"of": vector}, r"has to return one real number .* returns float64\[2\]"),
    "a constant": ({"of": constant}, "'constant' does not change with any free parameter"),
    "an infinite quantity": ({"of": infinite}, "'infinite' is inf at the fit"),
    "a number": ({"of": 3}, "of=3: give the dotted path of a parameter, or a function"),
    "a level": ({"of": "root", "level": 95}, "level=95: give a number between 0 and 1"),
    "a few points": ({"of": "root", "points": 3}, "points=3: give a whole number, at least 9"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals(what, squared_fit):
    options, message = REFUSED[what]
    with pytest.raises(ValueError, match=message):
        pf.profile(*squared_fit, **options)


def test_another_table_is_refused(squared_fit):
    with pytest.raises(ValueError, match="other numbers than the one that was fitted"):
        pf.profile(squared_fit[0], squared_table(0.9), "root")


def test_kinks_are_refused(squared_fit):
    point, data = squared_fit
    kinked = dataclasses.replace(point, spec=pf.Model(point.spec.mean, pf.links.Identity(), Laplace(NOISE)))
    with pytest.raises(ValueError, match=r"the density has kinks .* bootstrap instead"):
        pf.profile(kinked, data, "root")
