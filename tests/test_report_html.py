"""fanout.report.html: a page that is complete, safe and bounded, with its charts also in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from fanout.analysis.advice import Advice, Change
from fanout.analysis.gate_results import Judgement, Result
from fanout.analysis.row_advice import RowAdvice
from fanout.analysis.run_summary import summarize
from fanout.analysis.summary import Summary
from fanout.outcome import Outcome
from fanout.report import Chart, Column, Report, Table, comparison, render
from fanout.runs.reader import Run
from fanout.runs.series import Place
from fanout.scenario.gate_syntax import parse_gate
from helpers.runs import compared, frame_of, info_of, question, row, run_of
from helpers.scenarios import scenario_of
from helpers.texts import numbers

pytestmark = pytest.mark.slow

VOID = {"meta", "br", "link", "img", "input", "hr"}
HOSTILE = "$x^2$ <script>alert(1)</script> \"quoted' &amp; \x00\x08\x1b\x7f\x85\ud800\uffff end"
VISIBLE = "$x^2$ <script>alert(1)</script> \"quoted' &amp;  end"
SHAPES = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="9pt" height="9pt" viewBox="0 0 9 9">'
    '<rect width="9" height="9" style="fill: #010203"/></svg>'
)


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    inside: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str) -> list[Element]:
        return [found for child in self.inside for found in ([child] if child.tag == tag else []) + child.all(tag)]

    @property
    def words(self) -> str:
        return self.text + "".join(child.words for child in self.inside)


class Page(HTMLParser):
    """The document as a tree. An element that is closed in the wrong order fails the test."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]
        self.feed(text)
        assert self._open == [self.root]
        self.every = [found for tag in set(re.findall(r"<([A-Za-z]\w*)", text)) for found in self.root.all(tag.lower())]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        self._open[-1].inside.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].inside.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self._open[-1].text += data


def run(outcomes: Sequence[Outcome], name: str = "small", info: dict[str, Any] | None = None, **keys: Any) -> Summary:
    told = info_of(**{"connections": {"opened": 2}, "questions": {"dispatched": len(outcomes)}, **(info or {})})
    return summarize(Run(Path(f"results/{name}"), scenario_of(name=name, **keys), told, frame_of(outcomes)))


def asked(count: int, **keys: Any) -> list[Outcome]:
    return [question(n, connection=f"1-{n % 300}", **keys) for n in range(count)]


def report_of(*summaries: Summary, base: int = 0) -> Report:
    return comparison(compared(summaries, base))


def page_of(report: Report) -> Page:
    return Page(render(report, "html"))


SLOW = run([*asked(40, resolving=1200), question(40, status="failed", adapter_ms=None)], "slow")
QUICK = run(asked(41), "quick")
WHOLE = replace(report_of(SLOW, QUICK, base=1), charts=[Chart("Shapes", "a shape", SHAPES)])


@cache
def whole() -> str:
    return render(WHOLE, "html")


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    text = whole()
    page = Page(text)
    policies = [tag.attributes["content"] for tag in page.root.all("meta") if "http-equiv" in tag.attributes]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]
    for element in page.every:
        assert element.tag not in ("script", "link", "iframe", "img", "object", "embed", "base", "form")
        for name, value in element.attributes.items():
            assert not name.startswith("on") and "http:" not in (value or "") and "https:" not in (value or "")
            assert name not in ("src", "srcset", "data", "action", "xlink:href")
            assert name != "href" or (value or "").startswith("#")
    assert "@import" not in text
    assert set(re.findall(r"url\((.)", text)) == {"#"}


def test_ids_are_unique_and_every_reference_is_valid() -> None:
    page = Page(whole())
    ids = [element.attributes["id"] for element in page.every if "id" in element.attributes]
    assert len(ids) == len(set(ids)) > 0
    for element in page.every:
        for name, value in element.attributes.items():
            wanted = re.findall(r"url\(#(.*?)\)", value or "") + ([(value or "")[1:]] if name == "href" else [])
            wanted += (value or "").split() if name == "aria-labelledby" else []
            assert set(wanted) <= set(ids)


