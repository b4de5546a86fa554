"""The report page as text: structure, escaping, policy, size, and what it says where something does not apply."""

import base64
import hashlib
import html.parser
import json
import re

import jax
import numpy as np
import page_case
import pandas as pd
import pytest

import progressfit as pf
from progressfit.report.webpage.content import Block, Chart, Page, Table
from progressfit.report.webpage.drawing import MOST_ROWS
from progressfit.report.webpage.report import page
from progressfit.report.webpage.shell import in_script, page_html, text

MOST_BYTES = 1_500_000


class Reader(html.parser.HTMLParser):
    """Elements, attributes, and the text of scripts, styles and everything else."""

    def __init__(self):
        html.parser.HTMLParser.__init__(self, convert_charrefs=True)
        self.tags, self.scripts, self.styles, self.words = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        tag, attributes = self.tags[-1] if self.tags else ("", {})
        inside = self.rawdata.rfind(f"<{tag}", 0) >= 0 and self.cdata_elem == tag
        if inside and tag == "script":
            self.scripts.append((attributes, data))
        elif inside and tag == "style":
            self.styles.append(data)
        else:
            self.words.append(data)


def read(source: str) -> Reader:
    reader = Reader()
    reader.feed(source)
    reader.close()
    return reader


@pytest.fixture(scope="module")
def found():
    return page_case.fitted()


@pytest.fixture(scope="module")
def source(found, tmp_path_factory):
    path = page_case.write(tmp_path_factory.mktemp("page") / "new" / "report.html", found)
    assert [one.name for one in path.parent.iterdir()] == ["report.html"]  # no half-written file is left
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def reader(source):
    return read(source)


def test_the_page_has_every_section_and_is_small(source, reader):
    sections = [attributes["id"] for tag, attributes in reader.tags if tag == "section"]
    expected = {"answer", "rates", "over-time", "over-inputs", "shares", "forecast", "components", "optima"}
    assert expected | {"identification", "influence", "parameters", "left-out", "card"} == set(sections)
    assert sections[0] == "answer" and sections[-1] == "card"
    assert len(source.encode()) < MOST_BYTES


def test_ids_are_unique_and_links_lead_somewhere(reader):
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for tag, attributes in reader.tags if tag == "a"]
    assert links and all(link.startswith("#") and link[1:] in ids for link in links)


def test_the_answer_is_the_growth_rate_in_words(found, reader):
    point, _, draws = found
    rate = float(point.map(pf.growth_rate))
    rates = np.asarray(draws.map(pf.growth_rate))[draws.ok]
    low, high = np.quantile(rates, [0.025, 0.975])
    words = " ".join(reader.words)
    assert f"{np.exp(rate):.2f}x a year at the best fit ({rate / np.log(10):.2f} orders of magnitude a year)" in words
    assert f"95% interval, row bootstrap: {np.exp(low):.2f}x to {np.exp(high):.2f}x a year" in words
    assert (rates > 0).all() and f"not positive below {1 / len(rates):.2g}" in words


def test_hostile_names_are_text_and_nothing_else(reader):
    words = " ".join(reader.words)
    assert page_case.HOSTILE[0] in words and "progressfit fit <b>&x" in words
    assert not {"img", "b", "iframe", "object", "form", "link", "base"} & {tag for tag, _ in reader.tags}
    assert not [name for _, attributes in reader.tags for name in attributes if name.startswith("on")]
    assert not [
        value for _, attributes in reader.tags for name, value in attributes.items() if name in ("src", "style")
    ]
    shown = {row["name"] for row in _payload(reader, "chart-time")["listing"]["rows"]}
    assert set(page_case.HOSTILE) <= shown


def _payload(reader: Reader, name: str):
    return next(json.loads(body) for attributes, body in reader.scripts if attributes.get("id") == name)


def test_data_blocks_hold_no_markup_and_parse(reader):
    blocks = [body for attributes, body in reader.scripts if attributes.get("type") == "application/json"]
    assert len(blocks) == sum(tag == "figure" for tag, _ in reader.tags) > 5
    for body in blocks:
        assert not re.search("[<>&\u2028\u2029]", body)
        assert json.loads(body)["spec"]["width"] == "container"


