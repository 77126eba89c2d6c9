"""gevent's pywsgi for one agent: HTTP/1.1 with keep-alive."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Any

import gevent.os
from gevent.pywsgi import WSGIServer

from workers.server import Served, counted


class CountingServer(WSGIServer):  # type: ignore[misc]
    """A WSGI server that counts what it accepts and serves."""

    def __init__(self, served: Served) -> None:
        # The name is given because pywsgi would look it up, which takes longer than all the rest of a start.
        name = {"SERVER_NAME": served.listener.getsockname()[0]}
        tls = {} if served.tls is None else {"ssl_context": served.tls}
        app = counted(served.app, served.counters)
        super().__init__(served.listener, app, log=None, environ=name, **tls)
        self._counters = served.counters

    def wrap_socket_and_handle(self, client_socket: socket.socket, address: Any) -> None:  # noqa: ANN401
        self._counters.accepted += 1  # before the handshake, which may fail
        with contextlib.suppress(ssl.SSLError):
            super().wrap_socket_and_handle(client_socket, address)

    def handle(self, client_socket: socket.socket, address: Any) -> None:  # noqa: ANN401
        self._counters.accepted += not self.ssl_enabled
        super().handle(client_socket, address)


def serve(served: Served, until: int) -> None:
    """Serves until the pipe `until` is closed."""
    server = CountingServer(served)
    server.start()
    gevent.os.make_nonblocking(until)
    gevent.os.nb_read(until, 1)
    server.stop(timeout=0.2)
