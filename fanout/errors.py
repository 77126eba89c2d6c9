"""All errors that fanout shows to its users, with their exit codes.

    FanoutError
    ├── UsageError             2   wrong command line
    │   └── ScenarioError      2   wrong scenario: one line per problem, with file, line, key, value and what is allowed
    ├── NoDataError            3   a run, or one of its files, is missing, empty or something else
    └── CouldNotRunError       3   one of our processes did not start, or died

A failed question is not an error of fanout: it is an outcome (see fanout/outcome.py) and leads to exit code 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from fanout.text import printable, shorten

MAX_LINE = 1000
"""The longest line of an error, in characters. A longer one loses its middle, since its end says what is allowed."""
MAX_PROBLEMS = 100
"""Problems reported for one scenario or file of questions: nobody reads more, and describing each takes time."""


class ExitCode(IntEnum):
    PASSED = 0
    FAILED = 1
    """A gate or a question failed."""
    WRONG_USAGE = 2
    NO_DATA = 3
    INTERRUPTED = 130


class FanoutError(Exception):
    """The base class. Its text is shown to the user, so it says what to do."""

    exit_code: ExitCode = ExitCode.NO_DATA

    def __str__(self) -> str:
        """The text, line by line, made safe for a terminal: parts of it may come from a file or an agent."""
        lines = (printable(line) for line in super().__str__().split("\n"))
        return "\n".join(shorten(line, MAX_LINE, tail=MAX_LINE // 2) for line in lines)


class UsageError(FanoutError):
    """The command line asks for something impossible."""

    exit_code = ExitCode.WRONG_USAGE


class NoDataError(FanoutError):
    """The data to read is missing, empty, unfinished or not ours."""


class CouldNotRunError(FanoutError):
    """A run could not be carried out."""


def without_login(text: str) -> str:
    """The text without the user name and password of a URL in it. When in doubt, it removes too much."""
    before, slashes, rest = text.partition("://")
    _, at, after = rest.rpartition("@")
    return f"{before}{slashes}…{at}{after}" if at else text


@dataclass(frozen=True)
class Problem:
    """One problem in a scenario file."""

    file: str
    line: int
    """Counted from 1; 0 if the problem has no line."""
    key: str
    """Dotted, as in `client.limits.max_connections`; empty if the problem concerns the whole file."""
    message: str
    """The value and what is allowed."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return without_login(printable(": ".join(part for part in (place, self.key, self.message) if part)))


class ScenarioError(UsageError):
    """A scenario can't be used. The error holds the first MAX_PROBLEMS of its problems."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems[:MAX_PROBLEMS])
        super().__init__("\n".join(str(problem) for problem in self.problems))
