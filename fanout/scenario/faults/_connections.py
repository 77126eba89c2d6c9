"""Faults of an agent's connections."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from fanout.scenario.faults._base import Connection, ConnectionFault


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
