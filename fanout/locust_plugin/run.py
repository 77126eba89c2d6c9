"""One run within Locust: agents, coordinators and the run directory, from test_start to test_stop."""

from __future__ import annotations

import csv
import itertools
import json
import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
import locust.log
import locust.stats
from gevent import Greenlet
from gevent.event import Event
from locust.env import Environment
from locust.html import get_html_report

from fanout import files
from fanout.agents import deaths
from fanout.agents.deaths import Death
from fanout.agents.handle import Agents, WorkerCounts
from fanout.errors import CouldNotRunError, ExitCode, FanoutError
from fanout.locust_plugin import audit
from fanout.locust_plugin.client import CoordinatorClient, OnGone
from fanout.locust_plugin.machine_load import MachineLoad
from fanout.locust_plugin.tally import Tally
from fanout.locust_plugin.wanted import Wanted
from fanout.outcome import STATUSES, Outcome
from fanout.processes import fd_limits as descriptors
from fanout.runs.schema import (
    ClientInfo,
    CoordinatorInfo,
    EndedBy,
    LoadShares,
    QuestionCounts,
    RunConnections,
    RunInfo,
    part_of,
    together,
)
from fanout.runs.series import place_in_environment
from fanout.runs.writer import CA_FILE, SCENARIO_FILE, RunWriter
from fanout.scenario import Scenario

logger = logging.getLogger("fanout")


class QuestionFailed(Exception):  # noqa: N818
    """What a Locust failure shows: the kind and the sentence."""


