"""httpx-aiohttp: httpx's clients on aiohttp's connection pool, which has no trace events of httpcore.

What it does differently, as of httpx-aiohttp 0.2 and aiohttp 3.14:

- aiohttp keeps each connection that an answer leaves usable: max_keepalive_connections has no effect. Without a
  max_connections, aiohttp's own default of 100 counts.
- The pool timeout covers the whole way to a connection, so it includes connecting. There is no write timeout.
- aiohttp writes a request in a task of its own, and doesn't tell when that ends.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import aiohttp
import httpx
import httpx_aiohttp

from fanout.coordinator.clients import _interface as interface
from fanout.coordinator.clients._interface import RequestObserver
from fanout.coordinator.clients.libraries._family import HttpxClient, HttpxLike, HttpxResponse
from fanout.phases import Phase
from fanout.runs.schema import EffectiveLimits
from fanout.scenario import ClientSettings

_MOST_BY_DEFAULT = 100
"""The connections of an aiohttp connector that is made without a limit (aiohttp.BaseConnector)."""
_ERRORS: dict[type[Exception], type[interface.ClientError]] = {
    aiohttp.ConnectionTimeoutError: interface.ConnectTimeoutError,
    aiohttp.ServerTimeoutError: interface.ReadTimeoutError,
    aiohttp.ClientHttpProxyError: interface.ProxyRefusedError,
    aiohttp.ClientConnectorError: interface.ConnectError,
    aiohttp.ServerDisconnectedError: interface.RemoteProtocolError,
    aiohttp.ClientPayloadError: interface.RemoteProtocolError,
    aiohttp.ClientResponseError: interface.RemoteProtocolError,  # what it received isn't HTTP
    aiohttp.ClientConnectionError: interface.ConnectionLostError,
}
"""The interface's error for each error of aiohttp. httpx-aiohttp takes any lost connection for a connect timeout.

The first class that matches counts, so subclasses come before their bases.
"""
_ENDED_EARLY = "Not enough data"
"""What aiohttp says about a body that its connection ended before it was whole."""


class _Steps:
    """The steps of one request."""

    def __init__(self, observer: RequestObserver | None) -> None:
        self.observer = observer
        self.is_connecting = False
        self.stream: object | None = None
        """The request's connection, once it has one."""

    def connecting(self) -> None:
        self.is_connecting = True
        if self.observer is not None:
            self.observer.connecting()

    def connect_failed(self) -> None:
        if self.observer is not None and self.is_connecting:
            self.observer.connect_failed()

    def has(self, connection: aiohttp.connector.Connection) -> None:
        """The request has this connection, and is sent."""
        self.stream = connection.protocol
        if self.observer is None:
            return
        if self.is_connecting:
            sock = None if connection.transport is None else connection.transport.get_extra_info("socket")
            self.observer.connected(self.stream, -1 if sock is None else sock.fileno())
        self.observer.sending()
        self.observer.sent()

    def receiving(self, response: aiohttp.ClientResponse) -> None:
        if self.observer is None:
            return
        self.observer.receiving()
        announced = response.headers.get("connection", "").lower()
        is_old = response.version is not None and response.version < aiohttp.HttpVersion11
        if "close" in announced or (is_old and "keep-alive" not in announced):
            self.observer.close_announced(by_version="close" not in announced)


_STEPS: ContextVar[_Steps | None] = ContextVar("_STEPS", default=None)
"""Those of the request that this task sends: httpx-aiohttp passes nothing of its own on to aiohttp."""


class _PoolTimeoutError(TimeoutError):
    """No place in the pool became free in time."""


def _observe(transport: httpx_aiohttp.AiohttpTransport) -> None:
    """Makes a transport's requests report their steps."""
    get_client = transport.get_client

    def observed_client() -> aiohttp.ClientSession:
        session = get_client()
        session.trace_configs.append(_trace_config())
        connector: Any = session.connector
        connector.connect = _observed(connector.connect)
        return session

    transport.get_client = observed_client  # type: ignore[method-assign]


def _observed(connect: Any) -> Any:  # noqa: ANN401
    """A connector's connect(), with the steps before and after it."""

    async def observed(*args: Any, **kwargs: Any) -> aiohttp.connector.Connection:  # noqa: ANN401
        steps = _STEPS.get() or _Steps(None)
        try:
            connection: aiohttp.connector.Connection = await connect(*args, **kwargs)
        except BaseException as error:
            steps.connect_failed()
            if isinstance(error, TimeoutError) and not steps.is_connecting:
                raise _PoolTimeoutError from error
            raise
        steps.has(connection)
        return connection

    return observed


