"""Flask's development server for one agent: a thread for each request, and each connection closed after one."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from workers.server import Served, counted


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: ANN401
        """A line for each request would be the most of what it does."""


class _CountingServer(ThreadedWSGIServer):
    def __init__(self, served: Served) -> None:
        host, port = served.listener.getsockname()
        app = counted(served.app, served.counters)
        super().__init__(host, port, app, _Quiet, ssl_context=served.tls, fd=served.listener.fileno())
        self._counters = served.counters

    def get_request(self) -> tuple[socket.socket, Any]:
        accepted = super().get_request()
        self._counters.accepted += 1
        return accepted


def serve(served: Served, until: int) -> None:
    """Serves until the pipe `until` is closed."""
    served.listener.setblocking(True)
    threading.Thread(target=_CountingServer(served).serve_forever, daemon=True).start()
    os.read(until, 1)
