from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from fanout.analysis.advice import Advice, Change
from fanout.analysis.gate_results import judge, summary_sentences
from fanout.analysis.row_advice import advice
from fanout.analysis.run_summary import summarize
from fanout.phases import PHASES
from fanout.report import Column, Report, Table, comparison, formats, render, with_gates
from fanout.scenario.gate_syntax import parse_gate
from helpers.runs import compared, row, run_of
from helpers.texts import numbers

ROWS = [
    row(
        "a2a-default",
        1037.123456,
        connected=8,
        p50_ms=1.0,
        p95_ms=2.0,
        max_ms=6850.0,
        over_100ms=59,
        connections=4,
        failed=1,
    ),
    row("tun|ed [red]*x*[/red] <b>", 10.5),
    row("unknown", None, agents=None),
]
TABLE = replace(comparison(compared(ROWS, 1)), notes=["mind | this"])
SHOWN = TABLE.tables[0].for_people
KNOWN = row(
    "known", 10.0, phases_ms={**dict.fromkeys(PHASES, 0.25), "resolving": 8.0}, suspect=("it was slow",),
    connected=8,
    advice=(Advice("full", "raise <it> to 32", (Change({"a.b": 32}, "Limits(32)"),), rule="churn", saves_ms=9.0),),
)  # fmt: skip


GATES = [parse_gate(text) for text in ("failed <= 0", "questions == 8", "adapter.p99 < 5 ms")]
JUDGED = with_gates(TABLE, judge(TABLE.rows, GATES, implied=False))


def test_every_format_is_a_file() -> None:
    assert formats() == ("csv", "html", "json", "junit", "markdown", "text")


@pytest.mark.parametrize("name", sorted({*formats()} - {"junit"}))
def test_every_format_shows_every_row_and_ends_its_last_line(name: str) -> None:
    text = render(TABLE, name)
    assert text.endswith("\n") and not text.endswith("\n\n")
    for label in ("a2a-default", "unknown"):
        assert label in text
    assert "1037.12" in text


def test_text_is_aligned_and_rounded_and_shows_unknown_values_as_dashes() -> None:
    lines = render(TABLE, "text").splitlines()
    assert lines[0].split()[:2] == ["scenario", "agents"]
    assert "tun|ed [red]*x*[/red] <b>" in lines[3]
    assert lines[4].split()[1:5] == ["–", "8", "0", "–"]
    assert lines[-1] == "note: mind | this"
    assert lines[-2] == ""
    assert lines[2].index("1037.12") + len("1037.12") == lines[3].index("10.50") + len("10.50")
    assert all(line == line.rstrip() for line in lines)


def test_text_cuts_no_name_however_long() -> None:
    rows = [row("x" * 200, 1037.123456), row("y" * 200, 10.0)]
    text = render(comparison(compared(rows, 1)), "text")
    assert "…" not in text
    assert all(value in text for value in ("x" * 200, "1037.12", "questions/conn."))


def test_markdown_keeps_its_columns_whatever_a_name_contains() -> None:
    first, *lines = render(TABLE, "markdown").splitlines()
    assert first.startswith("**tun\\|ed \\[red\\]")
    lines = lines[lines.index("") + 3 :]
    assert lines[1] == "| --- |" + " ---: |" * (len(SHOWN) - 1)
    for line in lines[:5]:
        assert line.replace("\\|", "").count("|") == len(SHOWN) + 1
    assert "\\<b\\>" in lines[3]
    assert lines[-1] == "- mind \\| this"


def test_csv_is_unrounded_and_empty_where_unknown() -> None:
    first, _, unknown = csv.DictReader(io.StringIO(render(TABLE, "csv")))
    assert list(first) == [column.key for column in TABLE.tables[0].columns]
    assert {"suspect", "resolving_mean_ms", "baseline", "source"} <= set(first)
    assert float(first["adapter_mean_ms"]) == 1037.123456
    assert (first["mean_ratio"], first["questions_per_connection"], first["baseline"]) == ("1.0", "2.0", "a2a-default")
    assert (unknown["adapter_mean_ms"], unknown["agents"], unknown["mean_ratio"]) == ("", "", "")


