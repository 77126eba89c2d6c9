"""Files that are written whole or not at all, reports where the user wants them, and the summary of a CI job."""

from __future__ import annotations

import os
from pathlib import Path

from fanout.errors import CouldNotRunError

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
"""Names the file whose Markdown GitHub shows with a job; see its documentation of workflow commands."""


def replace(text: str, file: Path) -> None:
    """Writes a file in one step, so that nobody meets half of it. Raises OSError."""
    unfinished = file.with_name(f"{file.name}.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)


def write(text: str, file: Path) -> None:
    """Writes a report to where the user wants it. Raises CouldNotRunError."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace(text, file)
    except OSError as error:
        raise _not_written(file, error) from error


def remove_earlier(file: Path) -> None:
    """Removes an earlier run's report, so that it isn't taken for this one's. Raises CouldNotRunError."""
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise _not_written(file, error) from error


def _not_written(file: Path, error: OSError) -> CouldNotRunError:
    return CouldNotRunError(f"can't write {file}: {error.strerror}; name another file")


def append_to_job_summary(markdown: str) -> None:
    """Adds to the summary of the CI job that this is part of, if it is. Raises CouldNotRunError."""
    if not (file := os.environ.get(SUMMARY_VARIABLE)):
        return
    try:
        with Path(file).open("a", encoding="utf-8") as summary:
            summary.write(f"{markdown}\n")
    except OSError as error:
        raise CouldNotRunError(f"can't write {file}, which {SUMMARY_VARIABLE} names: {error.strerror}") from error
