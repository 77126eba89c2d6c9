from __future__ import annotations

import socket
import sys
import time

import pytest

from fanout.errors import CouldNotRunError
from fanout.scenario import Scenario
from helpers.scenarios import scenario_of
from workers.connection_faults import ConnectionFaults
from workers.counters import shared_counters
from workers.dropped_requests import drop_requests
from workers.server import listen

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has filters of sockets")


def connected(address: tuple[str, int], within_s: float) -> socket.socket | None:
    try:
        return socket.create_connection(address, timeout=within_s)
    except TimeoutError:
        return None


@linux
def test_dropped_requests_are_never_answered_and_open_connections_go_on() -> None:
    with listen("127.0.0.1", 0) as listener:
        listener.setblocking(True)
        with socket.create_connection(listener.getsockname(), timeout=2) as client:
            server, _ = listener.accept()
            drop_requests(listener, 1)
            assert connected(listener.getsockname(), within_s=0.3) is None
            client.sendall(b"x" * 100_000)
            client.shutdown(socket.SHUT_WR)
            received = 0
            while chunk := server.recv(65536):
                received += len(chunk)
            server.close()
    assert received == 100_000


@linux
def test_a_share_of_the_requests_is_dropped() -> None:
    with listen("127.0.0.1", 0) as listener:
        drop_requests(listener, 0.3)
        found = [connected(listener.getsockname(), within_s=0.02) for _ in range(100)]
        for client in filter(None, found):
            client.close()
    assert 10 <= found.count(None) <= 55


@linux
def test_a_client_whose_request_was_dropped_sends_it_again_after_a_second() -> None:
    with listen("127.0.0.1", 0) as listener:
        drop_requests(listener, 1)
        began = time.monotonic()
        with socket.socket() as client:
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            time.sleep(0.1)
            drop_requests(listener, 0)
            client.setblocking(True)
            client.settimeout(5)
            listener.settimeout(5)
            listener.accept()[0].close()
    assert 0.9 < time.monotonic() - began < 3


def faulty() -> Scenario:
    return scenario_of(workers={"faults": [{"kind": "full_backlog"}]})


def test_a_system_that_can_not_drop_requests_refuses_the_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    faults = ConnectionFaults.of(faulty(), 1, shared_counters(1)[0], time.sleep)
    with pytest.raises(CouldNotRunError) as raised:
        faults.check()
    assert "full_backlog" in str(raised.value)
