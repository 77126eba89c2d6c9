from __future__ import annotations

from pathlib import Path

import pytest

from fanout.errors import NoDataError
from fanout.runs.locust_csv import read_stats
from fanout.runs.writer import QUESTIONS_FILE
from helpers.locust_stats import (
    A2A,
    EXCEPTIONS,
    FAILURES,
    HEADER,
    HISTORY,
    HISTORY_V0_13,
    HTML,
    JSON,
    V0_12_DISTRIBUTION,
    V0_12_REQUESTS,
    excel,
    stats,
)
from helpers.runs import written


def said(file: Path) -> str:
    with pytest.raises(NoDataError) as caught:
        read_stats(file)
    text = str(caught.value)
    assert text.startswith(f"{file}: ") and "\n" not in text
    return text.removeprefix(f"{file}: ")


KINDS = [
    ("x_stats_history.csv", HISTORY, "history"),
    ("x_stats_history.csv", HISTORY_V0_13, "history"),
    ("x_stats_history.csv", excel(HISTORY), "history"),
    ("x_failures.csv", FAILURES, "failures"),
    ("x_exceptions.csv", EXCEPTIONS, "exceptions"),
    ("x_distribution.csv", V0_12_DISTRIBUTION, "percentiles"),
    ("x.html", HTML, "HTML report"),
    ("x.json", JSON, "JSON report"),
]


@pytest.mark.parametrize(("name", "text", "kind"), KINDS)
def test_another_file_of_locust_is_named_and_so_is_its_summary(
    tmp_path: Path, name: str, text: str, kind: str
) -> None:  # fmt: skip
    file = stats(tmp_path / name, text)
    alone = said(file)
    assert kind in alone and "Locust" in alone and "beside" not in alone
    summary = "x_requests.csv" if kind == "percentiles" else "x_stats.csv"
    assert (summary in alone) == name.endswith(".csv")
    stats(tmp_path / summary, V0_12_REQUESTS)
    assert kind in said(file) and f"its summary is {summary} beside it" in said(file)


@pytest.mark.parametrize(("name", "text", "kind"), KINDS)
def test_the_contents_tell_the_kind_and_not_the_name(tmp_path: Path, name: str, text: str, kind: str) -> None:
    file = stats(tmp_path / "renamed_stats.csv", text)
    assert kind in said(file)
    renamed = stats(tmp_path / f"mine{Path(name).suffix}", text)
    assert "renamed_stats.csv" in said(renamed)  # the only one there


def test_files_of_a_run_directory_name_the_directory(tmp_path: Path) -> None:
    run = written(tmp_path / "run")
    assert said(stats(run / "locust_failures.csv", FAILURES)).endswith(f"its run directory is {run}")
    elsewhere = stats(tmp_path / QUESTIONS_FILE, (run / QUESTIONS_FILE).read_text())
    assert "questions of a run of fanout's" in said(elsewhere)
    assert "a table that fanout has made" in said(stats(tmp_path / "x.csv", "scenario,agents,adapter_mean_ms\na,1,2\n"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEADER.replace(",Max Response Time", "") + A2A, "has no column 'Max Response Time'"),
        ("timeStamp,elapsed,label,responseCode\n1,2,3,4\n", "the columns timeStamp, elapsed, label, responseCode"),
        ("agents: 3\n", "the columns agents: 3"),
        ('{"schema": 1}', "a JSON file"),
        ("[1, 2]", "a JSON file"),
        ('<?xml version="1.0"?>', "an XML file"),
        ("<html>x</html>", "a web page"),
        ("<html><head><title>fanout: small</title>", "an HTML report of fanout's"),
    ],
)
def test_any_other_file_is_described(tmp_path: Path, text: str, expected: str) -> None:
    found = said(stats(tmp_path / "x_stats.csv", text))
    assert expected in found
    assert len(found) < 300
