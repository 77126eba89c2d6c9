from __future__ import annotations

from pathlib import Path

import pytest

from fanout.errors import NoDataError
from fanout.runs.locust_csv import Moment, read_history, read_stats
from helpers import locust_stats
from helpers.locust_stats import A2A, GET, HEADER, TOTAL, V0_12_REQUESTS, V0_13, excel, stats


def test_today_s_summary(tmp_path: Path) -> None:
    first, second = read_stats(stats(tmp_path / "x_stats.csv", HEADER, A2A, GET, TOTAL))
    assert (first.type, first.name, first.requests, first.failures) == ("a2a", "a2a-tuned", 100, 3)
    assert (first.median_ms, first.mean_ms, first.max_ms) == (3.2, 14.5, 66.0)
    assert first.percentiles_ms == {
        50: 3, 66: 4, 75: 5, 80: 6, 90: 7, 95: 44, 98: 45, 99: 46, 99.9: 60, 99.99: 61, 100: 66
    }  # fmt: skip
    assert (second.type, second.name) == ("GET", "/x")


def test_the_summaries_of_older_versions(tmp_path: Path) -> None:
    (row,) = read_stats(stats(tmp_path / "x_stats.csv", V0_13))
    assert (row.type, row.name, row.requests, row.mean_ms) == ("GET", "/a", 200, 34.0)
    assert {percent: row.percentiles_ms[percent] for percent in (95, 99.99, 99.999, 100)} == {
        95: 70, 99.99: 89, 99.999: 90, 100: 90
    }  # fmt: skip
    first, second = read_stats(stats(tmp_path / "x_requests.csv", V0_12_REQUESTS))
    assert (first.type, first.name, first.failures, first.max_ms, first.percentiles_ms) == ("GET", "/a", 3, 90.0, {})
    assert (second.type, second.name) == ("GET", "Total")  # a request of that name, and not the total
    v1 = (
        V0_13.replace("# requests", "Request Count").replace("# failures", "Failure Count").replace("99.999", "99.999%")
    )
    (row,) = read_stats(stats(tmp_path / "y_stats.csv", v1.replace("response time", "Response Time")))
    assert row.percentiles_ms[99.999] == 90


@pytest.mark.parametrize("total", [",Aggregated", "None,Aggregated", "None,Total", ",Total"])
def test_the_total_is_no_row(tmp_path: Path, total: str) -> None:
    found = read_stats(stats(tmp_path / "x_stats.csv", HEADER, A2A, TOTAL.replace(",Aggregated", total, 1)))
    assert [row.name for row in found] == ["a2a-tuned"]


@pytest.mark.parametrize("text", [HEADER + A2A + GET + TOTAL, V0_13, V0_12_REQUESTS])
def test_what_a_spreadsheet_has_saved_is_the_same(tmp_path: Path, text: str) -> None:
    whole = read_stats(stats(tmp_path / "x.csv", text))
    saved = tmp_path / "saved.csv"
    for again in (
        excel(text),
        "sep=;\r\n" + excel(text).removeprefix("\ufeff"),
        excel(text).replace(",", "."),
        excel(text).replace(";", "\t") + "\t" * 9 + "\r\n",
        "\ufeff" + text.replace("\n", "\r\n") + "\r\n\r\n",
        text.replace("\n", "\r"),
    ):
        saved.write_bytes(again.encode())
        assert read_stats(saved) == whole


def test_percentiles_are_those_that_the_file_has(tmp_path: Path) -> None:
    few = "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Max Response Time"
    (row,) = read_stats(
        stats(tmp_path / "x.csv", f"{few},97%,57.0%,99.90%,Note,250%\n", "GET,/,9,0,1,2,3,4,5,N/A,6,7\n")
    )
    assert row.percentiles_ms == {97: 4, 57: 5}
    (row,) = read_stats(stats(tmp_path / "x.csv", f"{few}\n", "GET,/,9,0,N/A,,3\n"))
    assert (row.percentiles_ms, row.median_ms, row.mean_ms, row.max_ms) == ({}, None, None, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEADER + A2A.replace("14.5", "14,5"), "x.csv:2: not as many cells as columns"),
        (HEADER + A2A.replace("14.5", '"14,5"'), "x.csv:2: Average Response Time: '14,5' is not a number of ms"),
        (excel(HEADER + A2A).replace("14,5", "1.014,5"), "x.csv:2: Average Response Time: '1.014,5' is not a number"),
        (HEADER + A2A.replace(",44,", ",fast,"), "x.csv:2: 95%: 'fast' is not a number of ms"),
        (V0_13.replace("200,0", "200,-1"), "x.csv:2: # failures: '-1' is not a whole number"),
        ("\n\n" + HEADER + A2A.replace(",100,", ",1e3,"), "x.csv:4: Request Count: '1e3' is not a whole number"),
        (HEADER + '"a2a', "not a CSV file"),
    ],
)
def test_a_wrong_cell_is_named_by_its_line_and_column(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "x.csv").write_text(text, encoding="utf-8")
    with pytest.raises(NoDataError) as caught:
        read_stats(tmp_path / "x.csv")
    assert expected in str(caught.value)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_another_encoding_of_a_spreadsheet_is_named(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "x.csv").write_bytes((HEADER + A2A.replace("a2a-tuned", "/größe")).encode(encoding))
    with pytest.raises(NoDataError, match=r"x\.csv: can't be read: not UTF-8 text: save it as CSV UTF-8"):
        read_stats(tmp_path / "x.csv")


def test_a_history_is_about_all_requests(tmp_path: Path) -> None:
    first, second, third = read_history(stats(tmp_path / "x_stats_history.csv", locust_stats.HISTORY))
    assert first == Moment(1774000000, 1, 0, 0, None, None)
    assert second == Moment(1774000001, 2, 9.5, 0.5, 30, 70)
    assert third.requests_per_s == 19
    first, second = read_history(stats(tmp_path / "y_stats_history.csv", locust_stats.HISTORY_V0_13))
    assert second == Moment(1574000001, None, 9.5, 0.25, 30, 70)


@pytest.mark.parametrize("text", [HEADER + A2A, locust_stats.HISTORY.replace("1774000001,2,,", "noon,2,,"), ""])
def test_what_is_no_history_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(NoDataError, match=r"x\.csv"):
        read_history(stats(tmp_path / "x.csv", text))
