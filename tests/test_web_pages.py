"""fanout.web.pages without Locust: every route with a fake analyst, and with hostile requests."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from fanout.errors import CouldNotRunError
from fanout.json_object import JsonObject
from fanout.phases import PHASES
from fanout.runs.schema import SCHEMA, FormInfo, RunInfo
from fanout.web.live import About, LiveRun
from fanout.web.pages import NAME, State, blueprint
from helpers.runs import question, written
from helpers.scenarios import MakeScenario, scenario_of

HOSTILE = "</script><script>alert(1)</script>"


class FakeAnalyst:
    """Answers with what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str]]] = []

    def overview(self, directories: list[Path]) -> JsonObject:
        self.asked.append(("overview", [each.name for each in directories]))
        return {"rows": [{"name": each.name, "verdict": "passed"} for each in directories]}

    def compare(self, directories: list[Path]) -> JsonObject:
        self.asked.append(("compare", [each.name for each in directories]))
        return {"advice": [{"run": 1, "text": "…", "changes": []}], "runs": [0, 1], "verdicts": ["faster"]}

    def report(self, directories: list[Path]) -> str:
        self.asked.append(("report", [each.name for each in directories]))
        return "<!DOCTYPE html><p>the report"

    def advise(self, directory: Path, info: JsonObject | None) -> JsonObject:
        raise CouldNotRunError("busy")


class FakeLab:
    def __init__(self, results: Path, file: str) -> None:
        self.results = results
        self.file = file
        self.state: State = "idle"
        self.message: str | None = None
        self.run: LiveRun | None = None
        self.users = 1


class Fixture:
    def __init__(self, results: Path, file: str, base: str = "", *, is_logged_in: bool = True) -> None:
        self.lab, self.analyst = FakeLab(results, file), FakeAnalyst()
        self.is_logged_in = is_logged_in
        app = Flask(__name__)
        app.register_blueprint(blueprint(self.lab, self.analyst, base, self.protect))  # type: ignore[arg-type]
        self.client: FlaskClient = app.test_client()

    def protect(self, view: Callable[[], Any]) -> Callable[[], Any]:
        @functools.wraps(view)
        def protected() -> Any:
            try:
                return view() if self.is_logged_in else Response(status=401)
            except Exception as error:  # noqa: BLE001 (as Locust does)
                return f"Locust auth exception: {error}"

        return protected

    def get(self, path: str, **query: object) -> Any:
        return self.client.get(path, query_string=query or None, buffered=True)

    def data(self, path: str) -> Any:
        """The data that a page is given."""
        (text,) = re.findall(
            r'<script type="application/json" id="data">(.*?)</script>', self.get(path).text, re.DOTALL
        )
        return json.loads(text)


@pytest.fixture
def pages(tmp_path: Path, make_scenario: MakeScenario) -> Iterator[Fixture]:
    results = tmp_path / "results"
    for name in ("20260101-000000-old", "20260102-000000-new"):
        written(results / name)
    yield Fixture(results, str(make_scenario()))


def test_the_form_has_scenarios_fields_and_the_values_of_the_picked_one(pages: Fixture) -> None:
    data = pages.data("/fanout/start")
    assert data["picked"]["file"] == data["scenarios"][0]["file"] == pages.lab.file
    assert data["picked"]["problems"] == []
    assert {field["key"] for field in data["fields"]} == data["picked"]["values"].keys()
    assert (data["state"], data["load"], data["set"], data["against"]) == ("idle", {"users": 1}, {}, None)


def test_a_run_and_a_change_are_filled_into_the_form(pages: Fixture) -> None:
    data = pages.data("/fanout/start?run=20260102-000000-new&set=client.topology=per_agent&set=a=b=c&set=alone")
    assert data["set"] == {"client.topology": "per_agent", "a": "b=c", "alone": ""}
    assert data["against"]["id"] == "20260102-000000-new"
    assert data["picked"]["file"].endswith("20260102-000000-new/scenario.yaml")
    assert data["picked"]["values"]["agents"] == "4"
    assert data["load"] == {"users": 1, "until": "round"}


