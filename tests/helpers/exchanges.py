"""Asks questions on real sockets, and checks their times."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest

from fanout import protocols
from fanout.coordinator.blocking import BlockingCalls
from fanout.coordinator.clients import make_clients
from fanout.coordinator.connections import ConnectionLog
from fanout.coordinator.event_loop import ObservedLoop
from fanout.coordinator.exchange import Exchange, Labels
from fanout.coordinator.lookups import Lookups
from fanout.coordinator.tracing import Trip
from fanout.outcome import Outcome
from fanout.phases import PHASES, Phase
from fanout.protocols import CoordinatorEnd
from helpers.scenarios import scenario_of

T = TypeVar("T")
CARRYING = [name for name in protocols.names() if protocols.load(name).carries_text]
LABELS = Labels(round=1, coordinator=2, agent=0, in_flight=5)


def observed(work: Callable[[], Awaitable[T]], new_loop: Callable[[], ObservedLoop] = ObservedLoop) -> T:
    """Runs `work` on a coordinator's event loop."""
    return anyio.run(work, backend_options={"loop_factory": new_loop})


@asynccontextmanager
async def exchange_with(
    addresses: Sequence[str], end: CoordinatorEnd | None = None, *, calls: BlockingCalls | None = None,
    ca_file: Path | None = None, watched: bool = True, **client: Any,
) -> AsyncIterator[tuple[Exchange, ConnectionLog]]:  # fmt: skip
    settings, protocol = scenario_of(client=client).client, protocols.load("a2a")
    clients = make_clients(settings, addresses, "/message", ca_file)
    log = ConnectionLog(2, addresses)
    try:
        end = end or protocol.coordinator()

        def new_trip(agent: int, late_s: float) -> Trip:
            return Trip(log, Lookups(), agent, calls, late_s)

        yield Exchange(settings, clients, protocol, end, new_trip, observed=watched), log
    finally:
        await clients.close()


def assert_adds_up(outcome: Outcome, unknown: Sequence[Phase] = ()) -> dict[str, float]:
    """The phases, after checking that they add up to the adapter latency, or without service time to the round trip.

    All but `unknown` must be known.
    """
    phases: dict[str, float] = dict((outcome.phases_ms or {}).items())
    assert list(phases) == [phase for phase in PHASES if phase not in unknown]
    assert outcome.round_trip_ms is not None
    whole = outcome.round_trip_ms if outcome.adapter_ms is None else outcome.adapter_ms
    assert sum(phases.values()) == pytest.approx(whole, rel=0.01, abs=0.1)
    assert min(phases.values()) >= 0
    return phases
