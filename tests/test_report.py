from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from test_compare import compared, row

from fanout.advice import Advice
from fanout.compare import advice
from fanout.phases import PHASES
from fanout.report import Column, comparison, formats, render

ROWS = [
    row("a2a-default", 1037.123456, p50_ms=1.0, p95_ms=2.0, max_ms=6850.0, over_100ms=59, connections=4, failed=1),
    row("tun|ed [red]*x*[/red] <b>", 10.5),
    row("unknown", None, agents=None),
]
TABLE = replace(comparison(compared(ROWS, 1)), notes=["mind | this"])
SHOWN = TABLE.tables[0].for_people
KNOWN = row(
    "known", 10.0, phases_ms={**dict.fromkeys(PHASES, 0.25), "resolving": 8.0}, suspect=("it was slow",),
    advice=(Advice("raise <it> to 32", rule="churn"),),
)  # fmt: skip


def test_there_are_four_formats_and_each_is_a_file() -> None:
    assert formats() == ("csv", "json", "markdown", "text")


@pytest.mark.parametrize("name", formats())
def test_every_format_shows_every_row_and_ends_its_last_line(name: str) -> None:
    text = render(TABLE, name)
    assert text.endswith("\n") and not text.endswith("\n\n")
    for label in ("a2a-default", "unknown"):
        assert label in text
    assert "1037.12" in text


def test_text_is_aligned_rounded_and_says_what_it_does_not_know() -> None:
    lines = render(TABLE, "text").splitlines()
    assert lines[0].split()[:2] == ["scenario", "agents"]
    assert "tun|ed [red]*x*[/red] <b>" in lines[3]
    assert lines[4].split()[1:5] == ["–", "8", "0", "–"]
    assert lines[-1] == "note: mind | this"
    assert lines[-2] == ""
    assert lines[2].index("1037.12") + len("1037.12") == lines[3].index("10.50") + len("10.50")
    assert all(line == line.rstrip() for line in lines)


def test_text_cuts_nothing_however_long_a_name_is() -> None:
    rows = [row("x" * 200, 1037.123456), row("y" * 200, 10.0)]
    text = render(comparison(compared(rows, 1)), "text")
    assert "…" not in text
    assert all(value in text for value in ("x" * 200, "1037.12", "questions/conn."))


def test_markdown_keeps_its_columns_whatever_a_name_contains() -> None:
    lines = render(TABLE, "markdown").splitlines()
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


def test_where_the_time_goes_is_a_table_of_its_own() -> None:
    report = comparison(compared([KNOWN, *ROWS]))
    lines = render(report, "text").splitlines()
    where = lines.index("Where the mean goes, in ms:")
    assert lines[where + 2].split() == ["scenario", *PHASES]
    assert lines[where + 4].split() == ["known", "(suspect)", "0.25", "0.25", "8.00", *["0.25"] * 6]
    assert lines[where + 5] == ""  # of the others it isn't known
    assert "| known (suspect) | 0.25 |" in render(report, "markdown")
    (first, *_) = csv.DictReader(io.StringIO(render(report, "csv")))
    assert (first["resolving_mean_ms"], first["cause"], first["cause_share"], first["suspect"]) == (
        "8.0", "resolving", "0.8", "true"
    )  # fmt: skip


@pytest.mark.parametrize("name", ["text", "markdown", "json"])
def test_suspicion_and_advice_are_told(name: str) -> None:
    text = render(comparison(compared([KNOWN])), name)
    assert "known is suspect: it was slow" in text
    assert ("known: raise \\<it\\> to 32" if name == "markdown" else "known: raise <it> to 32") in text


def test_what_is_true_of_several_runs_is_told_once() -> None:
    other = replace(KNOWN, name="other", advice=(Advice("wait", rule="patience"), Advice("raise it", rule="churn")))
    assert advice(compared([KNOWN, other])) == [
        "known: raise <it> to 32 (likewise other)",
        "other: wait",
    ]


def test_people_read_a_dash_for_what_is_not_known_and_machines_nothing() -> None:
    column = Column("x_ms", "x", lambda value: value, 1)
    assert [column.text(value) for value in (None, 1.25, 3, "word")] == ["–", "1.2", "3", "word"]
