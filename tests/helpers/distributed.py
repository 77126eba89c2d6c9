"""A master and its workers as real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from helpers.networks import TwoNetworks
from helpers.paths import ROOT

PLAIN_LOCUST = [sys.executable, "-m", "locust"]
STANDARD = ("-f", ROOT / "locustfiles" / "coordinator.py")
END_S = 60


class Process:
    """A process in a session of its own, with its output in a file."""

    def __init__(self, log: Path, command: Sequence[object], **environment: str) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, start_new_session=True, cwd=ROOT,
            )  # fmt: skip

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait(self, timeout_s: float = END_S) -> int:
        """The exit code."""
        return self.process.wait(timeout_s)

    def kill_all(self) -> None:
        """Kills the process and those that it has forked."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def printed(self, start: str, *, lines: int) -> str:
        """All that it has printed up to so many lines after one that starts like this, once it has."""
        deadline = time.monotonic() + END_S
        while True:
            found = self.output.splitlines(keepends=True)
            first = next((number for number, line in enumerate(found) if line.startswith(start)), len(found))
            if len(found) > first + lines:
                return "".join(found[: first + lines + 1])
            assert time.monotonic() < deadline and self.process.poll() is None, self.output
            time.sleep(0.05)


class Locust(Process):
    def __init__(self, log: Path, *args: object, within: Sequence[str] = (), **environment: str) -> None:
        """`within` is a command that runs it, such as in another network."""
        super().__init__(log, [*within, *PLAIN_LOCUST, *STANDARD, *args], **environment)


class Command(Process):
    """A command of fanout's that runs until it is ended."""

    def __init__(self, log: Path, *args: object, within: Sequence[str] = ()) -> None:
        super().__init__(log, [*within, sys.executable, "-m", "fanout.cli", *args])


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Relay:
    """A way to a port that can be cut: all connections end, with what is on its way, and no others are possible."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._is_cut = False
        self._changing = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                here, _ = self._listener.accept()
                with self._changing:
                    if self._is_cut:
                        here.close()
                    else:
                        self._connect(here)

    def _connect(self, here: socket.socket) -> None:
        try:
            there = socket.create_connection(("127.0.0.1", self._port), timeout=5)
        except OSError:
            here.close()
            return
        there.settimeout(None)
        self._sockets |= {here, there}
        for one, other in ((here, there), (there, here)):
            threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError), one, other:
            while data := one.recv(65536):
                other.sendall(data)

    def cut(self) -> None:
        with self._changing:
            self._is_cut = True
            while self._sockets:
                with suppress(OSError):
                    self._sockets.pop().shutdown(socket.SHUT_RDWR)

    def reconnect(self) -> None:
        self._is_cut = False

    def close(self) -> None:
        self._listener.close()
        self.cut()


@dataclass(frozen=True)
class Distributed:
    """A master and its workers."""

    directory: Path
    """The run's."""
    master: Process
    workers: list[Process]
    relay: Relay
    """Between the first worker and the master."""

    def wait_for_words(self, words: str) -> None:
        """Waits until the master has said so."""
        deadline = time.monotonic() + END_S
        while words not in self.master.output:
            assert time.monotonic() < deadline and self.master.process.poll() is None, self.master.output
            time.sleep(0.05)

    def wait_for_rows(self, count: int) -> None:
        file, deadline = self.directory / "questions.csv", time.monotonic() + END_S
        while not file.exists() or file.read_bytes().count(b"\n") <= count:
            assert time.monotonic() < deadline and self.master.process.poll() is None, self.master.output
            time.sleep(0.05)


@contextmanager
def distributed(
    directory: Path, scenario: Path, *args: object, workers: int = 2, networks: TwoNetworks | None = None,
    within: Sequence[str] = (), port: int = 0, locustfile: Sequence[object] = STANDARD,
) -> Iterator[Distributed]:  # fmt: skip
    """A headless master with these arguments, and its workers. Of two networks, the first worker is in the second.

    `within` is a command that runs the master. With no workers, it waits for one to come to its `port`.
    """
    port = port or free_port()
    if networks is not None:
        within = networks.first
        args = ("--master-bind-host", "0.0.0.0", *args)  # noqa: S104 (in a network of its own)
    with ExitStack() as stack:
        relay = stack.enter_context(closing(Relay(port)))
        options = ["--scenario", scenario, "--run-dir", directory / "run", "--headless", "--master"]
        ports = ["--master-bind-port", port, "--expect-workers", workers or 1]
        command = [*within, *PLAIN_LOCUST, *locustfile, *options, *ports, *args]
        master = Process(directory / "master.log", command)
        stack.callback(master.kill_all)
        crew: list[Process] = []
        for number in range(workers):
            log = directory / f"worker{number + 1}.log"
            if networks is None:
                way = relay.port if number == 0 else port
                crew.append(Process(log, [*PLAIN_LOCUST, *locustfile, "--worker", "--master-port", way]))
            else:
                where = networks.second if number == 0 else networks.first
                crew.append(Locust(log, "--worker", "--master-host", "10.77.0.1", "--master-port", port, within=where))
            stack.callback(crew[-1].kill_all)
        yield Distributed(directory / "run", master, crew, relay)
