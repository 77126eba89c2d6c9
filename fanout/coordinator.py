"""The coordinator process: asks a scenario's questions and tells of each as it ends.

    python -m fanout.coordinator SCENARIO --agents URL,URL,… [--number N] [--rounds N]

It is a plain Python process with an asyncio loop of its own, so that what it measures is httpx and not Locust's gevent.
With --rounds it dispatches that many rounds and exits. Without, it obeys JSON lines on standard input until that ends:

    {"do": "round", "round": 1}
    {"do": "ask", "id": "q1", "text": "…", "agent": null}     agent: counted from 1; null is: the next in turn
    {"do": "stop", "drain_s": 5}                              dispatch no more; abandon what isn't back by then

On standard output come JSON lines, each with what it `is`: `ready`, `outcome` (one for every question that ended; with
the `answer` if it was asked singly), `round_ended`, `stopped`. When standard input ends, whoever
started this process is gone: it abandons what is in flight and exits.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import os
import sys
import traceback
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import click

from fanout import protocols
from fanout import scenario as scenario_model
from fanout.blocking import BlockingCalls
from fanout.clients import make_clients
from fanout.connections import ConnectionLog
from fanout.descriptors import make_room, needed_by_coordinator
from fanout.destinations import Load, announced_by_rounds, checked
from fanout.dispatch import Ask, Round
from fanout.errors import ExitCode, FanoutError, UsageError
from fanout.exchange import Exchange, Labels
from fanout.executors import new_loop, threads_of
from fanout.health import Health
from fanout.lines import Output, input_lines
from fanout.process import cancel_at_signals, command_of, tie_to_parent
from fanout.protocols import Question
from fanout.questions import questions_of
from fanout.scenario import Scenario, load_scenario
from fanout.trip import Lookups, Trip
from fanout.warm_up import warm_up

MAX_DRAIN_S = 1e9
"""Thirty years: an event loop can't count much further."""


