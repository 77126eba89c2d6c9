from __future__ import annotations

from pathlib import Path

from fanout.runs.locust_reports import history_of, summaries_in, summary_of


def names(folder: Path) -> list[str]:
    return [path.name for path in summaries_in(folder)]


def test_summaries_are_found_by_their_names(tmp_path: Path) -> None:
    for name in ("b_stats.csv", "a_stats.csv", "a_stats_history.csv", "a_failures.csv", "old_requests.csv",
                 "old_distribution.csv", "a_requests.csv", "._a_stats.csv", "notes.csv"):  # fmt: skip
        (tmp_path / name).touch()
    (tmp_path / "folder_stats.csv").mkdir()
    assert names(tmp_path) == ["a_stats.csv", "b_stats.csv", "old_requests.csv"]
    assert summary_of(tmp_path, "a") == tmp_path / "a_stats.csv"
    assert summary_of(tmp_path, "old") == tmp_path / "old_requests.csv"
    assert summary_of(tmp_path, "folder") is summary_of(tmp_path, "x" * 300) is None


def test_a_history_belongs_to_the_summary_with_its_prefix(tmp_path: Path) -> None:
    for name in ("a_stats.csv", "a_stats_history.csv", "b_stats.csv", "report.csv"):
        (tmp_path / name).touch()
    assert history_of(tmp_path / "a_stats.csv") == tmp_path / "a_stats_history.csv"
    assert history_of(tmp_path / "b_stats.csv") is history_of(tmp_path / "report.csv") is history_of(tmp_path) is None
