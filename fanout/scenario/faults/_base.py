"""The base classes of agents' faults: their keys in a scenario, and what they can do to requests and connections."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NoReturn, Protocol

from pydantic import Field, Strict

from fanout.scenario._part import Part

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """A response before it is sent. Its headers don't include Content-Length."""

    status: str
    headers: Headers
    body: bytes

    def head(self, length: int) -> bytes:
        """The status line and headers, which announce this length of the body and keep-alive."""
        return self._head("HTTP/1.1", ("Content-Length", str(length)), ("Connection", "keep-alive"))

    def http_1_0_head(self) -> bytes:
        """The status line and headers of HTTP/1.0, which say nothing of the connection."""
        return self._head("HTTP/1.0", ("Content-Length", str(len(self.body))))

    def _head(self, version: str, *fields: tuple[str, str]) -> bytes:
        lines = [f"{version} {self.status}", *(f"{name}: {value}" for name, value in (*self.headers, *fields))]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Request(Protocol):
    """A question's request at the agent's server, in which to inject a fault. workers/faults.py implements it."""

    @property
    def path(self) -> str:
        """The path of the agent's route, without a trailing slash."""

    @property
    def redirected(self) -> bool:
        """Whether the client has followed a redirect to the route with a trailing slash."""

    def is_within(self, per_s: int) -> bool:
        """Counts the question, unless so many have been counted within the last second. Returns whether it did."""

    def sleep(self, seconds: float) -> Any:  # noqa: ANN401
        """Waits without blocking the server's other requests."""

    def passed_on(self) -> Iterable[bytes]:
        """The agent's regular response."""

    def answer(self) -> Answer:
        """The agent's regular answer, after its service time."""

    def read_question(self) -> None:
        """Reads the request's body. Closing the connection with unread bytes would reset it."""

    def respond(self, answer: Answer) -> Iterable[bytes]:
        """Sends this answer through the server instead of the regular one."""

    def stream(self, status: str, headers: Headers, body: Iterable[bytes]) -> Iterable[bytes]:
        """Sends a body without an announced length, piece by piece."""

    def send(self, *pieces: bytes) -> None:
        """Writes to the connection directly, bypassing the server."""

    def leave(self) -> NoReturn:
        """Ends the request after what was sent. The connection may be used again."""

    def close(self) -> NoReturn:
        """Ends the request and closes the connection."""

    def reset(self) -> NoReturn:
        """Ends the request and resets the TCP connection, which discards all data not yet read or sent."""

    def wait_for_client_to_leave(self) -> NoReturn:
        """Does nothing until the client closes the connection."""


class Fault(Part):
    if TYPE_CHECKING:
        kind: str

    agents: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1), Strict(False)] | None = Field(
        None, description="a list of agent numbers, counted from 1, at least one; left out, all agents"
    )
    stops_the_process: ClassVar[bool] = False
    """Whether the agent can no longer report its counters."""
    ends_the_process: ClassVar[bool] = False
    """Whether the agent's process dies."""
    needs_kept_connections: ClassVar[bool] = False
    """Whether it has no effect with a server that closes each connection after one answer."""
    needs_sockets: ClassVar[bool] = False
    """Whether it uses the socket of a request or of an idle connection, which only some servers give."""

    def concerns(self, agent: int) -> bool:
        """Whether the fault applies to this agent, counted from 1."""
        return self.agents is None or agent in self.agents


class QuestionFault(Fault):
    """A fault injected into a share of its agents' questions, which is drawn by seed and question id."""

    redirects: ClassVar[bool] = False
    """Whether it sends the client to the route with a trailing slash, where it answers."""

    share: float = Field(
        1.0, gt=0, le=1, description="the share of its agents' questions that get the fault, more than 0, up to 1"
    )

    def inject(self, request: Request) -> Iterable[bytes]:
        """Handles the request in the faulty way."""
        raise NotImplementedError


class Agent(Protocol):
    """An agent's process, in which to inject a fault. workers/agent_faults.py implements it."""

    @property
    def first_asked_at(self) -> float:
        """When it got its first question, on the monotonic clock."""

    @property
    def turn(self) -> AbstractContextManager[Any]:
        """A lock, which one question at a time can hold."""

    def sleep(self, seconds: float) -> Any:  # noqa: ANN401
        """Waits without blocking the server's other requests."""


class AgentFault(Fault):
    """A fault injected into every question to its agents, in addition to one that the question gets itself."""

    def serving(self, agent: Agent) -> AbstractContextManager[Any]:
        """Called with each question before it is served. It is served within the context returned."""
        return nullcontext()

    def headers(self, headers: Headers) -> Headers:
        """The headers to send in place of these of an answer."""
        return headers


class Connection(Protocol):
    """A connection that an agent has just accepted."""

    @property
    def socket(self) -> socket.socket: ...

    def sleep(self, seconds: float) -> Any:  # noqa: ANN401
        """Waits without blocking the server's other connections."""

    def reset(self) -> None:
        """Resets the TCP connection."""

    def swallow(self) -> None:
        """Reads and drops whatever arrives until the client closes the connection."""


class Listener(Protocol):
    """The socket on which an agent accepts connections."""

    def drop_requests(self, share: float) -> None:
        """Drops this share of the connection requests that arrive. Raises OSError where the system can't."""


class ConnectionFault(Fault):
    """A fault injected into every connection to its agents, whatever is asked over it."""

    def on_accept(self, connection: Connection) -> bool:
        """Called with each new connection before the server uses it. Returns whether it is still open."""
        return True

    def max_idle_s(self) -> float | None:
        """How long a connection may be idle before on_idle() is called and the agent closes it; None means forever."""
        return None

    def on_idle(self, connection: Connection) -> None:
        """Called with a connection that has been idle for max_idle_s()."""

    def on_listen(self, listener: Listener) -> None:
        """Called with the agent's listening socket when the agent is warmed up. Raises OSError if that fails."""
