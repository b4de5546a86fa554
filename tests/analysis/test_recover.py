"""Recovery: closed forms of linear laws with normal noise, as rows and correlation change; designs row by row."""

import dataclasses

import jax
import numpy as np
import numpyro.distributions as dist
import pytest

import progressfit as pf
from progressfit.analysis.designs import OWN, Design, designs, lay_out
from progressfit.analysis.inputs import input_table
from progressfit.analysis.recovery import EXTRAPOLATED, FEWER, INTERPOLATED, NEVER, Recovery
from progressfit.dataset import Dataset, Labels, Record
from progressfit.noise import Gaussian
from progressfit.sensitivity.design import _concentrated
from progressfit.terms import ExponentialProgress, GroupEffect, LogSlope, Sum

KEY = jax.random.key(0)
ROWS, NOISE, PRIOR, REPLICATES = 30, 0.3, 0.1, 200
RATE = "progress.rate"


def line(prior=None):
    """Linear in its parameters, with a known noise and an effect of the laboratory."""
    prior = prior or dist.Normal(0.0, PRIOR)
    index = Sum(
        progress=ExponentialProgress(prior, origin=2018.0, channel="algorithms", augments="compute"),
        scaling=LogSlope("compute", prior, reference=1.0),
        lab=GroupEffect("lab", dist.Normal(0.0, 1.0)),
    )
    return pf.Model(index, pf.links.Identity(), Gaussian(NOISE))


def made(years, logs):
    rng = np.random.default_rng(5)
    labs = np.arange(ROWS) % 2
    response = 0.2 * years + 0.3 * logs + labs + rng.normal(0, NOISE, ROWS)
    sizes = np.where(np.arange(ROWS) % 3 > 0, 1e6, 10.0 ** rng.uniform(6, 9, ROWS))
    record = Record({"date": 2018.0 + years, "compute": np.exp(logs), "data": sizes}, {"lab": labs}, {})
    return Dataset(record, response, np.arange(ROWS), Labels(levels=(("lab", ("a", "b")),)))


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(3)
    years = rng.uniform(-3, 3, ROWS)
    return made(years, 0.3 * years + rng.normal(0, 1, ROWS))


@pytest.fixture(scope="module")
def plain(table):
    return pf.fit(line(), table, key=KEY, starts=2, objective="mle")


CELLS = designs([ROWS, 4 * ROWS], [0.0, 0.6, 0.9]) + designs(ROWS, noise=2.0) + designs(4 * ROWS, [1.0])


@pytest.fixture(scope="module")
def found(table, plain):
    return pf.recover(plain, table, CELLS, key=KEY, of=RATE, replicates=REPLICATES)


def closed_form(dates, logs, labs, weights=1.0):
    """Standard error of the rate by least squares."""
    x = np.stack([dates - 2018.0, logs, labs == 0, labs == 1], axis=1) * np.sqrt(weights)
    return NOISE * np.sqrt(np.linalg.inv(x.T @ x)[0, 0])


def test_errors_are_those_of_least_squares_on_the_simulated_inputs(table, found):
    """Groups, dates and padding all have to be right for the information to be that of the design matrix."""
    rng = np.random.default_rng(np.asarray(jax.random.bits(jax.random.split(KEY)[0], (4,))))
    layout = lay_out(table, np.ones(ROWS, bool), "compute", None, CELLS, REPLICATES, rng)
    logs, labs = np.log(table.records.columns["compute"]), np.asarray(table.records.codes["lab"])
    for k, one in enumerate(CELLS[:6]):
        m = k * REPLICATES
        taken, dates = layout.taken[m, : one.rows], layout.dates[m, : one.rows]
        exact = closed_form(dates, logs[taken], labs[taken])
        np.testing.assert_allclose([found.bound[k], found.errors[k, 0]], exact, rtol=1e-8)
    assert (layout.weights.sum(axis=1).reshape(len(CELLS), -1) == [[one.rows] for one in CELLS]).all()


