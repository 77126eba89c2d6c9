"""The pages in a real browser, as people use them. With SCREENSHOTS=docs, the README's pictures are made anew."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from fanout.runs.reader import read_run
from helpers.browsers import Lab, lab
from helpers.paths import ROOT
from helpers.scenarios import MakeScenario

pytestmark = pytest.mark.process

LIMIT = "Connections kept alive at most"
STEADY = {"service_time": {"distribution": "constant", "value_s": 0.05}}
PUBLISHED = ROOT / "scenarios" / "published.yaml"


@pytest.fixture
def small(make_scenario: MakeScenario, tmp_path: Path) -> Iterator[Lab]:
    """A Locust whose scenario takes a second, with more agents than connections are kept for."""
    limits = {"max_connections": 8, "max_keepalive_connections": 2}
    scenario = make_scenario(agents=8, questions=80, client={"limits": limits}, workers=STEADY)
    with lab(scenario, tmp_path / "results") as opened:
        yield opened
        assert opened.errors == []


def picture(page: Page, name: str, tmp_path: Path, **options: object) -> None:
    """Takes one of the README's pictures."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    page.screenshot(path=folder / name, **options)  # type: ignore[arg-type]
    assert (folder / name).stat().st_size > 10_000


def changed_limit(page: Page, value: str) -> None:
    page.get_by_label(LIMIT, exact=True).fill(value)
    expect(page.locator("#launch-note")).to_contain_text("1")


def values_of(page: Page, chart: str) -> list[list[str]]:
    """The cells of a chart's table, row by row."""
    page.locator(f"{chart} details summary", has_text="Values as a table").click()
    rows = page.locator(f"{chart} table tbody tr")
    expect(rows.first).to_be_visible()
    return [row.locator("th, td").all_inner_texts() for row in rows.all()]


def test_from_a_scenario_to_a_comparison_and_its_report(small: Lab) -> None:
    page = small.page()
    page.get_by_label("when I stop it").check()
    small.start(page)
    small.wait_for(page, "running")
    answered = page.locator("#answered")
    expect(answered).to_contain_text(re.compile(r"[1-9]"))
    before = answered.inner_text()
    page.wait_for_function("before => document.querySelector('#answered').innerText !== before", arg=before)
    for chart in ("phases", "connections", "reuse", "agents", "in-flight", "load", "threads"):
        expect(page.locator(f"#chart-{chart} canvas").first).to_be_visible()
        expect(page.locator(f"#chart-{chart} .now")).to_contain_text("Now")
    rows = values_of(page, "#chart-reuse")
    page.wait_for_function("count => document.querySelectorAll('#chart-reuse tbody tr').length > count", arg=len(rows))
    page.get_by_role("button", name="Stop").click()
    small.wait_for(page, "ended")
    expect(page.locator("#verdict")).to_contain_text("Passed")

    page.get_by_role("link", name="Run it again").click()
    expect(page.get_by_label("when I stop it")).to_be_checked()
    page.get_by_label("after one round of all questions").check()
    changed_limit(page, "8")
    small.start(page)
    small.wait_for(page, "ended")
    page.get_by_role("link", name=re.compile("^Compare with")).click()
    expect(page.locator("#differing")).to_contain_text("client.limits.max_keepalive_connections")
    expect(page.locator("#verdict")).not_to_be_empty()
    for kept in (2, 8):
        expect(page.locator("#tables")).to_contain_text(f"max_keepalive_connections {kept}")
    first, second = (read_run(directory) for directory in small.runs)
    opened = [run.info.connections.opened or 0 for run in (first, second)]
    assert opened[0] > 20 and opened[1] == 8  # the limit was set

    with page.expect_popup() as popup:
        page.get_by_role("link", name="Open the whole report").click()
    expect(popup.value.locator("h1")).to_contain_text("fanout")
    page.goto(f"{small.url}/fanout/runs")
    rows_of_runs = page.locator("#rows tr")
    expect(rows_of_runs).to_have_count(2)
    assert rows_of_runs.first.get_attribute("data-run") == small.runs[-1].name
    expect(rows_of_runs.first).to_contain_text("client.limits.max_keepalive_connections: 8")
    button = page.get_by_role("button", name="Compare the selected runs")
    expect(button).to_be_disabled()
    for box in page.locator("#rows input[type=checkbox]").all():
        box.check()
    button.click()
    page.wait_for_url(f"**/fanout/compare?run={small.runs[0].name}&run={small.runs[1].name}")
    expect(page.locator("#verdict")).not_to_be_empty()


