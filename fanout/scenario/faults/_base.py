"""The base classes of faults: their keys in a scenario, and what they can do to an agent's requests and connections."""

from __future__ import annotations

import socket
from collections.abc import Iterable
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
        fields = [*self.headers, ("Content-Length", str(length)), ("Connection", "keep-alive")]
        lines = [f"HTTP/1.1 {self.status}", *(f"{name}: {value}" for name, value in fields)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Request(Protocol):
    """A question's request at the agent's server, in which to inject a fault. workers/faults.py implements it."""

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
    needs_kept_connections: ClassVar[bool] = False
    """Whether it has no effect with a server that closes each connection after one answer."""

    def concerns(self, agent: int) -> bool:
        """Whether the fault applies to this agent, counted from 1."""
        return self.agents is None or agent in self.agents


class QuestionFault(Fault):
    """A fault injected into a share of its agents' questions, which is drawn by seed and question id."""

    share: float = Field(
        1.0, gt=0, le=1, description="the share of its agents' questions that get the fault, more than 0, up to 1"
    )

    def inject(self, request: Request) -> Iterable[bytes]:
        """Handles the request in the faulty way."""
        raise NotImplementedError


class Connection(Protocol):
    """A connection that an agent has just accepted."""

    @property
    def socket(self) -> socket.socket: ...

    def sleep(self, seconds: float) -> Any:  # noqa: ANN401
        """Waits without blocking the server's other connections."""

    def reset(self) -> None:
        """Resets the TCP connection."""


class ConnectionFault(Fault):
    """A fault injected into every connection to its agents, whatever is asked over it."""

    def on_accept(self, connection: Connection) -> bool:
        """Called with each new connection before the server uses it. Returns whether it is still open."""
        return True

    def max_idle_s(self) -> float | None:
        """How long a connection may be idle before the agent closes it; None means forever."""
        return None
