"""A run ends within --stop-timeout, whatever its agents do, and its questions in flight are recorded as abandoned."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
import pytest

from fanout.runs.reader import read_run
from fanout.soak import WebLocust
from helpers.paths import ROOT
from helpers.processes import family_of, still_running
from helpers.scenarios import MakeScenario
from helpers.servers import Handle, raw_server
from helpers.texts import numbers

pytestmark = pytest.mark.process

USERS = 3
ENDS_WITHIN_S = 60
"""Much less than a question takes to time out."""
PATIENT = {"timeout_s": 600, "deadline_s": 600}

TIMED = """
import pathlib
import gevent
from locust import events, task
from fanout.locust_plugin.user import CoordinatorUser

class Coordinator(CoordinatorUser):
    @task
    def round(self):
        self.client.round()

def quit_when_time_is_up(environment):
    while not pathlib.Path("time-is-up").exists():
        gevent.sleep(0.05)
    environment.runner.quit()  # as --run-time does

events.test_start.add_listener(lambda environment, **_: gevent.spawn(quit_when_time_is_up, environment))
"""


@dataclass
class Unhelpful:
    """Agents that never answer a question."""

    addresses: list[str]
    asked: int = 0
    """How many connections they accepted."""

    def counted(self, handle: Handle) -> Handle:
        async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.asked += 1
            await handle(reader, writer)

        return counting


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(99_999):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


@contextlib.contextmanager
def deaf() -> Iterator[str]:
    """A server that accepts no connections, so that they wait in its backlog."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def unhelpful_agents() -> AsyncIterator[Unhelpful]:
    """One agent that drips, one that is silent, one without a TLS handshake, and one that accepts no connection."""
    agents = Unhelpful([])
    async with AsyncExitStack() as stack:
        for handle in (dripping, silent, silent):
            agents.addresses.append(await stack.enter_async_context(raw_server(agents.counted(handle))))
        agents.addresses[-1] = agents.addresses[-1].replace("http:", "https:")
        agents.addresses.append(stack.enter_context(deaf()))
        yield agents


async def until(what: Callable[[], bool]) -> None:
    with anyio.fail_after(ENDS_WITHIN_S):
        while not what():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def asked_run(make_scenario: MakeScenario, directory: Path, *args: object) -> AsyncIterator[Running]:
    """A Locust whose users ask these agents. It must end after the block, and is killed otherwise."""
    async with unhelpful_agents() as agents:
        scenario = make_scenario(agents=agents.addresses, workers=None, client=PATIENT)
        command = ["-m", "locust", "--scenario", scenario, "--run-dir", directory, "--stop-timeout", 1, *args]
        with directory.with_suffix(".log").open("wb") as log:
            locust = await asyncio.create_subprocess_exec(
                sys.executable, *map(str, command), stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL, stderr=log, cwd=directory.parent,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip
        try:
            yield Running(locust, agents)
            with anyio.fail_after(ENDS_WITHIN_S):
                await locust.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                locust.kill()
            await locust.wait()


@dataclass(frozen=True)
class Running:
    locust: asyncio.subprocess.Process
    agents: Unhelpful

    async def until_all_are_asked(self) -> None:
        await until(lambda: self.agents.asked == USERS * 3 or self.locust.returncode is not None)
        await asyncio.sleep(0.3)  # the deaf agent can't count


def assert_abandoned(directory: Path) -> None:
    assert "Traceback" not in directory.with_suffix(".log").read_text()
    assert not still_running(family_of(directory), 5)
    info, in_flight = read_run(directory).info.to_json(), USERS * 4
    assert info["questions"] == {
        "planned": USERS * 12, "dispatched": in_flight, "ok": 0, "failed": 0, "abandoned": in_flight
    }  # fmt: skip
    assert numbers(info["problems"][0]) == [in_flight] and "--stop-timeout" in info["problems"][0]


def test_a_run_ends_when_its_time_is_up(make_scenario: MakeScenario, tmp_path: Path) -> None:
    (tmp_path / "timed.py").write_text(TIMED)

    async def go() -> int | None:
        args = ("-f", "timed.py", "--headless", "-u", USERS, "-r", USERS)
        async with asked_run(make_scenario, tmp_path / "run", *args) as running:
            await running.until_all_are_asked()
            (tmp_path / "time-is-up").touch()
        return running.locust.returncode

    assert anyio.run(go) == 1  # abandoned questions fail the run
    assert_abandoned(tmp_path / "run")


def test_stopping_in_the_web_ui_ends_a_run_even_if_pressed_twice(make_scenario: MakeScenario, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def go() -> int | None:
        url, locustfile = f"http://127.0.0.1:{port}", ROOT / "locustfiles" / "coordinator.py"
        async with (
            asked_run(make_scenario, tmp_path / "run", "-f", locustfile, "--web-port", port) as running,
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=ENDS_WITHIN_S) as ui,
        ):
            await until_it_is_up(ui)
            await ui.post("/swarm", data={"user_count": USERS, "spawn_rate": USERS})
            await running.until_all_are_asked()
            for stopped in await asyncio.gather(ui.post("/stop"), ui.post("/stop")):
                assert stopped.json()["success"]
            assert read_run(tmp_path / "run").info.to_json()["ended_by"] == "stopped"
            running.locust.send_signal(signal.SIGINT)
        return running.locust.returncode

    assert anyio.run(go) == 1
    assert_abandoned(tmp_path / "run")


async def until_it_is_up(ui: httpx.AsyncClient) -> None:
    with anyio.fail_after(ENDS_WITHIN_S):
        while True:
            with contextlib.suppress(httpx.ConnectError):
                await ui.get("/")
                return
            await asyncio.sleep(0.1)


LINGERING = """
import pathlib
import gevent
from locust import events, task

@events.test_stop.add_listener
def linger(**_):
    pathlib.Path(__file__).with_name("stopped").touch()
    gevent.sleep(1)  # fanout's own listener comes after this one

from fanout.locust_plugin.user import CoordinatorUser

class Coordinator(CoordinatorUser):
    @task
    def round(self):
        self.client.round()
"""


def test_a_run_that_starts_while_another_ends_waits_for_it(
    make_scenario: MakeScenario, four_agents: tuple[str, ...], tmp_path: Path
) -> None:
    locustfile, results = tmp_path / "lingering.py", tmp_path / "results"
    locustfile.write_text(LINGERING)
    results.mkdir()
    locust = WebLocust(make_scenario(agents=list(four_agents), workers=None), locustfile, results)
    with locust, ThreadPoolExecutor(1) as pool:
        first = locust.start(1)
        wait_for(lambda: has_questions(first))
        stopped = pool.submit(locust.stop)
        wait_for((tmp_path / "stopped").exists)
        second = locust.start(1)
        stopped.result(ENDS_WITHIN_S)
        wait_for(lambda: has_questions(second))
        locust.stop()
    for directory in (first, second):
        info = read_run(directory).info
        assert (info.ended_by, info.questions.failed, info.problems) == ("stopped", 0, ())


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ENDS_WITHIN_S
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def has_questions(directory: Path) -> bool:
    file = directory / "questions.csv"
    return file.exists() and file.read_bytes().count(b"\n") > 1
