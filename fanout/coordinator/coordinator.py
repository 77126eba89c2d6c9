"""One coordinator: its clients, its rounds and its counters."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import os
import time
import traceback
from collections.abc import Coroutine, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anyio

from fanout import protocols
from fanout.coordinator.blocking import BlockingCalls
from fanout.coordinator.clients import make_clients
from fanout.coordinator.connections import ConnectionLog
from fanout.coordinator.dispatch import Asked, End
from fanout.coordinator.exchange import Exchange, Labels
from fanout.coordinator.executors import threads_of
from fanout.coordinator.lookups import Lookups
from fanout.coordinator.loop_health import LoopWatch
from fanout.coordinator.memory import peak_mib
from fanout.coordinator.rounds import Rounds
from fanout.coordinator.snapshot import Snapshot, watch_loop
from fanout.coordinator.stdio import Output
from fanout.coordinator.tracing import Trip
from fanout.coordinator.warm_up import warm_up
from fanout.errors import ExitCode, UsageError
from fanout.protocols import Question
from fanout.runs.schema import CoordinatorInfo
from fanout.scenario import Scenario
from fanout.scenario.questions import questions_of

COUNTERS_S = 3.0
COUNTERS_S_PER_AGENT = 0.04
"""A watched coordinator's time between two reports of its counters, which take some 25 us of CPU time an agent."""


