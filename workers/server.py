"""The servers for an agent's app. To add one, add a file with a function `serve`, and an entry to SERVERS."""

from __future__ import annotations

import errno
import importlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, cast

from workers.counters import Counters

BACKLOG = 1024

CONNECTION = "fanout.connection"
"""The key of the request's socket in its WSGI environment, for what is impossible through WSGI."""

WsgiApp = Callable[..., Iterable[bytes]]
Environ = dict[str, Any]
"""A request's WSGI environment."""


class Dropped(BrokenPipeError):  # noqa: N818
    """Raised by an app to close the connection without sending anything more."""

    def __init__(self) -> None:
        super().__init__(errno.EPIPE, "dropped by the agent")  # servers take this for a client that has gone away


class Sent(Dropped):
    """Raised by an app that has answered directly over the connection, which may be used again."""


def stays_open(_connection: socket.socket) -> bool:
    """What happens to a new connection that gets no fault."""
    return True


def only_closes(_connection: socket.socket) -> None:
    """What happens to a connection that has been idle for too long and gets no fault, before it is closed."""


class Served(NamedTuple):
    """The parameters of a server."""

    listener: socket.socket
    app: WsgiApp
    counters: Counters
    tls: ssl.SSLContext | None
    """A context of the type that the server uses; None for plain HTTP."""
    on_accept: Callable[[socket.socket], bool] = stays_open
    """Called with each new connection before the server uses it. Returns whether it is still open.

    It may take long, unless it is stays_open.
    """
    idle_s: float | None = None
    """How long a connection may be idle before `on_idle` is called and the connection closed; None means forever."""
    on_idle: Callable[[socket.socket], None] = only_closes
    """Called only by servers that give sockets to faults. It may take long, unless it is only_closes."""


class Server(NamedTuple):
    """A kind of server. It names its parts as `module:name`, so that they are imported only when needed."""

    serve: str
    """Takes a Served for each agent and the end of a pipe, and serves until the pipe is closed."""
    sleep: str
    """Waits without blocking the server's other requests."""
    lock: str
    """A lock that waits in the same way."""
    tls_context: str


SERVERS = {
    "gevent": Server(
        "workers.gevent_server:serve", "gevent:sleep", "gevent.lock:BoundedSemaphore", "gevent.ssl:SSLContext"
    ),
    **{
        name: Server(f"workers.{name}_server:serve", "time:sleep", "threading:Lock", "ssl:SSLContext")
        for name in ("gunicorn", "hypercorn", "uvicorn", "werkzeug")
    },
}


def imported(name: str) -> Callable[..., Any]:
    """Imports the object named `module:name`."""
    module, _, attribute = name.partition(":")
    return cast(Callable[..., Any], getattr(importlib.import_module(module), attribute))


def listen(host: str, port: int, backlog: int = BACKLOG) -> socket.socket:
    """A listening socket whose connections send small pieces immediately.

    Most servers write a response's headers and body separately. Without TCP_NODELAY the second write waits for the
    client's delayed ACK on a reused connection, and keep-alive looks 40 ms slower than it is.
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


def not_listening(host: str, port: int, error: OSError) -> str:
    """Why listen() failed, and what to do about it. This follows the name of the agent in a sentence."""
    if error.errno == errno.EADDRINUSE and not port:
        return f"finds no free port on {host}: end what holds them (ss -tan shows it), or use fewer agents"
    if error.errno == errno.EACCES:
        todo = "choose a workers.first_port of 1024 or more, or leave it out for free ports"
    elif error.errno == errno.EADDRINUSE:
        todo = "free that port, choose another workers.first_port, or leave it out for free ports"
    elif error.errno == errno.EADDRNOTAVAIL:
        todo = "choose an address that this machine has, such as 127.0.0.1"
    else:
        todo = "use fewer agents, or reduce the load on this machine"
    return f"can't listen on {host}:{port}: {error.strerror}; {todo}"


def counted(app: WsgiApp, counters: Counters) -> WsgiApp:
    """Wraps an app to count the requests that it serves."""
    lock = threading.Lock()  # a server may handle each request in its own thread

    def serve(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = app(environ, start_response)
        with lock:
            counters.served += 1
        return body

    return serve
