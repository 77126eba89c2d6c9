"""A worker's part of a run: its coordinators, whose questions it reports to the master."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import gevent
import locust.log
from gevent import GreenletExit
from gevent.event import AsyncResult, Event
from locust.env import Environment

from fanout import files
from fanout.coordinator.snapshot import Snapshot
from fanout.locust_plugin.client import CoordinatorClient
from fanout.locust_plugin.coordinators import Coordinators, Job
from fanout.locust_plugin.distributed._lines import (
    Begun,
    CoordinatorEnded,
    Counters,
    Ended,
    Failed,
    FromWorker,
    Order,
    Progress,
    WantsNumber,
)
from fanout.locust_plugin.machine_load import MachineLoad
from fanout.locust_plugin.recorder import fire_event
from fanout.locust_plugin.roster import Roster
from fanout.outcome import Outcome
from fanout.processes.fd_limits import make_room, needed_by_locust
from fanout.processes.machine_room import check_room
from fanout.runs.schema import CoordinatorInfo
from fanout.runs.writer import CA_FILE, SCENARIO_FILE, SCENARIO_QUESTIONS_FILE
from fanout.scenario import load_scenario

REPORT_S = 0.1
TEMPORARY = Path("the folder of temporary files")
OTHER_FOLDER = "set TMPDIR to another one"


class Tell(Protocol):
    """Reports to the master. Raises CouldNotRunError if there is no space to keep what it doesn't have yet."""

    def __call__(self, said: FromWorker, *, is_urgent: bool = True) -> None: ...


class Reporter:
    """Tells the master what the coordinators are doing."""

    def __init__(self, tell: Tell) -> None:
        self._tell: Tell = tell

    def note(self, snapshot: Snapshot) -> None:
        self._tell(snapshot, is_urgent=False)

    def note_counters(self, info: CoordinatorInfo) -> None:
        self._tell(Counters(info), is_urgent=False)


class WorkerRun:
    def __init__(self, environment: Environment, order: Order, users: Roster, tell: Tell) -> None:
        """Raises FanoutError if the scenario can't be written down or used here."""
        self.stopping = Event()
        """Set when the end of this part begins."""
        self.finished = Event()
        """Set when everything about it has been reported."""
        self.is_one_round = order.is_one_round
        self._environment = environment
        self._users = users
        self._tell: Tell = tell
        self._numbers: deque[AsyncResult] = deque()
        """For each coordinator that waits for its number."""
        self._load: MachineLoad | None = None
        tell(Begun(order.run))
        with files.writing(TEMPORARY, OTHER_FOLDER):
            self._directory = tempfile.TemporaryDirectory(prefix="fanout-")
        try:
            job = _written(order, Path(self._directory.name))
            self._scenario = load_scenario(job.scenario_file)
            self._addresses = order.addresses
        except BaseException:
            self._directory.cleanup()
            raise
        watcher = Reporter(tell) if order.is_watched else None
        self._coordinators = Coordinators(job, self._new_number, self._record, self.fail, watcher)
        self._reporter = gevent.spawn(self._report)

    def new_client(self, user_context: Mapping[str, Any]) -> CoordinatorClient:
        """A coordinator process for one user, ready to ask.

        Raises CouldNotRunError if it doesn't start, GreenletExit if the run ends meanwhile.
        """
        runner = self._environment.runner
        make_room(needed_by_locust(self._scenario, 1 if runner is None else runner.user_count))
        check_room(self._scenario.model_copy(update={"agents": self._addresses}), 1)
        return self._coordinators.new_client(user_context)

    def _new_number(self) -> int:
        number: AsyncResult = AsyncResult()
        self._numbers.append(number)
        self._tell(WantsNumber())
        gevent.wait([number, self.stopping], count=1)
        if not number.ready():
            raise GreenletExit
        return int(number.get())

    def take_number(self, number: int) -> None:
        """Takes a number that the master has given."""
        if self._numbers:
            self._numbers.popleft().set(number)

    def _record(self, user_context: Mapping[str, Any], outcome: Outcome) -> None:
        self._tell(outcome, is_urgent=False)
        fire_event(self._environment, self._scenario, user_context, outcome)

    def begin(self) -> None:
        """Call it before the first question is sent."""
        if self._load is None:
            self._load = MachineLoad()

    def fail(self, error: Exception) -> None:
        """Tells the master, which ends the run, why it can't continue."""
        self._tell(Failed(str(error)))

    def _report(self) -> None:
        last = None
        while not self.finished.is_set():
            progress = Progress(self._users.count, self._users.done_count, self._coordinators.planned)
            if progress != last:
                self._tell(progress)
            last = progress
            gevent.sleep(REPORT_S)

    def drain(self, drain_s: float) -> None:
        """Ends the work of all coordinators; questions in flight get `drain_s`."""
        stops = self._coordinators.begin_stop(drain_s)
        self.stopping.set()  # only now, or a user that waits for it would begin another round
        gevent.joinall(stops)

    def finish(self, *, is_early: bool) -> None:
        """Ends every process, and reports all that is left. Call it only once."""
        self._coordinators.close()
        self._reporter.kill()
        self._tell(Progress(self._users.count, self._users.done_count, self._coordinators.planned))
        for info in self._coordinators.infos:
            self._tell(CoordinatorEnded(info))
        load = None if self._load is None else self._load.shares()
        has_errors = bool(locust.log.unhandled_greenlet_exception)
        self._tell(Ended(self._coordinators.settings, load, is_early=is_early, has_errors=has_errors))
        self.close()

    def close(self) -> None:
        """Ends every process without a report."""
        self.stopping.set()
        self._reporter.kill()
        self._coordinators.close()
        self._directory.cleanup()
        self.finished.set()


def _written(order: Order, directory: Path) -> Job:
    """Writes the files that coordinators read. Raises CouldNotRunError."""
    contents = {SCENARIO_FILE: order.scenario, SCENARIO_QUESTIONS_FILE: order.questions, CA_FILE: order.ca_pem}
    with files.writing(directory, OTHER_FOLDER):
        for name, text in contents.items():
            if text is not None:
                (directory / name).write_text(text, encoding="utf-8")
    ca_file = None if order.ca_pem is None else directory / CA_FILE
    return Job(directory / SCENARIO_FILE, order.addresses, ca_file)
