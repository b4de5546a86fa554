"""The report page in a browser: what a reader sees and does, from a file, with nothing fetched and nothing run."""

import os
import re
import shutil
from typing import Any, NamedTuple

import page_case
import pytest

REQUIRED = os.environ.get("PROGRESSFIT_BROWSER") == "required"
FOUND = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
pytestmark = pytest.mark.skipif(
    FOUND is None and not REQUIRED,
    reason="no browser: install chromium (apt-get install chromium) to test the report page in one",
)
DESK, PHONE = {"width": 1100, "height": 900}, {"width": 390, "height": 844}
DRAWN, MOST_MS = "html[data-charts=drawn]", 60_000


class Seen(NamedTuple):
    """A page that was opened, and what it logged and asked for."""

    page: Any
    logged: list[str]
    asked: list[str]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    return page_case.write(tmp_path_factory.mktemp("page") / "report.html", page_case.fitted()).as_uri()


@pytest.fixture(scope="module")
def browser():
    assert FOUND is not None, "PROGRESSFIT_BROWSER=required, but there is no chromium on the path"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=FOUND, args=ARGUMENTS)
        yield opened
        opened.close()


def show(browser, address, viewport, **options) -> Seen:
    page = browser.new_page(viewport=viewport, **options)
    seen = Seen(page, [], [])
    page.on("console", lambda message: seen.logged.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: seen.logged.append(str(error)))
    page.on("request", lambda request: seen.asked.append(request.url))
    page.goto(address)
    page.wait_for_selector(DRAWN, timeout=MOST_MS)
    return seen


@pytest.fixture(scope="module")
def desk(browser, address):
    return show(browser, address, DESK)


@pytest.fixture
def fresh(browser, address):
    seen = show(browser, address, DESK)
    yield seen
    seen.page.close()


def _points(figure: str) -> str:
    """Points of a chart: the only symbols that are not part of a legend."""
    return f"figure[data-chart={figure}] .chart g.mark-symbol.role-mark path"


def test_every_chart_is_drawn_quietly_and_nothing_is_fetched(desk, address):
    figures = desk.page.locator("figure[data-chart]")
    assert figures.count() > 5
    assert desk.page.locator("figure[data-drawn=yes] svg").count() == figures.count()
    assert desk.logged == []
    assert desk.asked == [address]


def test_the_policy_holds_in_the_browser(desk):
    """Scripts that were not pinned do not run, text is not evaluated, and nothing can be fetched."""
    # Text handed to a timer: evaluated later by the page itself, not by the driver, whom no policy binds.
    late = "() => new Promise((done) => { setTimeout('window.ran = 1'); setTimeout(() => done(window.ran), 50) })"
    assert desk.page.evaluate(late) is None
    inline = (
        "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1'; "
        "document.body.append(s); return window.ran }"
    )
    assert desk.page.evaluate(inline) is None
    assert desk.page.evaluate("fetch('data:text/plain,x').then(() => 'fetched', () => 'refused')") == "refused"
    desk.logged.clear()


def test_hostile_names_show_as_text_and_run_nothing(desk):
    assert desk.page.title() == page_case.HOSTILE[0]
    assert desk.page.locator("h1").inner_text() == page_case.HOSTILE[0]
    assert desk.page.locator("img").count() == 0


def test_the_text_is_there_within_a_second(desk):
    (painted,) = desk.page.evaluate("performance.getEntriesByName('first-contentful-paint').map(e => e.startTime)")
    assert painted < 1000


@pytest.mark.parametrize(
    "row", [0, page_case.ROWS - len(page_case.HOSTILE), page_case.ROWS - len(page_case.HOSTILE) + 1]
)
def test_hovering_names_the_model_and_its_numbers(desk, row):
    names = list(page_case.table()["name"])
    desk.page.locator(_points("chart-time")).nth(row).hover(force=True)
    tip = desk.page.locator("#vg-tooltip-element.visible")
    tip.wait_for(timeout=MOST_MS)
    words = tip.inner_text()
    assert names[row] in words and "observed - fitted" in words and "compute" in words
    assert desk.page.title() == page_case.HOSTILE[0]
    assert tip.locator("img, script").count() == 0
    desk.page.mouse.move(0, 0)


def _fill(page, name: str, value: int) -> None:
    slider = page.locator(f"figure[data-chart=chart-rates] input[name={name}]")
    slider.evaluate("(s, v) => { s.value = v; s.dispatchEvent(new Event('input', { bubbles: true })) }", value)


def _interval(words: str) -> tuple[float, float]:
    low, high = re.search(r"\((-?[\d.]+) to (-?[\d.]+) orders", words).groups()
    return float(low), float(high)


