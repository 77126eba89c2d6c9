"""What many tests need: scenario files, a running fleet, and a server that misbehaves to order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio
import polars as pl
import psutil
import pytest
import yaml

from fanout.agents.handle import Agents, WorkerCounts
from fanout.coordinator.event_loop import ObservedLoop
from fanout.outcome import Outcome
from fanout.processes.child import Child
from fanout.runs.questions_csv import TYPES
from fanout.runs.reader import Run
from fanout.runs.schema import SCHEMA, CoordinatorInfo, RunInfo, WorkerInfo, part_of
from fanout.scenario import Scenario, load_scenario, parse_scenario

ROOT = Path(__file__).resolve().parent.parent

# nohup ignores the first, and a shell the second for what runs in its background.
for ignored in (signal.SIGHUP, signal.SIGINT):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, lambda *_: None)  # unlike SIG_IGN, not inherited by what the tests start

MakeScenario = Callable[..., Path]
T = TypeVar("T")
Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def scenario_of(**keys: Any) -> Scenario:
    """A small scenario with these keys laid over it."""
    small: dict[str, Any] = {
        "name": "small",
        "protocol": "a2a",
        "agents": 4,
        "questions": 12,
        "workers": {"service_time": {"distribution": "constant", "value_s": 0.01}},
    }
    questions = keys.get("questions")  # a file of them has to lie where the scenario does
    folder = Path(questions).parent if isinstance(questions, str) else Path()
    return parse_scenario(yaml.safe_dump({**small, **keys}), folder / "small.yaml")


@pytest.fixture
def make_scenario(tmp_path: Path) -> MakeScenario:
    """Writes a small scenario with the given keys laid over it; returns its file."""

    def make(file_name: str = "small.yaml", **keys: Any) -> Path:
        path = tmp_path / file_name
        path.write_text(scenario_of(**{"name": Path(file_name).stem, **keys}).to_yaml(), encoding="utf-8")
        return path

    return make


@pytest.fixture(scope="session")
def four_agents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """Addresses of four A2A agents that answer in about 10 ms."""
    file = tmp_path_factory.mktemp("four-agents") / "small.yaml"
    file.write_text(scenario_of().to_yaml(), encoding="utf-8")
    with Agents(load_scenario(file), file) as agents:
        yield agents.addresses


@dataclass(frozen=True)
class Ran:
    """What came of a scenario's one round, without Locust."""

    outcomes: list[Outcome]
    final: dict[str, Any]
    """What the coordinator wrote of its counts."""
    counts: WorkerCounts
    workers: tuple[WorkerInfo, ...]
    ca_pem: str | None

    @property
    def info(self) -> CoordinatorInfo:
        """`final`, as a run has it."""
        return part_of(CoordinatorInfo, self.final)


def run_through(scenario: Scenario, directory: Path) -> Ran:
    """Starts a scenario's agents and dispatches its questions once."""
    file = directory / "scenario.yaml"
    file.write_text(scenario.to_yaml(), encoding="utf-8")
    with Agents(scenario, file) as agents:
        args = [str(file), "--agents", ",".join(agents.addresses), "--rounds", "1"]
        if agents.ca_pem is not None:
            (directory / "ca.pem").write_text(agents.ca_pem)
            args += ["--ca-file", str(directory / "ca.pem")]
        child = Child("the coordinator", "fanout.coordinator", args)
        lines = list(iter(child.listen, None))
        child.close()
        counts = agents.counts()
        assert counts is not None
        outcomes = [Outcome.from_json(line) for line in lines if line["is"] == "outcome"]
        return Ran(outcomes, lines[-1]["coordinator"], counts, agents.workers or (), agents.ca_pem)


def frame_of(outcomes: Iterable[Outcome]) -> pl.DataFrame:
    """Questions that ended, as a run has them."""
    return pl.DataFrame([outcome.to_json() for outcome in outcomes], schema=TYPES)


def outcomes_of(run: Run) -> list[Outcome]:
    """A run's questions, one by one."""
    return [Outcome.from_json(row) for row in run.questions.iter_rows(named=True)]


def info_of(**keys: Any) -> RunInfo:
    """A finished run's run.json with these keys, as JSON has them."""
    return part_of(RunInfo, {"schema": SCHEMA, "ended": 1.0, "ended_by": "rounds_done", "problems": [], **keys})


ANSWER = b'{"events":[{"parts":[{"text":"yes"}]}]}'
"""The least of A2A's answers."""


def observed(work: Callable[[], Awaitable[T]], new_loop: Callable[[], ObservedLoop] = ObservedLoop) -> T:
    """Runs something on a coordinator's event loop."""
    return anyio.run(work, backend_options={"loop_factory": new_loop})


def still_running(processes: Iterable[psutil.Process], timeout_s: float = 2) -> list[psutil.Process]:
    """Those that have not ended within so long. One that waits to be reaped, by whoever inherited it, has ended."""
    deadline = time.monotonic() + timeout_s
    running = list(processes)
    while running and time.monotonic() < deadline:
        time.sleep(0.02)
        running = [process for process in running if _runs(process)]
    return running


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@asynccontextmanager
async def raw_server(handle: Handle, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server on a free loopback port that does with each connection what `handle` does; its address."""
    tasks: set[asyncio.Task[Any]] = set()

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):  # the client went away, the test is over
            await handle(reader, writer)

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(handled(reader, writer))
        tasks.add(task)
        # Not in a `finally` of the task: one that is cancelled before its first step has none.
        task.add_done_callback(lambda _: writer.close())

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(3):  # the callbacks, then the transports' own
            await asyncio.sleep(0)


def answering(body: bytes, *, status: str = "200 OK", headers: str = "Content-Type: application/json") -> Handle:
    """A handler that answers each connection's first request with this, then closes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        head = f"HTTP/1.1 {status}\r\n{headers}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    return handle


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """One request's body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return await reader.readexactly(int(length.partition(b":")[2]))
