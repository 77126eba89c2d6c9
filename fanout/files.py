"""Reads whole files of bounded size, writes files atomically, and appends to files."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from fanout.errors import CouldNotRunError, NoDataError

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
"""Names a file whose Markdown GitHub shows with the job; see its documentation of workflow commands."""
OTHER_FOLDER = "choose another folder with --results, or --run-dir for Locust"
MAX_BYTES = 67_108_864
"""The largest file that is read whole: several times what the largest sweep writes."""
_NO_SPACE_LEFT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def exists(path: Path) -> bool:
    """Whether there is a file or a directory. What can't be a name, or can't be looked at, isn't there."""
    try:
        return path.exists()
    except OSError:  # such as a name that is too long for a file name
        return False


@contextlib.contextmanager
def writing(place: Path, otherwise: str = OTHER_FOLDER) -> Iterator[None]:
    """A context for writing to a place. Turns an OSError into a CouldNotRunError that says what to do."""
    try:
        yield
    except OSError as error:
        free = "free some space, or " if error.errno in _NO_SPACE_LEFT else ""
        raise CouldNotRunError(f"can't write to {place}: {error.strerror or error}; {free}{otherwise}") from error


def read(file: Path, most_bytes: int = MAX_BYTES) -> str:
    """The UTF-8 text of a regular file of at most `most_bytes`, without its byte order mark.

    Raises OSError; its strerror describes the problem. A FIFO or a device is refused, since reading it could block.
    """
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for a writer. The flag has no effect on regular files.
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
        raise OSError(errno.EINVAL, "not a file name") from error


def within(directory: Path, name: str) -> Path:
    """A file of a directory that we can't trust. Raises NoDataError if the file is a link out of the directory."""
    file = directory / name
    if file.is_symlink() and not file.resolve().is_relative_to(directory.resolve()):
        raise NoDataError(f"{file}: a link that leads out of its directory: replace it with the file itself")
    return file


def replace(text: str, file: Path) -> None:
    """Writes a file atomically, so that no reader sees half of it. Raises OSError."""
    unfinished = file.with_name(f"{file.name}.unfinished")
    try:
        unfinished.unlink(missing_ok=True)  # in a folder that somebody sent, it may be a link to elsewhere
        with unfinished.open("x", encoding="utf-8") as opened:
            opened.write(text)
        unfinished.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise


def append_whole(data: bytes, file: FileIO, size: int) -> int:
    """Appends to an unbuffered file of this size, and returns its new size. Raises OSError.

    If only a part fits on the disk, the part is removed, so that what is appended next doesn't follow it.
    """
    rest = data
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError:
        with contextlib.suppress(OSError):
            file.truncate(size)
            file.seek(size)  # otherwise what is appended next would come after a gap
        raise
    return size + len(data)


def write(text: str, file: Path) -> None:
    """Writes a report to the place that the user has named. Raises CouldNotRunError."""
    with writing(file, "name another file"):
        if _is_special(file):
            file.write_text(text, encoding="utf-8")
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            replace(text, file)


def remove_earlier(file: Path) -> None:
    """Removes an earlier run's report, so that nobody takes it for this run's. Raises CouldNotRunError."""
    with writing(file, "name another file"):
        if not _is_special(file):
            file.unlink(missing_ok=True)


def _is_special(place: Path) -> bool:
    """Whether a place is neither a file nor a folder, such as /dev/stdout. It must not be replaced."""
    return place.exists() and not place.is_file() and not place.is_dir()


def append_to_job_summary(markdown: str) -> None:
    """Adds to the summary of the CI job; does nothing outside of one. Raises CouldNotRunError."""
    if not (file := os.environ.get(SUMMARY_VARIABLE)):
        return
    with (
        writing(Path(file), f"name another file with {SUMMARY_VARIABLE}"),
        Path(file).open("a", encoding="utf-8") as summary,
    ):
        summary.write(f"{markdown}\n")
