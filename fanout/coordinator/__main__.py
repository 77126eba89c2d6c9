"""The coordinator process: asks a scenario's questions and reports each one when it ends.

    python -m fanout.coordinator SCENARIO --agents URL,URL,… [--number N] [--rounds N]

It is a plain Python process with its own asyncio loop, so that it measures httpx and not Locust's gevent. With --rounds
it dispatches that many rounds and exits. Otherwise it executes JSON lines from standard input until that ends:

    {"do": "round", "round": 1, "is_last": true}
    {"do": "ask", "id": "q1", "text": "…", "agent": null}     agent counts from 1; null means the next agent, cyclically
    {"do": "stop", "drain_s": 5}                              stop dispatching; abandon questions unanswered by then

It writes JSON lines to standard output. Their key `is` has the kind of message: `ready`, `outcome` (one for every
question that ended, with its `answer` if it was asked by "ask"), `round_ended` or `stopped`. With --watched there are
also `snapshot`, what the coordinator is doing at this moment, and `counters`, its counters so far. When standard input
ends, the parent process is gone. The coordinator then abandons the questions in flight and exits.
"""

from __future__ import annotations

import asyncio
import functools
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import anyio
import click

from fanout.coordinator.coordinator import Coordinator
from fanout.coordinator.executors import new_loop
from fanout.coordinator.stdio import Output, input_lines
from fanout.errors import ExitCode, FanoutError, UsageError
from fanout.processes.child_side import cancel_at_signals, command_of, give_up, tie_to_parent
from fanout.processes.extras import require
from fanout.processes.fd_limits import make_room, needed_by_coordinator
from fanout.processes.own_code import require_allowed
from fanout.scenario import CoordinatorSettings, load_scenario
from fanout.scenario.remote_agents import Load, announced_by_rounds, checked


async def run(new_coordinator: Callable[[Output], Coordinator], rounds: int | None) -> None:
    """The process's work. Raises CancelledError if a signal ends it."""
    loop = asyncio.get_running_loop()
    output = await Output.opened(loop)
    coordinator = new_coordinator(output)
    output.emit(await coordinator.ready())
    try:
        if rounds is not None:
            for n in range(1, rounds + 1):
                this = coordinator.start_round(n, is_last=n == rounds)
                await asyncio.wait([this])  # if cancelled, it leaves the round to stop()
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
    """Runs the process and exits.

    It exits here because the interpreter's regular exit waits for all threads, and a name lookup that hangs can hold
    one for as long as the system's resolver waits.
    """
    code = ExitCode.PASSED
    task = asyncio.ensure_future(run(new_coordinator, rounds))
    cancel_at_signals(task)
    try:
        await task
    except asyncio.CancelledError:
        code = ExitCode.INTERRUPTED
    except FanoutError as error:
        code = give_up("fanout.coordinator", error)
    except Exception:  # noqa: BLE001 (no caller could report it)
        traceback.print_exc()
        code = ExitCode.NO_DATA
    os._exit(code)


@click.command(context_settings={"max_content_width": 100})
@click.argument("scenario", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--agents", help="The agents' addresses, separated by commas. Default: the addresses in the scenario.")
@click.option("--number", default=1, show_default=True, help="The number of this coordinator in the run.")
@click.option(
    "--rounds", type=click.IntRange(1), help="Dispatch this many rounds, then exit. Default: execute standard input."
)
@click.option(
    "--ca-file", type=click.Path(exists=True, path_type=Path), help="Certificates to trust, for HTTPS agents."
)
@click.option(
    "--unobserved", is_flag=True, help="Don't record phases and connections, to measure the cost of observing them."
)
@click.option("--watched", is_flag=True, help="Report every half second what it is doing.")
def main(
    scenario: Path,
    agents: str | None,
    *,
    number: int,
    rounds: int | None,
    ca_file: Path | None,
    unobserved: bool,
    watched: bool,
) -> None:
    """Run one coordinator, which asks SCENARIO's questions and writes JSON lines to standard output."""
    tie_to_parent()
    try:
        loaded = load_scenario(scenario)
        addresses = agents.split(",") if agents else loaded.agents
        if isinstance(addresses, int):
            raise UsageError(
                f"{scenario} asks for {addresses} agents to be started, which a coordinator can't do; start them with "
                f"python -m workers.fleet {scenario} in a checkout, and pass their addresses with --agents"
            )
        addresses = checked(addresses, allow_remote=loaded.allow_remote)
        if rounds and (announcement := announced_by_rounds(Load(addresses, loaded.questions), rounds)):
            click.echo(f"fanout.coordinator: {announcement}", err=True)
        require_allowed(loaded)
        require(loaded.model_copy(update={"agents": tuple(addresses)}))
        plain = CoordinatorSettings(pause_s=loaded.coordinator.pause_s)
        if unobserved and loaded.coordinator != plain:
            raise UsageError(
                f"{scenario}: --unobserved would ignore coordinator.executor, coordinator.resolver and "
                "coordinator.faults; allowed: leave them out"
            )
        make_room(needed_by_coordinator(loaded.model_copy(update={"agents": tuple(addresses)})))
        new_coordinator = functools.partial(
            Coordinator, loaded, addresses, number=number, ca_file=ca_file, observed=not unobserved, watched=watched
        )
        seed = f"{loaded.seed}:coordinator {number}"
        loop_factory = functools.partial(new_loop, loaded.coordinator, observed=not unobserved, seed=seed)
        # asyncio.run() accepts a loop factory only from Python 3.12.
        anyio.run(live, new_coordinator, rounds, backend_options={"loop_factory": loop_factory})
    except FanoutError as error:
        sys.exit(give_up("fanout.coordinator", error))
    except KeyboardInterrupt:  # before the loop handles signals
        sys.exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
