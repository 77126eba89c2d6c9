"""Flask's development server for agents: a thread per request, and each connection closed after one request."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Sequence
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from workers.server import CONNECTION, Environ, Sent, Served, counted


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: ANN401
        """Logs nothing: a line per request would be most of the server's work."""

    def make_environ(self) -> Environ:
        return {**super().make_environ(), CONNECTION: self.connection}

    def connection_dropped(self, error: BaseException, environ: object = None) -> None:
        self.close_connection = not isinstance(error, Sent)


class _CountingServer(ThreadedWSGIServer):
    def __init__(self, served: Served) -> None:
        host, port = served.listener.getsockname()
        super().__init__(host, port, counted(served.app, served.counters), _Quiet, fd=served.listener.fileno())
        self.ssl_context = served.tls
        self._counters = served.counters
        self._on_accept = served.on_accept

    def get_request(self) -> tuple[socket.socket, Any]:
        accepted = super().get_request()
        self._counters.accepted += 1
        return accepted

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Does the TLS handshake in the connection's own thread.

        werkzeug would do it in the thread that accepts connections, where one client could block all others.
        """
        if not self._on_accept(request):
            return
        if self.ssl_context is None:
            super().finish_request(request, client_address)
        else:
            with contextlib.suppress(OSError), self.ssl_context.wrap_socket(request, server_side=True) as secure:
                super().finish_request(secure, client_address)


def serve(served: Sequence[Served], until: int) -> None:
    """Serves until the pipe `until` is closed."""
    for each in served:
        each.listener.setblocking(True)
        threading.Thread(target=_CountingServer(each).serve_forever, daemon=True).start()
    os.read(until, 1)
