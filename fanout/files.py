"""Files that are read whole if they are fit for it, written whole or not at all, and the summary of a CI job."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from fanout.errors import CouldNotRunError, NoDataError

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
"""Names the file whose Markdown GitHub shows with a job; see its documentation of workflow commands."""
OTHER_FOLDER = "choose another folder with --results, or --run-dir for Locust"
MAX_BYTES = 67_108_864
"""Of a file that is read whole: several times what the largest sweep writes."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def writing(place: Path, otherwise: str = OTHER_FOLDER) -> Iterator[None]:
    """Around what writes to a place. Raises CouldNotRunError for what the system has against it, with what to do."""
    try:
        yield
    except OSError as error:
        free = "free some space, or " if error.errno in _FULL else ""
        raise CouldNotRunError(f"can't write to {place}: {error.strerror or error}; {free}{otherwise}") from error


def read(file: Path, most_bytes: int = MAX_BYTES) -> str:
    """The UTF-8 text of a regular file of at most so many bytes, without a byte order mark.

    Raises OSError, whose strerror says what is wrong in words. A FIFO or a device is refused, rather than waited for.
    """
    try:
        # Without O_NONBLOCK opening a FIFO would wait for a writer; regular files don't know it.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "not a regular file")
        with open(descriptor, "rb") as opened:  # noqa: PTH123
            data = opened.read(most_bytes + 1)
        if len(data) > most_bytes:
            raise OSError(errno.EFBIG, f"larger than {most_bytes} bytes")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OSError(errno.EILSEQ, "not UTF-8 text") from error
    except ValueError as error:
        raise OSError(errno.EINVAL, "not a file's name") from error


def within(directory: Path, name: str) -> Path:
    """A file of a directory that somebody may have sent. Raises NoDataError for one that is a link to elsewhere."""
    file = directory / name
    if file.is_symlink() and not file.resolve().is_relative_to(directory.resolve()):
        raise NoDataError(f"{file}: a link that leads out of its directory: put the file itself there")
    return file


def replace(text: str, file: Path) -> None:
    """Writes a file in one step, so that nobody meets half of it. Raises OSError."""
    unfinished = file.with_name(f"{file.name}.unfinished")
    try:
        unfinished.unlink(missing_ok=True)  # which may be a link to elsewhere, of a folder that somebody sent
        with unfinished.open("x", encoding="utf-8") as opened:
            opened.write(text)
        unfinished.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise


def write(text: str, file: Path) -> None:
    """Writes a report to where the user wants it. Raises CouldNotRunError."""
    with writing(file, "name another file"):
        if _is_no_file(file):
            file.write_text(text, encoding="utf-8")
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            replace(text, file)


def remove_earlier(file: Path) -> None:
    """Removes an earlier run's report, so that it isn't taken for this one's. Raises CouldNotRunError."""
    with writing(file, "name another file"):
        if not _is_no_file(file):
            file.unlink(missing_ok=True)


def _is_no_file(place: Path) -> bool:
    """Whether something other than a file is there, such as /dev/stdout, which stays what it is."""
    return place.exists() and not place.is_file() and not place.is_dir()


def append_to_job_summary(markdown: str) -> None:
    """Adds to the summary of the CI job that this is part of, if it is. Raises CouldNotRunError."""
    if not (file := os.environ.get(SUMMARY_VARIABLE)):
        return
    with (
        writing(Path(file), f"name another file with {SUMMARY_VARIABLE}"),
        Path(file).open("a", encoding="utf-8") as summary,
    ):
        summary.write(f"{markdown}\n")
