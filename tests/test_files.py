from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from fanout.errors import CouldNotRunError
from fanout.files import append_to_job_summary, read, replace, write


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write("text", tmp_path / "deep" / "out.html")
    assert (tmp_path / "deep" / "out.html").read_text() == "text"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out.html"]
    with pytest.raises(CouldNotRunError, match=r"can't write to .*out\.html/x: .*; name another file"):
        write("text", tmp_path / "deep" / "out.html" / "x")


def test_a_link_where_a_file_is_going_to_be_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("mine")
    for name in ("report", "report.unfinished"):
        (tmp_path / name).symlink_to(tmp_path / "theirs")
    replace("new", tmp_path / "report")
    assert (tmp_path / "theirs").read_text() == "mine"
    assert not (tmp_path / "report").is_symlink()
    assert (tmp_path / "report").read_text() == "new"


def test_what_is_refused_leaves_no_descriptor_open(tmp_path: Path) -> None:
    before = sum(1 for _ in Path("/dev/fd").iterdir())
    for _ in range(5):
        with pytest.raises(OSError, match="not a regular file"):
            read(tmp_path, 10)
    assert sum(1 for _ in Path("/dev/fd").iterdir()) == before


def test_a_job_s_summary_is_added_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    append_to_job_summary("nowhere")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    append_to_job_summary("one")
    append_to_job_summary("two")
    assert (tmp_path / "summary.md").read_text() == "one\ntwo\n"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    with pytest.raises(CouldNotRunError, match="name another file with GITHUB_STEP_SUMMARY"):
        append_to_job_summary("three")


def test_a_file_is_read_whole_if_it_is_fit_for_it(tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_bytes(b"\xef\xbb\xbfgr\xc3\xbc\xc3\x9fe\r\n")
    assert read(file, 100) == "grüße\r\n"
    with pytest.raises(OSError, match="larger than 5 bytes"):
        read(file, 5)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(OSError, match="not UTF-8 text"):
        read(file, 100)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    listening = socket.socket(socket.AF_UNIX)
    with listening:
        listening.bind(str(tmp_path / "socket"))
        for path in (tmp_path / "pipe", tmp_path / "socket", tmp_path, Path("/dev/zero"), Path("a\0b")):
            with pytest.raises(OSError) as caught:
                read(path, 100)
            assert caught.value.strerror


def test_of_a_file_that_is_huge_no_more_is_read_than_is_allowed(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2**40)  # sparse
    with pytest.raises(OSError, match="larger than 1000 bytes"):
        read(tmp_path / "huge", 1000)