def test_every_chart_has_a_title_and_its_figures_in_words() -> None:
    charts = Page(whole()).root.all("svg")
    assert len(charts) == 1 + 3 + 2 * 2
    for chart in charts:
        title, text = chart.inside[:2]
        assert (title.tag, text.tag, chart.attributes["role"]) == ("title", "desc", "img")
        assert title.words and text.words
        assert chart.attributes["aria-labelledby"] == f"{title.attributes['id']} {text.attributes['id']}"
    said = " ".join(chart.inside[1].words for chart in charts)
    for words in (
        "a shape",
        "40 questions up to 1.21 s",
        "resolving 1.20 s (99%)",
        "41 questions within 4.00 s",
        "41 questions to 32 agents within 5.21 s",
        "4.10 s of service time",
        "resolving 48.0 s",
        "1 failed",
        "41 connections",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("result", "word", "verdicts"),
    [
        ("passed", "✓ Passed", ["It is fast."]),
        ("failed", "✗ Failed", ["It is slow.", "And late."]),
        ("no data", "✗ Failed", ["It is unknown."]),
        (None, "", ["Said."]),
    ],
)
def test_the_verdict_comes_first(result: Result | None, word: str, verdicts: list[str]) -> None:
    gates = (Judgement(parse_gate("failed == 0"), "quick", result, "0", "allowed: == 0"),) if result else ()
    (header,) = page_of(replace(WHOLE, gates=gates, verdicts=verdicts)).root.all("header")
    (box,) = header.all("section")
    assert [found.words for found in box.all("p")] == [*([word] if word else []), *verdicts]


def test_without_a_verdict_the_page_says_what_ran() -> None:
    (box,) = page_of(report_of(QUICK)).root.all("header")[0].all("section")
    assert "quick ran once" in box.words and numbers(box.words) == [41]
    (box,) = page_of(report_of(QUICK, SLOW)).root.all("header")[0].all("section")
    assert numbers(box.words) == [2, 2, 82]
    table = Table([Column("x", "x", lambda value: value)], [1, 2])
    (box,) = page_of(Report([table])).root.all("header")[0].all("section")
    assert numbers(box.words) == [2]


def test_tables_have_every_row_and_their_headers_a_scope() -> None:
    tables = [table for table in Page(whole()).root.all("table") if table.all("thead")]
    assert len(tables) == len(WHOLE.tables) == 3
    for found, table in zip(tables, WHOLE.tables, strict=True):
        shown = [[cell.words for cell in line.inside] for line in found.all("tr")]
        columns = table.for_people
        assert shown == [[c.title for c in columns], *([c.text(row) for c in columns] for row in table.rows)]
        scopes = [cell.attributes.get("scope") for cell in found.all("th")]
        assert scopes == ["col"] * len(columns) + ["row"] * len(table.rows)
        left = [cell.attributes.get("class") == "left" for cell in found.all("tr")[-1].inside]
        assert left == [column.left for column in columns]


def test_hostile_names_and_errors_are_text() -> None:
    bad = [question(n, error=HOSTILE.replace("\ud800", ""), error_kind="unexpected", status="failed") for n in range(3)]
    info = {"versions": {HOSTILE: HOSTILE}, "git": None, "problems": [HOSTILE]}
    summary = run([*asked(9), *bad], info=info)
    named = replace(summary, name=HOSTILE, source=f"results/{HOSTILE}")
    said = RowAdvice(HOSTILE, Advice(HOSTILE, HOSTILE, (Change({HOSTILE: HOSTILE}, HOSTILE),)))
    report = replace(report_of(named, QUICK), advice=[said], verdicts=[HOSTILE])
    report = replace(report, charts=[Chart(HOSTILE, HOSTILE, SHAPES)])
    text = render(report, "html")
    page = Page(text)
    assert not page.root.all("script")
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\uffff]", text)
    assert [p.words for p in page.root.all("header")[0].all("p")] == [VISIBLE]
    assert all(VISIBLE in item.words for item in page.root.all("section")[2].all("li")[:1])
    assert page.root.all("figure")[0].inside[0].words == VISIBLE
    # Charts show it shortened, and not as a formula.
    assert any("$x^2$" in found.words for found in page.root.all("text"))
    assert VISIBLE in page.root.all("desc")[1].words
    text.encode("utf-8")


def test_a_name_in_any_script_is_drawn() -> None:
    page = page_of(report_of(replace(QUICK, name="_漢字 🚀\nשלום")))
    assert any("_漢字 🚀 שלום" in found.words for found in page.root.all("text"))


@pytest.mark.parametrize(("keys", "drawn"), [({}, 2000), ({"started": 7.0}, 1)], ids=["one after another", "together"])
def test_captions_say_how_many_questions_are_drawn(keys: dict[str, Any], drawn: int) -> None:
    many = run(asked(5000, **keys))
    text = render(report_of(many), "html")
    assert len(text) < 1_000_000
    captions = [numbers(found.words) for found in Page(text).root.all("figcaption")]
    assert captions[0] == [500]
    assert captions[2] == [drawn, 5000]
    assert captions[3][-2:] == [1000, 5000]
    assert captions[4] == [200, 300]


