"""Which connection each question used, from httpcore's trace events.

A question's request opened its connection when a `connection.connect_tcp.complete` event came while it was sent;
otherwise it was reused. See https://www.python-httpx.org/advanced/extensions/#trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary


class ConnectionLog:
    """Numbers a coordinator's connections as they open."""

    def __init__(self, coordinator: int) -> None:
        self.opened = 0
        self._coordinator = coordinator
        self._names: WeakKeyDictionary[object, str] = WeakKeyDictionary()

    def open(self) -> str:
        self.opened += 1
        return f"{self._coordinator}-{self.opened}"

    def remember(self, stream: object, name: str) -> None:
        self._names[stream] = name

    def name_of(self, stream: object) -> str | None:
        return None if stream is None else self._names.get(stream)


class Watch:
    """One request's eye on its connection; goes into the request's extensions as `trace`."""

    __slots__ = ("_log", "_opened", "_sent")

    def __init__(self, log: ConnectionLog) -> None:
        self._log = log
        self._opened: str | None = None
        self._sent = False

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        if event == "http11.send_request_headers.started":
            self._sent = True
        elif event == "connection.connect_tcp.complete":
            self._opened = self._log.open()
            self._log.remember(info["return_value"], self._opened)
        elif event == "connection.start_tls.complete" and self._opened:
            self._log.remember(info["return_value"], self._opened)

    @property
    def reused(self) -> bool | None:
        """None until the request had a connection."""
        if self._opened:
            return False
        return True if self._sent else None

    def connection(self, stream: object = None) -> str | None:
        """The connection's name; a reused one is known by the response's network stream only."""
        return self._opened or self._log.name_of(stream)
