"""Expected information of the likelihood: closed forms, simulation, and the verdict on identification.

Closed forms are for a linear regression with scale ``s``, whose information is ``a X'X / s**2`` about the coefficients
and ``b n`` about the log scale, with ``a`` and ``b`` known for every family.
"""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
import scipy.integrate
import scipy.special
import scipy.stats

import progressfit as pf
from progressfit import params, prior_range
from progressfit.dataset import Dataset, Record
from progressfit.infer.information import fisher_information, identify
from progressfit.links import Identity
from progressfit.model import Model
from progressfit.noise import Gaussian, Huber, Laplace, LogScale, StudentT
from progressfit.terms import Slope, Sum

STEP = 0.05  # of the trapezoidal rule in asinh of the standardised residual
DF, DELTA, LOG_SCALE = 4.0, 1.0, -0.7
DATA = cases.table().bare()
ONES = jnp.ones(cases.ROWS)
DESIGN = np.stack([np.ones(cases.ROWS), np.asarray(DATA.records["width"])], axis=1)

information = jax.jit(fisher_information)


def judged(spec, z, data, weights):
    return identify(spec, z, data, weights, prior_range.ranges_of(spec).scale)[0]


def regression(noise, sd: float = 1.0) -> Model:
    prior = dist.Normal(0.0, sd)
    return params.numeric(Model(Sum(level=prior, gain=Slope("width", prior, reference=0.0)), Identity(), noise))


def huber_constants() -> tuple[float, float]:
    """Both constants of Huber noise by adaptive quadrature of the scores of its density."""

    def expect(fn) -> float:
        inside = scipy.integrate.quad(lambda z: fn(z) * np.exp(-z * z / 2), 0, DELTA, epsabs=1e-13)[0]
        tail = scipy.integrate.quad(lambda z: fn(z) * np.exp(-DELTA * z + DELTA**2 / 2), DELTA, np.inf, epsabs=1e-13)[0]
        return inside + tail

    def psi(z: float) -> float:
        return min(z, DELTA)

    total = expect(lambda z: 1.0)
    return expect(lambda z: psi(z) ** 2) / total, expect(lambda z: (z * psi(z) - 1) ** 2) / total


# Noise -> (a, b, tolerance of the quadrature, as a share of the diagonal). The rule is exact to rounding for smooth
# densities. A kink costs step**2 / 8 times the jump of the slope: Huber with delta = 1 has two, each of
# 2 delta f(delta) cosh(t)**2 < 1; Laplace has one of 1 in the squared location score and 3 in that of the log scale.
FAMILIES = {
    "gaussian": (Gaussian(LogScale(cases.normal())), 1.0, 2.0, 1e-10),
    "student_t": (StudentT(LogScale(cases.normal()), df=DF), (DF + 1) / (DF + 3), 2 * DF / (DF + 3), 1e-10),
    "laplace": (Laplace(LogScale(cases.normal())), 1.0, 1.0, STEP**2 * 3 / 8),
    "huber": (Huber(LogScale(cases.normal()), delta=DELTA), *huber_constants(), STEP**2 / 4),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_linear_regression(name):
    noise, a, b, tolerance = FAMILIES[name]
    weights = np.array([1.0, 0.0, 2.0, 0.5, 1.0, 1.0, 3.0, 1.0, 1.0])
    found = information(regression(noise), jnp.array([0.4, -0.3, LOG_SCALE]), DATA, jnp.asarray(weights))
    expected = np.zeros((3, 3))
    expected[:2, :2] = a * (DESIGN.T * weights) @ DESIGN / np.exp(2 * LOG_SCALE)
    expected[2, 2] = b * weights.sum()
    size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert (np.abs(found - expected) <= tolerance * size).all()


def test_information_does_not_depend_on_how_the_scale_is_written():
    """Unconstrained, a log-normal scale has the same coordinate as a log scale."""
    z = jnp.array([0.4, -0.3, LOG_SCALE])
    logged = information(regression(Gaussian(LogScale(cases.normal()))), z, DATA, ONES)
    plain = information(regression(Gaussian(dist.LogNormal(0.0, 1.0))), z, DATA, ONES)
    np.testing.assert_allclose(plain, logged, rtol=cases.ROUNDING, atol=cases.ROUNDING)


def simulated(name: str, z: jax.Array, statistic, count: int) -> np.ndarray:
    """A statistic of the log likelihood at ``z`` for tables simulated from the model at ``z``."""
    spec = cases.MODELS[name]
    model = params.bind(spec, params.constrain(spec, z)[0])

    def one(key):
        data = DATA.with_response(model.simulate(DATA.records, key))
        return statistic(lambda v: pf.log_density(spec, v, data, prior_weight=0.0), z)

    return np.asarray(jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(101), count)))


def minus_hessian(fn, z):
    return -jax.hessian(fn)(z)


def score_squared(fn, z):
    score = jax.grad(fn)(z)
    return jnp.outer(score, score)


