"""Tests coordinator.faults: each kind on an event loop, and each scenario with one as a whole."""

from __future__ import annotations

import asyncio
import functools
import socket
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any, TypeVar, get_args

import anyio
import httpx
import pytest

from fanout.coordinator.connections import ConnectionLog
from fanout.coordinator.event_loop import OBSERVER, ObservedLoop
from fanout.coordinator.executors import new_loop
from fanout.coordinator.lookups import Lookups
from fanout.coordinator.loop_faults import LoopFaults
from fanout.coordinator.tracing import Trip
from fanout.errors import CouldNotRunError
from fanout.scenario import CoordinatorSettings, faults, load_scenario
from helpers.exchanges import observed
from helpers.paths import ROOT
from helpers.processes import Ran, run_through
from helpers.servers import agent, raw_server

T = TypeVar("T")
SILENT = "2001:db8::1"


def settings(*each: dict[str, Any], **keys: Any) -> CoordinatorSettings:
    return CoordinatorSettings.model_validate({"faults": each, **keys})


def faulty(work: Callable[[], Awaitable[T]], *each: dict[str, Any], seed: str = "", **keys: Any) -> T:
    """Runs `work` on an event loop with these faults."""
    new: Any = functools.partial(new_loop, settings(*each, **keys), observed=True, seed=seed)
    return observed(work, new)


def watching(lookups: Lookups | None = None, number: int = 0) -> None:
    """Observes the current task as the question of an agent, counted from 0."""
    OBSERVER.set(Trip(ConnectionLog(1, ["http://127.0.0.1"] * (number + 1)), lookups or Lookups(), number, None))


async def look_up(host: str = "localhost", **hints: Any) -> list[Any]:
    found: list[Any] = await asyncio.get_running_loop().getaddrinfo(host, 80, type=socket.SOCK_STREAM, **hints)
    return found


def test_a_slow_lookup_takes_longer_and_holds_a_thread() -> None:
    lookups = Lookups()

    async def go() -> float:
        watching(lookups)
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        began = time.perf_counter()
        await asyncio.gather(look_up(), look_up())
        return time.perf_counter() - began

    assert faulty(go, {"kind": "slow_lookups", "delay_s": 0.1}) >= 0.2
    times = lookups.times()
    assert times.took_ms is not None and times.queued_ms is not None
    assert (times.took_ms.mean or 0) >= 100
    assert (times.queued_ms.max or 0) >= 50


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", b"127.0.0.1", None])
def test_an_ip_address_is_no_name(host: Any) -> None:
    async def go() -> list[Any]:
        return await look_up(host)

    slow: dict[str, Any] = {"kind": "slow_lookups", "delay_s": 60}
    found = faulty(go, slow, {"kind": "failing_lookups"}, {"kind": "silent_first_address"})
    assert SILENT not in {address[0] for *_, address in found}


@pytest.mark.parametrize(("temporary", "number"), [(True, socket.EAI_AGAIN), (False, socket.EAI_NONAME)])
def test_a_lookup_fails_as_the_system_s_does(temporary: bool, number: int) -> None:
    lookups = Lookups()

    async def go() -> None:
        watching(lookups)
        with pytest.raises(socket.gaierror) as raised:
            await look_up()
        assert raised.value.errno == number

    faulty(go, {"kind": "failing_lookups", "temporary": temporary})
    failed = lookups.failed()
    assert (failed.temporary, failed.unknown_name) == ((1, 0) if temporary else (0, 1))


def failing(seed: str) -> list[bool]:
    """Which of 200 lookups fail by a fault with a share of 0.3."""
    loop_faults = LoopFaults(settings({"kind": "failing_lookups", "share": 0.3}).faults, seed)
    found = []
    for _ in range(200):
        before_lookup = loop_faults.lookup("name")
        try:
            before_lookup()
            found.append(False)
        except socket.gaierror:
            found.append(True)
    return found


def test_the_seed_decides_which_lookups_fail() -> None:
    assert failing("1") == failing("1") != failing("2")
    assert 40 <= sum(failing("1")) <= 80