def _trace_config() -> aiohttp.TraceConfig:
    async def connecting(*_: object) -> None:
        if (steps := _STEPS.get()) is not None:
            steps.connecting()

    async def receiving(_session: object, _context: object, ended: aiohttp.TraceRequestEndParams) -> None:
        if (steps := _STEPS.get()) is not None:
            steps.receiving(ended.response)

    config = aiohttp.TraceConfig()
    config.on_connection_create_start.append(connecting)
    config.on_request_end.append(receiving)
    config.freeze()
    return config


class HttpxAiohttp(HttpxLike):
    """httpx's clients on aiohttp's pool."""

    unknown_phases: tuple[Phase, ...] = ("sending",)
    ignored = ("retries", "http2")

    def __init__(self) -> None:
        super().__init__("httpx-aiohttp", httpx)
        self.known = (*self.known, aiohttp.ClientError)

    def translated(self, error: Exception) -> interface.ClientError:
        """The interface's error for aiohttp's, which the library wraps in one of httpx or passes on."""
        cause = error if isinstance(error, aiohttp.ClientError) else error.__cause__
        made = next((ours for theirs, ours in _ERRORS.items() if isinstance(cause, theirs)), None)
        if made is None:
            return super().translated(error)
        if isinstance(cause, aiohttp.ConnectionTimeoutError) and isinstance(cause.__cause__, _PoolTimeoutError):
            made = interface.PoolTimeoutError
        text = str(cause)
        if isinstance(cause, aiohttp.ClientHttpProxyError):
            return made(f"the proxy answered {cause.status} {cause.message}")
        if isinstance(cause, aiohttp.ClientPayloadError) and _ENDED_EARLY in text:
            return made("the agent closed the connection before its response was whole")
        if isinstance(cause, aiohttp.ClientOSError) and cause.errno is None and made is interface.ConnectionLostError:
            return made("the agent closed the connection before it had the request")  # "Can not write request body"
        return made(text)

    def new_async_client(self, settings: ClientSettings, context: ssl.SSLContext, base_url: Any) -> Any:  # noqa: ANN401
        client = httpx_aiohttp.HttpxAiohttpClient(**self.arguments(settings, context, base_url))
        self._observe(client)
        return client

    def adapted(self, client: Any, addresses: Sequence[str], path: str) -> HttpxClient:  # noqa: ANN401
        self._observe(client)
        return super().adapted(client, addresses, path)

    def has_made(self, client: Any) -> bool:  # noqa: ANN401
        transport = getattr(client, "_transport", None)
        return isinstance(transport, httpx_aiohttp.AiohttpTransport) and super().has_made(client)

    @staticmethod
    def _observe(client: Any) -> None:  # noqa: ANN401
        """Observes all of a client's transports, of which there is one for each proxy."""
        for transport in {client._transport, *client._mounts.values()}:
            if isinstance(transport, httpx_aiohttp.AiohttpTransport):
                _observe(transport)

    def effective_limits(self, client: Any) -> EffectiveLimits:  # noqa: ANN401
        limits: httpx.Limits = client._transport.limits
        return EffectiveLimits(
            max_connections=limits.max_connections or _MOST_BY_DEFAULT,
            max_keepalive_connections=None,
            keepalive_expiry_s=limits.keepalive_expiry,
        )

    def timeouts(self, client: Any) -> dict[str, float | None]:  # noqa: ANN401
        return {**super().timeouts(client), "write": None}

    def proxy(self, client: Any, address: Any) -> str | None:  # noqa: ANN401
        proxy: httpx.Proxy | None = getattr(client._transport_for_url(address), "proxy", None)
        if proxy is None:
            return None
        return str(httpx.URL(scheme=proxy.url.scheme, host=proxy.url.host, port=proxy.url.port))

    async def send(self, client: Any, request: Any, observer: RequestObserver | None) -> HttpxResponse:  # noqa: ANN401
        steps = _Steps(observer)
        token = _STEPS.set(steps)
        try:
            response = await client.send(request, stream=True)
        finally:
            _STEPS.reset(token)
        return HttpxResponse(self, response, steps.stream)


LIBRARY = HttpxAiohttp()
