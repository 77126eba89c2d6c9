"""Faults of an agent's connections."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from fanout.scenario.faults._base import Connection, ConnectionFault


class ResetOnAccept(ConnectionFault):
    """Resets each connection as soon as it is there."""

    kind: Literal["reset_on_accept"]

    def on_accept(self, connection: Connection) -> bool:
        connection.reset()
        return False


class SlowAccept(ConnectionFault):
    """Takes note of a connection that late. To the client it is open: the system has accepted it."""

    kind: Literal["slow_accept"]
    delay_s: float = Field(ge=0, le=3600, description="seconds, 0 to 3600")

    def on_accept(self, connection: Connection) -> bool:
        connection.sleep(self.delay_s)
        return True


class CloseWhenIdle(ConnectionFault):
    """Closes a connection over which nothing has been asked for so long since its last answer."""

    kind: Literal["close_when_idle"]
    idle_s: float = Field(gt=0, le=3600, description="seconds, more than 0, up to 3600")
    needs_kept_connections: ClassVar[bool] = True

    def most_idle_s(self) -> float | None:
        return self.idle_s