@pytest.mark.parametrize(
    ("name", "z", "statistic", "quadrature"),
    [
        ("erdil_besiroglu", [0.9, 0.16, 0.15, 1.8, 0.06, 0.02, -1.0], minus_hessian, 1e-10),
        ("noise_student_t", [0.2, 0.05, 0.1, -0.5, 1.3], score_squared, 1e-9),
        ("noise_huber", [0.2, 0.05, 0.1, -0.5, 0.0], score_squared, STEP**2),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_against_simulation(name, z, statistic, quadrature):
    """Mean of 4000 simulated tables within its standard error, one false alarm in a million over all entries.

    The mean of minus the Hessian is the information, and so is that of the squared score, which kinks do not disturb.
    """
    z = jnp.asarray(z)
    draws = simulated(name, z, statistic, 4000)
    error = draws.std(axis=0) / np.sqrt(len(draws))
    entries = len(z) * (len(z) + 1) / 2
    limit = scipy.stats.norm.isf(cases.FALSE_ALARM / 2 / entries)
    found = np.asarray(information(params.numeric(cases.MODELS[name]), z, DATA, ONES))
    size = np.sqrt(np.outer(np.diag(found), np.diag(found)))
    assert (np.abs(found - draws.mean(axis=0)) <= limit * error + quadrature * size).all()
    assert (np.diag(error) < 0.05 * np.diag(found)).all(), "the check is sharp enough to see a wrong factor"


def test_verdicts_compare_the_data_with_the_prior():
    """In prior standard deviations the information about the scale is 2 n sd**2, and it is the weakest here."""
    z = np.array([0.4, -0.3, -4.0])
    for sd, verdict in ((0.5, "identified"), (0.2, "weak"), (1e-5, "not identified")):
        spec = regression(Gaussian(LogScale(dist.Normal(0.0, sd))))
        found = judged(spec, z, DATA, ONES)
        assert found.verdict == verdict
        np.testing.assert_allclose(found.eigenvalues[0], 2 * cases.ROWS * sd**2, rtol=1e-6)
        assert found.direction() == "+1.00 noise.log_scale"
        assert found.names == ("level", "gain.slope", "noise.log_scale")
        np.testing.assert_allclose(found.scale, [1.0, 1.0, sd], rtol=4 * cases.EPS)
        values = found.directions.T @ found.directions
        np.testing.assert_allclose(values, np.eye(3), atol=64 * cases.EPS)


def test_weights_count_as_data():
    spec, z = regression(Gaussian(LogScale(dist.Normal(0.0, 1.0)))), np.array([0.4, -0.3, -1.0])
    assert judged(spec, z, DATA, ONES).verdict == "identified"
    assert judged(spec, z, DATA, 0.01 * ONES).verdict == "weak"
    assert judged(spec, z, DATA, 0.0 * ONES).verdict == "not identified"


def dated(compute) -> Dataset:
    """Thirty models whose compute is the given function of the years since 2012."""
    rng = np.random.default_rng(102)
    date = rng.uniform(2012, 2022, 30)
    response = scipy.special.expit(0.2 * (date - 2012) + rng.normal(0, 0.3, 30))
    return Dataset(Record({"compute": compute(date - 2012.0, rng), "date": date}, {}, {}), response, np.arange(30))


def exponential(years, rng):
    del rng
    return 1e17 * 10 ** (0.5 * years)


def independent(years, rng):
    return 10 ** (17 + rng.uniform(0, 5, len(years)))


FLAT = dist.ImproperUniform(dist.constraints.real, (), ())


@pytest.mark.parametrize("flat", [False, True], ids=["proper", "flat"])
def test_a_collinear_design_is_not_identified(flat):
    """Compute that doubles like clockwork cannot be told from progress, however many rows and whatever the priors."""
    spec = pf.laws.linear({"compute": 1e17}, origin=2012.0, sd=1.0)
    if flat:
        spec = pf.free(spec, {path: FLAT for path in params.priors(spec) if path != "noise.log_scale"})
    spec, z = params.numeric(spec), np.array([0.0, 0.2, 0.0, -1.2])
    found = judged(spec, z, dated(exponential).bare(), jnp.ones(30))
    assert found.verdict == "not identified"
    # ln compute = ln(10) / 2 * years: the rate may rise by that for every unit the slope falls, in units of scale.
    null = found.directions[:, 0] * found.scale
    np.testing.assert_allclose(null[1] / null[2], -np.log(10) / 2, rtol=1e-6)
    assert {word.lstrip("+-") for word in found.direction().split()[1::2]} == {"progress.rate", "compute.slope"}
    other = judged(spec, z, dated(independent).bare(), jnp.ones(30))
    assert other.verdict == "identified"


@pytest.mark.parametrize(("rows", "sd", "noise"), [(100, 10.0, 0.1), (2000, 100.0, 0.01), (300, 1e3, 0.1)])
def test_collinear_under_wide_priors(rows, sd, noise):
    rng = np.random.default_rng(0)
    date = rng.uniform(2012, 2022, rows)
    data = Dataset(
        Record({"compute": 10 ** (17 + 0.5 * (date - 2012)), "date": date}, {}, {}),
        scipy.special.expit(0.1 * (date - 2012)),
        np.arange(rows),
    )
    spec = params.numeric(pf.laws.linear({"compute": 1.0}, origin=1900.0, sd=sd))
    found = judged(spec, np.array([0.0, 0.1, 0.0, np.log(noise)]), data.bare(), jnp.ones(rows))
    assert found.verdict == "not identified", found.eigenvalues
