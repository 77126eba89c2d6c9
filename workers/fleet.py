"""The fleet: N agents, each a process of its own, forked from one that has imported everything once.

    python -m workers.fleet SCENARIO

Once every agent has served a warm-up request through its real route, one JSON line with their addresses goes to
standard output. After that the fleet obeys JSON lines on standard input: `{"do": "counts"}` is answered by what each
agent has accepted and served since. When standard input ends, or the fleet dies in any other way, the agents exit too:
each holds the reading end of a pipe whose only writing end is the fleet's.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import ssl
import sys
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click

from fanout import protocols
from fanout.errors import CouldNotRunError, ExitCode, FanoutError
from fanout.scenario import Scenario, load_scenario
from workers.app import create_app
from workers.counters import Counters, shared_counters
from workers.server import SERVERS, Served, imported, listen
from workers.tls import Authority
from workers.warm_up import WarmUp

STOP_TIMEOUT_S = 1.0


@dataclass(frozen=True)
class Worker:
    """One agent's process as the fleet sees it. `number` counts from 1."""

    number: int
    pid: int
    port: int
    counters: Counters


class Fleet:
    """The agents of a scenario, from fork to exit."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._protocol = protocols.load(scenario.protocol)
        self._host = scenario.workers.host
        self._bind = "127.0.0.1" if self._host == "localhost" else self._host
        self._server = SERVERS[scenario.workers.server]
        self._authority = Authority() if scenario.workers.tls else None
        self._tls = self._server_context()
        self._app = create_app(scenario, "unnamed", sleep=imported(self._server.sleep))
        self._warm_up = WarmUp(self._protocol, self._bind, self._authority)
        self._read_end, self._write_end = os.pipe()
        self._workers: list[Worker] = []
        self._warm_up_counts: list[tuple[int, int]] = []

    def start(self) -> None:
        """Forks the agents and waits until each has answered. Raises CouldNotRunError, with all of them gone."""
        self._import_and_warm()
        counters = shared_counters(self._scenario.agent_count)
        try:
            for number in range(1, self._scenario.agent_count + 1):
                self._workers.append(self._fork(number, counters[number - 1]))
            self._warm_up.all({worker.number: worker.port for worker in self._workers})
        except BaseException:
            self.stop()
            raise
        self._warm_up_counts = [(w.counters.accepted, w.counters.served) for w in self._workers]

    def _import_and_warm(self) -> None:
        """Takes every code path once, so that the agents share its memory and none pays for it again."""
        self._warm_up.app(self._app)
        gc.collect()
        gc.freeze()  # the collector would otherwise touch, and so copy, the pages that are shared

    def _server_context(self) -> ssl.SSLContext | None:
        """Made once, since a key takes a while; the agents are all the same host."""
        if self._authority is None:
            return None
        return self._authority.server_context(imported(self._server.tls_context), "localhost", "127.0.0.1", self._bind)

    def _fork(self, number: int, counters: Counters) -> Worker:
        first = self._scenario.workers.first_port
        port = first + number - 1 if first else 0
        try:
            listener = listen(self._bind, port)
        except OSError as error:
            raise CouldNotRunError(
                f"agent {number} can't listen on {self._bind}:{port}: {error.strerror}; free that port, choose another "
                "workers.first_port, or leave it out for free ports"
            ) from error
        with listener:
            pid = os.fork()
            if pid == 0:
                self._be_agent(number, listener, counters)
            return Worker(number, pid, listener.getsockname()[1], counters)

    def _be_agent(self, number: int, listener: socket.socket, counters: Counters) -> NoReturn:
        """The forked process's whole life."""
        status = 1
        try:
            os.close(self._write_end)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the fleet decides
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(2, 1)
            self._app.extensions["agent"].become(f"agent-{number}")
            serve = imported(self._server.serve)
            # Returns when the fleet is gone, whose end closes the pipe.
            serve(Served(listener, self._app, counters, self._tls), until=self._read_end)
            status = 0
        except BaseException:  # noqa: BLE001 (nothing is above it that could say so)
            traceback.print_exc()
        finally:
            os._exit(status)

    @property
    def addresses(self) -> list[str]:
        scheme = "http" if self._authority is None else "https"
        return [f"{scheme}://{self._host}:{worker.port}" for worker in self._workers]

    @property
    def ca_pem(self) -> str | None:
        """The certificate that a client has to trust; None where the agents speak plain HTTP."""
        return None if self._authority is None else self._authority.pem

    def counts(self) -> list[dict[str, Any]]:
        """What each agent has accepted and served since its warm-up, and whether its process still runs."""
        return [
            {
                "agent": worker.number,
                "pid": worker.pid,
                "accepted": worker.counters.accepted - accepted,
                "served": worker.counters.served - served,
                "alive": _alive(worker.pid),
            }
            for worker, (accepted, served) in zip(self._workers, self._warm_up_counts, strict=True)
        ]

    def stop(self) -> None:
        """Ends all agents; those that don't go within STOP_TIMEOUT_S are killed."""
        os.close(self._write_end)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for worker in self._workers:
            while _alive(worker.pid) and time.monotonic() < deadline:
                time.sleep(0.005)
            if _alive(worker.pid):
                os.kill(worker.pid, signal.SIGKILL)
                os.waitpid(worker.pid, 0)
        self._workers = []


def _alive(pid: int) -> bool:
    """Whether a child runs; takes note of its exit where it doesn't."""
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return False


def obey(fleet: Fleet, lines: Iterable[bytes]) -> None:
    """Answers commands until there are no more."""
    for line in lines:
        if json.loads(line) == {"do": "counts"}:
            tell({"is": "counts", "workers": fleet.counts()})


def tell(message: dict[str, Any]) -> None:
    click.echo(json.dumps(message))


@click.command(context_settings={"max_content_width": 100})
@click.argument("scenario", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(scenario: Path) -> None:
    """Starts the agents that SCENARIO asks for and tells their addresses; they run until standard input ends."""
    try:
        loaded = load_scenario(scenario)
        if not isinstance(loaded.agents, int):
            raise CouldNotRunError(f"{scenario} lists agents that run already: there is nothing to start")
        fleet = Fleet(loaded)
        fleet.start()
    except FanoutError as error:
        click.echo(f"workers.fleet: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    try:
        tell({"is": "ready", "addresses": fleet.addresses, "ca_pem": fleet.ca_pem})
        obey(fleet, sys.stdin.buffer)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    finally:
        fleet.stop()


if __name__ == "__main__":
    main()
