from __future__ import annotations

from pathlib import Path

import pytest

from fanout.analysis.sources import Source
from fanout.cli._sources import read_sources
from fanout.errors import NoDataError, UsageError
from helpers.locust_stats import A2A, FAILURES, GET, HEADER, TOTAL, stats
from helpers.runs import written


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a1", "a2", "b1", "b2"):
        stats(tmp_path / f"{name}_stats.csv", HEADER, A2A, GET, TOTAL)
        stats(tmp_path / f"{name}_failures.csv", FAILURES)
    for folder, names in (("before", ("1", "2", "3")), ("after", ("1", "2"))):
        for name in names:
            (tmp_path / folder).mkdir(exist_ok=True)
            stats(tmp_path / folder / f"{name}_stats.csv", HEADER, A2A)
    (tmp_path / "empty").mkdir()
    return tmp_path


def shape(sources: list[Source]) -> list[tuple[str, list[tuple[str, int]]]]:
    """The label of each source, and the name and the number of runs of each of its rows."""
    return [(each.label, [(row.summary.name, len(row.runs)) for row in each.rows]) for each in sources]


@pytest.mark.parametrize(
    "value", ["a1,a2", "a1_stats.csv,a2_stats.csv", "./a1, a2", "a?_stats.csv", "a[12]*", "a1,a2_stats.csv"]
)
def test_a_group_makes_repeats_of_what_it_names(here: Path, value: str) -> None:
    (found,) = read_sources([f"old={value}"])
    assert shape([found]) == [("old", [("a2a-tuned", 2), ("/x", 2)])]
    assert sorted(place.name for place in found.places) == ["a1_stats.csv", "a2_stats.csv"]
    assert {row.group for row in found.rows} == {"old"}


def test_groups_of_folders_and_of_runs(here: Path) -> None:
    assert shape(read_sources(["old=before", f"new={here / 'after'}"])) == [
        ("old", [("a2a-tuned", 3)]),
        ("new", [("a2a-tuned", 2)]),
    ]
    runs = [written(here / "runs" / name) for name in ("1", "2")]
    assert shape(read_sources([f"x={runs[0]},{runs[1]}"])) == shape(read_sources(["x=runs"])) == [("x", [("small", 2)])]


def test_other_arguments_are_sources_of_their_own(here: Path) -> None:
    assert shape(read_sources(["a1", "new=b1,b2"])) == [
        ("", [("a2a-tuned", 1), ("/x", 1)]), ("new", [("a2a-tuned", 2), ("/x", 2)])
    ]  # fmt: skip
    assert [source.places for source in read_sources(["after", "a1", "a1_stats.csv"])] == [
        (Path("after/1_stats.csv"),), (Path("after/2_stats.csv"),), (Path("a1_stats.csv"),)
    ]  # fmt: skip


def test_a_path_that_looks_like_a_group_is_a_path(here: Path) -> None:
    stats(here / "x=1,2_stats.csv", HEADER, A2A)
    assert shape(read_sources(["x=1,2"])) == shape(read_sources(["x=1,2_stats.csv"])) == [("", [("a2a-tuned", 1)])]
    assert shape(read_sources(["y=x=1,2"])) == [("y", [("a2a-tuned", 1)])]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["old="], "the group old is empty"),
        (["old=a1,,a2"], "the group old is empty, or one of its runs has no name"),
        (["old=empty"], "the group old is empty"),
        (["old=z*"], "the group old is empty"),
        (["=a1,a2"], "the group has no label"),
        (["old=a1", "old=a2"], "the label old is given twice"),
        (["old=a1", "new=a1"], "a1_stats.csv is in old and new"),
        (["old=a1,a1_stats.csv"], "a1_stats.csv is twice in old"),
        (["old=before", "new=after,before/2"], "2_stats.csv is in old and new"),
        (["a1", "old=a1,a2"], "a1_stats.csv is in an argument of its own and old"),
    ],
)
def test_a_wrong_group_is_wrong_usage(here: Path, arguments: list[str], expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_sources(arguments)
    assert expected in str(caught.value) and "allowed: " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("argument", ["nothing", "old=a1,nothing", "no/old=a1", "old=a1_failures.csv", "x" * 300])
def test_what_cannot_be_read_is_no_data(here: Path, argument: str) -> None:
    with pytest.raises(NoDataError):
        read_sources([argument])