async def post(url: str, times: int, lookups: Lookups) -> list[float]:
    """The durations in s of requests on new connections."""
    took = []
    for _ in range(times):
        watching(lookups)
        async with httpx.AsyncClient(trust_env=False) as client:
            began = time.perf_counter()
            await client.post(url, json={})
            took.append(time.perf_counter() - began)
    return took


def test_a_silent_first_address_costs_each_connect_250_ms() -> None:
    lookups = Lookups()

    async def go() -> list[list[float]]:
        async with raw_server(agent(service_ms=0)) as url:
            return [await post(name, 2, lookups) for name in (url.replace("127.0.0.1", "localhost"), url)]

    by_name, by_address = faulty(go, {"kind": "silent_first_address"})
    assert min(by_name) >= 0.25 > min(by_address)
    (found,) = lookups.silent.found()
    assert (found.address, found.failed, found.cancelled) == (SILENT, 0, 2)
    assert found.lost_ms is not None and 245 < (found.lost_ms.mean or 0) < 1000


def test_it_is_found_first_and_only_in_its_own_family() -> None:
    async def go(family: int) -> list[str]:
        return [address[0] for *_, address in await look_up(family=family)]

    everything, ipv4 = (
        faulty(functools.partial(go, family), {"kind": "silent_first_address"})
        for family in (socket.AF_UNSPEC, socket.AF_INET)
    )
    assert (everything[0], everything.count(SILENT), ipv4) == (SILENT, 1, ["127.0.0.1"])


@pytest.mark.skipif(sys.platform != "linux", reason="reads the state of the socket as Linux tells it")
@pytest.mark.parametrize(
    ("fault", "family", "address", "observing"),
    [
        ({"kind": "silent_first_address"}, socket.AF_INET6, SILENT, True),
        ({"kind": "silent_first_address"}, socket.AF_INET6, SILENT, False),
        ({"kind": "silent_agents", "agents": [1]}, socket.AF_INET, "127.0.0.1", True),
    ],
)
def test_nothing_is_sent_to_an_address_that_does_not_answer(
    fault: dict[str, Any], family: int, address: str, observing: bool
) -> None:
    closed = 7  # TCP_CLOSE: connect() was never called

    async def go() -> int:
        if observing:
            watching()
        with socket.socket(family) as sock:
            sock.setblocking(False)
            with anyio.move_on_after(0.1) as scope:
                await asyncio.get_running_loop().sock_connect(sock, (address, 9))
            assert scope.cancelled_caught
            return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]

    assert faulty(go, fault) == closed


def test_only_the_agents_named_are_silent() -> None:
    async def go() -> list[str]:
        ends = []
        async with raw_server(agent(service_ms=0)) as url:
            for number in range(3):
                watching(number=number)
                async with httpx.AsyncClient(trust_env=False, timeout=httpx.Timeout(5, connect=0.2)) as client:
                    try:
                        ends.append(str((await client.post(url, json={})).status_code))
                    except httpx.ConnectTimeout:
                        ends.append("timeout")
        return ends

    assert faulty(go, {"kind": "silent_agents", "agents": [2]}) == ["200", "timeout", "200"]


def test_a_blocked_loop_stops_regularly_and_uses_no_cpu_time() -> None:
    async def go() -> tuple[list[float], float]:
        for fault in blocked.faults:
            fault.begin(asyncio.get_running_loop())
        gaps, began, cpu = [], time.perf_counter(), time.process_time()
        while (now := time.perf_counter()) < began + 1.05:
            await asyncio.sleep(0.005)
            gaps.append(time.perf_counter() - now)
        return gaps, time.process_time() - cpu

    blocked = settings({"kind": "blocked_loop", "block_s": 0.1, "every_s": 0.25})
    gaps, cpu_s = observed(go)
    assert 3 <= sum(gap > 0.095 for gap in gaps) <= 8
    assert cpu_s < 0.4


