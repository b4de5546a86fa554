"""The page of doubts: every section in its place, whatever one of them does, and files that are whole."""

import dataclasses
import json
import re
import subprocess
import sys
import types

import jax
import numpy as np
import numpyro.distributions as dist
import pytest

import progressfit as pf
from progressfit import sensitivity
from progressfit.dataset import Dataset, Labels, Record
from progressfit.noise import Gaussian, LogScale
from progressfit.sensitivity import Section, page
from progressfit.sensitivity.base import Question, ask, interval_words, rate_words
from progressfit.studies.base import Subject
from progressfit.terms import Constant, ExponentialProgress, LogSlope, Sum

ROWS = 24


def own_law():
    """A user's own law: no group, no parameters column, another input than compute."""
    prior = dist.Normal(0.0, 1.0)
    index = Sum(
        level=Constant(prior),
        progress=ExponentialProgress(prior, origin=2018.0, channel="algorithms", augments="tokens"),
        scaling=LogSlope("tokens", prior, reference=1e9),
    )
    return pf.Model(index, pf.links.Identity(), Gaussian(LogScale(prior)))


def own_table():
    rng = np.random.default_rng(3)
    year, logs = np.sort(rng.uniform(2015, 2022, ROWS)), rng.normal(0, 1, ROWS)
    response = 0.3 * (year - 2018) + 0.5 * logs + rng.normal(0, 0.1, ROWS)
    record = Record({"date": year, "tokens": 1e9 * np.exp(logs)}, {}, {})
    return Dataset(record, response, np.arange(ROWS), Labels(rows=tuple(f"run {i}" for i in range(ROWS))))


def own_rate(model):
    return pf.growth_rate(model, input="tokens")


@pytest.fixture(scope="module")
def question() -> Question:
    subject = Subject("own", "my law", own_law(), own_table(), of=own_rate, quantity="growth rate", input="tokens")
    return ask(subject, key=jax.random.key(0), quick=True)


@pytest.fixture
def planted(monkeypatch):
    """Two sections, of which one fails and one draws a picture."""

    def plant(name, fn):
        module = types.ModuleType(name)
        module.section = fn
        monkeypatch.setitem(sys.modules, name, module)
        return name, f"about {name}"

    def good(question):
        rows = [{"x": np.float64(1.0), "y": np.nan}]
        return Section("good", "Good", (f"It is {question.value:.1f}.",), {"t": rows}, {"p": draw}, doubt="a bit")

    def draw(figure):
        figure.subplots().plot([0, 1], [0, 1])

    def bad(question):
        raise RuntimeError("nothing works")

    monkeypatch.setattr(page, "SECTIONS", {"bad": plant("planted_bad", bad), "good": plant("planted_good", good)})


def test_a_failed_section_says_so_and_the_others_stand(planted, question, tmp_path):
    outcomes = [sensitivity.run_section(name, question, tmp_path) for name in sensitivity.sections()]
    sensitivity.write_page(question, outcomes, tmp_path)
    text = (tmp_path / "sensitivity.md").read_text()
    assert "This section failed and says nothing: RuntimeError: nothing works" in text
    assert text.index("about planted_bad") < text.index("## Good") < text.index(f"It is {question.value:.1f}.")
    assert "Not certified: a bit" in text and "`good-t.csv`" in text and "(good-p.png)" in text
    assert "nothing works" in (tmp_path / "bad-error.txt").read_text()
    assert (tmp_path / "good-t.csv").read_text() == "x,y\n1.0,\n"
    assert (tmp_path / "good-p.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad-error.txt", "good-p.png", "good-t.csv", "sensitivity.md"]
    assert [outcome.doubt for outcome in outcomes] == ["RuntimeError: nothing works", "a bit"]


