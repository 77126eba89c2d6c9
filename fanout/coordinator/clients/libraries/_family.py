"""httpx and the libraries that have its interface: its forks, and other transports below its clients."""

from __future__ import annotations

import ssl
import sys
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from types import ModuleType
from typing import Any

from fanout.coordinator.clients import _interface as interface
from fanout.coordinator.clients._interface import ACCEPTED, RequestObserver
from fanout.coordinator.clients.libraries._environment import certificate_problem, ignored_entries, proxy_problem
from fanout.coordinator.clients.libraries._httpcore_trace import Trace
from fanout.errors import UsageError
from fanout.phases import Phase
from fanout.runs.schema import ClientInfo, EffectiveLimits
from fanout.scenario import ClientSettings

MAX_REDIRECT_BYTES = 65_536
"""The longest body of a redirect that is read."""
_ERRORS: dict[str, type[interface.ClientError]] = {
    "PoolTimeout": interface.PoolTimeoutError,
    "ConnectTimeout": interface.ConnectTimeoutError,
    "ReadTimeout": interface.ReadTimeoutError,
    "WriteTimeout": interface.WriteTimeoutError,
    "ConnectError": interface.ConnectError,
    "ProxyError": interface.ProxyRefusedError,
    "RemoteProtocolError": interface.RemoteProtocolError,
    "NetworkError": interface.ConnectionLostError,
    # Clients parse a Location header, and raise this for an invalid one, even if they don't follow redirects.
    "InvalidURL": interface.RemoteProtocolError,
}
"""The interface's error for each error of httpx. Others are bugs, here or in the library."""


class HttpxLike:
    """A library with httpx's interface. A subclass overrides what differs."""

    unknown_phases: tuple[Phase, ...] = ()
    ignored: tuple[str, ...] = ()

    def __init__(self, name: str, httpx: ModuleType) -> None:
        """`httpx` is the module that has AsyncClient, Limits and the errors."""
        self.name = name
        self.httpx = httpx
        self._errors: dict[type[Exception], type[interface.ClientError]] = {
            **{getattr(httpx, theirs): ours for theirs, ours in _ERRORS.items()},
            OSError: interface.ConnectionLostError,  # TLS errors of an established connection aren't translated
            UnicodeError: interface.RemoteProtocolError,  # of an invalid Location header
        }
        """The first class that matches counts, so subclasses come before their bases."""
        self.known = tuple(self._errors)
        """The errors that a request may raise."""

    def translated(self, error: Exception) -> interface.ClientError:
        """The interface's error for one of the known errors."""
        made = next(ours for theirs, ours in self._errors.items() if isinstance(error, theirs))
        return made(f"the proxy answered {error}" if made is interface.ProxyRefusedError else str(error))

    def tls_context(self, *, trust_env: bool) -> ssl.SSLContext:
        try:
            context: ssl.SSLContext = self.httpx.create_ssl_context(trust_env=trust_env)
        except OSError as error:  # which includes SSLError
            raise certificate_problem(self.name, error) from None
        return context

    def new_client(
        self, settings: ClientSettings, addresses: Sequence[str], path: str, context: ssl.SSLContext
    ) -> HttpxClient:
        """A client for one agent has its address as `base_url`. A client for several agents uses absolute URLs."""
        urls = [self._url(address) for address in addresses]
        alone = len(urls) == 1
        try:
            client = self.new_async_client(settings, context, urls[0] if alone else "")
        except (ImportError, ValueError, self.httpx.InvalidURL) as error:  # raised for an unusable proxy
            raise proxy_problem(self.httpx, error) from None
        targets: list[Any] = [path] if alone else [self._url(address + path) for address in addresses]
        return HttpxClient(self, client, urls, targets, follow_redirects=settings.follow_redirects)

    def adapted(self, client: Any, addresses: Sequence[str], path: str) -> HttpxClient:  # noqa: ANN401
        """A client that the user's own code has made, which follows redirects by itself if it is to."""
        urls = [self._url(address) for address in addresses]
        return HttpxClient(self, client, urls, [self._url(address + path) for address in addresses])

    def has_made(self, client: Any) -> bool:  # noqa: ANN401
        return isinstance(client, self.httpx.AsyncClient)

    def _url(self, address: str) -> Any:  # noqa: ANN401
        """Raises UsageError for an address that can't be used, such as a host name with invalid punycode."""
        try:
            url = self.httpx.URL(address)
            _ = url.host  # this decodes the name, which httpx otherwise does only when it uses a proxy
        except (ValueError, self.httpx.InvalidURL) as error:
            raise UsageError(f"agents: {address}: {self.name} can't use this address: {error}; correct it") from None
        return url

    def new_async_client(self, settings: ClientSettings, context: ssl.SSLContext, base_url: Any) -> Any:  # noqa: ANN401
        """The library's own client, as its users make it."""
        transport = None
        if settings.retries:  # with a transport, httpx ignores the client's own limits, context and proxies
            transport = self.httpx.AsyncHTTPTransport(
                verify=context, limits=self.limits(settings), retries=settings.retries, http2=settings.http2
            )
        return self.httpx.AsyncClient(transport=transport, **self.arguments(settings, context, base_url))

    def arguments(self, settings: ClientSettings, context: ssl.SSLContext, base_url: Any) -> dict[str, Any]:  # noqa: ANN401
        """The arguments of an AsyncClient."""
        return {
            "base_url": base_url,
            "headers": {"Accept-Encoding": ACCEPTED},
            "http2": settings.http2,
            "limits": self.limits(settings),
            "timeout": self.httpx.Timeout(**dict(settings.timeouts())),
            "trust_env": settings.trust_env,
            "verify": context,
        }

    def limits(self, settings: ClientSettings) -> Any:  # noqa: ANN401
        return self.httpx.Limits(
            max_connections=settings.limits.max_connections,
            max_keepalive_connections=settings.limits.max_keepalive_connections,
            keepalive_expiry=settings.limits.keepalive_expiry_s,
        )

    def effective_limits(self, client: Any) -> EffectiveLimits | None:  # noqa: ANN401
        """The pool's limits; None for a transport of the user's own.

        There is no public API, and httpx silently ignores limits given with a transport.
        """
        pool = getattr(client._transport, "_pool", None)
        if pool is None:
            return None
        return EffectiveLimits(
            max_connections=_or_unlimited(pool._max_connections),
            max_keepalive_connections=_or_unlimited(pool._max_keepalive_connections),
            keepalive_expiry_s=pool._keepalive_expiry,
        )

    def timeouts(self, client: Any) -> dict[str, float | None]:  # noqa: ANN401
        """The timeouts that have an effect, by the scenario's names."""
        found: dict[str, float | None] = client.timeout.as_dict()
        return found

    def proxy(self, client: Any, address: Any) -> str | None:  # noqa: ANN401
        """The URL of the proxy for an address. There is no public API for it."""
        url = getattr(getattr(client._transport_for_url(address), "_pool", None), "_proxy_url", None)
        if url is None:
            return None
        return str(self.httpx.URL(scheme=url.scheme.decode(), host=url.host.decode(), port=url.port))

    async def send(self, client: Any, request: Any, observer: RequestObserver | None) -> HttpxResponse:  # noqa: ANN401
        """Sends a request, and reports its steps from `sending` or `connecting` on."""
        trace = None if observer is None else Trace(observer)
        if trace is not None:
            request.extensions["trace"] = trace.report
        response = await client.send(request, stream=True)
        if observer is not None and trace is not None and not trace.has_response:
            observer.receiving()  # a transport of the user's own reports nothing
        return HttpxResponse(self, response, response.extensions.get("network_stream"))


