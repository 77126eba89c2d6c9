"""Runs a headless Locust as a child process: one round of one scenario, into a run directory.

The child reports through a pipe that it is ready. It begins when it receives a byte through its lifeline.
"""

from __future__ import annotations

import contextlib
import os
import select
from pathlib import Path

from fanout.errors import CouldNotRunError, ExitCode
from fanout.files import writing
from fanout.paths import LOCUSTFILE
from fanout.processes.locust_process import LOG_FILE, READY_VARIABLE, LocustChild
from fanout.runs.series import Place
from fanout.runs.writer import QUESTIONS_FILE, SCENARIO_FILE, write_scenario
from fanout.scenario import Scenario

READY_S = 120


class HeadlessRun(LocustChild):
    """One run by a headless Locust."""

    def __init__(self, scenario: Scenario, directory: Path, place: Place | None = None) -> None:
        """Starts the agents and the coordinator, which then wait for begin(). Raises CouldNotRunError."""
        self.scenario = scenario
        self.directory = directory
        self._seen = _Lines(directory / QUESTIONS_FILE)
        with writing(directory):
            write_scenario(scenario, directory)
            (directory / LOG_FILE).touch()
        args = ["--headless", "--only-summary", "--locustfile", str(LOCUSTFILE)]
        args += ["--users", "1"] if scenario.shape is None else []
        args += ["--exit-code-on-error", str(ExitCode.FAILED.value)]  # the environment may have another
        args += ["--scenario", str(directory / SCENARIO_FILE), "--run-dir", str(directory)]
        self._ready, ready = os.pipe()
        environment = {**(place.to_environment() if place else {}), READY_VARIABLE: str(ready)}
        try:
            super().__init__(args, directory / LOG_FILE, environment, [ready])
        except BaseException:
            os.close(self._ready)
            raise
        finally:
            os.close(ready)

    def wait_until_ready(self) -> None:
        """Returns when the agents and the coordinator are ready, or the run has ended; after READY_S in any case."""
        select.select([self._ready], [], [], READY_S)

    def begin(self) -> None:
        """Lets the first question go out."""
        with contextlib.suppress(BrokenPipeError):  # it has ended already; check() says why
            os.write(self._lifeline, b"!")

    def new_questions(self) -> int:
        """How many questions have ended since the last call."""
        return self._seen.new()

    def check(self) -> None:
        """Raises CouldNotRunError if Locust could not make the run. A failed question is not such a case."""
        if self._locust.returncode in (ExitCode.PASSED, ExitCode.FAILED):
            return
        raise CouldNotRunError(f"Locust ended with exit code {self._locust.returncode}; {self.last_words}")

    def close(self) -> None:
        os.close(self._ready)
        super().close()


class _Lines:
    """Counts the lines of a growing file, except its header, and reads each only once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0

    def new(self) -> int:
        """The number of lines since the last call."""
        try:
            with self._file.open("rb") as lines:
                lines.seek(self._offset)
                data = lines.read()
        except FileNotFoundError:
            return 0
        header = 1 if self._offset == 0 and data else 0
        self._offset += len(data)
        return data.count(b"\n") - header