@pytest.mark.parametrize("words", [*page_case.HOSTILE, "lone \ud800 surrogate"])
def test_text_and_data_survive_a_round_trip(words):
    assert json.loads(in_script({words: [words]})) == {words: [words]}
    parsed = "".join(read(f"<p>{text(words)}</p>").words)
    # What is no printable character is marked, so that no name can reorder the text around it.
    assert len(parsed) == len(words)
    assert all(
        a == b or (b == "\N{REPLACEMENT CHARACTER}" and not a.isprintable()) for a, b in zip(words, parsed, strict=True)
    )


def test_numbers_that_are_not_finite_are_null_in_data():
    assert json.loads(in_script({"a": [float("nan"), float("inf"), 1.0]})) == {"a": [None, None, 1.0]}


def test_the_policy_pins_every_script_and_style(reader):
    policy = next(a["content"] for tag, a in reader.tags if a.get("http-equiv") == "Content-Security-Policy")
    run = [body for attributes, body in reader.scripts if "type" not in attributes]
    assert len(run) == 2 and len(reader.styles) == 1
    for body in (*run, *reader.styles):
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy and "http" not in policy


def test_nothing_outside_is_named_but_namespaces_and_tools_of_the_engine(reader):
    own = " ".join([*reader.words, *reader.styles, *(body for _, body in reader.scripts)])
    fetched = set(re.findall(r"https?://([^/\s\"']+)", own))
    assert fetched <= {"www.w3.org", "vega.github.io", "github.com"}
    without_engine = [body for attributes, body in reader.scripts if "type" in attributes or len(body) < 20_000]
    assert not re.search("https?://", " ".join([*reader.words, *reader.styles, *without_engine]))


def test_every_chart_has_a_caption_and_its_numbers(reader):
    figures = [attributes for tag, attributes in reader.tags if tag == "figure"]
    ids = {attributes.get("id") for _, attributes in reader.tags}
    assert figures and all(figure["aria-labelledby"] in ids for figure in figures)
    assert sum(tag == "summary" for tag, _ in reader.tags) >= len(figures)


def test_the_card_answers_the_checklist(found, reader):
    point, runs, _ = found
    words = " ".join(reader.words)
    for expected in (
        runs.digest(),
        f"{len(runs)} of {len(runs)} handed to the fit",
        "trust region on exact derivatives",
        f"{point.certificate.starts_agreeing} of {point.certificate.starts}",
        f"{point.certificate.gradient_norm:.1e}",
        f"condition {point.certificate.condition:.3g}",
        "row bootstrap, 40 draws, 0 not certified",
        "arXiv 2502.18969",
        f"progressfit {pf.__version__}",
        "normal(0.0, 0.5)",
    ):
        assert expected in words


def test_refits_are_not_taken_for_a_posterior(found, reader):
    assert found[2].kind == "row bootstrap"
    words = " ".join(reader.words)
    assert "By the normal approximation" in words and "By the row bootstrap" not in words


def test_equal_input_gives_the_same_bytes(found, source, tmp_path):
    again = page_case.write(tmp_path / "again.html", found)
    assert again.read_text(encoding="utf-8") == source


def test_the_level_slider_has_a_sentence_for_every_level(found, reader):
    draws = found[2]
    lookup = _payload(reader, "chart-rates")["lookup"]
    assert lookup["controls"] == ["draws", "level"]
    rates = np.asarray(draws.map(pf.growth_rate))[draws.ok]
    for level in (50, 80, 99):
        low, high = np.quantile(rates, [(1 - level / 100) / 2, (1 + level / 100) / 2])
        expected = f"{level}% interval, row bootstrap: {np.exp(low):.2f}x to {np.exp(high):.2f}x"
        assert lookup["sentences"][f"row bootstrap|{level}"].startswith(expected)


def test_bars_never_straddle_no_progress(reader):
    spec = _payload(reader, "chart-rates")["spec"]
    bars = [row for rows in spec["datasets"].values() for row in rows if "sign" in row]
    assert sum(row["count"] for row in bars) > 0
    assert all(row["from"] >= -1e-12 if row["sign"] == "progress" else row["to"] <= 1e-12 for row in bars)


