"""The steps of a request, from the trace events of httpcore and its forks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fanout.coordinator.clients._interface import RequestObserver

Info = Mapping[str, Any]
Step = Callable[[RequestObserver, Info], None]


def _connected(observer: RequestObserver, info: Info) -> None:
    stream = info["return_value"]
    observer.connected(stream, stream.get_extra_info("socket").fileno())


def _handshake_failed(observer: RequestObserver, info: Info) -> None:
    # httpcore closes the connection, except when it is cancelled.
    observer.handshake_failed(left_open=not isinstance(info.get("exception"), Exception))


def _receiving(observer: RequestObserver, info: Info) -> None:
    observer.receiving()
    if len(info["return_value"]) == 2:  # HTTP/2, where a response says nothing about its connection
        return
    version, _status, _reason, headers = info["return_value"]
    says_so = any(name.lower() == b"connection" and b"close" in value.lower() for name, value in headers)
    if says_so or version == b"HTTP/1.0":  # h11 never uses a connection again after HTTP/1.0, whatever the headers say
        observer.close_announced(by_version=not says_so)


_BEGINS = "http11.send_request_headers.started"
_OF_A_REQUEST: dict[str, Step] = {
    "send_request_headers.started": lambda observer, _: observer.sending(),
    "send_request_body.complete": lambda observer, _: observer.sent(),
    # Sending the body may have failed: an agent can stop reading before it has the whole body, and still answer.
    "receive_response_headers.started": lambda observer, _: observer.waiting(),
    "receive_response_headers.complete": _receiving,
}
"""The events that HTTP/1.1 and HTTP/2 have in common."""
_STEPS: dict[str, Step] = {
    "connection.connect_tcp.started": lambda observer, _: observer.connecting(),
    "connection.connect_tcp.complete": _connected,
    "connection.connect_tcp.failed": lambda observer, _: observer.connect_failed(),
    "connection.start_tls.started": lambda observer, _: observer.handshaking(),
    "connection.start_tls.complete": lambda observer, info: observer.encrypted(info["return_value"]),
    "connection.start_tls.failed": _handshake_failed,
    "proxy.start_tls.started": lambda observer, _: observer.handshaking(),
    "proxy.start_tls.complete": lambda observer, info: observer.encrypted(info["return_value"]),
    "proxy.start_tls.failed": _handshake_failed,
    **{f"{version}.{event}": step for version in ("http11", "http2") for event, step in _OF_A_REQUEST.items()},
}
"""The observer's step for each of httpcore's trace events (https://www.encode.io/httpcore/extensions/#trace)."""


class Trace:
    """Reports the trace events of one request to its observer."""

    __slots__ = ("_observer", "_tunnelling", "has_response")

    def __init__(self, observer: RequestObserver) -> None:
        self._observer = observer
        self._tunnelling = False
        self.has_response = False
        """Whether the headers of a response were reported."""

    async def report(self, event: str, info: Info) -> None:
        """The request's extension `trace`, which httpcore calls."""
        if event == _BEGINS:
            self._tunnelling = info["request"].method == b"CONNECT"
        if self._tunnelling and event.startswith("http11."):
            return  # asking a proxy for a tunnel is a part of connecting
        self.has_response |= event.endswith("receive_response_headers.complete")
        if (step := _STEPS.get(event)) is not None:
            step(self._observer, info)