def test_the_published_fault_and_its_cure_in_four_clicks(tmp_path: Path) -> None:
    with lab(PUBLISHED, tmp_path / "results") as opened:
        page = opened.page()
        page.get_by_role("button", name="Start", exact=True).click()  # 1
        page.wait_for_url("**/fanout/live")
        opened.wait_for(page, "ended")
        remedy = page.get_by_role("link", name=re.compile(r"^Try it: client\.limits\.max_keepalive_connections: 32"))
        remedy.first.wait_for()
        expect(page.locator("#cause")).to_contain_text("resolving")
        picture(page, "live.png", tmp_path, clip={"x": 0, "y": 0, "width": 1280, "height": 1500}, full_page=True)
        remedy.first.click()  # 2
        expect(page.get_by_label(LIMIT, exact=True)).to_have_value("32")
        page.get_by_role("button", name="Start", exact=True).click()  # 3
        page.wait_for_url("**/fanout/live")
        opened.wait_for(page, "ended")
        page.get_by_role("link", name=re.compile("^Compare with")).click()  # 4
        expect(page.locator("#verdict")).not_to_be_empty()
        expect(page.locator("#tables")).to_contain_text("resolving")
        picture(page, "comparison.png", tmp_path)
        assert opened.errors == []
        default, tuned = (read_run(directory) for directory in opened.runs)
    assert (default.info.connections.opened or 0) > 90 and tuned.info.connections.opened == 32


def test_mistakes_are_shown_at_their_fields_and_nothing_runs(small: Lab) -> None:
    page = small.page()
    page.get_by_label("Connections at most", exact=True).fill("0")
    page.locator("#more > summary").click()
    page.get_by_label("Agents", exact=True).fill("many")
    page.locator("#other").fill("client.no_such_key: 1")
    page.get_by_role("button", name="Start", exact=True).click()
    problems = page.locator("#problems")
    expect(problems).to_be_focused()
    for text in ("0 is not allowed", "'many'", "client.no_such_key"):
        expect(problems).to_contain_text(text)
    for label in ("Connections at most", "Agents"):
        expect(page.get_by_label(label, exact=True)).to_have_attribute("aria-invalid", "true")
    assert small.violations(page) == []
    page.get_by_label("Connections at most", exact=True).fill("8")
    page.get_by_label("Agents", exact=True).fill("8")
    page.locator("#other").fill("")
    page.get_by_label("Coordinators", exact=True).fill("0")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(problems).to_contain_text("1 or more")
    assert small.runs == []
    page.get_by_label("Coordinators", exact=True).fill("1")
    small.start(page)
    small.wait_for(page, "ended")
    assert len(small.runs) == 1


def test_nothing_that_is_chosen_while_the_form_loads_is_lost(small: Lab) -> None:
    page = small.page()

    def late(route: Route) -> None:
        time.sleep(0.5)
        route.continue_()

    page.route("**/assets/start.js", late)
    page.reload(wait_until="commit")
    page.get_by_label("when I stop it").check()
    page.wait_for_load_state()
    expect(page.locator("#picked-name")).not_to_be_empty()
    expect(page.get_by_label("when I stop it")).to_be_checked()


def test_two_tabs_show_the_same_run_and_only_one_starts_it(small: Lab) -> None:
    one, other = small.page(), small.page()
    one.get_by_label("when I stop it").check()
    small.start(one)
    other.get_by_role("button", name="Start", exact=True).click()
    expect(other.locator("#problems")).to_contain_text(re.compile("in progress|being started"))
    other.goto(f"{small.url}/fanout/live")
    for page in (one, other):
        small.wait_for(page, "running")
        expect(page.locator("#answered")).to_contain_text(re.compile(r"[1-9]"))
    other.get_by_role("button", name="Stop").click()
    for page in (one, other):
        small.wait_for(page, "ended")
    assert one.locator("#answered").inner_text() == other.locator("#answered").inner_text()
    assert len(small.runs) == 1


