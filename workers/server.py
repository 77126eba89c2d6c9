"""gevent's pywsgi for one agent: HTTP/1.1 with keep-alive, connections and requests counted."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Any

from gevent.pywsgi import WSGIServer

from workers.counters import Counters

BACKLOG = 1024


def listen(host: str, port: int, backlog: int = BACKLOG) -> socket.socket:
    """A listening socket whose connections send small pieces at once.

    pywsgi writes a response's headers and body separately. Without TCP_NODELAY the second write waits for the client's
    delayed ACK on a reused connection, and keep-alive looks 40 ms slower than it is.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
        listener.bind((host, port))
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


class CountingServer(WSGIServer):  # type: ignore[misc]
    """A WSGI server that counts what it accepts and serves."""

    def __init__(self, listener: socket.socket, app: Callable[..., Iterable[bytes]], counters: Counters) -> None:
        # The name is given because pywsgi would look it up, which takes longer than all the rest of a start.
        name = {"SERVER_NAME": listener.getsockname()[0]}
        super().__init__(listener, self._counted(app), log=None, environ=name)
        self._counters = counters

    def handle(self, client_socket: socket.socket, address: Any) -> None:  # noqa: ANN401
        self._counters.accepted += 1
        super().handle(client_socket, address)

    def _counted(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        def counted(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            body = app(environ, start_response)
            self._counters.served += 1
            return body

        return counted