def test_a_system_without_ipv6_refuses_an_address_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoIpv6(socket.socket):
        def __init__(self, family: int = socket.AF_INET, *args: Any) -> None:
            if family == socket.AF_INET6:
                raise OSError(97, "Address family not supported by protocol")
            super().__init__(family, *args)

    monkeypatch.setattr(socket, "socket", NoIpv6)
    loop_faults = LoopFaults(settings({"kind": "blocked_loop", "block_s": 1, "every_s": 2}).faults)
    loop_faults.check()
    with pytest.raises(CouldNotRunError) as raised:
        LoopFaults(settings({"kind": "silent_first_address"}).faults).check()
    assert "silent_first_address" in str(raised.value)


def test_a_loop_has_no_faults_of_its_own() -> None:
    none = ObservedLoop.faults
    none.lookup("name")()
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]
    assert none.addresses("name", 0, found) == found
    assert not none.is_silent("127.0.0.1", 0)


FOLDER = ROOT / "scenarios" / "faults"
SCENARIOS = {
    path.stem: scenario for path in FOLDER.glob("*.yaml") if (scenario := load_scenario(path)).coordinator.faults
}
Shows = Callable[[Ran], bool]


def phase_ms(ran: Ran, phase: Any) -> float:
    return median((outcome.phases_ms or {})[phase] for outcome in ran.outcomes)


def failed_lookups(ran: Ran, kind: str) -> bool:
    lookups = ran.info.failed_lookups
    assert lookups is not None and ran.info.lookups is not None
    kinds = Counter(outcome.error_kind for outcome in ran.outcomes)
    failed: int = getattr(lookups, kind)
    return 4 <= kinds["connect_failed"] == failed == 40 - (ran.info.lookups.count or 0)


def lost_250_ms(ran: Ran) -> bool:
    (found,) = ran.info.silent_addresses or ()
    return (found.address, found.cancelled) == (SILENT, 40) and phase_ms(ran, "connecting") > 250


def agent_2_times_out(ran: Ran) -> bool:
    ends = {(outcome.agent, outcome.error_kind) for outcome in ran.outcomes}
    return ends == {(1, None), (2, "connect_timeout"), (3, None), (4, None)}


def is_blocked(ran: Ran) -> bool:
    health = ran.info.loop_health
    assert health is not None and health.lag_ms is not None
    return (health.lag_ms.max or 0) > 25 and (health.cpu_share or 1) < 0.8


SHOWS: dict[str, Shows] = {
    "slow-lookups": lambda ran: phase_ms(ran, "resolving") > 100,
    "failing-lookups": lambda ran: failed_lookups(ran, "temporary"),
    "unknown-names": lambda ran: failed_lookups(ran, "unknown_name"),
    "silent-first-address": lost_250_ms,
    "silent-agents": agent_2_times_out,
    "blocked-loop": is_blocked,
    "blocking-call": is_blocked,
}


@pytest.mark.process
@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_fault_shows_in_a_run(name: str, tmp_path: Path) -> None:
    ran = run_through(SCENARIOS[name], tmp_path)
    assert len(ran.outcomes) == SCENARIOS[name].questions
    assert SHOWS[name](ran)


def test_there_is_a_scenario_for_every_kind() -> None:
    asked = {fault.kind for scenario in SCENARIOS.values() for fault in scenario.coordinator.faults}
    assert asked == {get_args(model.model_fields["kind"].annotation)[0] for model in faults.COORDINATOR_KINDS}
    assert set(SHOWS) == set(SCENARIOS)


@pytest.mark.process
def test_a_connect_timeout_cancels_a_slow_lookup(tmp_path: Path) -> None:
    scenario = SCENARIOS["slow-lookups"]
    client = scenario.client.model_copy(update={"timeout_s": 0.05})
    ran = run_through(scenario.model_copy(update={"client": client, "questions": 8}), tmp_path)
    assert {outcome.error_kind for outcome in ran.outcomes} == {"connect_timeout"}
    assert ran.info.failed_lookups is not None and ran.info.failed_lookups.cancelled == 8
