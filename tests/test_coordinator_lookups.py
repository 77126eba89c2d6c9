from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import Any

import httpx
import pytest

from fanout.coordinator.connections import ConnectionLog
from fanout.coordinator.event_loop import OBSERVER, Lookup, LookupFailure, ObservedLoop
from fanout.coordinator.lookups import Attempts, Lookups, SilentAddresses
from fanout.coordinator.tracing import Trip
from fanout.runs.schema import FailedLookups, LookupTimes, MeanAndMax, SilentAddress
from helpers.exchanges import observed
from helpers.servers import agent, raw_server


def test_lookups_are_totalled_by_how_they_ended() -> None:
    lookups = Lookups()
    assert lookups.times() == LookupTimes(0, None, None)
    ends: list[Lookup | LookupFailure] = [Lookup(1, 10), "temporary", "unknown_name", Lookup(3, 2), "temporary"]
    ends += ["cancelled", "other"]
    for ended in ends:
        lookups.begin()
        lookups.end(ended)
    assert lookups.times() == LookupTimes(2, MeanAndMax(2, 3), MeanAndMax(6, 10))
    assert lookups.failed() == FailedLookups(temporary=2, unknown_name=1, other=1, cancelled=1)


def test_addresses_are_silent_only_if_another_one_answers_that_was_tried_later() -> None:
    silent = SilentAddresses()
    attempts = Attempts(silent)
    attempts.begin("::1")(False)
    attempts.begin("192.0.2.1")
    time.sleep(0.02)
    answers = attempts.begin("127.0.0.1")
    attempts.begin("127.0.0.2")
    assert silent.found() == ()
    answers(True)
    refused, hanging = silent.found()
    assert (refused.address, refused.failed, refused.cancelled) == ("::1", 1, 0)
    assert (hanging.address, hanging.failed, hanging.cancelled) == ("192.0.2.1", 0, 1)
    assert hanging.lost_ms is not None and 19 < (hanging.lost_ms.mean or 0) < 1000


def test_an_address_that_answers_too_late_is_not_counted_twice() -> None:
    silent = SilentAddresses()
    attempts = Attempts(silent)
    first, second = attempts.begin("::1"), attempts.begin("127.0.0.1")
    first(True)
    second(True)
    assert silent.found() == ()


def test_attempts_of_one_connection_say_nothing_about_the_next() -> None:
    lookups = Lookups()
    trip = Trip(ConnectionLog(1, ["http://127.0.0.1"]), lookups, 0, None)
    trip.connecting()
    trip.trying("::1")(False)
    trip.connecting()
    trip.trying("127.0.0.1")(True)
    assert lookups.silent.found() == ()


class DualStack(ObservedLoop):
    """A loop that finds two addresses for each name, of which the first is reachable by nothing that listens."""

    hangs = False

    async def getaddrinfo(self, host: Any, port: Any, **hints: Any) -> Any:
        found = await super().getaddrinfo(host, port, **{**hints, "family": socket.AF_INET})
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)), *found]


def asked(loop: type[ObservedLoop], times: int = 2) -> tuple[SilentAddress, ...]:
    """The silent addresses after requests on new connections to a server on 127.0.0.1 alone."""
    lookups = Lookups()

    async def go() -> None:
        async with raw_server(agent(service_ms=0)) as url:
            name = url.replace("127.0.0.1", "localhost")
            for _ in range(times):
                OBSERVER.set(Trip(ConnectionLog(1, ["http://127.0.0.1"]), lookups, 0, None))
                async with httpx.AsyncClient(trust_env=False) as client:
                    await client.post(name, json={})

    observed(go, loop)
    return lookups.silent.found()


def test_a_first_address_that_refuses_costs_no_time() -> None:
    (found,) = asked(DualStack)
    assert (found.address, found.failed, found.cancelled) == ("::1", 2, 0)
    assert found.lost_ms is not None and (found.lost_ms.max or 0) < 200


@pytest.mark.parametrize(
    ("error", "count"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "temporary"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "unknown_name"),
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"), "other"),
        (OSError(24, "Too many open files"), "other"),
    ],
)
def test_a_lookup_that_fails_is_counted_by_its_reason(
    error: OSError, count: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any, **_hints: Any) -> Any:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    lookups = Lookups()

    async def go() -> None:
        OBSERVER.set(Trip(ConnectionLog(1, ["http://127.0.0.1"]), lookups, 0, None))
        with pytest.raises(OSError, match=str(error.strerror)):
            await asyncio.get_running_loop().getaddrinfo("some.name", 80)

    observed(go)
    assert getattr(lookups.failed(), count) == 1


def test_a_lookup_that_is_given_up_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_hints: time.sleep(0.3))
    lookups = Lookups()

    async def go() -> None:
        OBSERVER.set(Trip(ConnectionLog(1, ["http://127.0.0.1"]), lookups, 0, None))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.get_running_loop().getaddrinfo("some.name", 80), 0.05)

    observed(go)
    assert lookups.failed() == FailedLookups(temporary=0, unknown_name=0, other=0, cancelled=1)