class LocustRun:
    """Raises FanoutError where the agents don't start or the directory can't be written."""

    def __init__(self, environment: Environment, scenario: Scenario, directory: Path, wanted: Wanted) -> None:
        self.stopping = Event()
        """Set when the run's end has begun."""
        self.ended_by: EndedBy = "stopped"
        self.failure: FanoutError | None = None
        self.exit_code: ExitCode = ExitCode.NO_DATA
        self.clients: list[CoordinatorClient] = []
        self._starters: set[Greenlet] = set()
        """Users whose coordinators aren't ready yet."""
        self._numbers = itertools.count(1)
        self._tally = Tally()
        self._environment = environment
        self._scenario = scenario
        self._wanted = wanted
        self._load = MachineLoad()
        self._begun = False
        self._wanted.begin()
        self._agents_limit = descriptors.limit_now()
        self._writer = RunWriter(directory, scenario, place_in_environment())
        try:
            self.agents = self._started()
        except BaseException:  # a stop from the web UI ends the greenlet that starts the run
            why = ("the agents did not start: run it again",)
            self._writer.finish(replace(self._writer.begun, ended_by="not_started", problems=why))
            raise
        self._began = time.time()
        logger.info("%s: %d agent(s) to ask; results go to %s", scenario.name, scenario.agent_count, directory)

    def _started(self) -> Agents:
        agents = Agents(self._scenario, self._writer.directory / SCENARIO_FILE, on_death=self._note_death)
        try:
            if agents.ca_pem is not None:
                self._writer.keep(agents.ca_pem, CA_FILE)
        except CouldNotRunError:
            agents.close()
            raise
        return agents

    def new_client(self, user_context: dict[str, Any], on_gone: OnGone) -> CoordinatorClient:
        """A coordinator process for one user. Raises CouldNotRunError."""
        number = next(self._numbers)
        self._make_room()

        def report(outcome: Outcome, response_bytes: int) -> None:
            self._report(outcome, response_bytes, user_context)

        args = [str(self._writer.directory / SCENARIO_FILE), "--agents", ",".join(self.agents.addresses)]
        if self.agents.ca_pem is not None:
            args += ["--ca-file", str(self._writer.directory / CA_FILE)]
        starter = gevent.getcurrent()
        self._starters.add(starter)
        try:
            client = CoordinatorClient(number, args, report, on_gone)
        finally:
            self._starters.discard(starter)
        self.clients.append(client)
        return client

    def _note_death(self, death: Death) -> None:
        logger.warning("%s", death)

    def _make_room(self) -> None:
        """For the users that there are by now; the web UI may have raised their number. Raises CouldNotRunError."""
        users = self._environment.runner.user_count if self._environment.runner else 1
        descriptors.make_room(descriptors.needed(self._scenario, users))
        descriptors.check_agents(self._scenario, users, self._agents_limit)

    def begin(self) -> None:
        """The first question is about to go out."""
        if not self._begun:
            self._begun = True
            self._load = MachineLoad()

    def _report(self, outcome: Outcome, response_bytes: int, user_context: dict[str, Any]) -> None:
        """A question's row, and its one Locust event. Its response time is None where adapter latency is not known."""
        self._writer.add(outcome)
        self._tally.add(outcome)
        failed = outcome.status != "ok"
        self._environment.events.request.fire(
            request_type=self._scenario.protocol,
            name=self._scenario.name,
            response_time=outcome.adapter_ms,
            response_length=response_bytes,
            exception=QuestionFailed(f"{outcome.error_kind}: {outcome.error}") if failed else None,
            context={**user_context, **outcome.to_json()},
            start_time=outcome.started,
        )

    def fail(self, error: FanoutError) -> None:
        """Notes why the run can't go on."""
        if self.failure is None:
            self.failure = error
            logger.error("%s", error)

    def drain(self, drain_s: float) -> None:
        """Ends the work of all coordinators; what is in flight gets so long."""
        self.stopping.set()
        gevent.killall(list(self._starters), block=False)  # one that hangs would hold up the end
        gevent.joinall([gevent.spawn(client.stop, drain_s) for client in self.clients])

    def finish(self) -> None:
        """Ends every process and completes the run directory."""
        workers = self._worker_counts()
        gevent.joinall([gevent.spawn(self._close, client) for client in self.clients])
        self.agents.close()
        info = self._info(workers)
        for problem in info.problems or ():
            logger.warning("%s", problem)
        try:
            self._writer.finish(info)
            with files.writing(self._writer.directory):
                self._write_locust_files()
        except CouldNotRunError as error:
            self.fail(error)
        self.exit_code = self._verdict(info.questions.dispatched)
        logger.info("%s", self._summary())

    def _close(self, client: CoordinatorClient) -> None:
        try:
            client.close()
        except CouldNotRunError as error:
            self.fail(error)

    def _verdict(self, dispatched: int | None) -> ExitCode:
        """The exit code, by what the gates say; says what held the time."""
        # Imported here: what reads runs starts threads, which a Locust that forks (--processes) does not survive.
        from fanout.locust_plugin.gating import verdict_on  # noqa: PLC0415

        counts = self._writer.counts
        if not counts:
            return ExitCode.NO_DATA
        try:
            verdict = verdict_on(self._writer.directory, self._wanted)
        except FanoutError as error:
            self.fail(error)
            return ExitCode.NO_DATA
        for advice in verdict.advice:
            logger.info("advice: %s", advice)
        for warning in verdict.warnings:
            logger.warning("%s", warning)
        for judgement in verdict.gates:
            logger.log(logging.INFO if judgement.passed else logging.ERROR, "gate: %s", judgement)
        if self.failure is not None or sum(counts.values()) != dispatched:
            return ExitCode.NO_DATA
        runner = self._environment.runner
        # Of a user's own: a check in a task, or what was raised outside of one.
        mistakes = (runner is not None and runner.exceptions) or locust.log.unhandled_greenlet_exception
        return ExitCode.FAILED if mistakes or not verdict.passed else ExitCode.PASSED

    def _worker_counts(self) -> WorkerCounts | None:
        try:
            return self.agents.counts()
        except CouldNotRunError as error:
            self.fail(error)
            return None

    def _info(self, workers: WorkerCounts | None) -> RunInfo:
        """This run's run.json, as far as it is known here."""
        counts = self._writer.counts
        finals = self._finals()
        planned = sum(client.planned for client in self.clients)
        asked = None if finals is None else sum(final.asked or 0 for final in finals)
        questions = QuestionCounts(planned, asked, **{status: counts[status] for status in STATUSES})
        load = self._load.to_json()
        return replace(
            self._writer.begun,
            ended_by=self.ended_by,
            questions=questions,
            connections=RunConnections(
                **together([final.connections for final in finals or () if final.connections is not None]),
                accepted=sum(workers.accepted) if workers else None,
                served=workers.served if workers else None,
            ),
            agents=tuple(self.agents.addresses),
            client=part_of(ClientInfo, self.clients[0].ready["client"]) if self.clients else None,
            coordinators=tuple(
                client.final or CoordinatorInfo(client.number, rounds=client.rounds) for client in self.clients
            ),
            workers=self.agents.workers,
            machine_load=None if load is None else LoadShares(**load),
            problems=tuple(self._problems(questions, finals, workers)),
        )

    def _finals(self) -> list[CoordinatorInfo] | None:
        """What the coordinators told in the end; None where one of them could not any more."""
        finals = [client.final for client in self.clients if client.final is not None]
        return finals if len(finals) == len(self.clients) else None

    def _problems(
        self, questions: QuestionCounts, finals: list[CoordinatorInfo] | None, workers: WorkerCounts | None
    ) -> list[str]:
        """What makes the figures doubtful, each with what to do."""
        problems = []
        ended = sum(self._writer.counts.values())
        interrupted = self.ended_by == "interrupted"
        if self.failure is not None:
            problems.append(f"the run broke off: {self.failure}; run it again")
        if interrupted:
            finished = (questions.ok or 0) + (questions.failed or 0)
            problems.append(
                f"the run was interrupted when {finished} of {questions.planned} planned questions had been "
                "answered: run it again before you compare it"
            )
        if questions.dispatched not in (None, ended):
            problems.append(f"{questions.dispatched} questions were asked but {ended} ended: run it again")
        if questions.abandoned and not interrupted:
            problems.append(
                f"{questions.abandoned} questions were in flight when the run ended: "
                "give them longer with --stop-timeout"
            )
        dead = {death.agent for death in workers.deaths} if workers is not None else set()
        if workers is not None:
            problems += deaths.problems(workers.deaths, self._began)
        if workers is not None and finals and not interrupted:
            problems += audit.defects(finals, workers.accepted, self._unreliable(dead))
        return [*problems, *self._tally.problems(self.agents.addresses, dead)]

    def _unreliable(self, dead: set[int]) -> set[int]:
        """Agents, counted from 1, whose own counts say nothing: their process died, or hangs by a fault."""
        silent = [fault for fault in self._scenario.workers.faults if fault.stops_the_process]
        agents = range(1, self._scenario.agent_count + 1)
        return dead | {n for n in agents if any(fault.concerns(n) for fault in silent)}

    def _write_locust_files(self) -> None:
        """Locust's statistics, report and histogram, by Locust's own code, complete at this moment. Raises OSError."""
        environment, directory = self._environment, self._writer.directory
        table = locust.stats.StatsCSV(environment, locust.stats.PERCENTILES_TO_REPORT)
        for name, write in (
            ("locust_stats.csv", table.requests_csv),
            ("locust_failures.csv", table.failures_csv),
            ("locust_exceptions.csv", table.exceptions_csv),
        ):
            with (directory / name).open("w", newline="", encoding="utf-8") as file:
                write(csv.writer(file))
        # Not stats.serialize_stats(), which empties the entries that it serializes.
        histogram = [entry.serialize() for entry in environment.stats.entries.values()]
        (directory / "locust.json").write_text(json.dumps(histogram, indent=4), encoding="utf-8")
        report = get_html_report(environment, show_download_link=False)
        (directory / "locust.html").write_text(report, encoding="utf-8")

    def _summary(self) -> str:
        counts = self._writer.counts
        parts = [f"{counts[status]} {status}" for status in STATUSES if counts[status]]
        return (
            f"{self._scenario.name}: {', '.join(parts) or 'no question ended'}; results are in {self._writer.directory}"
        )