def test_json_is_plain(planted, question):
    outcomes = [sensitivity.run_section(name, question) for name in sensitivity.sections()]
    found = json.loads(page.page_json(question, outcomes, 1.0))
    assert found["study"] == "own" and found["n"] == ROWS and found["quantity"]["value"] == question.value
    assert [s["doubt"] for s in found["sections"]] == ["RuntimeError: nothing works", "a bit"]
    assert found["sections"][1]["tables"] == {"t": [{"x": 1.0, "y": None}]}


def test_files_are_replaced_whole(question, tmp_path):
    (tmp_path / "old.txt").write_text("old")

    def broken(path):
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        page._replace(tmp_path / "old.txt", broken)
    assert (tmp_path / "old.txt").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_names_of_sections(planted):
    assert sensitivity.sections(["good"]) == ("good",) and sensitivity.sections() == ("bad", "good")


def test_words():
    assert rate_words(np.log(2)) == "0.693 a year (2x, doubling every 12.0 months)"
    assert "no progress" in rate_words(-0.1) and rate_words(np.nan) == "not defined"
    assert interval_words(-0.1, 0.7, 0.9, "profile").endswith("doubling time more than 11.9 months, or no progress")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "there is no study 'nothing'"),
        (["besiroglu-2024"], "has no growth rate to doubt"),
        (["erdil-besiroglu-2022", "--only", "influense"], "did you mean 'influence'"),
        (["erdil-besiroglu-2022", "--out", "/dev/null/x"], "cannot write"),
    ],
)
def test_bad_input_on_the_command_line(arguments, said):
    command = [sys.executable, "-m", "progressfit.cli", "sensitivity", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and done.stdout == "" and said in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("ceiling", "neither a fraction nor a positive loss"),
        ("transfer-exponent", "nothing says which data set each row was pre-trained on"),
    ],
)
def test_sections_that_do_not_apply_say_so(question, name, why):
    outcome = sensitivity.run_section(name, question)
    assert outcome.error is None and outcome.section is not None and outcome.doubt is None
    (said,) = outcome.section.sentences
    assert said.startswith("This does not apply here: ") and why in said


@pytest.mark.parametrize("name", ["identification", "design", "influence", "priors", "selection", "thresholds"])
def test_sections_of_a_law_of_the_users_own(question, name, tmp_path):
    outcome = sensitivity.run_section(name, question, tmp_path)
    assert outcome.error is None and outcome.section is not None, outcome.error
    assert outcome.section.sentences and outcome.section.tables
    assert all(text.endswith((".", "!")) and not re.search(r"\bnan\b", text) for text in outcome.section.sentences)


def test_what_a_subject_has_no_data_for_does_not_apply(question):
    outcome = sensitivity.run_section("overlearning", question)
    assert outcome.error is None and outcome.doubt is None
    assert "does not apply here" in outcome.section.sentences[0] and not outcome.section.tables


def test_needs_at_fixed_levels_agree_with_the_closed_form(question):
    """A law linear in date and log input: the need halves at the law's own rate, whatever the level."""
    tables = sensitivity.run_section("thresholds", question).section.tables
    np.testing.assert_allclose([line["rate"] for line in tables["readings"]], question.value, rtol=1e-6)
    assert all(line["replicates_without_rate"] == 0 for line in tables["readings"])
    assert all(line["rate_low"] < question.value < line["rate_high"] for line in tables["readings"])


def test_the_priors_of_a_law_without_any_are_no_failure(question):
    flat = dist.ImproperUniform(dist.constraints.real, (), ())
    spec = pf.free(own_law(), dict.fromkeys(pf.params.priors(own_law()), flat))
    subject = dataclasses.replace(question.subject, spec=spec)
    point = pf.fit(spec, subject.data, starts={path: [0.0, 0.1] for path in pf.params.priors(spec)})
    outcome = sensitivity.run_section("priors", Question(subject, point, jax.random.key(0), quick=True))
    assert outcome.error is None and outcome.section.sentences == (
        "Every prior of this law is flat, so nothing hangs on their widths.",
    )
