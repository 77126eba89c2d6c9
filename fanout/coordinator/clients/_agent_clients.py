"""The clients of a coordinator, according to its topology."""

from __future__ import annotations

import itertools
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from fanout.coordinator.clients import libraries
from fanout.coordinator.clients._factory import made_by
from fanout.coordinator.clients._interface import Client, Library, RequestObserver, Response
from fanout.errors import UsageError
from fanout.runs.schema import ClientInfo
from fanout.scenario import ClientSettings, is_loopback

Route = tuple[Client, int]
"""An agent's client, and the agent's number within that client."""


class AgentClients(Protocol):
    """Sends each agent's questions through a client. Agents count from 0 here."""

    @property
    def info(self) -> ClientInfo:
        """The actual settings of the clients."""

    def send(
        self, agent: int, method: str, body: bytes, headers: Mapping[str, str], observer: RequestObserver | None
    ) -> Awaitable[Response]:
        """See Client.send."""

    async def close(self) -> None: ...


class KeptClients:
    """Clients that live as long as the coordinator."""

    def __init__(self, clients: Sequence[Client], routes: Sequence[Route], info: ClientInfo) -> None:
        """`routes` has one for each agent."""
        self.info = info
        self._clients = clients
        self._routes = routes

    def send(
        self, agent: int, method: str, body: bytes, headers: Mapping[str, str], observer: RequestObserver | None
    ) -> Awaitable[Response]:
        client, number = self._routes[agent]
        return client.send(number, method, body, headers, observer)

    async def close(self) -> None:
        for client in self._clients:
            await client.close()


class NewClients:
    """A new client for each question, which is closed with its response."""

    def __init__(self, new_client: Callable[[int], Client], info: ClientInfo) -> None:
        """`new_client` makes a client for one agent."""
        self.info = info
        self._new_client = new_client

    async def send(
        self, agent: int, method: str, body: bytes, headers: Mapping[str, str], observer: RequestObserver | None
    ) -> Response:
        client = self._new_client(agent)
        try:
            response = await client.send(0, method, body, headers, observer)
        except BaseException:  # also if the question is cancelled
            await client.close()
            raise
        return OnlyResponse(client, response)

    async def close(self) -> None:
        """There is nothing to close between two questions."""


class OnlyResponse:
    """The response to a client's only question."""

    def __init__(self, client: Client, response: Response) -> None:
        self._client = client
        self._response = response
        self.status, self.reason, self.url = response.status, response.reason, response.url
        self.headers = response.headers
        self.stream = response.stream
        self.chunks = response.chunks

    async def close(self) -> None:
        try:
            await self._response.close()
        finally:
            await self._client.close()


def library_of(settings: ClientSettings) -> Library:
    """A scenario's client library. Raises UsageError if it would ignore one of the settings."""
    library = libraries.load(settings.library)
    for key in library.ignored:
        default = ClientSettings.model_fields[key].default
        if (value := getattr(settings, key)) != default:
            raise UsageError(
                f"client.{key}: {str(value).lower()} would be ignored, since {library.name} has nothing like it; "
                f"allowed: {str(default).lower()}, or another client.library"
            )
    return library


def make_clients(
    settings: ClientSettings,
    addresses: Sequence[str],
    path: str,
    ca_file: Path | None = None,
    *,
    allow_remote: bool = False,
) -> AgentClients:
    """Creates the clients for a scenario.

    Where each question has its own, those made here only check the addresses and show the settings. They are never
    used, so they need not be closed, and one TLS context is enough for them.

    `ca_file` has certificates to trust besides the usual ones. Raises CouldNotRunError for an unusable proxy, and
    UsageError for a setting that the library ignores, for an unusable address or, unless `allow_remote`, for a proxy on
    another machine.
    """
    if settings.factory is not None:
        return _made_by_factory(settings.factory, addresses, path, ca_file)
    library = library_of(settings)
    began = time.perf_counter()
    groups = settings.agents_by_client(len(addresses))
    contexts = _contexts(library, settings, ca_file)
    first = contexts if settings.is_kept else itertools.repeat(next(contexts))
    clients = [
        library.new_client(settings, [addresses[agent] for agent in group], path, next(first)) for group in groups
    ]
    made_in_ms = (time.perf_counter() - began) * 1000
    routes = {
        agent: (client, number)
        for client, group in zip(clients, groups, strict=True)
        for number, agent in enumerate(group)
    }
    in_order = [routes[agent] for agent in range(len(addresses))]
    if settings.trust_env and not allow_remote:
        _refuse_remote_proxies(in_order, addresses)
    info = replace(clients[0].effective(), topology=settings.topology, clients=len(clients), made_in_ms=made_in_ms)
    if settings.is_kept:
        return KeptClients(clients, in_order, info)

    def new_client(agent: int) -> Client:
        return library.new_client(settings, [addresses[agent]], path, next(contexts))

    return NewClients(new_client, replace(info, clients=None, made_in_ms=None))


def _made_by_factory(factory: str, addresses: Sequence[str], path: str, ca_file: Path | None) -> KeptClients:
    began = time.perf_counter()
    clients, topology = made_by(factory, addresses, path, ca_file)
    made_in_ms = (time.perf_counter() - began) * 1000
    one, count = clients[0], len(clients)
    routes = [(client, 0) for client in clients] if count > 1 else [(one, agent) for agent in range(len(addresses))]
    info = replace(one.effective(), topology=topology, clients=count, made_in_ms=made_in_ms)
    return KeptClients(clients, routes, info)


def _contexts(library: Library, settings: ClientSettings, ca_file: Path | None) -> Iterator[ssl.SSLContext]:
    """A TLS context for each client: a shared one or its own."""

    def build() -> ssl.SSLContext:
        context = library.tls_context(trust_env=settings.trust_env)
        if ca_file is not None:
            context.load_verify_locations(cafile=str(ca_file))
        return context

    if settings.tls_context == "per_client":
        while True:
            yield build()
    yield from itertools.repeat(build())


def _refuse_remote_proxies(routes: Sequence[Route], addresses: Sequence[str]) -> None:
    """Raises UsageError if questions would leave this machine although all agents are on it."""
    for (client, number), address in zip(routes, addresses, strict=True):
        proxy = client.proxy(number)
        if proxy is not None and not is_loopback(urlsplit(proxy).hostname or ""):
            raise UsageError(
                f"client.trust_env: true would send questions for {address} through a proxy on another machine, "
                f"{proxy}; allowed: allow_remote: true, the agents' hosts in NO_PROXY, or client.trust_env: false"
            )
