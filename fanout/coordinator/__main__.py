"""The coordinator process: asks a scenario's questions and reports each one when it ends.

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
from fanout.processes.child_side import cancel_at_signals, command_of, tie_to_parent
from fanout.processes.fd_limits import make_room, needed_by_coordinator
from fanout.scenario import CoordinatorSettings, load_scenario
from fanout.scenario.remote_agents import Load, announced_by_rounds, checked


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
                f"python -m workers.fleet {scenario} in a checkout, and pass their addresses with --agents"
            )
        addresses = checked(addresses, allow_remote=loaded.allow_remote)
        if rounds and (said := announced_by_rounds(Load(addresses, loaded.questions), rounds)):
            click.echo(f"fanout.coordinator: {said}", err=True)
        plain = CoordinatorSettings(pause_s=loaded.coordinator.pause_s)
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
