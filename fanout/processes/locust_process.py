"""Locust as a child process, tied to this one by a pipe. Closing the pipe ends the run cleanly, as does our death."""

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
"""Holds the descriptor of the pipe that ties Locust to the process that started it."""
READY_VARIABLE = "FANOUT_READY"
"""Holds the descriptor of a pipe into which Locust reports that a user is ready. Its questions then wait for a byte in
the lifeline. If the variable is not set, they are sent immediately."""
RESULTS_VARIABLE = "FANOUT_RESULTS"
"""Holds the directory in which Locust creates a directory for each run."""
OWN_MESSAGES = ("fanout.coordinator: ", "workers.fleet: ")
"""How the messages of our own processes begin."""
END_S = 30
"""How long Locust may take to end before it is killed."""


class LocustChild:
    """`python -m locust ARGS…`; a context manager that leaves no process behind.

    fanout.locust_plugin.parent reads what a subclass writes into the lifeline.
    """

    def __init__(
        self, args: Sequence[str], log: Path, environment: Mapping[str, str], pass_fds: Sequence[int] = ()
    ) -> None:
        """Starts Locust with these variables besides ours, and its output in `log`. Raises CouldNotRunError."""
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
        """The path of the log, and the line in it that says why Locust ended."""
        return f"see {self.log}, which says: {_cause_in(self.log)}"

    def close(self) -> None:
        """Ends Locust and any current run cleanly; kills it if that takes longer than END_S."""
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
    """The environment without the variable for the job summary, which the process that started Locust writes."""
    return {name: value for name, value in child_environment().items() if name != SUMMARY_VARIABLE}


def _cause_in(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if any(map(str.isalpha, line))]
    # The first error is the cause. Locust prints its tables after the errors, so the last line doesn't help.
    errors = [line for line in lines if "/ERROR/" in line or line.startswith(OWN_MESSAGES)]
    return errors[0] if errors else (lines or ["(the log is empty)"])[-1]
