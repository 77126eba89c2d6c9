from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from fanout.errors import NoDataError
from fanout.web.run_list import directory_of, page_of, run_ids


def a_run(directory: Path, modified_s: float = 0.0) -> Path:
    """What counts as a run here: a directory with a run.json."""
    directory.mkdir(parents=True)
    (directory / "run.json").write_text("{}", encoding="utf-8")
    os.utime(directory, (modified_s, modified_s))
    return directory


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Runs, a series, and much that is neither; beside it a run that no id may reach."""
    folder = tmp_path / "results"
    a_run(folder / "20261127-104500-published")
    a_run(folder / "20261127-104500-published-2")
    a_run(folder / "20261128-000000-bench" / "01-a-1", modified_s=10)
    a_run(folder / "20261128-000000-bench" / "02-b-1", modified_s=20)
    a_run(folder / "20261128-000000-bench" / "01-a-2", modified_s=30)
    a_run(folder / "20250101-000000-old run é")
    a_run(folder / "mine", modified_s=time.mktime((2026, 11, 27, 23, 0, 0, 0, 0, -1)))
    a_run(folder / "baselines" / "base" / "001-x")
    a_run(folder / ".base.unfinished")
    a_run(folder / "20261129-000000-deep" / "a" / "b")
    (folder / "20261129-000000-empty").mkdir()
    (folder / "20261129-000000-file").write_text("x", encoding="utf-8")
    outside = a_run(tmp_path / "outside")
    (folder / "20261129-000000-link").symlink_to(outside)
    (folder / "latest").symlink_to(folder / "mine")
    (folder / "20261128-000000-bench" / "03-link-1").symlink_to(outside)
    return folder


NEWEST_FIRST = [
    "20261128-000000-bench/01-a-2",
    "20261128-000000-bench/02-b-1",
    "20261128-000000-bench/01-a-1",
    "mine",
    "20261127-104500-published-2",
    "20261127-104500-published",
    "20250101-000000-old run é",
]


def test_runs_are_listed_newest_first_without_baselines_and_links(results: Path) -> None:
    assert list(run_ids(results)) == NEWEST_FIRST


def test_every_listed_run_has_its_directory(results: Path) -> None:
    assert [directory_of(results, each) for each in NEWEST_FIRST] == [results / each for each in NEWEST_FIRST]


@pytest.mark.parametrize("most", [1, 2, 3, 7, 20])
def test_pages_have_every_run_once(results: Path, most: int) -> None:
    found: list[str] = []
    before = None
    while True:
        page = page_of(results, before, most)
        assert 0 < len(page.ids) <= most
        found += page.ids
        if page.next_id is None:
            break
        before = page.next_id
    assert found == NEWEST_FIRST


def test_a_page_begins_only_after_a_run(results: Path) -> None:
    assert page_of(results, NEWEST_FIRST[-1]).ids == ()
    with pytest.raises(NoDataError):
        page_of(results, "20261127-104500-removed")


def test_a_directory_of_results_that_is_not_there_has_no_runs(tmp_path: Path) -> None:
    assert page_of(tmp_path / "results").ids == ()
    with pytest.raises(NoDataError):
        directory_of(tmp_path / "results", "mine")


@pytest.mark.parametrize(
    "run_id",
    [
        "", ".", "..", "/", "//", "~", "mine/", "/mine", "./mine", "mine/.", "mine/..", "../outside", "mine/../mine",
        "../results/mine", "20261128-000000-bench/../../outside", "mine\x00", "\x00", "mine\n", "\u202emine", "\ud800",
        "..\\outside", "a\\b", "x" * 256, "é" * 200, "x/" * 5000, "20261128-000000-bench", "20261129-000000-link",
        "latest", "~root", "mine?", "mine#",
        "20261128-000000-bench/03-link-1", "20261129-000000-empty", "20261129-000000-file", "20261129-000000-deep/a/b",
        "baselines", "baselines/base", ".base.unfinished", "mine/run.json", "absent", "%2e%2e", "C:", "$HOME",
    ],
)  # fmt: skip
def test_no_other_id_leads_anywhere(results: Path, run_id: str) -> None:
    with pytest.raises(NoDataError) as caught:
        directory_of(results, run_id)
    assert str(results) in str(caught.value)


def test_an_absolute_path_is_no_id(results: Path) -> None:
    for path in (results / "mine", results.parent / "outside"):
        with pytest.raises(NoDataError):
            directory_of(results, str(path))


def test_a_name_that_no_page_can_show_is_not_listed(results: Path) -> None:
    for name in ("a\\b", "line\nbreak", "\u202eturned", os.fsdecode(b"\xff\xfe")):
        a_run(results / name)
    assert list(run_ids(results)) == NEWEST_FIRST


def test_a_time_without_a_date_makes_a_run_an_old_one(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: float) -> time.struct_time:
        raise OverflowError("timestamp out of range")

    monkeypatch.setattr(time, "localtime", refuse)
    assert list(run_ids(results))[-1] == "mine"


def test_a_page_of_thousands_of_runs_looks_only_at_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(300):
        a_run(tmp_path / f"20261127-{number:06}-x")
    looked_at: list[Path] = []

    def exists(file: Path) -> bool:
        looked_at.append(file)
        return True

    monkeypatch.setattr("fanout.web.run_list.exists", exists)
    page = page_of(tmp_path)
    assert page.ids[0] == "20261127-000299-x"
    page = page_of(tmp_path, "20261127-000020-x")
    assert (page.ids[-1], page.next_id) == ("20261127-000000-x", None)
    assert len(looked_at) < 60
