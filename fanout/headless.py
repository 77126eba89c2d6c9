"""A headless Locust as a child process: one round of one scenario, into a run directory.

Two pipes tie it to this process. What is written into the first lets the run begin, once it is ready, and its closing
ends the run in order, as does this process's death. Through the second the child tells that it is ready.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from fanout.child import ROOT, child_environment
from fanout.errors import CouldNotRunError, ExitCode
from fanout.files import SUMMARY_VARIABLE, writing
from fanout.results import QUESTIONS_FILE, SCENARIO_FILE, write_scenario
from fanout.scenario import Scenario
from fanout.series import Place

LOG_FILE = "locust.log"
OWN_WORDS = ("fanout.coordinator: ", "workers.fleet: ")
"""What our processes' own messages begin with."""
READY_S = 120
STOP_S = 30


class HeadlessRun:
    """One run; a context manager that leaves no process behind."""

    def __init__(self, scenario: Scenario, directory: Path, place: Place | None = None) -> None:
        """Starts it: its agents and its coordinator, which then wait for begin(). Raises CouldNotRunError."""
        self.scenario = scenario
        self.directory = directory
        self._seen = _Lines(directory / QUESTIONS_FILE)
        with writing(directory):
            write_scenario(scenario, directory)
            (directory / LOG_FILE).touch()
        command = [sys.executable, "-m", "locust", "--headless", "--users", "1", "--only-summary"]
        command += ["--locustfile", str(ROOT / "locustfiles" / "coordinator.py")]
        command += ["--scenario", str(directory / SCENARIO_FILE), "--run-dir", str(directory)]
        lifeline, self._lifeline = os.pipe()
        self._ready, ready = os.pipe()
        with (directory / LOG_FILE).open("wb") as log:
            self._locust = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={
                    **locust_environment(),
                    **(place.to_environment() if place else {}),
                    "FANOUT_LIFELINE": str(lifeline),
                    "FANOUT_READY": str(ready),
                },
                pass_fds=[lifeline, ready],
                start_new_session=True,  # Ctrl-C is for this process
            )
        os.close(lifeline)
        os.close(ready)

    def wait_until_ready(self) -> None:
        """Returns when the agents and the coordinator are ready, or the run has ended before. Bounded by READY_S."""
        select.select([self._ready], [], [], READY_S)

    def begin(self) -> None:
        """Lets the first question go out."""
        with contextlib.suppress(BrokenPipeError):  # it has ended already; check() says why
            os.write(self._lifeline, b"!")

    @property
    def pid(self) -> int:
        return self._locust.pid

    @property
    def ended(self) -> bool:
        return self._locust.poll() is not None

    def new_questions(self) -> int:
        """How many questions have ended since the last time."""
        return self._seen.new()

    def check(self) -> None:
        """Raises CouldNotRunError where Locust could not do the run. A failed question is not such a case."""
        if self._locust.returncode in (ExitCode.PASSED, ExitCode.FAILED):
            return
        log = self.directory / LOG_FILE
        raise CouldNotRunError(f"Locust ended with {self._locust.returncode}; see {log}, which says: {cause_in(log)}")

    def close(self) -> None:
        """Ends it in order, if it hasn't ended; kills it if that takes too long."""
        os.close(self._lifeline)
        os.close(self._ready)
        try:
            self._locust.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._locust.kill()
            self._locust.wait()

    def __enter__(self) -> HeadlessRun:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()


def locust_environment() -> dict[str, str]:
    """That of a Locust whose runs are judged by the one who started it: it writes no summary of its own."""
    return {name: value for name, value in child_environment().items() if name != SUMMARY_VARIABLE}


def cause_in(log: Path) -> str:
    """The line of a Locust's log that says why it ended."""
    said = [line for line in log.read_text(errors="replace").splitlines() if any(map(str.isalpha, line))]
    # Not its last line: Locust's tables come after what went wrong, and what went wrong first is the cause.
    errors = [line for line in said if "/ERROR/" in line or line.startswith(OWN_WORDS)]
    return errors[0] if errors else (said or ["nothing was said"])[-1]


class _Lines:
    """Counts the lines of a file that grows, reading each once; the first is a header."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0

    def new(self) -> int:
        """Lines since the last time."""
        try:
            with self._file.open("rb") as lines:
                lines.seek(self._offset)
                data = lines.read()
        except FileNotFoundError:
            return 0
        header = 1 if self._offset == 0 and data else 0
        self._offset += len(data)
        return data.count(b"\n") - header
