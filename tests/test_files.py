from __future__ import annotations

from pathlib import Path

import pytest

from fanout.errors import CouldNotRunError
from fanout.files import append_to_job_summary, write


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write("text", tmp_path / "deep" / "out.html")
    assert (tmp_path / "deep" / "out.html").read_text() == "text"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out.html"]
    with pytest.raises(CouldNotRunError, match=r"can't write to .*out\.html/x: .*; name another file"):
        write("text", tmp_path / "deep" / "out.html" / "x")


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
