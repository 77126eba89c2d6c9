"""A Locust as a child process. A pipe ties it to this one: its closing ends the run in order, as does our death."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from fanout.files import SUMMARY_VARIABLE
from fanout.processes.child import child_environment
from fanout.processes.child_side import not_started

LOG_FILE = "locust.log"
LIFELINE_VARIABLE = "FANOUT_LIFELINE"
"""Holds the descriptor of the pipe that ties a Locust to the process that started it."""
READY_VARIABLE = "FANOUT_READY"
"""Holds the descriptor of a pipe into which a Locust reports that a user is ready; its questions wait for a byte in the
lifeline. Not there: they go out at once."""
RESULTS_VARIABLE = "FANOUT_RESULTS"
"""Holds the directory in which a Locust makes a directory for each run."""
OWN_WORDS = ("fanout.coordinator: ", "workers.fleet: ")
"""What our processes' own messages begin with."""
END_S = 30


class LocustChild:
    """`python -m locust ARGS…`; a context manager that leaves no process behind.

    What a subclass writes into its lifeline is for fanout.locust_plugin.parent to read.
    """

    def __init__(
        self, args: Sequence[str], log: Path, environment: Mapping[str, str], pass_fds: Sequence[int] = ()
    ) -> None:
        """Starts it, with these variables besides ours; what it says goes to `log`. Raises CouldNotRunError."""
        self.log = log
        with log.open("wb") as output:
            lifeline, self._lifeline = os.pipe()
            try:
                self._locust = subprocess.Popen(
                    [sys.executable, "-m", "locust", *args],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env={**_locust_environment(), **environment, LIFELINE_VARIABLE: str(lifeline)},
                    pass_fds=[lifeline, *pass_fds],
                    start_new_session=True,  # Ctrl-C is for this process
                )
            except BaseException as error:
                os.close(self._lifeline)
                if isinstance(error, OSError):
                    raise not_started("Locust", error) from error
                raise
            finally:
                os.close(lifeline)

    @property
    def pid(self) -> int:
        return self._locust.pid

    @property
    def ended(self) -> bool:
        return self._locust.poll() is not None

    @property
    def last_words(self) -> str:
        """Where to read what it said, and the line of it that says why it ended."""
        return f"see {self.log}, which says: {_cause_in(self.log)}"

    def close(self) -> None:
        """Ends it and a run that is on, in order; kills it if that takes longer than END_S."""
        os.close(self._lifeline)
        try:
            self._locust.wait(END_S)
        except subprocess.TimeoutExpired:
            self._locust.kill()
            self._locust.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _locust_environment() -> dict[str, str]:
    """That of a Locust whose runs are judged by the one who started it: it writes no summary of its own."""
    return {name: value for name, value in child_environment().items() if name != SUMMARY_VARIABLE}


def _cause_in(log: Path) -> str:
    said = [line for line in log.read_text(errors="replace").splitlines() if any(map(str.isalpha, line))]
    # Not its last line: Locust's tables come after what went wrong, and what went wrong first is the cause.
    errors = [line for line in said if "/ERROR/" in line or line.startswith(OWN_WORDS)]
    return errors[0] if errors else (said or ["nothing was said"])[-1]