def test_a_connection_with_very_many_questions_has_one_tick_for_each_moment() -> None:
    crowded = run([question(n, connection="1-1") for n in range(9000)])
    page = page_of(report_of(crowded))
    caption = page.root.all("figcaption")[-1].words
    assert len(numbers(caption)) == 1  # the time within which questions share a tick
    assert len(str(page.root.all("svg")[-1])) < 1_000_000


def test_captions_name_the_rows_that_are_not_drawn() -> None:
    page = page_of(report_of(*(run(asked(4), f"row-{n}") for n in range(42))))
    assert len(page.root.all("svg")) == 3 + 2 * 12
    captions = [found.words for found in page.root.all("figcaption")[:3]]
    for caption, left_out in zip(captions, (30, 2, 30), strict=True):
        first = f"row-{42 - left_out}"
        assert first in caption and f"row-{41 - left_out}" not in caption
        assert (f"and {left_out - 5} more" in caption) == (left_out > 5)
    assert len(page.root.all("table")[0].all("tr")) == 43
    assert len(page.root.all("pre")) == 42


def test_rows_whose_single_questions_are_unknown_have_no_charts() -> None:
    page = page_of(report_of(row("of Locust"), row("another", None)))
    assert not page.root.all("svg") and not page.root.all("pre")
    assert "results/of Locust" in page.root.words


@pytest.mark.parametrize(
    ("summary", "charts"),
    [
        (summarize(run_of([1.0, 2.0])), 1),  # no phases, no starts
        (summarize(run_of([0.0, -2.0])), 1),
        (summarize(run_of([], failed=2)), 0),
        (run([question(1, started=5.0)]), 4),
        (run([question(1, status="abandoned", adapter_ms=None, round_trip_ms=None, started=5.0)]), 1),
        (run([Outcome("1", 1, 1, 1, "failed", started=5.0, connection="1-1")]), 2),
        (run([question(1), replace(question(2), started=None)]), 4),
        (run([replace(question(n), adapter_ms=0.0 if n else -1.0) for n in range(3)]), 4),
        (run([question(n, coordinator=n + 1, agent=1) for n in range(3)]), 4),
    ],
    ids=[
        "no phases",
        "no positive",
        "none answered",
        "one",
        "abandoned",
        "unknown latency",
        "no start",
        "zero",
        "lanes",
    ],
)
def test_charts_without_data_are_left_out(summary: Summary, charts: int) -> None:
    page = page_of(report_of(summary))
    assert len(page.root.all("svg")) == charts
    assert "nan" not in " ".join(found.words for found in page.root.all("desc"))
    nothing = "nothing to draw" in page.root.words
    assert nothing == (not any(found.all("svg") for found in page.root.all("details")))


def test_the_environment_and_its_differences_are_shown() -> None:
    here = {"versions": {"httpx": "0.28.1", "python": "3.11.7"}, "machine": {"cpus": 2}, "git": {"dirty": False}}
    there = {**here, "versions": {"httpx": "0.28.1", "python": "3.12.1", "h11": None}}
    page = page_of(report_of(run(asked(2), "here", here), run(asked(2), "there", there)))
    facts = page.root.all("table")[-1].all("tr")
    assert [fact.attributes.get("class") for fact in facts] == ["differs", None, None, None, None, None]
    assert [cell.words for cell in facts[0].inside] == ["python", "3.11.7 (here)3.12.1 (there)"]
    assert [[cell.words for cell in fact.inside] for fact in facts[1:]] == [
        ["httpx", "0.28.1"], ["cpus", "2"], ["revision", "–"], ["dirty", "no"], ["h11", "–"]
    ]  # fmt: skip
    assert [pre.words for pre in page.root.all("pre")] == [
        scenario_of(name=name).to_yaml() for name in ("here", "there")
    ]


def test_repeats_are_pooled_and_the_first_is_drawn() -> None:
    runs = [run(asked(10, resolving=n), f"run-{n}", {"series": Place("s", 1, n).to_json()}) for n in (1, 2, 3)]
    page = page_of(report_of(*(replace(found, name="thrice") for found in runs)))
    assert "thrice: half of 30 questions" in page.root.all("desc")[0].words
    (first,) = [found for found in page.root.all("details") if found.all("svg")]
    assert "open" in first.attributes
    assert "the first of 3 runs, results/run-1" in first.words
    assert all(f"results/run-{n}" in page.root.all("details")[-1].words for n in (1, 2, 3))


def test_the_same_report_gives_the_same_text() -> None:
    assert render(WHOLE, "html") == whole()