def test_the_load_of_a_run_is_filled_into_the_form(pages: Fixture) -> None:
    file = pages.lab.results / "20260101-000000-old" / "run.json"
    asked = {"users": 3, "spawn_rate": 1.5, "is_one_round": False, "run_time_s": 30.0, "settings": {"agents": "4"}}
    file.write_text(json.dumps({**json.loads(file.read_text()), "form": asked}))
    data = pages.data("/fanout/start?run=20260101-000000-old")
    assert data["load"] == {"users": 3, "spawn_rate": 1.5, "until": "time", "run_time": "30s"}


def test_only_scenarios_of_the_list_can_be_looked_at(pages: Fixture, tmp_path: Path) -> None:
    assert pages.get("/fanout/scenario.json", file=pages.lab.file).json["problems"] == []
    (tmp_path / "other.yaml").write_text("a secret\n")
    for file in ("", "/etc/passwd", str(tmp_path / "other.yaml"), "scenarios/../other.yaml"):
        answer = pages.get("/fanout/scenario.json", file=file)
        assert answer.status_code == 404 and "secret" not in answer.text


def test_the_live_page_knows_all_phases_in_order(pages: Fixture) -> None:
    assert [phase["name"] for phase in pages.data("/fanout/live")["phases"]] == list(PHASES)


def test_the_live_state_before_during_and_after_a_run(pages: Fixture) -> None:
    assert pages.get("/fanout/live.json").json == {"state": "idle", "message": None, "run": None}
    about = About(
        id=None, scenario=scenario_of(), question=HOSTILE, form=FormInfo(is_one_round=True), until="…", against=None
    )
    run = pages.lab.run = LiveRun(about, Path("x"), RunInfo(schema=SCHEMA), lambda: 12)
    pages.lab.state = "running"
    run.add(question(1, agent=1))
    first = pages.get("/fanout/live.json").json
    assert first["totals"]["ok"] == 1 and first["state"] == "running"
    again = pages.get("/fanout/live.json", since=first["since"], view="all").json
    assert again["series"]["total"] - again["series"]["first"] <= 2


def test_the_runs_are_listed_in_pages(pages: Fixture, tmp_path: Path) -> None:
    for number in range(30):
        written(tmp_path / "results" / f"20250101-0000{number:02}-x")
    first = pages.get("/fanout/runs.json").json
    assert [row["id"] for row in first["runs"]][:2] == ["20260102-000000-new", "20260101-000000-old"]
    second = pages.get("/fanout/runs.json", before=first["next"]).json
    assert len(first["runs"]) + len(second["runs"]) == 32 and second["next"] is None


def test_runs_are_compared_and_reported(pages: Fixture) -> None:
    query = "run=20260101-000000-old&run=20260102-000000-new"
    found = pages.get(f"/fanout/compare.json?{query}").json
    assert found["runs"] == ["20260101-000000-old", "20260102-000000-new"]
    assert found["advice"][0]["run"] == "20260102-000000-new"
    assert pages.data(f"/fanout/compare?{query}")["runs"] == found["runs"]
    report = pages.get(f"/fanout/report?{query}")
    assert report.text.endswith("the report") and "script-src" not in report.headers["Content-Security-Policy"]
    assert report.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert [what for what, _ in pages.analyst.asked] == ["compare", "report"]


def test_the_questions_of_a_run_can_be_downloaded(pages: Fixture) -> None:
    answer = pages.get("/fanout/csv?run=20260101-000000-old")
    assert answer.mimetype == "text/csv" and answer.text.startswith("question_id,")
    assert "20260101-000000-old-questions.csv" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize(
    "run",
    [
        "",
        "..",
        "../results/20260101-000000-old",
        "/etc",
        "20260101-000000-old/../../secret",
        "absent",
        "%00",
        "a" * 9999,
    ],
)
@pytest.mark.parametrize("page", ["csv", "report", "start"])
def test_no_run_leads_out_of_the_results(pages: Fixture, page: str, run: str, tmp_path: Path) -> None:
    written(tmp_path / "secret")
    answer = pages.get(f"/fanout/{page}", run=run)
    assert answer.status_code == (200 if page == "start" and not run else 404)
    assert not pages.analyst.asked


