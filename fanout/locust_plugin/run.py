"""One run within Locust, from test_start to test_stop: its agents, its coordinators and its directory."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path

import gevent
import locust.log
from gevent.event import Event
from locust.env import Environment

from fanout import files
from fanout.agents.deaths import Death
from fanout.agents.handle import Agents
from fanout.errors import CouldNotRunError, ExitCode, FanoutError
from fanout.locust_plugin.coordinators import AllCoordinators, Job
from fanout.locust_plugin.gate_options import GateOptions
from fanout.locust_plugin.locust_files import write_locust_files
from fanout.locust_plugin.machine_load import MachineLoad
from fanout.locust_plugin.recorder import Recorder
from fanout.locust_plugin.run_end import RunEnd
from fanout.locust_plugin.run_info import run_info
from fanout.outcome import STATUSES
from fanout.runs.schema import EndedBy, RunInfo
from fanout.runs.series import place_in_environment
from fanout.runs.writer import CA_FILE, SCENARIO_FILE, RunWriter
from fanout.scenario import Scenario
from fanout.web.live import About, LiveRun

logger = logging.getLogger("fanout")


class LocustRun(ABC):
    """Owns all that a run needs: starts its agents when it is created; finish() ends them, and the coordinators.

    Raises FanoutError if the agents don't start or the directory can't be written.
    """

    def __init__(
        self,
        environment: Environment,
        scenario: Scenario,
        directory: Path,
        options: GateOptions,
        about: About | None = None,
    ) -> None:
        """`about` is what the web UI shows of the run; None without one."""
        self.stopping = Event()
        """Set when the end of the run begins."""
        self.ended_by: EndedBy = "stopped"
        self.failure: FanoutError | None = None
        """Why the run can't continue."""
        self.exit_code: int = ExitCode.NO_DATA
        self.report = ""
        """The report on the finished run, in several lines."""
        self._environment = environment
        self._scenario = scenario
        self._options = options
        self._load = MachineLoad()
        self._has_begun = False
        options.remove_earlier_report()
        self._writer = RunWriter(directory, scenario, place_in_environment())
        self.live: LiveRun | None = None
        try:
            self.agents = self._start_agents()
            if about is not None:
                self._writer.begun = replace(self._writer.begun, form=about.form)
                begun = replace(self._writer.begun, agents=self.agents.addresses)
                self.live = LiveRun(about, directory, begun, lambda: self._coordinators.planned)
            self._recorder = Recorder(self._writer, self.live)
            self._coordinators = self._new_coordinators(self._job())
        except BaseException as error:  # also if a stop from the web UI ends the greenlet that starts the run
            if hasattr(self, "agents"):
                self.agents.close()
            why = str(error) if isinstance(error, FanoutError) else "the agents did not start: run it again"
            self._writer.finish(replace(self._writer.begun, ended_by="not_started", problems=(why,)))
            raise
        self._began = time.time()
        logger.info("%s: %d agent(s) to ask; results go to %s", scenario.name, scenario.agent_count, directory)

    def _start_agents(self) -> Agents:
        agents = Agents(self._scenario, self._writer.directory / SCENARIO_FILE, on_death=_log_death)
        try:
            if agents.ca_pem is not None:
                self._writer.keep(agents.ca_pem, CA_FILE)
        except BaseException:
            agents.close()
            raise
        return agents

    def _job(self) -> Job:
        directory = self._writer.directory
        ca_file = None if self.agents.ca_pem is None else directory / CA_FILE
        return Job(directory / SCENARIO_FILE, self.agents.addresses, ca_file)

    @abstractmethod
    def _new_coordinators(self, job: Job) -> AllCoordinators:
        """Called when the agents are ready. Raises CouldNotRunError."""

    def begin(self) -> None:
        """Call it before the first question is sent."""
        if not self._has_begun:
            self._has_begun = True
            self._load = MachineLoad()

    def fail(self, error: FanoutError) -> None:
        """Notes why the run can't continue. The session then ends it, and the web UI shows why under Exceptions."""
        if self.failure is None:
            self.failure = error
            logger.error("%s", error)
            if self._environment.runner is not None:
                self._environment.runner.log_exception("local", str(error), str(error))

    def drain(self, drain_s: float) -> None:
        """Ends the work of all coordinators; questions in flight get `drain_s`."""
        stops = self._coordinators.begin_stop(drain_s)
        self.stopping.set()  # only now, or a user that waits for it would begin another round
        gevent.joinall(stops)

    def finish(self) -> None:
        """Ends every process, completes the run directory and judges the run. Call it only once."""
        self._count_workers()
        self._coordinators.close()
        if self.live is not None:
            self.live.stop()
        self.agents.close()
        info = run_info(self._writer.begun, self._end())
        try:
            self._writer.finish(info)
            with files.writing(self._writer.directory):
                write_locust_files(self._environment, self._writer.directory)
        except CouldNotRunError as error:
            self.fail(error)
        if self.live is not None:
            self.live.is_complete = True
        self.exit_code, text = self._judge(info)
        self.report = "\n\n".join([text.strip() or "\n".join(info.problems or ()), self._summary()]).strip()

    def _count_workers(self) -> None:
        """Fetches the workers' counts, while they can still answer."""
        try:
            self.agents.counts()
        except CouldNotRunError as error:
            self.fail(error)

    def _end(self) -> RunEnd:
        return RunEnd(
            began=self._began,
            ended_by=self.ended_by,
            failure=None if self.failure is None else str(self.failure),
            planned=self._coordinators.planned,
            ended=dict(self._writer.counts),
            answers=self._recorder.answers,
            coordinators=self._coordinators.infos,
            client=self._coordinators.settings,
            addresses=self.agents.addresses,
            workers=self.agents.workers,
            unresponsive=self._unresponsive(),
            machine_load=self._load.shares(),
            locust_workers=self._coordinators.locust_workers,
        )

    def _unresponsive(self) -> frozenset[int]:
        stopped = [fault for fault in self._scenario.workers.faults if fault.stops_the_process]
        agents = range(1, self._scenario.agent_count + 1)
        return frozenset(agent for agent in agents if any(fault.concerns(agent) for fault in stopped))

    def _judge(self, info: RunInfo) -> tuple[int, str]:
        """The exit code by the gates and by Locust's errors, and the report; empty if there is none."""
        counts = self._writer.counts
        if not counts:
            return ExitCode.NO_DATA, ""
        gone = [worker for worker in info.locust_workers or () if worker.is_gone]
        is_complete = self.failure is None and not gone and sum(counts.values()) == info.questions.dispatched
        if place_in_environment() is not None:  # the command that makes the series judges all of its runs together
            return ExitCode.PASSED if is_complete else ExitCode.NO_DATA, ""
        from fanout.locust_plugin.gating import verdict_on  # noqa: PLC0415 (see there)

        try:
            verdict = verdict_on(self._writer.directory, self._options)
        except FanoutError as error:
            self.fail(error)
            return ExitCode.NO_DATA, ""
        if not is_complete:
            return ExitCode.NO_DATA, verdict.text
        return self._exit_code(passed=verdict.passed, written_passed=verdict.written_passed), verdict.text

    def _exit_code(self, *, passed: bool, written_passed: bool) -> int:
        """The exit code of a complete run. Locust's --exit-code-on-error is for what no written gate judges."""
        if not written_passed:
            return ExitCode.FAILED
        if not passed or self._has_errors:
            return self._options.error_exit_code
        return ExitCode.FAILED if self._has_failed_greenlets else ExitCode.PASSED

    @property
    def _has_failed_greenlets(self) -> bool:
        """Whether something failed that Locust doesn't count."""
        return bool(locust.log.unhandled_greenlet_exception)

    @property
    def _has_errors(self) -> bool:
        """Whether a user's task raised an exception, or a request failed that is no question, which gates judge."""
        runner = self._environment.runner
        questions = (self._scenario.protocol, self._scenario.name)
        return runner is not None and (
            bool(runner.exceptions) or any((found.method, found.name) != questions for found in runner.errors.values())
        )

    def _summary(self) -> str:
        counts = self._writer.counts
        parts = [f"{counts[status]} {status}" for status in STATUSES if counts[status]]
        return (
            f"{self._scenario.name}: {', '.join(parts) or 'no question ended'}; results are in {self._writer.directory}"
        )


def _log_death(death: Death) -> None:
    logger.warning("%s", death)