def test_runs_that_fail_and_runs_that_do_not_start_say_why(make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario = make_scenario(workers={**STEADY, "faults": [{"kind": "status", "code": 500}]})
    with lab(scenario, tmp_path / "results") as opened, socket.socket() as taken:
        page = opened.page()
        opened.start(page)
        opened.wait_for(page, "ended")
        expect(page.locator("#verdict")).to_contain_text("Failed")
        expect(page.locator("#failed")).to_contain_text("12")
        expect(page.locator("#advice")).to_contain_text("500")
        assert opened.violations(page) == []
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        page.goto(f"{opened.url}/fanout/start")
        page.locator("#more > summary").click()
        page.locator("#other").fill(f"workers.first_port: {port}\nworkers.host: 127.0.0.1")
        opened.start(page)
        expect(page.locator("#message")).to_contain_text(str(port))
        expect(page.locator("#idle-heading")).to_contain_text("could not start")
        page.goto(f"{opened.url}/fanout/runs")
        rows = page.locator("#rows tr")
        expect(rows.first).to_contain_text(str(port))
        expect(rows.first.get_by_role("checkbox")).to_be_disabled()
        expect(rows.last).to_contain_text("failed")
        assert opened.errors == []


def test_keyboard_alone_starts_a_run(small: Lab) -> None:
    page = small.page()
    page.get_by_label("Filter").focus()
    page.keyboard.type("small")
    page.keyboard.press("Tab")
    expect(page.locator("input[name=scenario]:focus")).to_have_count(1)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.locator("#launch:focus").count():
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/fanout/live")
    small.wait_for(page, "ended")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_count(1)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everybody_can_use_every_page(small: Lab, theme: str) -> None:
    page = small.page(color_scheme=theme)
    assert small.violations(page) == []
    page.get_by_label("when I stop it").check()
    small.start(page)
    small.wait_for(page, "running")
    expect(page.locator("#chart-phases canvas").first).to_be_visible()
    for summary in page.locator("details > summary:visible").all():
        summary.click()
    expect(page.locator("#chart-phases table tbody tr").first).to_be_visible()
    assert small.violations(page) == []
    page.get_by_role("button", name="Stop").click()
    small.wait_for(page, "ended")
    expect(page.locator("#verdict")).not_to_be_empty()
    assert small.violations(page) == []
    page.get_by_role("link", name="Run it again").click()
    page.get_by_label("after one round of all questions").check()
    changed_limit(page, "8")
    assert small.violations(page) == []
    small.start(page)
    small.wait_for(page, "ended")
    page.get_by_role("link", name=re.compile("^Compare with")).click()
    expect(page.locator("#verdict")).not_to_be_empty()
    assert small.violations(page) == []
    page.goto(f"{small.url}/fanout/runs")
    expect(page.locator("#rows tr")).to_have_count(2)
    assert small.violations(page) == []
    assert page.evaluate("document.documentElement.dataset.theme") == theme


def test_the_theme_is_locusts_and_locusts_page_leads_back(small: Lab) -> None:
    page = small.page()
    page.locator("#theme").click()
    theme = page.evaluate("localStorage.theme")
    page.get_by_role("link", name="Locust's own page").click()
    expect(page.locator("#root")).to_contain_text("LOCUST", ignore_case=True)
    assert page.evaluate("localStorage.theme") == theme
    page.get_by_role("navigation", name="fanout").get_by_role("link", name="Start").click()
    page.wait_for_url("**/fanout/start")
    assert page.evaluate("document.documentElement.dataset.theme") == theme


def test_a_narrow_screen_needs_no_sideways_scrolling(small: Lab) -> None:
    page = small.page()
    page.set_viewport_size({"width": 360, "height": 740})
    small.start(page)
    small.wait_for(page, "ended")
    for path in ("start", "live", "runs"):
        page.goto(f"{small.url}/fanout/{path}")
        expect(page.locator("#main")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_without_locust_the_page_keeps_the_last_state(small: Lab) -> None:
    page = small.page()
    small.start(page)
    small.wait_for(page, "ended")
    answered = page.locator("#answered").inner_text()
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_contain_text("no answer", ignore_case=True)
    assert page.locator("#answered").inner_text() == answered
    page.context.set_offline(False)
    expect(page.locator("#connection")).to_be_empty()
    assert all("ERR_INTERNET_DISCONNECTED" in error for error in small.errors)
    small.errors.clear()
