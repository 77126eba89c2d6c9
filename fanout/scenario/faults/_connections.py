"""Faults of an agent's connections."""

from __future__ import annotations

import socket
from typing import ClassVar, Literal

from pydantic import Field

from fanout.scenario.faults._base import Connection, ConnectionFault, Listener


class ResetOnAccept(ConnectionFault):
    """Resets each connection as soon as it is accepted."""

    kind: Literal["reset_on_accept"]

    def on_accept(self, connection: Connection) -> bool:
        connection.reset()
        return False


class SlowAccept(ConnectionFault):
    """Handles a new connection `delay_s` late. The client sees it open, since the system has accepted it."""

    kind: Literal["slow_accept"]
    delay_s: float = Field(ge=0, le=3600, description="seconds, 0 to 3600")

    def on_accept(self, connection: Connection) -> bool:
        connection.sleep(self.delay_s)
        return True


class CloseWhenIdle(ConnectionFault):
    """Closes a connection that has been idle for `idle_s` since its last answer."""

    kind: Literal["close_when_idle"]
    idle_s: float = Field(gt=0, le=3600, description="seconds, more than 0, up to 3600")
    needs_kept_connections: ClassVar[bool] = True

    def max_idle_s(self) -> float | None:
        return self.idle_s


class ForgetIdle(ConnectionFault):
    """Swallows all that arrives on a connection that has been idle for `idle_s`, like a NAT that forgot it."""

    kind: Literal["forget_idle"]
    idle_s: float = Field(gt=0, le=3600, description="seconds, more than 0, up to 3600")
    needs_kept_connections: ClassVar[bool] = True
    needs_sockets: ClassVar[bool] = True

    def max_idle_s(self) -> float | None:
        return self.idle_s

    def on_idle(self, connection: Connection) -> None:
        connection.swallow()


class DelayedAck(ConnectionFault):
    """Leaves TCP_NODELAY off, so that an answer's body waits for the client's delayed ACK on a kept connection."""

    kind: Literal["delayed_ack"]
    needs_kept_connections: ClassVar[bool] = True
    needs_sockets: ClassVar[bool] = True

    def on_accept(self, connection: Connection) -> bool:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        return True


class FullBacklog(ConnectionFault):
    """Drops a share of the connection requests (SYN), as a full listen queue does. The client sends each again."""

    kind: Literal["full_backlog"]
    share: float = Field(
        1.0, gt=0, le=1, description="the share of connection requests that are dropped, more than 0, up to 1"
    )

    def on_listen(self, listener: Listener) -> None:
        listener.drop_requests(self.share)
