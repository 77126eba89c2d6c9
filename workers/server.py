"""What an agent's app is served by. To add a server, add a file with a `serve` and an entry to SERVERS."""

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
"""In a request's WSGI environment: the socket that it came over, for what WSGI can't say."""

WsgiApp = Callable[..., Iterable[bytes]]
Environ = dict[str, Any]
"""A request, as WSGI has it."""


class Dropped(BrokenPipeError):  # noqa: N818
    """Raised by an app: nothing more is to be sent, and the connection is to be closed."""

    def __init__(self) -> None:
        super().__init__(errno.EPIPE, "given up by the agent")  # which servers take for a client that went away


class Sent(Dropped):
    """Raised by an app: it has answered by itself, over the connection, which may be used again."""


class Served(NamedTuple):
    """What a server needs to know."""

    listener: socket.socket
    app: WsgiApp
    counters: Counters
    tls: ssl.SSLContext | None
    """A context of the server's own kind; None for plain HTTP."""
    on_accept: Callable[[socket.socket], bool] = lambda _: True
    """Is given each connection before anything is done with it, and says whether it is still there."""
    idle_s: float | None = None
    """How long a connection may be idle before it is closed; None: for ever."""


class Server(NamedTuple):
    """A kind of server, by the names of what it is made of: nothing is imported before it is needed."""

    serve: str
    """Takes a Served and a pipe's end, and serves until the pipe is closed."""
    sleep: str
    """Waits without keeping the server from other requests."""
    tls_context: str


SERVERS = {
    "gevent": Server("workers.gevent_server:serve", "gevent:sleep", "gevent.ssl:SSLContext"),
    "werkzeug": Server("workers.werkzeug_server:serve", "time:sleep", "ssl:SSLContext"),
}


def imported(name: str) -> Callable[..., Any]:
    """What stands in a module, by `module:name`."""
    module, _, attribute = name.partition(":")
    return cast(Callable[..., Any], getattr(importlib.import_module(module), attribute))


def listen(host: str, port: int, backlog: int = BACKLOG) -> socket.socket:
    """A listening socket whose connections send small pieces at once.

    Both servers write a response's headers and body separately. Without TCP_NODELAY the second write waits for the
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
    """What listen() met with, and what to do about it."""
    if error.errno == errno.EADDRINUSE and not port:
        return f"finds no free port on {host}: end what holds them (ss -tan shows it), or have fewer agents"
    if error.errno == errno.EACCES:
        todo = "choose a workers.first_port from 1024 on, or leave it out for free ports"
    elif error.errno == errno.EADDRINUSE:
        todo = "free that port, choose another workers.first_port, or leave it out for free ports"
    elif error.errno == errno.EADDRNOTAVAIL:
        todo = "set workers.host to an address that this machine has, such as 127.0.0.1"
    else:
        todo = "have fewer agents, or give this machine less to do"
    return f"can't listen on {host}:{port}: {error.strerror}; {todo}"


def counted(app: WsgiApp, counters: Counters) -> WsgiApp:
    """The app, with what it has served counted."""
    lock = threading.Lock()  # a server may have a thread for each request

    def serve(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = app(environ, start_response)
        with lock:
            counters.served += 1
        return body

    return serve
