from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fanout.analysis.sources import read_source
from fanout.errors import CouldNotRunError, NoDataError
from fanout.runs.baselines import find_baseline, save_baseline
from helpers.locust_stats import A2A, HEADER, stats
from helpers.runs import written


def test_what_is_saved_is_found_and_read_again(tmp_path: Path) -> None:
    runs = [written(tmp_path / "one", name="one"), written(tmp_path / "two", name="two")]
    (runs[0] / "locust.html").write_text("not needed")
    saved = save_baseline(runs, "main", tmp_path / "results")
    assert find_baseline("main", tmp_path / "results") == saved
    assert sorted(summary.name for summary in read_source(saved)) == ["one", "two"]
    assert not list(saved.rglob("locust.html"))


def test_saving_again_replaces(tmp_path: Path) -> None:
    for name in ("one", "two"):
        saved = save_baseline([written(tmp_path / name, name=name)], "main", tmp_path)
    assert [summary.name for summary in read_source(saved)] == ["two"]
    assert [path.name for path in saved.parent.iterdir()] == ["main"]


def test_a_saved_name_goes_before_a_folder_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = written(tmp_path / "run")
    assert find_baseline(str(run), tmp_path) == run
    saved = save_baseline([run], "main", tmp_path / "results")
    (tmp_path / "main").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_baseline("main", tmp_path / "results") == saved
    assert find_baseline("./main", tmp_path / "results") == Path("main")
    with pytest.raises(NoDataError):
        find_baseline("", tmp_path)


def test_nothing_saved_is_nothing_lost(tmp_path: Path) -> None:
    saved = save_baseline([written(tmp_path / "a" / "x"), written(tmp_path / "b" / "x")], "main", tmp_path)
    with pytest.raises(ValueError, match="no run to save"):
        save_baseline([], "main", tmp_path)
    assert len(read_source(saved)) == 2


def test_the_prefix_of_locust_s_csv_is_found(tmp_path: Path) -> None:
    report = stats(tmp_path / "x_stats.csv", HEADER, A2A)
    assert find_baseline(str(tmp_path / "x"), tmp_path) == find_baseline(str(report), tmp_path) == report


def test_one_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(NoDataError, match="neither a saved baseline nor a run; no baseline is saved in"):
        find_baseline("main", tmp_path)
    save_baseline([written(tmp_path / "run")], "nightly", tmp_path)
    with pytest.raises(NoDataError, match="saved baselines: nightly; --save-baseline NAME saves one"):
        find_baseline("main", tmp_path)


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "/etc", ".hidden", "x" * 81, "a\n", "a\0", "\x1b[2J"])
def test_a_name_cannot_lead_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is not a valid name; allowed: 1 to 80 letters"):
        save_baseline([written(tmp_path / "run")], name, tmp_path)


def test_a_place_that_cannot_be_written_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "baselines").write_text("")
    with pytest.raises(CouldNotRunError, match=r"can't write to .*; choose another folder with --results"):
        save_baseline([written(tmp_path / "run")], "main", tmp_path)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "../" * 2000])
def test_what_can_be_no_file_s_name_is_no_baseline(tmp_path: Path, name: str) -> None:
    with pytest.raises(NoDataError, match="neither a saved baseline nor a run"):
        find_baseline(name, tmp_path)


def test_a_baseline_of_a_run_with_a_file_of_questions_needs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text('{"text": "?"}')
    saved = save_baseline([written(tmp_path / "run", questions=str(tmp_path / "mine.jsonl"))], "main", tmp_path)
    shutil.rmtree(tmp_path / "run")
    assert [summary.name for summary in read_source(saved)] == ["small"]
