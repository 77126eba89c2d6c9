"""The fleet: N agents, each in a process of its own or several in one, forked from one that has imported everything.

    python -m workers.fleet SCENARIO

When every agent has served a warm-up request through its real route, the fleet writes one JSON line with their
addresses to standard output. After that it executes JSON lines from standard input: it answers `{"do": "counts"}` with
what each agent has accepted and served since. When an agent's process dies, the fleet immediately writes a line
`{"is": "died", …}`, and restarts the agent if the scenario says so. When standard input ends, or the fleet dies, the
agents exit, too: each holds the reading end of a pipe, and only the fleet holds the writing end.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import ssl
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import click

from fanout import protocols
from fanout.agents.deaths import Death
from fanout.errors import CouldNotRunError, ExitCode, FanoutError, UsageError
from fanout.json_object import JsonObject
from fanout.processes.child_side import ENDING, command_of, give_up, tie_to_parent
from fanout.processes.extras import require
from fanout.processes.fd_limits import make_room, needed_by_fleet
from fanout.scenario import Scenario, load_scenario
from workers.agent_faults import AgentFaults
from workers.app import Agent, as_agent, create_app
from workers.connection_faults import ConnectionFaults
from workers.counters import shared_counters
from workers.faults import faulty
from workers.server import SERVERS, Served, imported, stays_open
from workers.tls import Authority
from workers.warm_up import WarmUp
from workers.worker import ALLOWED_RESTARTS, Worker, WorkerProcess

STOP_TIMEOUT_S = 1.0


class Fleet:
    """The agents of a scenario, from fork to exit."""

    def __init__(self, scenario: Scenario, bind: str | None = None, name: str | None = None) -> None:
        """`bind` is the IPv4 address to listen on, `name` the host of the agents' addresses, if not the scenario's."""
        self._pid = os.getpid()
        self._scenario = scenario
        self._protocol = protocols.load(scenario.protocol)
        self._host = name or bind or scenario.workers.host
        host = scenario.workers.host
        self._bind = bind or ("127.0.0.1" if host == "localhost" else host)
        self._server = SERVERS[scenario.workers.server]
        self._authority = Authority() if scenario.workers.tls else None
        self._tls = self._server_context()
        self._app = create_app(scenario, sleep=imported(self._server.sleep))
        self._warm_up = WarmUp(self._protocol, self._bind, self._authority)
        self._read_end, self._write_end = os.pipe()
        self._workers: list[Worker] = []
        self._processes: list[WorkerProcess] = []
        self._ends, self._end = os.pipe()
        """The ends of a pipe into which a byte is written for each process that ends."""

    def start(self) -> None:
        """Forks the agents and waits until each has answered. The caller must stop() them, even after an error.

        Raises CouldNotRunError.
        """
        self._import_and_warm()
        count, first = self._scenario.agent_count, self._scenario.workers.first_port
        counters = shared_counters(count)
        for number in range(1, count + 1):
            port = first + number - 1 if first else 0
            self._workers.append(Worker(number, self._bind, port, counters[number - 1]))
            self._connection_faults(self._workers[-1]).check()
        each = self._scenario.workers.per_process
        for begin in range(0, count, each):
            self._processes.append(WorkerProcess(self._workers[begin : begin + each], self._be_agents))
            self._processes[-1].start()
        self._warm_up.all({worker.number: worker.port for worker in self._workers})
        for worker in self._workers:
            worker.warmed_up()

    def _import_and_warm(self) -> None:
        """Executes every code path once, so that the agents share its memory and need not repeat its imports."""
        for name in self._server:
            imported(name)
        self._warm_up.app(self._app)
        gc.collect()
        gc.freeze()  # otherwise the collector would write to the shared pages, and so copy them

    def _server_context(self) -> ssl.SSLContext | None:
        """The TLS context that all agents share. Creating a key is slow, and all agents have the same host."""
        if self._authority is None:
            return None
        return self._authority.server_context(
            imported(self._server.tls_context), "localhost", "127.0.0.1", self._bind, self._host
        )

    def _be_agents(self, process: WorkerProcess, listeners: Sequence[socket.socket]) -> NoReturn:
        """Runs a forked process of agents until it exits."""
        status = 1
        try:
            tie_to_parent(self._pid)
            for end in (self._write_end, self._ends, self._end):
                os.close(end)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; only the fleet handles it
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(2, 1)
            served = [self._served(*pair) for pair in zip(process.workers, listeners, strict=True)]
            # Returns when the fleet has ended, which closes the pipe.
            imported(self._server.serve)(served, until=self._read_end)
            status = 0
        except BaseException:  # noqa: BLE001 (no caller could report it)
            traceback.print_exc()
        finally:
            os._exit(status)

    @property
    def addresses(self) -> list[str]:
        scheme = "http" if self._authority is None else "https"
        return [f"{scheme}://{self._host}:{worker.port}" for worker in self._workers]

    @property
    def ca_pem(self) -> str | None:
        """The certificate that clients must trust; None if the agents use plain HTTP."""
        return None if self._authority is None else self._authority.pem

    def _served(self, worker: Worker, listener: socket.socket) -> Served:
        """What an agent's server needs: the app and the hooks for connections, with the scenario's faults."""
        scenario, sleep = self._scenario, imported(self._server.sleep)
        agent_faults = AgentFaults.of(scenario, worker.number, sleep, imported(self._server.lock))
        app = as_agent(self._app, Agent(self._protocol, f"agent-{worker.number}"))
        app = faulty(app, scenario, worker.number, agent_faults, path=self._protocol.path, sleep=sleep)
        faults = self._connection_faults(worker)
        app = faults.listening(app, listener)
        hooks = (faults.accept, faults.idle_s, faults.idle) if faults.faults else (stays_open, faults.idle_s)
        return Served(listener, app, worker.counters, self._tls, *hooks)

    def _connection_faults(self, worker: Worker) -> ConnectionFaults:
        return ConnectionFaults.of(self._scenario, worker.number, worker.counters, imported(self._server.sleep))

    def counts(self) -> list[JsonObject]:
        """The counters and the state of each agent."""
        return [worker.to_json(process.pid) for process in self._processes for worker in process.workers]

    def watch(self) -> int:
        """Starts watching the agents' processes. Returns a descriptor that has a byte to read when one has ended."""
        os.set_blocking(self._end, False)
        signal.set_wakeup_fd(self._end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        os.kill(os.getpid(), signal.SIGCHLD)  # for processes that have already ended
        return self._ends

    def reap(self) -> Iterator[Death]:
        """Collects the processes that have ended."""
        restarts = ALLOWED_RESTARTS[self._scenario.workers.restart]
        for process in self._processes:
            if process.pid is not None:
                pid, status = os.waitpid(process.pid, os.WNOHANG)
                if pid:
                    yield from process.died(status, restarts)

    def restart(self) -> Iterator[Death]:
        """Restarts the processes that are due. Yields the deaths of agents that could not be restarted."""
        for process in self._processes:
            if process.due is not None and process.due <= time.monotonic():
                yield from process.restart()

    @property
    def due_in_s(self) -> float | None:
        """The time until the next process must be restarted; None if there is none to restart."""
        due = [process.due for process in self._processes if process.due is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def stop(self) -> None:
        """Ends all agents, and kills those still running after STOP_TIMEOUT_S. Signals are ignored from now on."""
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        for end in (self._write_end, self._ends, self._end):
            os.close(end)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for process in self._processes:
            process.end_by(deadline)
        self._processes = []


def obey(fleet: Fleet, commands: int) -> None:
    """Answers commands from a descriptor until it ends, reports agents that die, and restarts them.

    Raises UsageError for a line that is not a command.
    """
    ends = fleet.watch()
    rest = b""
    while True:
        ready, _, _ = select.select([commands, ends], [], [], fleet.due_in_s)
        if ends in ready:
            os.read(ends, 4096)
            _tell_all(fleet.reap())
        _tell_all(fleet.restart())
        if commands in ready:
            chunk = os.read(commands, 65536)
            if not chunk:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            for line in filter(bytes.strip, lines):
                answer(fleet, line)


def answer(fleet: Fleet, line: bytes) -> None:
    """Executes one command. Raises UsageError if the line is not a command."""
    if command_of(line) != {"do": "counts"}:
        raise UsageError(f"not a command: {line!r}")
    tell({"is": "counts", "workers": fleet.counts()})


def _tell_all(deaths: Iterable[Death]) -> None:
    for death in deaths:
        tell({"is": "died", **asdict(death)})


def tell(message: JsonObject) -> None:
    click.echo(json.dumps(message))


@click.command(context_settings={"max_content_width": 100})
@click.argument("scenario", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--bind", help="The IPv4 address to listen on.  [default: the scenario's workers.host]")
@click.option("--name", help="The host in the addresses that are printed.  [default: what the agents listen on]")
def main(scenario: Path, bind: str | None, name: str | None) -> None:
    """Start SCENARIO's agents and print their addresses. They run until standard input ends."""
    tie_to_parent()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends cleanly, like Ctrl-C
    fleet = None
    try:
        loaded = load_scenario(scenario)
        if not isinstance(loaded.agents, int):
            raise CouldNotRunError(f"{scenario} lists addresses of running agents: there is nothing to start")
        require(loaded)
        make_room(needed_by_fleet(loaded))
        fleet = Fleet(loaded, bind, name)
        fleet.start()
        tell({"is": "ready", "addresses": fleet.addresses, "ca_pem": fleet.ca_pem})
        obey(fleet, sys.stdin.fileno())
    except FanoutError as error:
        sys.exit(give_up("workers.fleet", error))
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    finally:
        if fleet is not None:
            fleet.stop()


if __name__ == "__main__":
    main()
