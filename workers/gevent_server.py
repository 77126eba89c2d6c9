"""gevent's pywsgi for agents: HTTP/1.1 with keep-alive."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Sequence
from typing import Any

import gevent
import gevent.os
from gevent.pywsgi import WSGIHandler, WSGIServer

from workers.server import CONNECTION, Environ, Sent, Served, counted


class Handler(WSGIHandler):  # type: ignore[misc]
    """Serves one connection."""

    _asked = False

    def get_environ(self) -> Environ:
        return {**super().get_environ(), CONNECTION: self.socket}

    def read_requestline(self) -> str:
        line: str | None = None
        with gevent.Timeout(self.server.idle_s if self._asked else None, exception=False):
            line = super().read_requestline()
        self._asked = True
        if line is None:
            self.server.on_idle(self.socket)
            return ""  # this ends the connection
        return line

    def read_request(self, raw_requestline: str) -> bool:
        try:
            return bool(super().read_request(raw_requestline))
        except http.client.HTTPException as error:  # too many headers, which pywsgi would report as an internal error
            raise ValueError(str(error)) from error

    def run_application(self) -> None:
        with contextlib.suppress(Sent):
            super().run_application()


class CountingServer(WSGIServer):  # type: ignore[misc]
    """A WSGI server that counts what it accepts and serves."""

    def __init__(self, served: Served) -> None:
        # Without a name, pywsgi would look it up, which takes longer than the rest of starting.
        name = {"SERVER_NAME": served.listener.getsockname()[0]}
        tls = {} if served.tls is None else {"ssl_context": served.tls}
        app = counted(served.app, served.counters)
        super().__init__(served.listener, app, log=None, environ=name, handler_class=Handler, **tls)
        self.idle_s, self.on_idle = served.idle_s, served.on_idle
        self._counters = served.counters
        self._on_accept = served.on_accept

    def wrap_socket_and_handle(self, client_socket: socket.socket, address: Any) -> None:  # noqa: ANN401
        self._counters.accepted += 1  # before the handshake, which may fail
        with contextlib.suppress(OSError):  # the handshake was refused or aborted
            if self._on_accept(client_socket):
                super().wrap_socket_and_handle(client_socket, address)

    def handle(self, client_socket: socket.socket, address: Any) -> None:  # noqa: ANN401
        if not self.ssl_enabled:
            self._counters.accepted += 1
            if not self._on_accept(client_socket):
                return
        super().handle(client_socket, address)


def serve(served: Sequence[Served], until: int) -> None:
    """Serves until the pipe `until` is closed."""
    servers = [CountingServer(each) for each in served]
    for server in servers:
        server.start()
    gevent.os.make_nonblocking(until)
    gevent.os.nb_read(until, 1)
    gevent.joinall([gevent.spawn(server.stop, timeout=0.2) for server in servers])
