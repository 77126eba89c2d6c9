"""The servers that agents can have, and what scenarios have to know of each. workers/server.py has their code.

To add one, add an entry to SERVERS here and there. Scenarios then accept and describe it, and the rules between
`workers.server` and other keys follow.
"""

from __future__ import annotations

from typing import NamedTuple


class AgentServer(NamedTuple):
    """The facts of a server, as its own defaults have them."""

    description: str
    keep_alive_s: float | None
    """How long it keeps an idle connection; None means forever, 0 that it closes each after one answer."""
    gives_sockets: bool
    """Whether a fault can use the socket of a request or of an idle connection."""
    speaks_http_2: bool = False
    """Whether it offers HTTP/2 to clients that use TLS."""
    process_mib: float = 6
    """The memory of a process with one agent, besides what it shares with the others; 5.5 to 7.7 were measured."""
    agent_descriptors: int = 0
    """The file descriptors of an agent besides its listening socket and its connections."""
    connection_descriptors: int = 0
    """Those of a connection besides its socket, before anything is asked over it."""

    @property
    def keeps_connections(self) -> bool:
        return self.keep_alive_s != 0


SERVERS = {
    "gevent": AgentServer("pywsgi, which keeps idle connections until the client closes them", None, True),
    "gunicorn": AgentServer(
        "with threads: its worker gthread", 2, True, process_mib=8, agent_descriptors=3, connection_descriptors=1
    ),
    "hypercorn": AgentServer(
        "with asyncio; HTTP/2 if tls is true and the client can", 5, False, speaks_http_2=True, process_mib=8
    ),
    "uvicorn": AgentServer("with asyncio and h11", 5, False, process_mib=8),
    "werkzeug": AgentServer(
        "Flask's development server, which closes each connection after one answer", 0, True, agent_descriptors=1
    ),
}
"""The servers by the names that scenarios use."""
DESCRIPTION = ", ".join(f"{name} ({server.description})" for name, server in SERVERS.items())
PATTERN = f"^({'|'.join(SERVERS)})$"
KEEP_ALIVE = ", ".join(f"{name} {server.keep_alive_s:g}" for name, server in SERVERS.items() if server.keep_alive_s)
"""How long each closes idle connections after, by default, in words."""
