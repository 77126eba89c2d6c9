"""What every fault is: its form in a scenario, and what it does to a request or a connection of an agent's."""

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
    """A response before it goes out; its headers include no length of the body."""

    status: str
    headers: Headers
    body: bytes

    def head(self, length: int) -> bytes:
        """What precedes the body on the wire, announcing this length and to keep the connection."""
        fields = [*self.headers, ("Content-Length", str(length)), ("Connection", "keep-alive")]
        lines = [f"HTTP/1.1 {self.status}", *(f"{name}: {value}" for name, value in fields)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Request(Protocol):
    """A question that a fault was drawn for, as the agent's server has it; workers/faults.py has what is behind it."""

    def sleep(self, seconds: float) -> Any:  # noqa: ANN401
        """Waits without keeping the server from other requests."""

    def passed_on(self) -> Iterable[bytes]:
        """What the agent does without the fault."""

    def answer(self) -> Answer:
        """What the agent would answer, after it has thought about it."""

    def read_question(self) -> None:
        """Takes the request's body: what is left of it would reset the connection where that is closed."""

    def respond(self, answer: Answer) -> Iterable[bytes]:
        """Answers that instead, as a server does."""

    def stream(self, status: str, headers: Headers, body: Iterable[bytes]) -> Iterable[bytes]:
        """Answers with a body of no announced length, piece by piece."""

    def send(self, *pieces: bytes) -> None:
        """Writes to the connection, past the server."""

    def leave(self) -> NoReturn:
        """Ends the request after what was sent; the connection may be used again."""

    def close(self) -> NoReturn:
        """Ends the request and closes the connection."""

    def reset(self) -> NoReturn:
        """Ends the request and the connection by a TCP reset: what was not read or sent is thrown away."""

    def wait_for_client_to_leave(self) -> NoReturn:
        """Does nothing more until the other end closes the connection."""


class Fault(Part):
    if TYPE_CHECKING:
        kind: str

    agents: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1), Strict(False)] | None = Field(
        None, description="a list of agents' numbers, counted from 1, at least one; left out: all of them"
    )
    stops_the_process: ClassVar[bool] = False
    """Whether the agent can't say any more what it has counted."""
    needs_kept_connections: ClassVar[bool] = False
    """Whether it is none with a server that closes each connection after one answer."""

    def concerns(self, agent: int) -> bool:
        """Whether it is a fault of this agent's, counted from 1."""
        return self.agents is None or agent in self.agents


class QuestionFault(Fault):
    """One that strikes a share of the questions that come to its agents, drawn by seed and question id."""

    share: float = Field(
        1.0, gt=0, le=1, description="the share of its agents' questions that it strikes, more than 0, up to 1"
    )

    def strike(self, request: Request) -> Iterable[bytes]:
        """Answers the request, or fails to."""
        raise NotImplementedError


class Connection(Protocol):
    """One that an agent has just accepted."""

    @property
    def socket(self) -> socket.socket: ...

    def sleep(self, seconds: float) -> Any:  # noqa: ANN401
        """Waits without keeping the server from other connections."""

    def reset(self) -> None:
        """Ends it by a TCP reset."""


class ConnectionFault(Fault):
    """One that strikes every connection to its agents, whatever is asked over it."""

    def on_accept(self, connection: Connection) -> bool:
        """Is given each connection before anything is done with it; says whether it is still there."""
        return True

    def most_idle_s(self) -> float | None:
        """How long a connection may be idle before it is closed; None: for ever."""
        return None