def test_a_law_without_a_date_shows_the_split_of_budgets_instead(tmp_path):
    rng = np.random.default_rng(1)
    size, tokens = 10 ** rng.uniform(7.5, 10, 24), 10 ** rng.uniform(9, 11.5, 24)
    loss = (400 * size**-0.34 + 2000 * tokens**-0.36 + 1.8) * np.exp(rng.normal(0, 0.002, 24))
    frame = {"parameters": size, "tokens": tokens, "loss": loss}

    runs = pf.Dataset.from_frame(pd.DataFrame(frame), "loss", {"parameters": "parameters", "data": "tokens"})
    point = pf.fit(pf.laws.chinchilla(), runs, key=jax.random.key(0), starts=8, objective="mle")
    found = read(page(tmp_path / "a.html", point, runs, key=jax.random.key(1)).read_text(encoding="utf-8"))
    words = " ".join(found.words)
    assert "The law has no date in it, so there is no growth rate to quote." in words
    assert "Best split of round budgets" in words and "sum of Huber losses of the rows, minimised" in words
    best = pf.optimal_allocation(point.model, float((6 * size * tokens).max()))
    assert f"{float(best.tokens_per_parameter):.3g}" in words
    sections = {attributes["id"] for tag, attributes in found.tags if tag == "section"}
    assert "over-time" not in sections and "forecast" not in sections
    assert "The table has no dates, so nothing can be shown over time." in words


def test_wrong_input_is_refused_with_a_reason(found, tmp_path):
    point, runs, draws = found
    key, path = jax.random.key(0), tmp_path / "a.html"
    with pytest.raises(ValueError, match="level"):
        page(path, point, runs, key=key, level=1.5)
    with pytest.raises(ValueError, match="years"):
        page(path, point, runs, key=key, years=0.0)
    with pytest.raises(ValueError, match="0 rows are called 'nobody'"):
        page(path, point, runs, key=key, draws=draws, ends=("model 0", "nobody"))
    with pytest.raises(ValueError, match="table"):
        page(path, point, runs.take(np.arange(20)), key=key)
    assert not path.exists()


def test_a_page_without_charts_carries_no_script():
    block = Block(
        "answer", "The answer", ("It is 42.",), tables=(Table("Numbers", ("a", "b"), (("x", 1.5), ("y", None))),)
    )
    found = read(page_html(Page("T", "S", "V", True, (block,), ())))
    assert not found.scripts and "1.5" in found.words


def test_a_script_hidden_in_a_chart_stays_data():
    chart = Chart("chart-x", "c", {"description": page_case.HOSTILE[0]}, Table("t", ("a",), ()))
    source = page_html(Page("T", "S", "V", False, (Block("b", "B", (), charts=(chart,)),), ()))
    found = read(source)
    assert len([body for attributes, body in found.scripts if "type" not in attributes]) == 2
    assert _payload(found, "chart-x")["spec"]["description"] == page_case.HOSTILE[0]


def test_a_long_table_with_long_names_stays_small(tmp_path):
    """Charts show some of the rows, evenly spread, and say so; names are cut where no chart could show them."""
    frame = pd.concat([page_case.table()] * 100, ignore_index=True)
    runs = page_case.data(frame.assign(name=[f"{i} {'long ' * 200}" for i in range(len(frame))]))
    point = pf.fit(page_case.law(), runs, key=jax.random.key(0), starts=2)
    path = page(tmp_path / "long.html", point, runs, key=jax.random.key(1))
    assert path.stat().st_size < MOST_BYTES
    found = read(path.read_text(encoding="utf-8"))
    assert f"Of {len(runs)} rows {MOST_ROWS} are drawn" in " ".join(found.words)
    rows = _payload(found, "chart-time")["listing"]["rows"]
    assert len(rows) == MOST_ROWS and max(len(row["name"]) for row in rows) < 100
    dates = np.array([row["x"] for row in rows])
    np.testing.assert_allclose([dates.min(), dates.max()], [frame["date"].min(), frame["date"].max()], rtol=1e-6)