def test_json_has_numbers_nulls_and_the_notes() -> None:
    data = json.loads(render(TABLE, "json"))
    assert data["schema"] == 1
    assert data["rows"][0]["adapter_mean_ms"] == 1037.123456
    assert data["rows"][2]["adapter_mean_ms"] is None
    assert data["notes"] == ["mind | this"]
    assert data["rows"][0]["suspect"] is False


def test_the_phases_have_a_table() -> None:
    report = comparison(compared([KNOWN, *ROWS]))
    lines = render(report, "text").splitlines()
    where = lines.index(report.tables[1].title)
    assert lines[where + 2].split() == ["scenario", *PHASES]
    assert lines[where + 4].split() == ["known", "(suspect)", *["0.25"] * 3, "8.00", *["0.25"] * 6]
    assert lines[where + 5] == ""  # the phases of the other rows are unknown
    assert "| known (suspect) | 0.25 |" in render(report, "markdown")
    (first, *_) = csv.DictReader(io.StringIO(render(report, "csv")))
    assert (first["resolving_mean_ms"], first["cause"], first["cause_share"], first["suspect"]) == (
        "8.0", "resolving", "0.8", "true"
    )  # fmt: skip


def test_only_questions_with_an_intended_start_have_a_column_for_late_ones() -> None:
    in_time = replace(KNOWN, phases_ms={**dict.fromkeys(PHASES, 1.0), "late": 0.0})
    shown = comparison(compared([in_time])).tables[1].for_people
    assert [column.title for column in shown] == ["scenario", *PHASES[1:]]


@pytest.mark.parametrize("name", ["text", "markdown", "json"])
def test_suspicions_and_advice_are_shown(name: str) -> None:
    text = render(comparison(compared([KNOWN])), name)
    assert "known: suspect, it was slow" in text
    assert ("known: full: raise \\<it\\> to 32" if name == "markdown" else "known: full: raise <it> to 32") in text


def test_advice_that_applies_to_several_rows_is_given_once() -> None:
    other = replace(
        KNOWN,
        name="other",
        advice=(Advice("busy", "wait", rule="patience"), Advice("full", "raise it", rule="churn", saves_ms=5.0)),
    )
    churn, patience = advice(compared([KNOWN, other]))
    assert (churn.row, churn.also, churn.advice.rule) == ("known", ("other",), "churn")
    assert (patience.row, patience.also, patience.text) == ("other", (), "other: busy: wait")
    little = replace(other, advice=(Advice("full", "raise it", rule="churn", saves_ms=1.0),))
    (alone,) = advice(compared([KNOWN, little]))
    assert alone.also == ()


@pytest.mark.parametrize("name", ["text", "markdown", "html", "junit", "json"])
def test_changes_are_in_every_report_for_people_or_programs(name: str) -> None:
    rows = compared([KNOWN])
    text = render(with_gates(comparison(rows), judge(rows, GATES, implied=False)), name)
    assert "Limits(32)" in text or "Limits\\(32" in text
    if name == "json":
        (said,) = json.loads(text)["advice"]
        assert said["changes"] == [{"set": {"a.b": 32}, "code": "Limits(32)"}]
        assert (said["rule"], said["row"]) == ("churn", "known")


def test_people_read_a_dash_for_an_unknown_value() -> None:
    column = Column("x_ms", "x", lambda value: value, 1)
    assert [column.text(value) for value in (None, 1.25, 3, "word")] == ["–", "1.2", "3", "word"]


