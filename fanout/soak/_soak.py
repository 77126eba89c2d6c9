"""Runs and samples one Locust: first one long run, then short runs, one after another."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from fanout.errors import CouldNotRunError
from fanout.processes.locust_process import LOG_FILE
from fanout.runs.info import read_run_info
from fanout.runs.writer import QUESTIONS_FILE, RUN_FILE
from fanout.soak._samples import LOCUST, Sample, When, write_samples
from fanout.soak._sampling import Family, count_time_wait
from fanout.soak._verdict import TIME_WAIT_S
from fanout.soak._web_locust import WebLocust

USERS = 2
SAMPLES = 200
"""In the long run; they are at least SHORTEST_S and at most LONGEST_S apart."""
SHORTEST_S, LONGEST_S = 0.1, 5.0
FIRST_QUESTION_S = 60
SETTLE_S = 5
"""How long processes may take to end after a run."""
POLL_S = 0.05
SAMPLES_FILE = "samples.csv"


@dataclass(frozen=True)
class SoakSettings:
    """`directory` receives the runs, samples.csv and Locust's log."""

    scenario: Path
    locustfile: Path
    directory: Path
    duration_s: float


class Soak:
    """Collects samples while `run` runs; calls `progress` with what it is doing and the elapsed seconds."""

    def __init__(self, settings: SoakSettings, progress: Callable[[str, float], None]) -> None:
        self.samples: list[Sample] = []
        self.runs = 0
        self._settings = settings
        self._progress = progress
        self._last_runs: list[tuple[float, set[int], int]] = []
        """The last minute's runs: when each ended, its agents' ports, and how many questions it asked."""

    def run(self) -> None:
        """Writes the samples in any case. Raises CouldNotRunError if a run can't be made."""
        settings = self._settings
        try:
            with WebLocust(settings.scenario, settings.locustfile, settings.directory) as locust:
                self._run(locust)
        finally:
            write_samples(self.samples, settings.directory / SAMPLES_FILE)

    def _run(self, locust: WebLocust) -> None:
        self._family = Family(locust.pid)
        self._one_run(locust, self._settings.duration_s / 2)
        while self._family.elapsed_s < self._settings.duration_s:
            self._one_run(locust, 0)

    def _one_run(self, locust: WebLocust, watched_s: float) -> None:
        """Makes one run, samples it for this long after its first question, and stops it."""
        self.runs += 1
        directory = locust.start(USERS)

        def has_begun() -> bool:
            locust.check()
            return _has_question(directory) or _has_ended(directory)

        _wait_for(has_begun, FIRST_QUESTION_S)
        self._watch(locust, directory, watched_s)
        locust.stop()
        _wait_for(lambda: not self._family.below(), SETTLE_S)
        info = read_run_info(directory)
        dispatched = info.questions.dispatched
        if not dispatched:
            raise CouldNotRunError(f"{directory}: {'; '.join(info.problems or ()) or 'no question was asked'}")
        self._take("between runs")
        self._take_time_wait(info.agents, dispatched)
        self._progress(f"run {self.runs}", self._family.elapsed_s)

    def _watch(self, locust: WebLocust, directory: Path, duration_s: float) -> None:
        """Samples the current run. Raises CouldNotRunError if the run or Locust ends by itself."""
        interval_s = min(max(duration_s / SAMPLES, SHORTEST_S), LONGEST_S)
        until = time.monotonic() + duration_s
        while time.monotonic() < until:
            locust.check()
            if _has_ended(directory):
                why = (
                    "; ".join(read_run_info(directory).problems or ())
                    or f"it ended by itself; see {LOG_FILE} beside it"
                )
                raise CouldNotRunError(f"{directory}: {why}")
            self._take("long run")
            self._progress("the long run", self._family.elapsed_s)
            time.sleep(interval_s)

    def _take(self, when: When) -> None:
        self.samples += self._family.samples(when)

    def _take_time_wait(self, addresses: Sequence[str], questions: int) -> None:
        """Counts sockets of the last minute's runs only: older ones are gone, and their ports may belong to others."""
        now = self._family.elapsed_s
        ports = {port for port in (urlsplit(address).port for address in addresses) if port}
        self._last_runs = [run for run in self._last_runs if now - run[0] < TIME_WAIT_S] + [(now, ports, questions)]
        count = count_time_wait(set().union(*(ports for _, ports, _ in self._last_runs)))
        if count is not None:
            asked = sum(questions for _, _, questions in self._last_runs)
            self.samples.append(Sample("between runs", now, LOCUST, "time_wait_per_question", count / asked))


def _wait_for(done: Callable[[], bool], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not done() and time.monotonic() < deadline:
        time.sleep(POLL_S)


def _has_question(directory: Path) -> bool:
    """Whether a question has ended in this run, that is, whether a second line follows the header."""
    try:
        with (directory / QUESTIONS_FILE).open("rb") as lines:
            return sum(1 for _, _ in zip(lines, range(2), strict=False)) == 2
    except FileNotFoundError:
        return False


def _has_ended(directory: Path) -> bool:
    return (directory / RUN_FILE).exists() and read_run_info(directory).ended is not None
