from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from workers.server import BACKLOG, listen

# In a process of its own: a gevent server needs a gevent loop, and this one stays free of it.
SERVE = """
import json, socket, sys
import gevent
from workers.counters import shared_counters
from workers.server import CountingServer, listen

def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

class Server(CountingServer):
    def handle(self, client_socket, address):
        print(json.dumps(client_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)), flush=True)
        super().handle(client_socket, address)

(counters,) = shared_counters(1)
listener = listen("127.0.0.1", 0)
server = Server(listener, app, counters)
server.start()
print(listener.getsockname()[1], flush=True)
gevent.get_hub().threadpool.spawn(sys.stdin.read).get()
print(json.dumps([counters.accepted, counters.served]), flush=True)
"""


@pytest.fixture
def server() -> Iterator[tuple[int, subprocess.Popen[str]]]:
    process = subprocess.Popen([sys.executable, "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield int(process.stdout.readline()), process
    process.communicate(timeout=10)


def test_connections_are_kept_alive_without_delay_and_counted(server: tuple[int, subprocess.Popen[str]]) -> None:
    port, process = server
    for requests in (3, 1):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for _ in range(requests):
            connection.request("GET", "/")
            response = connection.getresponse()
            assert (response.version, response.read()) == (11, b"ok")
            assert not response.will_close
        connection.close()
    output, _ = process.communicate(timeout=10)
    *nodelay, counts = map(json.loads, output.splitlines())
    assert nodelay == [1, 1]
    assert counts == [2, 4]


def test_the_backlog_holds_a_burst() -> None:
    with listen("127.0.0.1", 0) as listener:
        clients = [socket.create_connection(listener.getsockname(), timeout=5) for _ in range(300)]
        for client in clients:
            client.close()
    assert BACKLOG >= 512


def test_a_port_in_use_is_an_error() -> None:
    with listen("127.0.0.1", 0) as listener, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", listener.getsockname()[1])