def test_a_link_in_the_results_is_not_followed(pages: Fixture, tmp_path: Path) -> None:
    written(tmp_path / "secret")
    (tmp_path / "results" / "20260103-000000-link").symlink_to(tmp_path / "secret")
    file = tmp_path / "results" / "20260101-000000-old" / "questions.csv"
    file.unlink()
    file.symlink_to(tmp_path / "secret" / "questions.csv")
    for run in ("20260103-000000-link", "20260101-000000-old"):
        assert pages.get(f"/fanout/csv?run={run}").status_code == 404


@pytest.mark.parametrize(
    "runs", [[], ["20260101-000000-old"], ["20260101-000000-old"] * 3, [f"x{n}" for n in range(21)]]
)
def test_a_comparison_needs_several_runs_and_not_too_many(pages: Fixture, runs: list[str]) -> None:
    for page in ("compare", "compare.json"):
        assert pages.get(f"/fanout/{page}", run=runs).status_code == 404


def test_texts_of_others_are_data_and_no_markup(pages: Fixture) -> None:
    page = pages.client.get("/fanout/start", query_string={"set": f"{HOSTILE}={HOSTILE}"})
    assert "<script>alert" not in page.text
    for path in ("report", "start", "csv"):
        error = pages.get(f"/fanout/{path}", run=HOSTILE)
        assert error.status_code == 404 and "<script>alert" not in error.text and "/fanout/runs" in error.text


def test_every_page_runs_only_our_scripts_and_cannot_be_framed(pages: Fixture) -> None:
    both = "run=20260101-000000-old&run=20260102-000000-new"
    for page in ("start", "live", "runs", f"compare?{both}", "live.json", f"report?{both}"):
        headers = pages.get(f"/fanout/{page}").headers
        policy = headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy and "script-src" not in policy
        assert "default-src 'self'" in policy or page.startswith("report")
        assert "unsafe" not in policy or "default-src 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == ("no-store" if page == "live.json" else "no-cache")


def test_no_template_has_a_script_or_style_that_the_policy_refuses() -> None:
    templates = Path(blueprint.__code__.co_filename).parent / "templates"
    for file in templates.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|https?://", text), file
        scripts = re.findall(r"<script([^>]*)>", text)
        assert all("src=" in attributes or "application/json" in attributes for attributes in scripts), file


def test_every_route_asks_for_a_login_and_only_reads(tmp_path: Path, make_scenario: MakeScenario) -> None:
    locked = Fixture(tmp_path, str(make_scenario()), is_logged_in=False)
    rules = [rule for rule in locked.client.application.url_map.iter_rules() if rule.endpoint.startswith(f"{NAME}.")]
    assert len(rules) > 8
    for rule in rules:
        assert (rule.methods or set()) <= {"GET", "HEAD", "OPTIONS"}
        if rule.endpoint != f"{NAME}.static":
            assert locked.get(rule.rule).status_code == 401, rule


def test_all_pages_work_below_a_path(tmp_path: Path, make_scenario: MakeScenario) -> None:
    below = Fixture(tmp_path, str(make_scenario()), base="/lab")
    page = below.get("/lab/fanout/start").text
    links = re.findall(r'(?:href|src)="([^"#]+)"', page)
    assert links and all(link.startswith("/lab/") for link in links)
    for link in links:
        if "/assets/" in link:
            assert below.get(link).status_code == 200, link


def test_an_analyst_without_an_answer_is_reported_in_words(pages: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise CouldNotRunError("the analysis took longer than 60 s")

    monkeypatch.setattr(pages.analyst, "overview", fail)
    answer = pages.get("/fanout/runs.json")
    assert answer.status_code == 503 and "60 s" in answer.json["message"]