def test_the_level_slider_changes_the_interval(fresh):
    line = fresh.page.locator("figure[data-chart=chart-rates] .says")
    before = line.inner_text()
    assert before.startswith("95% interval, row bootstrap")
    _fill(fresh.page, "level", 60)
    fresh.page.wait_for_function(
        "() => document.querySelector('[data-chart=chart-rates] .says').textContent.startsWith('60%')"
    )
    (wide_low, wide_high), (low, high) = _interval(before), _interval(line.inner_text())
    assert wide_low < low < high < wide_high


def _drag(page, figure: str, start: float, end: float) -> None:
    box = page.locator(f"figure[data-chart={figure}] .chart svg").bounding_box()
    place = box["y"] + 0.3 * box["height"]
    page.mouse.move(box["x"] + start * box["width"], place)
    page.mouse.down()
    page.mouse.move(box["x"] + (start + end) / 2 * box["width"], place, steps=4)
    page.mouse.move(box["x"] + end * box["width"], place, steps=4)
    page.mouse.up()


def test_brushing_a_period_names_its_rows_and_filters_the_parts(fresh):
    page, line = fresh.page, fresh.page.locator("figure[data-chart=chart-time] .says")
    assert line.inner_text().startswith("Drag across")
    everything = page.locator(_points("chart-parts")).count()
    page.locator("figure[data-chart=chart-time]").scroll_into_view_if_needed()
    _drag(page, "chart-time", 0.15, 0.4)
    page.wait_for_function(
        "() => / rows from /.test(document.querySelector('[data-chart=chart-time] .says').textContent)"
    )
    inside, total = map(int, re.match(r"(\d+) of (\d+) rows", line.inner_text()).groups())
    assert 0 < inside < total == page_case.ROWS and "model" in line.inner_text()
    page.wait_for_function(
        "([selector, n]) => document.querySelectorAll(selector).length < n", arg=[_points("chart-parts"), everything]
    )
    shown = page.locator(_points("chart-parts")).count()
    assert shown * total == everything * inside


def test_parts_of_the_law_can_be_hidden(fresh):
    boxes = fresh.page.locator("figure[data-chart=chart-parts] input[type=checkbox]")
    before = fresh.page.locator(_points("chart-parts")).count()
    ticked = boxes.locator("xpath=self::*[@checked]").count() or sum(
        boxes.nth(k).is_checked() for k in range(boxes.count())
    )
    assert ticked > 1
    boxes.first.set_checked(not boxes.first.is_checked())
    fresh.page.wait_for_function(
        "([selector, n]) => document.querySelectorAll(selector).length !== n", arg=[_points("chart-parts"), before]
    )
    assert abs(fresh.page.locator(_points("chart-parts")).count() - before) == page_case.ROWS


def test_colour_follows_the_group_that_is_chosen(fresh):
    menu = fresh.page.locator("figure[data-chart=chart-time] select")
    assert menu.locator("option").all_inner_texts() == ["all rows", "kind"]
    legend = fresh.page.locator("figure[data-chart=chart-time] .chart g.role-legend-label text")
    assert set(legend.all_text_contents()) >= {"plain"}
    menu.select_option(label="all rows")
    fresh.page.wait_for_function(
        "() => document.querySelector('[data-chart=chart-time] g.role-legend-label').textContent === 'all rows'"
    )


@pytest.mark.parametrize("width", [320, PHONE["width"]])
def test_a_phone_needs_no_sideways_scrolling(browser, address, width):
    seen = show(browser, address, PHONE | {"width": width}, is_mobile=True, has_touch=True)
    wide = seen.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide[0] <= wide[1] == width
    charts = seen.page.locator("figure .chart svg")
    assert all(charts.nth(k).bounding_box()["width"] <= width for k in range(charts.count()))
    assert seen.logged == []
    seen.page.close()


def test_dark_screens_get_light_ink(browser, address):
    seen = show(browser, address, DESK, color_scheme="dark")
    ink, paper = seen.page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    bright, dark = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ink, paper))
    assert bright > 3 * 200 and dark < 3 * 50
    seen.page.close()


def test_print_fits_the_page_and_leaves_the_controls_out(fresh):
    fresh.page.emulate_media(media="print")
    fresh.page.set_viewport_size({"width": 700, "height": 1000})
    assert fresh.page.evaluate("document.documentElement.scrollWidth") <= 700
    assert not fresh.page.locator(".vega-bindings").first.is_visible()
    assert not fresh.page.locator("nav").is_visible()
    assert fresh.page.pdf(format="A4").startswith(b"%PDF")


def test_without_scripts_the_numbers_are_there(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert "its numbers are in the table below" in page.locator("figure .chart").first.inner_text()
    page.locator("figure summary").first.click()
    assert page.locator("figure table").first.is_visible()
    context.close()