def test_junit_names_the_gate_the_value_and_the_bound() -> None:
    root = ElementTree.fromstring(render(JUDGED, "junit"))
    assert root.attrib == {"name": "fanout", "tests": "9", "failures": "1", "errors": "3"}
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["a2a-default", "tun|ed [red]*x*[/red] <b>", "unknown"]
    cases = {case.get("name"): case for case in suites["a2a-default"]}
    assert list(cases) == ["failed <= 0", "questions == 8", "adapter.p99 < 5 ms"]
    (failure,) = cases["failed <= 0"]
    assert (failure.tag, failure.get("type")) == ("failure", "failed")
    assert failure.get("message") == "failed <= 0: 1; allowed: <= 0"
    (passed,) = cases["questions == 8"]
    assert (passed.tag, passed.text) == ("system-out", "a2a-default: questions == 8: passed, 8 (allowed: == 8)")
    (error,) = cases["adapter.p99 < 5 ms"]
    unknown = JUDGED.gates[2]
    assert (error.tag, error.get("message")) == (
        "error",
        f"adapter.p99 < 5 ms: {unknown.value}; {unknown.bound}",
    )


def test_no_control_sequence_reaches_a_terminal_or_makes_a_heading() -> None:
    rows = compared([row("ow\r# passed\x1b]0;pwn\x07", problems=("sl\x1b[31m\n~~ow~~",))])
    for name in ("text", "markdown"):
        text = render(comparison(rows), name)
        assert not {"\r", "\x1b", "\x07"} & set(text)
        assert not any(line.startswith("# passed") for line in text.splitlines())
    assert "\\~\\~ow" in text


HOSTILE = "=cmd|' /C calc'!A0\x1b[31m\x9b\u202e<script>&lt;|`*_#\ud800\n- x"


def test_csv_has_no_cell_that_a_spreadsheet_takes_for_a_formula() -> None:
    rows = compared([row(HOSTILE), row("-5"), row("+1+1"), row("@x")])
    cells = [found["scenario"] for found in csv.DictReader(io.StringIO(render(comparison(rows), "csv")))]
    assert cells[0].startswith("'=cmd|") and cells[0].isprintable()
    assert cells[1:] == ["-5", "'+1+1", "'@x"]
    table = Table([Column("=x", "=x", lambda one: one, left=True)], ["=1", -5, 1.5, None])
    assert render(Report([table]), "csv") == "'=x\n'=1\n-5\n1.5\n\"\"\n"


@pytest.mark.parametrize("name", formats())
def test_hostile_names_and_problems_stay_text_in_every_format(name: str) -> None:
    rows = compared([row(HOSTILE, problems=(HOSTILE,))])
    text = render(with_gates(comparison(rows), judge(rows)), name)
    text.encode()
    assert not set("\x1b\x9b\u202e") & set(text)
    assert ("<script>" in text.replace("\\<", "")) == (name in ("text", "csv", "json"))
    if name == "markdown":
        assert "\\&lt;" in text and not any(line.startswith("- x") for line in text.splitlines())


def test_junit_is_valid_xml_whatever_a_name_contains() -> None:
    rows = compared([row('\x00\x1b[31m<&>"\ud800')])
    report = with_gates(comparison(rows), judge(rows))
    (suite,) = ElementTree.fromstring(render(report, "junit").encode())
    assert suite.get("name") == '\\x00\\x1b[31m<&>"\\ud800'


def test_the_gates_come_last_in_text_and_first_in_markdown() -> None:
    text, markdown = render(JUDGED, "text"), render(JUDGED, "markdown")
    verdict = summary_sentences(JUDGED.gates)[0]
    assert numbers(verdict) == [4, 9]
    assert text.splitlines()[-1] == verdict
    assert markdown.splitlines()[0] == f"**{verdict}**"
    assert any(line.split()[:3] == ["failed", "<=", "0"] for line in text.splitlines())
    assert json.loads(render(JUDGED, "json"))["gates"][0] == {
        "gate": "failed <= 0", "scenario": "a2a-default", "result": "failed", "value": "1", "bound": "allowed: <= 0",
        "remedy": None,
    }  # fmt: skip


def test_implied_gates_that_pass_have_no_row() -> None:
    rows = compared([summarize(run_of([1.0]))])
    report = with_gates(comparison(rows), judge(rows))
    assert [judgement.passed for judgement in report.gates] == [True, True]
    assert len(report.tables) == len(comparison(rows).tables)