def test_spread_goes_as_rows_and_correlation_say(table, found):
    """``noise / (sd of dates sqrt(n (1 - correlation^2)))``, but for the little that the laboratories explain."""
    sd = np.std(table.records.columns["date"])
    for k, one in enumerate(CELLS[:6]):
        exact = NOISE / (sd * np.sqrt(one.rows * (1 - one.correlation**2)))
        # Half the central 68% range of 200 normal numbers: 0.96 / sqrt(200), five of them; 12% for the laboratories.
        assert found.spread[k] == pytest.approx(exact, rel=5 * 0.96 / np.sqrt(REPLICATES) + 0.12), one
        assert abs(found.bias[k]) < 5 * 1.2533 * exact * 1.12 / np.sqrt(REPLICATES)
    # A known noise is part of the law, so the law does not notice that there is twice as much of it; the refits do.
    own = Design(ROWS)
    assert found.spread[6] == pytest.approx(2 * closed_form(*inputs(table)), rel=5 * 0.96 / np.sqrt(REPLICATES)), own
    assert found.bound[6] == pytest.approx(2 * closed_form(*inputs(table)), rel=1e-8)
    assert (found.failed[:6] == 0).all() and (found.optimum[:6] == 0).all()


def inputs(table):
    columns = table.records.columns
    return columns["date"], np.log(columns["compute"]), np.asarray(table.records.codes["lab"])


def test_intervals_cover(found):
    # Binomial with 6 x 200 trials at 0.95: five standard errors.
    assert np.mean(found.coverage[:6]) == pytest.approx(0.95, abs=5 * np.sqrt(0.95 * 0.05 / 1200))
    # With twice the noise of the law intervals are half as wide as they ought to be: 67.3% of a normal.
    assert found.coverage[6] == pytest.approx(0.673, abs=5 * np.sqrt(0.673 * 0.327 / REPLICATES))


def test_the_cliff(found):
    assert found.data_say.tolist() == ["identified"] * 7 + ["not identified"] and np.isinf(found.bound[7])
    assert found.information[7] < 1e-6 < found.information[2] and not found.apart[7] and found.apart[:7].all()
    assert "the date is a function of compute" in found.sentences[0]
    (need,) = [need for need in found.required(0.5) if need.correlation == 1.0]
    assert need.rows == np.inf and need.how == NEVER
    assert len(found.cells) == len(CELLS) and "nan" not in " ".join(found.sentences)


def test_priors_pull_as_ridge_regression_says(table):
    """The mean of the refits of the table itself is the shrunk truth; another prior on the refits shrinks it less."""
    point = pf.fit(line(), table, key=KEY, starts=2)
    dates, logs, labs = inputs(table)
    x = np.stack([dates - 2018.0, logs, labs == 0, labs == 1], axis=1)
    true = np.concatenate([np.ravel(value) for value in point.parameters.values()])
    for prior in (PRIOR, 10 * PRIOR):
        law = line(dist.Normal(0.0, prior))
        found = pf.recover(point, table, designs(ROWS), key=KEY, of=RATE, replicates=REPLICATES, spec=law)
        precision = x.T @ x / NOISE**2 + np.diag([prior**-2, prior**-2, 1.0, 1.0])
        covariance = np.linalg.inv(precision)
        mean = (covariance @ x.T @ x @ true / NOISE**2)[0]
        spread = np.sqrt((covariance @ x.T @ x @ covariance)[0, 0]) / NOISE
        np.testing.assert_allclose(found.errors, np.sqrt(covariance[0, 0]), rtol=1e-8)
        assert np.mean(found.values) == pytest.approx(mean, abs=5 * spread / np.sqrt(REPLICATES))
        assert np.std(found.values) == pytest.approx(spread, rel=5 / np.sqrt(2 * REPLICATES))
    assert "Tables like this one (30 rows)" in found.sentences[0]


