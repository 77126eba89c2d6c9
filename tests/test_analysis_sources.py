from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from fanout.analysis import sources
from fanout.analysis.metrics import measured
from fanout.analysis.run_summary import UNKNOWN
from fanout.analysis.sources import read_source, sources_at
from fanout.errors import NoDataError
from fanout.scenario.metrics import METRICS
from helpers.locust_stats import A2A, GET, HEADER, TOTAL, V0_12_REQUESTS, stats
from helpers.runs import question, written


def test_a_run_directory_or_a_file_in_it(tmp_path: Path) -> None:
    directory = written(tmp_path / "run")
    (summary,) = read_source(directory)
    assert (summary.name, summary.questions, summary.failed, summary.mean_ms) == ("small", 2, 1, 5.0)
    assert read_source(directory / "questions.csv") == read_source(directory / "run.json") == [summary]


def test_a_locust_file_has_a_row_for_each_name(tmp_path: Path) -> None:
    first, second = read_source(stats(tmp_path / "x_stats.csv", HEADER, A2A, GET, TOTAL))
    assert (first.name, first.protocol, first.questions, first.failed) == ("a2a-tuned", "a2a", 100, 3)
    assert (first.mean_ms, first.p50_ms, first.p95_ms, first.max_ms) == (14.5, 3.2, 44.0, 66.0)
    assert (first.agents, first.over_100ms, first.connections) == (None, None, None)
    assert second.name == "/x"


def test_a_latency_that_locust_did_not_know_is_not_0(tmp_path: Path) -> None:
    nothing = "a2a,failed,12,12,0,0.0,0,0,0,1,1,0,0,0,0,0,0,0,0,0,0,0\n"
    (summary,) = read_source(stats(tmp_path / "x_stats.csv", HEADER, nothing))
    assert (summary.questions, summary.failed, summary.mean_ms, summary.p95_ms) == (12, 12, None, None)
    assert summary.problems == (UNKNOWN,)


def test_failures_in_the_latencies_of_locust_are_a_problem(tmp_path: Path) -> None:
    (summary,) = read_source(stats(tmp_path / "x_stats.csv", HEADER, A2A))
    assert len(summary.problems) == 1


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], "empty; Locust writes it once a second"),
        ([HEADER], "holds no request"),
        ([HEADER, TOTAL], "holds no request"),
        ([HEADER, A2A.replace(",100,", ",0,")], "holds no request"),
        ([HEADER.replace("Type,", "Kind,"), A2A], "not a _stats.csv of Locust: it has no column 'Type'"),
        ([HEADER, A2A.replace(",100,", ",many,")], "x_stats.csv:2: Request Count: 'many' is not a whole number"),
        ([HEADER, A2A.replace("14.5", "slow")], "x_stats.csv:2: Average Response Time: 'slow' is not a number of ms"),
        ([HEADER, "a2a,short\n"], "x_stats.csv:2: not as many cells as columns"),
        (["\udcff"], "not UTF-8 text"),
        (
            [HEADER, A2A.replace(",100,", "," + "9" * 13 + ",")],
            "x_stats.csv:2: Request Count: '9999999999999' is not",
        ),
        ([HEADER, A2A.replace("14.5", "nan")], "x_stats.csv:2: Average Response Time: 'nan' is not a number of ms"),
        ([HEADER, A2A.replace("14.5", "1e999999")], "Average Response Time: '1e999999' is not a number of ms"),
        (
            [HEADER, A2A.replace("a2a-tuned", '"two\nlines"'), A2A.replace(",3,", ",-3,")],
            "stats.csv:4: Failure Count",
        ),
    ],
)
def test_a_file_without_comparable_data_is_an_error(tmp_path: Path, rows: list[str], expected: str) -> None:
    path = tmp_path / "x_stats.csv"
    path.write_bytes("".join(rows).encode(errors="surrogateescape"))
    with pytest.raises(NoDataError) as caught:
        read_source(path)
    assert expected in str(caught.value)


def test_a_report_keeps_its_percentiles(tmp_path: Path) -> None:
    (summary,) = read_source(stats(tmp_path / "x_stats.csv", HEADER, A2A))
    assert summary.percentiles_ms is not None
    assert (summary.percentiles_ms[99.0], summary.percentiles_ms[99.9], summary.p95_ms) == (46.0, 60.0, 44.0)
    (old,) = read_source(stats(tmp_path / "x_requests.csv", V0_12_REQUESTS))[:1]
    assert (old.percentiles_ms, old.p95_ms, old.mean_ms) == ({}, None, 34.0)
    assert read_source(written(tmp_path / "run"))[0].percentiles_ms is None


def test_a_report_may_be_named_by_its_prefix_or_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    first = stats(folder / "a_stats.csv", HEADER, A2A)
    assert sources_at(folder / "a") == sources_at(first) == sources_at(folder) == [first]
    assert read_source(folder / "a") == read_source(first) == read_source(folder)
    second = stats(folder / "b_requests.csv", V0_12_REQUESTS)
    assert sources_at(folder) == [first, second]
    with pytest.raises(NoDataError, match=r"several reports of Locust .*a_stats\.csv, .*b_requests\.csv"):
        read_source(folder)
    (tmp_path / "empty").mkdir()
    beside = stats(tmp_path / "empty_stats.csv", HEADER, A2A)
    assert sources_at(tmp_path / "empty") == [beside]  # locust --csv empty, beside a folder of that name


def test_a_directory_of_runs_is_one_source(tmp_path: Path) -> None:
    runs = [written(tmp_path / "series" / name, name=name) for name in ("1", "2")]
    stats(tmp_path / "series" / "x_stats.csv", HEADER, A2A)
    assert sources_at(tmp_path / "series") == [tmp_path / "series"]
    assert sources_at(runs[0] / "questions.csv") == sources_at(runs[0] / "run.json") == [runs[0]]
    assert [summary.name for summary in read_source(tmp_path / "series")] == ["1", "2"]


def test_a_path_without_runs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoDataError, match="there is no such run directory or file"):
        read_source(tmp_path / "nothing")
    with pytest.raises(NoDataError, match="not a run directory"):
        read_source(tmp_path)


def test_a_large_run_keeps_what_is_asked_for_and_reads_the_rest_again(tmp_path: Path) -> None:
    asked = [question(n, in_flight=1, blocked=n) for n in range(10)]
    directory = written(tmp_path / "run", asked, agents=10, gates=["phase.blocked.max < 1 s"])
    (whole,) = read_source(directory, ["service.mean"])
    with mock.patch.object(sources, "LARGE", 10):
        (narrow,) = read_source(directory, ["service.mean"])
        (all_of_it,) = read_source(directory)
    assert narrow == whole == all_of_it
    assert narrow.run is not None and whole.run is not None and all_of_it.run is not None
    assert all_of_it.run.questions.columns == whole.run.questions.columns
    assert {"blocked_ms", "service_ms"} < set(narrow.run.questions.columns) < set(whole.run.questions.columns)
    for metric in METRICS:
        assert measured(metric, narrow) == measured(metric, whole)
