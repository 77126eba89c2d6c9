"""Every error that a user of fanout can meet, and the exit code of each.

    FanoutError
    ├── UsageError             2   wrong command line
    │   └── ScenarioError      2   wrong scenario: one line a problem, with file, line, key, value and what is allowed
    ├── NoDataError            3   a run, or a file of one, that isn't there, is empty or is something else
    └── CouldNotRunError       3   a process of ours did not start, or died

A question that fails is not an error of fanout's: it is an outcome (see fanout/outcome.py), and so an exit code of 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from fanout.text import printable, shorten

MAX_LINE = 1000
"""Letters of a line of an error; of a longer one the middle is left out, since it ends in what is allowed."""
MAX_PROBLEMS = 100
"""Of a scenario, or of a file of questions: nobody reads more, and each takes its time to be put into words."""


class ExitCode(IntEnum):
    """What a command's exit code says."""

    PASSED = 0
    FAILED = 1
    """A gate failed, or a question."""
    WRONG_USAGE = 2
    NO_DATA = 3
    INTERRUPTED = 130


class FanoutError(Exception):
    """The base of all; its text is what the user reads, so it says what to do."""

    exit_code: ExitCode = ExitCode.NO_DATA

    def __str__(self) -> str:
        """Fit for a terminal, whatever a file or an agent put into it; a line each."""
        lines = (printable(line) for line in super().__str__().split("\n"))
        return "\n".join(shorten(line, MAX_LINE, tail=MAX_LINE // 2) for line in lines)


class UsageError(FanoutError):
    """The command line asks for something that can't be done."""

    exit_code = ExitCode.WRONG_USAGE


class NoDataError(FanoutError):
    """What should be read is missing, empty, unfinished or not ours."""


class CouldNotRunError(FanoutError):
    """A run could not be carried out."""


def without_login(text: str) -> str:
    """Text without the user name and password of a URL in it. Rather too much is left out than too little."""
    before, slashes, rest = text.partition("://")
    _, at, after = rest.rpartition("@")
    return f"{before}{slashes}…{at}{after}" if at else text


@dataclass(frozen=True)
class Problem:
    """One mistake in a scenario file."""

    file: str
    line: int
    """Counted from 1; 0 for a file of which there are no lines."""
    key: str
    """Dotted, as in `client.limits.max_connections`; empty for a mistake of the whole file."""
    message: str
    """The value and what is allowed."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return without_login(printable(": ".join(part for part in (place, self.key, self.message) if part)))


class ScenarioError(UsageError):
    """A scenario that can't be used; carries its problems, the first MAX_PROBLEMS of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems[:MAX_PROBLEMS])
        super().__init__("\n".join(str(problem) for problem in self.problems))