class HttpxResponse:
    """A response of such a library, adapted to the interface."""

    __slots__ = ("_library", "headers", "raw", "stream")

    def __init__(self, library: HttpxLike, response: Any, stream: object | None = None) -> None:  # noqa: ANN401
        self._library = library
        self.raw = response
        """The library's own response."""
        self.stream = stream
        self.headers = dict(response.headers.items())  # names are in lower case; looking one up in httpx takes longer

    @property
    def status(self) -> int:
        status: int = self.raw.status_code
        return status

    @property
    def reason(self) -> str:
        reason: str = self.raw.reason_phrase
        return reason

    @property
    def url(self) -> str:
        return str(self.raw.request.url)

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self.raw.aiter_raw():
                yield chunk
        except self._library.known as error:
            raise self._library.translated(error) from error

    async def close(self) -> None:
        await self.raw.aclose()


class HttpxClient:
    """An AsyncClient of such a library, adapted to the interface."""

    def __init__(
        self,
        library: HttpxLike,
        client: Any,  # noqa: ANN401
        addresses: Sequence[Any],
        targets: Sequence[Any],
        *,
        follow_redirects: bool = False,
    ) -> None:
        """`targets` are the URLs or paths of requests to the agents at these addresses.

        Redirects are followed to these addresses only, since no load may go to others.
        """
        self._library = library
        self._client = client
        self._followed = {_origin(address) for address in addresses} if follow_redirects else set()
        self._addresses = addresses
        self._targets = targets

    async def send(
        self, agent: int, method: str, body: bytes, headers: Mapping[str, str], observer: RequestObserver | None
    ) -> HttpxResponse:
        request = self._client.build_request(method, self._targets[agent], content=body, headers=headers)
        if observer is not None:
            observer.queued()
        try:
            response = await self._library.send(self._client, request, observer)
            for _ in range(self._client.max_redirects if self._followed else 0):
                following = response.raw.next_request
                if following is None or _origin(following.url) not in self._followed:
                    break
                await _finish(response)
                response = await self._library.send(self._client, following, observer)
        except self._library.known as error:
            raise self._library.translated(error) from error
        return response

    def effective(self) -> ClientInfo:
        trust_env = self._client.trust_env
        return ClientInfo(
            library=self._library.name,
            unknown_phases=self._library.unknown_phases,
            limits=self._library.effective_limits(self._client),
            timeout_s=self._library.timeouts(self._client),
            trust_env=trust_env,
            proxies=tuple(sorted(urllib.request.getproxies())) if trust_env else (),
            ignored_no_proxy=ignored_entries() if trust_env else (),
        )

    def proxy(self, agent: int) -> str | None:
        return self._library.proxy(self._client, self._addresses[agent])

    async def close(self) -> None:
        await self._client.aclose()


def _or_unlimited(count: int) -> int | None:
    return None if count == sys.maxsize else count


async def _finish(response: HttpxResponse) -> None:
    """Reads a short body to its end, so that the connection can be used again."""
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) <= MAX_REDIRECT_BYTES:
        await response.raw.aread()
    await response.close()


def _origin(url: Any) -> tuple[str, str, int | None]:  # noqa: ANN401
    return url.scheme, url.host, url.port