class Coordinator:
    """One coordinator: its clients, its rounds, and what it counts."""

    def __init__(
        self,
        scenario: Scenario,
        agents: Sequence[str],
        output: Output,
        *,
        number: int = 1,
        ca_file: Path | None = None,
        observed: bool = True,
    ) -> None:
        protocol = protocols.load(scenario.protocol)
        self._scenario = scenario
        self._agents = agents
        self._number = number
        self._emit = output.emit
        self._questions = questions_of(scenario.questions)
        self._clients = make_clients(
            scenario.client, agents, protocol.path, ca_file, allow_remote=scenario.allow_remote
        )
        self._log = ConnectionLog(number, [urlsplit(agent).port for agent in agents])
        self._lookups = Lookups()
        self._calls = BlockingCalls()
        self._end = protocol.coordinator()
        self._exchange = Exchange(
            scenario.client, self._clients, protocol, self._end, self._new_trip, observed=observed
        )
        self._health = Health()
        self._turns = itertools.cycle(range(len(agents)))
        self._rounds: set[Round] = set()
        self._working: set[asyncio.Task[None]] = set()
        self._asking: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._asked = 0

    def _new_trip(self, agent: int) -> Trip:
        blocks = self._scenario.coordinator.executor.blocking_calls != "none"
        return Trip(self._log, self._lookups, agent, self._calls if blocks else None)

    async def ready(self) -> dict[str, Any]:
        """Warms up, and says what this coordinator is."""
        await warm_up(self._end)
        return {
            "is": "ready",
            "pid": os.getpid(),
            "questions": len(self._questions),
            "agents": len(self._agents),
            "client": {"topology": self._scenario.client.topology, **self._clients.effective()},
        }

    async def round(self, number: int) -> None:
        """Dispatches all questions once; returns when each that was dispatched has ended."""
        async with self._health:
            pause = self._pause if self._scenario.coordinator.pause_s else None
            ask: Ask = functools.partial(self._ask, round_number=number)
            this = Round(self._questions, len(self._agents), ask, pause)
            self._rounds.add(this)
            if self._stopping:
                this.stop()
            await this.run()
            self._rounds.discard(this)
        self._emit({"is": "round_ended", "round": number, "dispatched": this.dispatched})

    async def ask(self, question: Question, agent: int | None) -> None:
        """Asks one question outside a round; its line carries the answer."""
        async with self._health:
            await self._ask(question, next(self._turns) if agent is None else agent, round_number=0, single=True)

    async def _pause(self, stopped: asyncio.Event) -> None:
        """What comes between an agent's answer and its next question."""
        settings = self._scenario.coordinator
        blocks = settings.executor.blocking_calls == "per_question_and_pause"
        release = self._calls.begin() if blocks else None
        try:
            with anyio.move_on_after(settings.pause_s):
                await stopped.wait()
        finally:
            if release is not None:
                release()

    async def _ask(self, question: Question, agent: int, round_number: int, *, single: bool = False) -> bool:
        """Asks and tells; False if the question was abandoned, so that its agent gets no other."""
        self._asked += 1
        in_flight = self._log.begin(agent)
        ended = await self._exchange.ask(question, Labels(round_number, self._number, agent, in_flight))
        self._log.end(agent, reused=ended.outcome.reused)
        line = {"is": "outcome", **ended.outcome.to_json(), "response_bytes": ended.response_bytes}
        if single:
            line["answer"] = ended.answer
        self._emit(line, awaited=single)
        return ended.outcome.status != "abandoned"

    def _counts(self) -> dict[str, Any]:
        """What run.json has of this coordinator."""
        return {
            "asked": self._asked,
            **self._log.to_json(),
            "lookups": self._lookups.to_json(),
            "executor": {"threads": threads_of(self._scenario.coordinator), **self._calls.to_json()},
            "health": self._health.to_json(),
        }

    def obey(self, command: Any) -> None:  # noqa: ANN401
        """Starts what a line on standard input asks for. Raises UsageError for one that makes no sense."""
        match command:
            case {"do": "round", "round": int(number)}:
                self.start_round(number)
            case {"do": "ask", "id": str(question_id), "text": str(text), "agent": None | int() as agent}:
                if agent is not None and not 1 <= agent <= len(self._agents):
                    raise UsageError(f"no agent {agent}; there are 1 to {len(self._agents)}")
                single = self.ask(Question(question_id, text), None if agent is None else agent - 1)
                self._work(single, self._asking)
            case {"do": "stop", "drain_s": int() | float() as drain_s} if 0 <= drain_s <= MAX_DRAIN_S:
                self._work(self.stop(drain_s), set())
            case _:
                raise UsageError(f"not a command: {json.dumps(command)[:200]}")

    def start_round(self, number: int) -> asyncio.Task[None]:
        """Begins a round; stop() ends it."""
        return self._work(self.round(number), self._working)

    def _work(self, work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(_exit_if_broken)
        return task

    async def stop(self, drain_s: float) -> None:
        """Dispatches no more, gives what is in flight `drain_s`, abandons the rest, and tells that it has stopped."""
        self._stopping = True
        for this in self._rounds:
            this.stop()
        working = [*self._working, *self._asking]
        if working:
            await asyncio.wait(working, timeout=drain_s)
            for this in self._rounds:
                this.abandon()
            for task in self._asking:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
        self._stopping = False
        self._emit({"is": "stopped", **self._counts()})

    async def close(self) -> None:
        await self._clients.close()


def _exit_if_broken(task: asyncio.Task[None]) -> None:
    """A mistake of our own ends the process at once, rather than leave questions without an end."""
    if not task.cancelled() and (error := task.exception()) is not None:
        traceback.print_exception(type(error), error, error.__traceback__)
        os._exit(ExitCode.NO_DATA)


async def run(new_coordinator: Callable[[Output], Coordinator], rounds: int | None) -> None:
    """All that the process does. Raises CancelledError where a signal ended it."""
    loop = asyncio.get_running_loop()
    output = await Output.opened(loop)
    coordinator = new_coordinator(output)
    output.emit(await coordinator.ready())
    try:
        if rounds is not None:
            for n in range(1, rounds + 1):
                await asyncio.wait([coordinator.start_round(n)])  # which, cancelled, leaves the round to stop()
        else:
            lines = input_lines(loop)
            while (line := await lines.get()) is not None:
                if line.strip():
                    coordinator.obey(command_of(line))
            output.mute()
    finally:
        await coordinator.stop(0)
        await coordinator.close()
        await output.close()


async def live(new_coordinator: Callable[[Output], Coordinator], rounds: int | None) -> None:
    """The process's whole life, to its exit.

    It ends here because the interpreter's own way out waits for every thread, and a name lookup that hangs has one for
    as long as the system's resolver likes.
    """
    code = ExitCode.PASSED
    task = asyncio.ensure_future(run(new_coordinator, rounds))
    cancel_at_signals(task)
    try:
        await task
    except asyncio.CancelledError:
        code = ExitCode.INTERRUPTED
    except FanoutError as error:
        code = _refused(error)
    except Exception:  # noqa: BLE001 (nothing is above it that could say so)
        traceback.print_exc()
        code = ExitCode.NO_DATA
    os._exit(code)


def _refused(error: FanoutError) -> ExitCode:
    click.echo(f"fanout.coordinator: {error}", err=True)
    return error.exit_code


@click.command(context_settings={"max_content_width": 100})
@click.argument("scenario", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--agents", help="The agents' addresses, separated by commas; left out, the scenario has to list them.")
@click.option("--number", default=1, show_default=True, help="Which coordinator of the run this is.")
@click.option("--rounds", type=click.IntRange(1), help="Dispatch so many rounds, then exit; else obey standard input.")
@click.option(
    "--ca-file", type=click.Path(exists=True, path_type=Path), help="Certificates to trust, for HTTPS agents."
)
@click.option("--unobserved", is_flag=True, help="Leave out phases and connections, to measure what observing costs.")
def main(
    scenario: Path, agents: str | None, *, number: int, rounds: int | None, ca_file: Path | None, unobserved: bool
) -> None:
    """One coordinator that asks SCENARIO's questions; JSON lines on standard output."""
    tie_to_parent()
    try:
        loaded = load_scenario(scenario)
        addresses = agents.split(",") if agents else loaded.agents
        if isinstance(addresses, int):
            raise UsageError(
                f"{scenario} asks for {addresses} agents to be started, and this process starts none; start them with "
                f"python -m workers.fleet {scenario} and pass their addresses with --agents"
            )
        addresses = checked(addresses, allow_remote=loaded.allow_remote)
        if rounds and (said := announced_by_rounds(Load(addresses, loaded.questions), rounds)):
            click.echo(f"fanout.coordinator: {said}", err=True)
        plain = scenario_model.Coordinator(pause_s=loaded.coordinator.pause_s)
        if unobserved and loaded.coordinator != plain:
            raise UsageError(f"{scenario}: --unobserved leaves out what coordinator.executor and resolver ask for, too")
        make_room(needed_by_coordinator(loaded.model_copy(update={"agents": tuple(addresses)})))
        new_coordinator = functools.partial(
            Coordinator, loaded, addresses, number=number, ca_file=ca_file, observed=not unobserved
        )
        loop_factory = functools.partial(new_loop, loaded.coordinator, observed=not unobserved)
        # asyncio.run() takes a loop factory from Python 3.12 on only.
        anyio.run(live, new_coordinator, rounds, backend_options={"loop_factory": loop_factory})
    except FanoutError as error:
        sys.exit(_refused(error))
    except KeyboardInterrupt:  # before there is a loop that could be told
        sys.exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
