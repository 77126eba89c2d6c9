"""The httpx clients of a coordinator: one shared by all agents, or one for each."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from fanout import scenario


class AgentClients:
    """N agents behind one small interface, whatever the topology. Agents are counted from 0 here."""

    def __init__(self, routes: Sequence[tuple[httpx.AsyncClient, httpx.URL | str]]) -> None:
        """`routes` has each agent's client and URL; agents may share a client."""
        self._routes = routes
        self._clients = list(dict.fromkeys(client for client, _ in routes))

    async def post(
        self, agent: int, content: bytes, headers: Mapping[str, str], extensions: Mapping[str, Any]
    ) -> httpx.Response:
        """Sends one request to an agent and reads the whole response. Raises httpx's errors."""
        client, url = self._routes[agent]
        return await client.post(url, content=content, headers=headers, extensions=extensions)

    def effective(self) -> dict[str, Any]:
        """What the clients really do, read back from one of them: limits (None: unlimited), timeouts (None: none)."""
        client = self._clients[0]
        return {
            "clients": len(self._clients),
            "limits": effective_limits(client),
            "timeout_s": client.timeout.as_dict(),
            "trust_env": client.trust_env,
        }

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


def make_clients(settings: scenario.Client, addresses: Sequence[str], path: str) -> AgentClients:
    """The clients that a scenario asks for: one for all with absolute URLs, or one for each agent by `base_url`."""
    # One context for all clients: building one takes tens of milliseconds and most of a megabyte.
    context = httpx.create_ssl_context(trust_env=settings.trust_env)
    if settings.topology == "shared":
        client = _new_client(settings, context)
        return AgentClients([(client, httpx.URL(address).join(path)) for address in addresses])
    return AgentClients([(_new_client(settings, context, base_url=address), path) for address in addresses])


def _new_client(settings: scenario.Client, context: ssl.SSLContext, base_url: str = "") -> httpx.AsyncClient:
    limits, timeouts = settings.limits, settings.timeouts()
    return httpx.AsyncClient(
        base_url=base_url,
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