def test_a_table_where_the_date_is_a_function_of_compute_says_so_first(plain, table):
    years = np.linspace(-3, 3, ROWS)
    data = made(years, 0.5 * years)
    point = pf.fit(line(), data, key=KEY, starts=2)
    found = pf.recover(point, data, designs(ROWS, [OWN, 0.5]), key=KEY, of=RATE, replicates=REPLICATES // 2)
    assert found.sentences[0].startswith("Date is an exact function of log compute")
    assert found.data_say.tolist() == ["not identified", "identified"] and found.apart.tolist() == [False, True]


def test_designs_row_by_row(table):
    rng, kept = np.random.default_rng(0), np.arange(ROWS) != 4
    sizes = np.asarray(table.records.columns["data"])
    common = sizes == 1e6
    wanted = designs([20, 45], [OWN, -0.7, 1.0], [OWN, 0.4])
    assert len(wanted) == 12 and wanted[0].rows == 20 and np.isnan(wanted[0].share)
    layout = lay_out(table, kept, "compute", common, wanted, 3, rng)
    logs, dates = np.log(table.records.columns["compute"]), np.asarray(table.records.columns["date"])
    for m, one in enumerate(np.repeat(np.arange(12), 3)):
        cell = wanted[one]
        taken, own = layout.taken[m, : cell.rows], layout.dates[m, : cell.rows]
        assert 4 not in taken
        if np.isnan(cell.share):
            # Evenly: no row once more than any other.
            counts = np.bincount(taken, minlength=ROWS)[kept]
            assert counts.max() - counts.min() <= 1
        else:
            assert np.sum(common[taken]) == round(0.4 * cell.rows)
        if np.isnan(cell.correlation):
            np.testing.assert_array_equal(own, dates[taken])
        else:
            assert np.corrcoef(own, logs[taken])[0, 1] == pytest.approx(cell.correlation, abs=1e-12)
            np.testing.assert_allclose([own.mean(), own.std()], [dates[taken].mean(), dates[taken].std()], rtol=1e-9)


def shaped(rows, errors, says=None):
    """A recovery with given relative errors."""
    cells, truth = designs(rows, 0.5), 2.0
    middle = np.array([[-1.0], [0.0], [1.0]]) * np.asarray(errors)
    values = truth * (1 + np.concatenate([middle[:1]] * 2 + [middle[1:2]] * 3 + [middle[2:]] * 2)).T
    blank = np.zeros(len(cells))
    says = np.asarray(says or ["identified"] * len(cells))
    own = Design(rows[0], 0.3)
    extra = (values, np.ones_like(values), np.zeros(values.shape, int), blank, blank, says, 0.95, ())
    return Recovery("rate", truth, "compute", None, cells, own, *extra)


def test_a_value_is_common_only_if_several_rows_share_it(table):
    """Where all values differ the commonest is no more common than any other, and no share is about it."""
    law = pf.Model(
        line().mean + LogSlope("data", dist.Normal(0.0, 1.0), reference=1.0), pf.links.Identity(), Gaussian(1.0)
    )
    assert _concentrated(input_table(law, table), "compute") == "data"
    sizes = 10.0 ** np.random.default_rng(2).uniform(6, 9, ROWS)
    sizes[:3] = 1e6
    apart = Dataset(table.records.replace(data=sizes), table.response, table.clusters, table.labels)
    assert _concentrated(input_table(law, apart), "compute") is None
    assert _concentrated(input_table(law, table), "data") is None


def test_small_tables_that_share_a_date_or_lose_it_to_the_input():
    """Half the rows share a date and a size: tables of three rows are often degenerate, and may not be."""
    years = np.where(np.arange(ROWS) < 20, 1.0, np.linspace(-3, 3, ROWS))
    data = made(years, np.where(np.arange(ROWS) < 20, 0.5, -np.linspace(-3, 3, ROWS)))
    wanted, kept = designs(3, [0.6, 0.0]), np.ones(ROWS, bool)
    layout = lay_out(data, kept, "compute", None, wanted, 200, np.random.default_rng(1))
    logs = np.log(data.records.columns["compute"])
    for m, (taken, dates) in enumerate(zip(layout.taken, layout.dates, strict=True)):
        assert np.corrcoef(dates, logs[taken])[0, 1] == pytest.approx(wanted[m // 200].correlation, abs=1e-9)
    with pytest.raises(ValueError, match="so few rows"):
        lay_out(data, np.arange(ROWS) < 20, "compute", None, wanted, 2, np.random.default_rng(1))
    with pytest.raises(ValueError, match="whole numbers"):
        designs([20, 20.5])  # pyright: ignore[reportArgumentType]


def test_failed_refits_count_neither_as_intervals_nor_as_elsewhere():
    found = shaped([100], [0.1])
    values, errors = found.values.copy(), found.errors.copy()
    values[0, :3], errors[0, :4] = np.nan, np.nan
    optimum = np.array([[1, 1, 1, 0, 0, 0, 1]])
    cells = designs(100, [-1.0])
    found = dataclasses.replace(found, values=values, errors=0.01 * errors, optimum=optimum, designs=cells)
    (row,) = found.cell_rows()
    assert row["other_optimum"] == 1 / 4 and row["failed"] == 3 / 7
    # Of three intervals the first, about the truth, holds it.
    assert row["coverage"] == 1 / 3 and row["coverage_error"] == pytest.approx(np.sqrt(2 / 9 / 3))
    assert found.sentences[0].startswith("In the designs with a correlation of -1 the date is a function of compute")
    with pytest.raises(ValueError, match="positive relative error"):
        found.required(0.0)
    with pytest.raises(ValueError, match="positive relative error"):
        found.allowed(np.nan)


def test_rows_needed_by_the_inverse_square_root():
    rows = [50, 100, 400]
    found = shaped(rows, 3 / np.sqrt(rows))
    ratio = found.relative_error[0] * np.sqrt(50)
    for error, how in ((ratio / np.sqrt(200), INTERPOLATED), (ratio / np.sqrt(900), EXTRAPOLATED), (0.9, FEWER)):
        (need,) = found.required(error)
        assert need.how == how
        assert need.rows == pytest.approx(50.0 if how == FEWER else (ratio / error) ** 2, rel=1e-9)
    assert shaped(rows, 3 / np.sqrt(rows), ["not identified"] * 3).required(0.5)[0].how == NEVER


def test_largest_correlation_allowed():
    """Errors that rise by powers of ten between correlations: the crossing is linear in their logarithm."""
    cells = designs(100, [0.0, 0.4, 0.8]) + designs(200, [0.0, 0.4, 0.8])
    found = dataclasses.replace(shaped([100] * 6, [1.0, 10.0, 100.0, 0.1, 0.01, 0.1]), designs=cells)
    ratio = found.relative_error[0]
    assert found.allowed(np.sqrt(10) * ratio) == {100: pytest.approx(0.2), 200: 0.8}
    low = found.allowed(0.05 * ratio)
    assert np.isnan(low[100]) and low[200] == pytest.approx(0.4 + 0.4 * (1 + np.log10(0.5)))


@pytest.mark.parametrize(
    ("wanted", "options", "match"),
    [
        ((), {}, "no designs"),
        (designs(3), {}, "at least 5 rows"),
        (designs(40, 1.2), {}, "between -1 and 1"),
        (designs(40, share=1.0), {"concentrated": "data"}, "strictly between"),
        (designs(40, share=0.5), {}, "name the column"),
        (designs(40, noise=0.0), {}, "positive"),
        (designs(40), {"input": "flop"}, "no column 'flop'"),
        (designs(40), {"level": 95}, "between 0 and 1"),
        (designs(40), {"replicates": 0}, "replicates"),
        (designs(40), {"spec": pf.fix(line(), {RATE: 0.2})}, "free parameters of spec"),
        (designs(40), {"spec": pf.free(line(), {RATE: dist.LogNormal(0.0, 1.0)})}, "another range"),
    ],
)
def test_refusals(table, plain, wanted, options, match):
    with pytest.raises(ValueError, match=match):
        pf.recover(plain, table, wanted, key=KEY, of=RATE, **options)
