"""The client library httpx, with httpcore below it."""

from __future__ import annotations

import ssl
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import httpx

from fanout.coordinator.clients import _interface as interface
from fanout.coordinator.clients._httpx_environment import certificate_problem, ignored_entries, proxy_problem
from fanout.coordinator.clients._interface import ACCEPTED, RequestObserver
from fanout.errors import UsageError
from fanout.runs.schema import ClientInfo, EffectiveLimits
from fanout.scenario import ClientSettings

MAX_REDIRECT_BYTES = 65_536
"""The longest body of a redirect that is read."""
_ERRORS: dict[type[Exception], type[interface.ClientError]] = {
    httpx.PoolTimeout: interface.PoolTimeoutError,
    httpx.ConnectTimeout: interface.ConnectTimeoutError,
    httpx.ReadTimeout: interface.ReadTimeoutError,
    httpx.WriteTimeout: interface.WriteTimeoutError,
    httpx.ConnectError: interface.ConnectError,
    httpx.ProxyError: interface.ProxyRefusedError,
    httpx.RemoteProtocolError: interface.RemoteProtocolError,
    httpx.NetworkError: interface.ConnectionLostError,
    OSError: interface.ConnectionLostError,  # httpcore doesn't translate TLS errors of an established connection
    # httpx parses a Location header, and raises these for an invalid one, even if it doesn't follow redirects.
    httpx.InvalidURL: interface.RemoteProtocolError,
    UnicodeError: interface.RemoteProtocolError,
}
"""The first class that matches counts, so subclasses come before their bases. Others are bugs, here or in httpx."""
_KNOWN = tuple(_ERRORS)


def translated(error: Exception) -> interface.ClientError:
    """The interface's error for a known error of httpx."""
    made = next(ours for theirs, ours in _ERRORS.items() if isinstance(error, theirs))
    return made(f"the proxy answered {error}" if isinstance(error, httpx.ProxyError) else str(error))


class HttpxResponse:
    """An httpx.Response, adapted to the interface."""

    __slots__ = ("_response", "headers")

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.headers = dict(response.headers.items())  # names are in lower case; looking one up in httpx takes longer

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def reason(self) -> str:
        return self._response.reason_phrase

    @property
    def url(self) -> str:
        return str(self._response.request.url)

    @property
    def stream(self) -> object | None:
        stream: object | None = self._response.extensions.get("network_stream")
        return stream

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.aiter_raw():
                yield chunk
        except _KNOWN as error:
            raise translated(error) from error

    async def close(self) -> None:
        await self._response.aclose()


class HttpxClient:
    """An httpx.AsyncClient, adapted to the interface."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        addresses: Sequence[httpx.URL],
        targets: Sequence[httpx.URL | str],
        *,
        follow_redirects: bool = False,
    ) -> None:
        """`targets` are the URLs or paths of requests to the agents at these addresses.

        Redirects are followed to these addresses only, since no load may go to others.
        """
        self._client = client
        self._followed = {_origin(address) for address in addresses} if follow_redirects else set()
        self._addresses = addresses
        self._targets = targets

    async def send(
        self, agent: int, method: str, body: bytes, headers: Mapping[str, str], observer: RequestObserver | None
    ) -> HttpxResponse:
        extensions = {} if observer is None else {"trace": _Trace(observer).report}
        request = self._client.build_request(
            method, self._targets[agent], content=body, headers=headers, extensions=extensions
        )
        if observer is not None:
            observer.queued()
        try:
            response = await self._client.send(request, stream=True)
            for _ in range(self._client.max_redirects if self._followed else 0):
                following = response.next_request
                if following is None or _origin(following.url) not in self._followed:
                    break
                await _finish(response)
                response = await self._client.send(following, stream=True)
        except _KNOWN as error:
            raise translated(error) from error
        return HttpxResponse(response)

    def effective(self) -> ClientInfo:
        trust_env = self._client.trust_env
        return ClientInfo(
            limits=effective_limits(self._client),
            timeout_s=self._client.timeout.as_dict(),
            trust_env=trust_env,
            proxies=tuple(sorted(urllib.request.getproxies())) if trust_env else (),
            ignored_no_proxy=ignored_entries() if trust_env else (),
        )

    def proxy(self, agent: int) -> str | None:
        """This uses private attributes of httpx and httpcore, because httpx has no public API for it."""
        pool = self._client._transport_for_url(self._addresses[agent])._pool  # type: ignore[attr-defined]
        url = getattr(pool, "_proxy_url", None)
        if url is None:
            return None
        return str(httpx.URL(scheme=url.scheme.decode(), host=url.host.decode(), port=url.port))

    async def close(self) -> None:
        await self._client.aclose()


def tls_context(*, trust_env: bool) -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context(trust_env=trust_env)
    except OSError as error:  # which includes SSLError
        raise certificate_problem(error) from None


def new_client(settings: ClientSettings, addresses: Sequence[str], path: str, context: ssl.SSLContext) -> HttpxClient:
    """A client for one agent has its address as `base_url`. A client for several agents uses absolute URLs."""
    urls = [_url(address) for address in addresses]
    alone = len(urls) == 1
    try:
        client = _new_async_client(settings, context, urls[0] if alone else "")
    except (ImportError, ValueError, httpx.InvalidURL) as error:  # httpx raises these for an unusable proxy
        raise proxy_problem(error) from None
    targets: list[httpx.URL | str] = [path] if alone else [_url(address + path) for address in addresses]
    return HttpxClient(client, urls, targets, follow_redirects=settings.follow_redirects)


def _url(address: str) -> httpx.URL:
    """Raises UsageError for an address that httpx can't use, such as a host name with invalid punycode."""
    try:
        url = httpx.URL(address)
        _ = url.host  # this decodes the name, which httpx otherwise does only when it uses a proxy
    except (ValueError, httpx.InvalidURL) as error:
        raise UsageError(f"agents: {address}: httpx can't use this address: {error}; correct it") from None
    return url


