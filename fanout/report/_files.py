"""Reports that go into files: those that the user names, and the summary of a CI job."""

from __future__ import annotations

import os
from pathlib import Path

from fanout.errors import CouldNotRunError

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
"""Names the file whose Markdown GitHub shows with a job; see its documentation of workflow commands."""


def write(text: str, file: Path) -> None:
    """Writes a report, in one step, so that nobody meets half of it. Raises CouldNotRunError."""
    unfinished = file.with_name(f"{file.name}.unfinished")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(file)
    except OSError as error:
        raise CouldNotRunError(f"can't write {file}: {error.strerror}; name another file") from error


def append_to_job_summary(markdown: str) -> None:
    """Adds to the summary of the CI job that this is part of, if it is. Raises CouldNotRunError."""
    if not (file := os.environ.get(SUMMARY_VARIABLE)):
        return
    try:
        with Path(file).open("a", encoding="utf-8") as summary:
            summary.write(f"{markdown}\n")
    except OSError as error:
        raise CouldNotRunError(f"can't write {file}, which {SUMMARY_VARIABLE} names: {error.strerror}") from error
