"""What a reader of outside data is to the fuzz tests, and which there are.

To add one, add a function with `@reader`, in a tests/fuzz_*.py, that is given an input and an empty folder.
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
    """Of the cases: what draws charts gets fewer."""


READERS: list[Reader] = []
Read = Callable[[Any, Path], None]


def reader(inputs: st.SearchStrategy[Any], *errors: type[Exception], share: float = 1) -> Callable[[Read], Read]:
    """Adds a reader, whose errors are fanout's own unless it says otherwise."""

    def add(read: Read) -> Read:
        READERS.append(Reader(read.__name__, inputs, read, errors or (FanoutError,), share))
        return read

    return add


def told_well(error: Exception, reader: Reader, folder: Path) -> None:
    """An error of ours says something, fit for a terminal; of a file it says which."""
    text = str(error)
    assert text.strip()
    if isinstance(error, FanoutError):
        lines = text.split("\n")
        assert all(line == printable(line) and len(line) <= MAX_LINE for line in lines)
        assert len(lines) <= MAX_PROBLEMS
    if any(folder.iterdir()) and reader.name not in ("sweep_settings", "baseline_name"):
        assert str(folder) in text