class Coordinator:
    """Asks a scenario's questions, in rounds or individually, and reports each when it ends."""

    def __init__(
        self,
        scenario: Scenario,
        agents: Sequence[str],
        output: Output,
        *,
        number: int = 1,
        ca_file: Path | None = None,
        observed: bool = True,
        watched: bool = False,
    ) -> None:
        """If `watched`, it reports what it is doing all the time."""
        protocol = protocols.load(scenario.protocol)
        self._scenario = scenario
        self._agents = agents
        self._number = number
        self._emit = output.emit
        self._questions = questions_of(scenario.questions)
        self._clients = make_clients(
            scenario.client, agents, protocol.path, ca_file, allow_remote=scenario.allow_remote
        )
        self._log = ConnectionLog(number, agents)
        self._lookups = Lookups()
        self._calls = BlockingCalls()
        self._end = protocol.coordinator()
        self._exchange = Exchange(
            self._clients.info.in_effect(scenario.client),
            self._clients,
            protocol,
            self._end,
            self._new_trip,
            observed=observed,
        )
        self._loop = LoopWatch()
        self._next_agents = itertools.cycle(range(len(agents)))
        self._rounds = Rounds(
            scenario, len(agents), number, self._loop, ask=self._ask, pause=self._pause, start=self._start
        )
        self._working: set[asyncio.Task[None]] = set()
        self._asking: set[asyncio.Task[None]] = set()
        self._asked = 0
        self._is_watched = watched
        self._watcher: asyncio.Task[None] | None = None
        self._reported_s = 0.0
        """When its counters were last reported, by time.perf_counter()."""

    def _new_trip(self, agent: int, late_s: float) -> Trip:
        blocks = self._scenario.coordinator.executor.blocking_calls != "none"
        return Trip(self._log, self._lookups, agent, self._calls if blocks else None, late_s)

    async def ready(self) -> dict[str, Any]:
        """Warms up; returns the message that describes this coordinator."""
        await warm_up(self._end, self._scenario.client.library)
        for fault in self._scenario.coordinator.faults:
            fault.begin(asyncio.get_running_loop())
        if self._is_watched:
            self._watcher = self._start(watch_loop(self._report))
        return {
            "is": "ready",
            "pid": os.getpid(),
            "questions": len(self._questions),
            "agents": len(self._agents),
            "client": asdict(self._clients.info),
        }

    async def round(self, number: int, *, is_last: bool) -> None:
        """Dispatches all questions once; see Rounds.run()."""
        dispatched = await self._rounds.run(number, self._questions, is_last=is_last)
        self._emit({"is": "round_ended", "round": number, "dispatched": dispatched})

    async def ask(self, question: Question, agent: int | None) -> None:
        """Asks one question outside a round. Its message contains the answer."""
        async with self._loop:
            chosen = next(self._next_agents) if agent is None else agent
            asked = await self._ask(question, chosen, round_number=0, single=True)
            asked.report()

    async def _pause(self, stopped: asyncio.Event) -> None:
        """Pauses between an agent's answer and its next question."""
        settings = self._scenario.coordinator
        blocks = settings.executor.blocking_calls == "per_question_and_pause"
        release = self._calls.begin() if blocks else None
        try:
            with anyio.move_on_after(settings.pause_s):
                await stopped.wait()
        finally:
            if release is not None:
                release()

    async def _ask(
        self,
        question: Question,
        agent: int,
        attempt: int = 1,
        *,
        round_number: int,
        due: float | None = None,
        single: bool = False,
    ) -> Asked:
        self._asked += attempt == 1
        for fault in self._scenario.coordinator.faults:
            fault.before_question()
        in_flight = self._log.begin(agent)
        labels = Labels(round_number, self._number, agent, in_flight, attempt, due)
        ended = await self._exchange.ask(question, labels)
        outcome = ended.outcome
        self._log.end(agent, reused=outcome.reused)
        line = {"is": "outcome", **outcome.to_json()}
        if single:
            line["answer"] = ended.answer
        end: End = "failed here" if outcome.is_failure_of_client else outcome.status
        return Asked(end, functools.partial(self._emit, line, awaited=single), outcome.error_kind)

    def _report(self, lag_ms: float) -> None:
        """Reports what it is doing, and from time to time its counters, which take longer with more agents."""
        self._emit({"is": "snapshot", **asdict(self._snapshot(lag_ms))}, awaited=False)
        now_s = time.perf_counter()
        if now_s - self._reported_s >= COUNTERS_S + COUNTERS_S_PER_AGENT * len(self._agents):
            self._reported_s = now_s
            self._emit({"is": "counters", "coordinator": asdict(self._info())}, awaited=False)

    def _snapshot(self, lag_ms: float | None) -> Snapshot:
        total, arrivals = self._log.total, self._rounds.arrivals
        looking_up = self._lookups.pending if self._scenario.coordinator.resolver == "default" else 0
        return Snapshot(
            coordinator=self._number,
            at_s=time.perf_counter(),
            asked=self._asked,
            due=None if arrivals is None else arrivals.due,
            in_flight=total.in_flight,
            open=total.count["open"],
            in_pool=total.in_pool,
            opened=total.count["opened"],
            reused=total.count["reused"],
            lookups_waiting=self._lookups.pending,
            threads_busy=min(self._calls.busy + looking_up, threads_of(self._scenario.coordinator)),
            lag_ms=lag_ms,
            cpu_s=time.process_time(),
        )

    def _info(self) -> CoordinatorInfo:
        """This coordinator's part of run.json."""
        return CoordinatorInfo(
            coordinator=self._number,
            pid=os.getpid(),
            rounds=self._rounds.ended,
            asked=self._asked,
            moved=self._rounds.moved,
            retried=dict(self._rounds.retried),
            arrivals=self._rounds.arrivals,
            connections=self._log.counts(),
            agents=self._log.by_agent(),
            lookups=self._lookups.times(),
            failed_lookups=self._lookups.failed(),
            silent_addresses=self._lookups.silent.found(),
            executor=self._calls.use_of(threads_of(self._scenario.coordinator)),
            loop_health=self._loop.health(),
            memory_mib=peak_mib(),
        )

    def obey(self, command: Any) -> None:  # noqa: ANN401
        """Starts the work that a command on standard input asks for. Raises UsageError for an invalid command."""
        match command:
            case {"do": "round", "round": int(number), "is_last": bool(is_last)}:
                self.start_round(number, is_last=is_last)
            case {"do": "ask", "id": str(question_id), "text": str(text), "agent": None | int() as agent}:
                if agent is not None and not 1 <= agent <= len(self._agents):
                    raise UsageError(f"no agent {agent}; allowed: 1 to {len(self._agents)}")
                single = self.ask(Question(question_id, text), None if agent is None else agent - 1)
                self._work(single, self._asking)
            case {"do": "stop", "drain_s": int() | float() as drain_s} if drain_s >= 0:
                self._work(self.stop(drain_s), set())
            case _:
                raise UsageError(f"not a command: {json.dumps(command)}")

    def start_round(self, number: int, *, is_last: bool) -> asyncio.Task[None]:
        """Starts a round, which stop() can end."""
        return self._work(self.round(number, is_last=is_last), self._working)

    def _work(self, work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> asyncio.Task[None]:
        task = self._start(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    @staticmethod
    def _start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Starts a task whose errors end the process."""
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(_exit_if_broken)
        return task

    async def stop(self, drain_s: float) -> None:
        """Stops dispatching, waits up to `drain_s` for questions in flight, abandons the rest, reports `stopped`."""
        self._rounds.stop()
        working = [*self._working, *self._asking, *filter(None, [self._rounds.open_load])]
        if working:
            await asyncio.wait(working, timeout=drain_s)
            self._rounds.abandon()
            for task in self._asking:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
        self._rounds.resume()
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None
            self._emit({"is": "snapshot", **asdict(self._snapshot(lag_ms=None).at_rest)})
        self._emit({"is": "stopped", "coordinator": asdict(self._info())})

    async def close(self) -> None:
        await self._clients.close()


def _exit_if_broken(task: asyncio.Task[None]) -> None:
    """Exits on an internal error, because questions would otherwise never end."""
    if not task.cancelled() and (error := task.exception()) is not None:
        traceback.print_exception(type(error), error, error.__traceback__)
        os._exit(ExitCode.NO_DATA)
