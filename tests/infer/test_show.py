"""What a result shows when printed: growth first, with intervals checked by hand, and nothing but text in HTML."""

import re
from html.parser import HTMLParser

import jax
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest
from dated_table import law, table
from scipy.stats import norm

import progressfit as pf
from progressfit.infer.describe import describe_draws, describe_fit
from progressfit.infer.rates import growing_inputs, growth_of_draws, growth_of_fit
from progressfit.terms import LogSlope, Sum

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def point() -> pf.Fit:
    return pf.fit(law(), table(), key=jax.random.key(0), starts=8)


@pytest.fixture(scope="module")
def draws(point: pf.Fit) -> pf.Draws:
    return pf.bootstrap(point, table(), key=jax.random.key(1), replicates=64)


def test_growth_of_a_fit_by_hand(point: pf.Fit):
    """A ratio of two slopes, and the delta method for it from the covariance of the optimum."""
    (found,) = growth_of_fit(point, True, level=0.9)
    names = [leaf.path for leaf in pf.params.free_leaves(point.spec)]
    year, slope = names.index("progress.rate"), names.index("scaling.slope")
    b, c = float(point.parameters["progress.rate"]), float(point.parameters["scaling.slope"])
    covariance = np.linalg.inv(point.optima[0].hessian)[np.ix_([year, slope], [year, slope])]
    derivative = np.array([1 / c, -b / c**2])
    error = np.sqrt(derivative @ covariance @ derivative)
    assert found.rate == pytest.approx(b / c, rel=1e-12)
    assert (found.low, found.high) == pytest.approx(tuple(norm.interval(0.9, b / c, error)), rel=1e-9)
    assert found.not_positive == pytest.approx(norm.cdf(0, b / c, error), rel=1e-6, abs=1e-300)


def test_growth_of_draws_is_that_of_map(draws: pf.Draws):
    (found,) = growth_of_draws(draws, level=0.8)
    rates = np.asarray(draws.map(pf.growth_rate))[draws.ok]
    assert (found.low, found.rate, found.high) == pytest.approx(tuple(np.quantile(rates, [0.1, 0.5, 0.9])), rel=1e-12)


def test_printed_growth(point: pf.Fit, draws: pf.Draws):
    rate = float(point.map(pf.growth_rate))
    text = " ".join(str(point).split())
    assert f"Effective compute grows {rate / np.log(10):.3g} orders of magnitude a year ({np.exp(rate):.3g}x" in text
    assert "95% interval, normal, from the curvature" in text and "40 rows by maximum posterior density" in text
    assert "95% interval, row bootstrap" in str(draws)
    assert "\n" not in repr(point) + repr(draws)


def test_intervals_stay_in_range_and_have_their_level(point: pf.Fit):
    ends = point.normal_intervals(0.5)
    low, high = ends["noise.scale"]
    # A scale is normal in its logarithm: the ends lie at equal factors about the estimate.
    assert 0 < low < high
    assert low * high == pytest.approx(float(point.parameters["noise.scale"]) ** 2, rel=1e-9)
    reach = (ends["progress.rate"][1] - ends["progress.rate"][0]) / 2
    assert reach == pytest.approx(norm.ppf(0.75) * float(point.stderr()["progress.rate"]), rel=1e-9)


def test_where_curvature_says_nothing():
    """Huber noise with its knee near zero: estimates, but neither errors nor intervals, and a warning that says so."""
    point = pf.fit(law(pf.noise.Huber(1.0, delta=1e-3)), table(), key=jax.random.key(0), starts=8)
    shown = describe_fit(point)
    assert not point.smooth and shown.spread == ""
    assert all(np.isfinite(row.estimate) and np.isnan([row.error, row.low, row.high]).all() for row in shown.rows)
    assert any("pf.bootstrap" in warning for warning in shown.warnings)
    assert "95%" not in str(point)


def test_laws_without_date_or_with_groups():
    assert growing_inputs(pf.laws.chinchilla()) == ()
    ho = pf.laws.ho2024()
    assert set(growing_inputs(ho)) == {"parameters", "data"}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        assert attrs == []
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_refits_are_doubted_only_where_the_prior_decides(draws: pf.Draws):
    assert draws.origin.certificate.identification.verdict == "identified" and not describe_draws(draws).warnings
    runs, tight = table(), {"progress.rate": dist.Normal(0.1, 1e-3)}
    weak = pf.fit(pf.free(law(), tight), runs, key=jax.random.key(0), starts=8)
    assert weak.certificate.identification.verdict == "weak"
    (said,) = describe_draws(pf.bootstrap(weak, runs, key=jax.random.key(1), replicates=8)).warnings
    assert "--sample" in said


def test_html_is_balanced_and_holds_text_only(point: pf.Fit, draws: pf.Draws):
    for found, shown in ((point, describe_fit(point)), (draws, describe_draws(draws))):
        reader = _Tags()
        reader.feed(found._repr_html_())
        assert not reader.open
        assert reader.seen <= {"div", "p", "b", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"} | {
            "details",
            "summary",
        }
        assert shown.title in reader.text
        assert all(row.name in reader.text for row in shown.rows)


def test_names_from_the_table_are_escaped():
    rng = np.random.default_rng(0)
    group = np.array([HOSTILE, "b"])[np.arange(30) % 2]
    frame = pd.DataFrame({"y": rng.standard_normal(30), "x": np.exp(rng.standard_normal(30)), "lab": group})
    data = pf.Dataset.from_frame(frame, "y", {"x": "x"}, groups={"lab": "lab"})
    normal = dist.Normal(0.0, 1.0)
    mean = Sum(slope=LogSlope("x", normal, reference=1.0), lab=pf.terms.GroupEffect("lab", normal))
    spec = pf.Model(mean, pf.links.Identity(), pf.noise.Gaussian(dist.HalfNormal(1.0)))
    point = pf.fit(spec, data, key=jax.random.key(0), starts=8)
    page = point._repr_html_()
    assert HOSTILE not in page
    assert re.search(r"lab[^<]*&lt;script&gt;", page)
