"""The registry of readers of outside data, which the fuzz tests run.

To add one, add a function with `@reader` to a tests/fuzz_*.py. It receives an input and an empty folder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from fanout.errors import MAX_LINE, MAX_PROBLEMS, FanoutError
from fanout.text import printable


@dataclass(frozen=True)
class Reader:
    name: str
    inputs: st.SearchStrategy[Any]
    read: Callable[[Any, Path], None]
    errors: tuple[type[Exception], ...]
    share: float
    """The share of the cases that it gets; readers that draw charts get fewer."""


READERS: list[Reader] = []
Read = Callable[[Any, Path], None]


def reader(inputs: st.SearchStrategy[Any], *errors: type[Exception], share: float = 1) -> Callable[[Read], Read]:
    """Registers a reader that may raise these errors; FanoutError by default."""

    def add(read: Read) -> Read:
        READERS.append(Reader(read.__name__, inputs, read, errors or (FanoutError,), share))
        return read

    return add


def check_message(error: Exception, reader: Reader, folder: Path) -> None:
    """Checks that an error has a text that is safe for a terminal, and names the file if it is about one."""
    text = str(error)
    assert text.strip()
    if isinstance(error, FanoutError):
        lines = text.split("\n")
        assert all(line == printable(line) and len(line) <= MAX_LINE for line in lines)
        assert len(lines) <= MAX_PROBLEMS
    if any(folder.iterdir()) and reader.name not in ("sweep_settings", "baseline_name"):
        assert str(folder) in text