def _new_async_client(
    settings: ClientSettings, context: ssl.SSLContext, base_url: httpx.URL | str
) -> httpx.AsyncClient:
    timeouts = settings.timeouts()
    limits = httpx.Limits(
        max_connections=settings.limits.max_connections,
        max_keepalive_connections=settings.limits.max_keepalive_connections,
        keepalive_expiry=settings.limits.keepalive_expiry_s,
    )
    transport = None
    if settings.retries:  # with a transport, httpx ignores the client's own limits, context and proxies
        transport = httpx.AsyncHTTPTransport(verify=context, limits=limits, retries=settings.retries)
    return httpx.AsyncClient(
        transport=transport,
        base_url=base_url,
        headers={"Accept-Encoding": ACCEPTED},
        limits=limits,
        timeout=httpx.Timeout(connect=timeouts.connect, read=timeouts.read, write=timeouts.write, pool=timeouts.pool),
        trust_env=settings.trust_env,
        verify=context,
    )


def effective_limits(client: httpx.AsyncClient) -> EffectiveLimits:
    """The pool's actual limits. There is no public API, and httpx silently ignores limits given with a transport."""
    pool = client._transport._pool  # type: ignore[attr-defined]
    return EffectiveLimits(
        max_connections=_or_unlimited(pool._max_connections),
        max_keepalive_connections=_or_unlimited(pool._max_keepalive_connections),
        keepalive_expiry_s=pool._keepalive_expiry,
    )


def _or_unlimited(count: int) -> int | None:
    return None if count == sys.maxsize else count


async def _finish(response: httpx.Response) -> None:
    """Reads a short body to its end, so that the connection can be used again."""
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) <= MAX_REDIRECT_BYTES:
        await response.aread()
    await response.aclose()


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


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
    version, _status, _reason, headers = info["return_value"]
    says_so = any(name.lower() == b"connection" and b"close" in value.lower() for name, value in headers)
    if says_so or version == b"HTTP/1.0":  # h11 never uses a connection again after HTTP/1.0, whatever the headers say
        observer.close_announced(by_version=not says_so)


_BEGINS = "http11.send_request_headers.started"
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
    _BEGINS: lambda observer, _: observer.sending(),
    "http11.send_request_body.complete": lambda observer, _: observer.sent(),
    # Sending the body may have failed: an agent can stop reading before it has the whole body, and still answer.
    "http11.receive_response_headers.started": lambda observer, _: observer.waiting(),
    "http11.receive_response_headers.complete": _receiving,
}
"""The observer's step for each of httpcore's trace events (https://www.encode.io/httpcore/extensions/#trace)."""


class _Trace:
    """Reports the trace events of one request to its observer."""

    __slots__ = ("_observer", "_tunnelling")

    def __init__(self, observer: RequestObserver) -> None:
        self._observer = observer
        self._tunnelling = False

    async def report(self, event: str, info: Info) -> None:
        """The request's extension `trace`, which httpcore calls."""
        if event == _BEGINS:
            self._tunnelling = info["request"].method == b"CONNECT"
        if self._tunnelling and event.startswith("http11."):
            return  # asking a proxy for a tunnel is a part of connecting
        if (step := _STEPS.get(event)) is not None:
            step(self._observer, info)
