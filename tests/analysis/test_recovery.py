"""Simulation: a law with known parameters is recovered, within stated false-alarm rates."""

import jax
import numpy as np
import numpyro.distributions as dist
import pandas as pd

import progressfit as pf
from progressfit.noise import Gaussian, LogScale, StudentT
from progressfit.terms import Constant, ExponentialProgress, Logistic, LogSlope

TRUTH = {"logistic.constant": 0.5, "logistic.progress.rate": 0.1, "logistic.compute.slope": 0.12}
REPLICATES = 200


def law(noise):
    """One channel, one input; priors so wide that they do not pull."""
    wide = dist.Normal(0.0, 100.0)
    index = (
        Constant(wide)
        + ExponentialProgress(wide, origin=2015.0, channel="algorithms", augments="compute")
        + LogSlope("compute", wide, reference=1e19)
    )
    return pf.Model(Logistic(index) * 1.0, pf.links.Logit(), noise)


def table(n=120):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"t": rng.uniform(2012, 2022, n), "flop": 10 ** rng.uniform(17, 23, n), "y": 0.5})
    return pf.Dataset.from_frame(frame, "y", {"compute": "flop"}, date="t")


def refits(noise, scale_path, scale):
    """Fit one simulated table, then refit tables simulated from the known truth."""
    data, spec = table(), law(noise)
    true = pf.params.bind(spec, {**TRUTH, scale_path: scale})
    data = data.with_response(true.simulate(data.records, jax.random.key(7)))
    starts = {path: [value, value + 0.1] for path, value in {**TRUTH, scale_path: scale}.items()}
    point = pf.fit(spec, data, starts=starts)
    # Simulated from the fitted model, whose parameters are then the truth of the refits.
    return point, pf.bootstrap(point, data, key=jax.random.key(8), replicates=REPLICATES, kind="residual")


def check_unbiased(point, draws):
    assert draws.failed == 0
    for path in TRUTH:
        values = np.asarray(draws.values[path])
        z = (values.mean() - float(point.parameters[path])) / (values.std(ddof=1) / np.sqrt(REPLICATES))
        # Six tests at 4.5 standard errors: a false alarm in 25,000 runs. The model is linear on the link scale.
        assert abs(z) < 4.5, path


def test_gaussian_noise():
    point, draws = refits(Gaussian(LogScale(dist.Normal(0.0, 5.0))), "noise.log_scale", -2.0)
    check_unbiased(point, draws)
    # The curvature's standard errors are the spread of the refits: chi-squared with 199 degrees of freedom.
    for path, error in point.stderr().items():
        ratio = np.std(np.asarray(draws.values[path]), ddof=1) / float(error)
        # sd of a standard deviation from 200 draws is 5%; five of them, and 2% for p / 2n.
        assert 0.73 < ratio < 1.27, path


def test_student_noise():
    point, draws = refits(StudentT(LogScale(dist.Normal(0.0, 5.0)), df=4.0), "noise.log_scale", -2.0)
    check_unbiased(point, draws)


def test_growth_rate_interval_covers():
    """Coverage of the residual bootstrap's 90% interval of the growth rate, over simulated tables."""
    point, draws = refits(Gaussian(LogScale(dist.Normal(0.0, 5.0))), "noise.log_scale", -2.0)
    rates = np.asarray(draws.map(pf.growth_rate))
    truth = float(point.map(pf.growth_rate))
    spread = rates.std(ddof=1)
    covered = np.mean(np.abs(rates - truth) < 1.6449 * spread)
    # Binomial with 200 trials at 0.9: five standard errors.
    assert abs(covered - 0.9) < 5 * np.sqrt(0.9 * 0.1 / REPLICATES)
