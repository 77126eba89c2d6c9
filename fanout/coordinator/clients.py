"""The httpx clients of a coordinator: one shared by all agents, or one for each."""

from __future__ import annotations

import itertools
import ssl
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from fanout.coordinator.body import ACCEPTED
from fanout.errors import CouldNotRunError, UsageError
from fanout.scenario import ClientSettings, is_loopback


class AgentClients:
    """N agents behind one small interface, whatever the topology. Agents are counted from 0 here."""

    def __init__(self, routes: Sequence[tuple[httpx.AsyncClient, httpx.URL | str]], made_in_ms: float) -> None:
        """`routes` has each agent's client and URL; agents may share a client, and making all took `made_in_ms`."""
        self._routes = routes
        self._made_in_ms = made_in_ms
        self._clients = list(dict.fromkeys(client for client, _ in routes))

    def request(
        self, agent: int, method: str, content: bytes, headers: Mapping[str, str], extensions: Mapping[str, Any]
    ) -> httpx.Request:
        """A request to an agent, ready to be sent."""
        client, url = self._routes[agent]
        return client.build_request(method, url, content=content, headers=headers, extensions=dict(extensions))

    async def send(self, agent: int, request: httpx.Request) -> httpx.Response:
        """Sends a request; the response's body is still to be read, and the response to be closed.

        Raises httpx's errors.
        """
        client, _url = self._routes[agent]
        return await client.send(request, stream=True)

    def effective(self) -> dict[str, Any]:
        """What the clients really do, read back from one of them: limits (None: unlimited), timeouts (None: none).

        `proxies` are the schemes for which the environment names one, where it is obeyed.
        """
        client = self._clients[0]
        return {
            "clients": len(self._clients),
            "made_in_ms": self._made_in_ms,
            "limits": effective_limits(client),
            "timeout_s": client.timeout.as_dict(),
            "trust_env": client.trust_env,
            "proxies": sorted(urllib.request.getproxies()) if client.trust_env else [],
        }

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


def make_clients(
    settings: ClientSettings,
    addresses: Sequence[str],
    path: str,
    ca_file: Path | None = None,
    *,
    allow_remote: bool = False,
) -> AgentClients:
    """The clients that a scenario asks for: one for all with absolute URLs, or one for each agent by `base_url`.

    `ca_file` has certificates to trust besides the usual ones. Raises CouldNotRunError for a proxy it can't use, and
    UsageError for an address it can't, or for a proxy on another machine, unless `allow_remote`.
    """
    began = time.perf_counter()
    urls = [_url(address) for address in addresses]
    try:
        routes = _routes(settings, urls, path, ca_file)
    except (ImportError, ValueError, httpx.InvalidURL) as error:  # what httpx raises for an odd proxy
        # What it says of a URL may be a part of the password in it.
        why = error if isinstance(error, ImportError) else "the environment names a proxy by no URL that it can use"
        raise CouldNotRunError(
            f"httpx can't make a client: {why}; correct HTTP_PROXY, HTTPS_PROXY and ALL_PROXY, or set "
            "client.trust_env to false"
        ) from None
    made_in_ms = (time.perf_counter() - began) * 1000
    if settings.trust_env and not allow_remote:
        _refuse_remote_proxies(routes, addresses)
    return AgentClients(routes, made_in_ms)


def _refuse_remote_proxies(
    routes: Sequence[tuple[httpx.AsyncClient, httpx.URL | str]], addresses: Sequence[str]
) -> None:
    """Raises UsageError where questions would leave this machine though no agent does."""
    for (client, _), address in zip(routes, addresses, strict=True):
        proxy = proxy_for(client, address)
        if proxy is not None and not is_loopback(proxy.host):
            raise UsageError(
                f"client.trust_env: true would send what is for {address} through a proxy on another machine, {proxy}; "
                "allowed: with allow_remote: true, with the agents' hosts in NO_PROXY, or with client.trust_env: false"
            )


def proxy_for(client: httpx.AsyncClient, address: str) -> httpx.URL | None:
    """The proxy that httpx takes on the way to an address, without user and password; None where it takes none."""
    pool = client._transport_for_url(httpx.URL(address))._pool  # type: ignore[attr-defined]
    url = getattr(pool, "_proxy_url", None)
    if url is None:
        return None
    return httpx.URL(scheme=url.scheme.decode(), host=url.host.decode(), port=url.port)


def _url(address: str) -> httpx.URL:
    """Raises UsageError for what httpx can't take, such as a name that begins with xn-- and goes on as no such name."""
    try:
        url = httpx.URL(address)
        _ = url.host  # only this decodes the name; httpx asks for it on the way to a proxy
    except (ValueError, httpx.InvalidURL) as error:
        raise UsageError(f"agents: {address}: httpx can't ask that: {error}; correct the address") from None
    return url


def _routes(
    settings: ClientSettings, urls: Sequence[httpx.URL], path: str, ca_file: Path | None
) -> list[tuple[httpx.AsyncClient, httpx.URL | str]]:
    contexts = _contexts(settings, ca_file)
    if len(settings.agents_by_client(len(urls))) == 1:
        client = _new_client(settings, next(contexts))
        return [(client, url.join(path)) for url in urls]
    return [(_new_client(settings, next(contexts), base_url=url), path) for url in urls]


def _contexts(settings: ClientSettings, ca_file: Path | None) -> Iterator[ssl.SSLContext]:
    """A TLS context for each client: the same one, or one of its own. Building one takes tens of milliseconds."""

    def build() -> ssl.SSLContext:
        context = httpx.create_ssl_context(trust_env=settings.trust_env)
        if ca_file is not None:
            context.load_verify_locations(cafile=str(ca_file))
        return context

    if settings.tls_context == "per_client":
        while True:
            yield build()
    yield from itertools.repeat(build())


def _new_client(settings: ClientSettings, context: ssl.SSLContext, base_url: httpx.URL | str = "") -> httpx.AsyncClient:
    limits, timeouts = settings.limits, settings.timeouts()
    return httpx.AsyncClient(
        base_url=base_url,
        headers={"Accept-Encoding": ACCEPTED},
        limits=httpx.Limits(
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry_s,
        ),
        timeout=httpx.Timeout(connect=timeouts.connect, read=timeouts.read, write=timeouts.write, pool=timeouts.pool),
        trust_env=settings.trust_env,
        verify=context,
    )


def effective_limits(client: httpx.AsyncClient) -> dict[str, float | None]:
    """The pool's own limits. httpx offers no public way, and silently drops limits that come with a transport."""
    pool = client._transport._pool  # type: ignore[attr-defined]
    return {
        "max_connections": _or_unlimited(pool._max_connections),
        "max_keepalive_connections": _or_unlimited(pool._max_keepalive_connections),
        "keepalive_expiry_s": pool._keepalive_expiry,
    }


def _or_unlimited(count: int) -> int | None:
    return None if count == sys.maxsize else count
