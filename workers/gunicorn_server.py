"""gunicorn's worker with threads (gthread) for agents, without gunicorn's arbiter: HTTP/1.1 with keep-alive."""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401 (imported before agents are forked)
import os
import selectors
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers import base
from gunicorn.workers.gthread import TConn, ThreadWorker

from fanout.scenario import MOST_PER_AGENT
from workers.server import CONNECTION, Environ, Sent, Served, WsgiApp, counted, only_closes

THREADS = MOST_PER_AGENT
"""The most requests that an agent serves at the same time. A thread starts only when all others are busy."""
IDLE_CONNECTIONS = 1000
"""How many idle connections an agent keeps: about as many as gunicorn does by default."""
_GRACE_S = 0.2


class _NoHeartbeat:
    """In place of the file by which gunicorn's arbiter sees that a worker is alive."""

    def __init__(self, _config: Config) -> None:
        pass

    def notify(self) -> None:
        pass


base.WorkerTmp = _NoHeartbeat


class _Connection(TConn):  # type: ignore[misc]
    """A connection that can be idle, and that a fault may have reset."""

    on_idle: Callable[[socket.socket], None] | None = None
    """Set while it is idle."""

    def close(self, graceful: bool = False) -> None:
        if self.on_idle is not None:
            threading.Thread(target=self._leave, daemon=True).start()
        elif self.sock.fileno() >= 0:
            super().close(graceful)

    def _leave(self) -> None:
        on_idle, self.on_idle = self.on_idle, None
        self.sock.setblocking(True)
        try:
            if on_idle is not None:
                on_idle(self.sock)
        finally:
            self.close()


class _Worker(ThreadWorker):  # type: ignore[misc]
    """A worker that counts what it accepts and serves, in a thread of its own."""

    def __init__(self, served: Served) -> None:
        config = _config(served)
        super().__init__(0, os.getppid(), [served.listener], None, 0, config, Logger(config))
        self.wsgi = _with_socket(counted(served.app, served.counters))
        self._served = served

    def serve(self) -> None:
        """Does what init_process() does, except for what belongs to a process with an arbiter, such as signals."""
        self.tpool = self.get_thread_pool()
        self.poller = selectors.DefaultSelector()
        self.method_queue.init()
        self.run()

    def accept(self, listener: socket.socket) -> None:
        try:
            accepted, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self._served.counters.accepted += 1
        self.nr_conns += 1
        self.enqueue_req(_Connection(self.cfg, accepted, address, listener.getsockname()))

    def handle(self, conn: _Connection) -> Any:  # noqa: ANN401
        is_new = conn.parser is None and not conn.data_ready
        conn.on_idle = None
        if is_new:
            conn.sock.setblocking(True)
            if not self._served.on_accept(conn.sock):
                return False
        return super().handle(conn)

    def handle_request(self, req: Any, conn: _Connection) -> bool:  # noqa: ANN401
        try:
            keeps = bool(super().handle_request(req, conn))
        except Sent:
            keeps = True
        if keeps and self._served.on_idle is not only_closes:
            conn.on_idle = self._served.on_idle
        return keeps


def _config(served: Served) -> Config:
    config = Config()
    for name, value in (
        ("threads", THREADS),
        ("worker_connections", THREADS + IDLE_CONNECTIONS),
        ("loglevel", "error"),
        ("http_parser", "python"),  # the other is another package
    ):
        config.set(name, value)
    if served.idle_s is not None:
        config.settings["keepalive"].value = served.idle_s  # set() would take whole seconds only
    if served.tls is not None:
        config.settings["certfile"].value = "unused"  # this turns TLS on
        config.settings["ssl_context"].value = _always(served.tls)
    return config


def _always(context: ssl.SSLContext) -> Callable[..., ssl.SSLContext]:
    return lambda *_: context


def _with_socket(app: WsgiApp) -> WsgiApp:
    def serve(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        return app({**environ, CONNECTION: environ["gunicorn.socket"]}, start_response)

    return serve


def serve(served: Sequence[Served], until: int) -> None:
    """Serves until the pipe `until` is closed."""
    workers = [_Worker(each) for each in served]
    threads = [threading.Thread(target=worker.serve, daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    os.read(until, 1)
    for worker in workers:
        worker.handle_exit(0, None)
    for thread in threads:
        thread.join(_GRACE_S / len(threads))
