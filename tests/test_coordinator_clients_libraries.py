"""Tests how the client libraries' errors and events are translated."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import ssl
from collections.abc import Callable
from typing import Any

import anyio
import pytest
import trustme

from fanout.coordinator.body import read_body
from fanout.coordinator.clients import (
    ClientError,
    ConnectError,
    ConnectionLostError,
    RemoteProtocolError,
    libraries,
    make_clients,
)
from fanout.errors import UsageError
from fanout.scenario import ClientSettings, client_libraries
from helpers.servers import ANSWER, Handle, answering, raw_server, read_request

LIBRARIES: dict[str, Any] = {name: libraries.load(name) for name in client_libraries.names()}
NEVER_RAISED = {"TransportError", "TimeoutException", "ProtocolError", "SSEError"}
"""Only subclasses of these are raised, and none for a request like ours."""
BUGS = {"LocalProtocolError", "UnsupportedProtocol"}
"""These would be bugs in fanout, because it checks addresses and messages beforehand."""

each_library = pytest.mark.parametrize("name", LIBRARIES)


@each_library
def test_every_error_of_httpx_s_that_is_no_bug_has_a_name(name: str) -> None:
    library = LIBRARIES[name]
    classes = [error for _, error in inspect.getmembers(library.httpx, inspect.isclass)]
    for error in (error for error in classes if issubclass(error, library.httpx.TransportError)):
        if error.__name__ in BUGS | NEVER_RAISED:
            assert not issubclass(error, library.known)
            continue
        ours = library.translated(error("it broke"))  # type: ignore[call-arg]
        assert type(ours) is not ClientError
        assert str(ours).endswith("it broke")


def test_a_setting_that_a_library_ignores_is_refused() -> None:
    for name, library in LIBRARIES.items():
        for key in library.ignored:
            is_flag = isinstance(ClientSettings.model_fields[key].default, bool)
            value, allowed = ("true", "false") if is_flag else ("1", "0")
            settings = ClientSettings.model_validate({"library": name, key: True if is_flag else 1})
            with pytest.raises(UsageError, match=rf"client\.{key}: {value} .* {name} .*allowed: {allowed}"):
                make_clients(settings, ["http://127.0.0.1:1"], "/message")


class Recorder:
    """A RequestObserver that records the names of the steps."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.streams: list[object] = []

    def __getattr__(self, step: str) -> Callable[..., None]:
        def taken(*stream_and_descriptor: object, **_: object) -> None:
            self.steps.append(step)
            self.streams += stream_and_descriptor[:1]

        return taken


async def ask(name: str, url: str, times: int = 1) -> tuple[list[list[str]], list[bool]]:
    """The steps of consecutive requests, and whether each response came on the last stream reported."""
    clients = make_clients(ClientSettings(library=name, deadline_s=2), [url], "/message")
    found, same = [], []
    recorder: Any = Recorder()
    for _ in range(times):
        recorder.steps = []
        try:
            response = await clients.send(0, "POST", b"?", {}, recorder)
            same.append(response.stream is recorder.streams[-1])
            assert response.stream is not None
            await read_body(response, 1000)
            await response.close()
        except ClientError:
            same.append(False)
        found.append(recorder.steps)
    await clients.close()
    return found, same


async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER)
        await writer.drain()


def on_any(name: str) -> list[str]:
    """The steps of each request, once it has a connection."""
    waiting = [] if "sending" in LIBRARIES[name].unknown_phases else ["waiting"]
    return ["sending", "sent", *waiting, "receiving"]


@each_library
def test_the_steps_of_requests(name: str) -> None:
    async def go(handle: Handle, times: int = 1) -> tuple[list[list[str]], list[bool]]:
        async with raw_server(handle) as url:
            return await ask(name, url, times)

    new = ["queued", "connecting", "connected", *on_any(name)]
    assert anyio.run(go, keep, 2) == ([new, ["queued", *on_any(name)]], [True, True])
    assert anyio.run(go, answering(ANSWER)) == ([[*new, "close_announced"]], [True])


@each_library
def test_the_steps_of_a_connection_that_is_not_made(name: str) -> None:
    async def go() -> tuple[list[list[str]], list[bool]]:
        async with raw_server(keep) as url:
            pass
        return await ask(name, url)

    assert anyio.run(go) == ([["queued", "connecting", "connect_failed"]], [False])


@pytest.mark.parametrize(("name", "trusted"), list(itertools.product(LIBRARIES, [True, False])))
def test_the_steps_of_a_handshake(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, name: str, trusted: bool
) -> None:
    if not trusted:
        monkeypatch.setattr(LIBRARIES[name], "tls_context", LIBRARIES[name].httpx.create_ssl_context)

    async def go() -> tuple[list[list[str]], list[bool]]:
        async with raw_server(keep, tls) as url:
            return await ask(name, url)

    begun = ["queued", "connecting"]
    if name == "httpx-aiohttp":  # the event loop makes its handshakes, and reports them
        steps = [*begun, "connected", *on_any(name)] if trusted else [*begun, "connect_failed"]
    else:
        steps = [*begun, "connected", "handshaking"]
        steps += ["encrypted", *on_any(name)] if trusted else ["handshake_failed"]
    assert anyio.run(go) == ([steps], [trusted])


@pytest.fixture
def tls(monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's TLS context, which clients trust."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    def trusting(**_: object) -> ssl.SSLContext:
        made = ssl.create_default_context()
        authority.configure_trust(made)
        return made

    for library in LIBRARIES.values():
        monkeypatch.setattr(library, "tls_context", trusting)
    return context


@pytest.mark.parametrize(
    ("name", "location"),
    list(itertools.product(LIBRARIES, ["http://xn--.com", "http://[::1", "mailto:x", "http://a:b/"])),
)
def test_a_redirect_to_what_is_no_url_is_the_agent_s_mistake(name: str, location: str) -> None:
    async def go() -> None:
        async with raw_server(answering(b"", status="302 Found", headers=f"Location: {location}")) as url:
            clients = make_clients(ClientSettings(library=name), [url], "/message")
            try:
                response = await clients.send(0, "POST", b"?", {}, None)
            except RemoteProtocolError:
                pass
            else:  # the forks parse it only if they are to follow it
                assert response.status == 302
                await response.close()
            await clients.close()

    anyio.run(go)


@each_library
def test_what_is_no_tls_breaks_the_connection(name: str, tls: ssl.SSLContext) -> None:
    async def garbage(reader: asyncio.StreamReader, writer: Any) -> None:
        await read_request(reader)
        writer.transport._ssl_protocol._transport.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await reader.read()

    async def go() -> None:
        async with raw_server(garbage, tls) as url:
            clients = make_clients(ClientSettings(library=name), [url], "/message")
            with pytest.raises(ConnectionLostError) as raised:
                await clients.send(0, "POST", b"?", {}, None)
            assert any(isinstance(cause, ssl.SSLError) for cause in causes(raised.value))
            await clients.close()

    anyio.run(go)


def causes(error: BaseException | None) -> list[BaseException]:
    return [] if error is None else [error, *causes(error.__cause__)]


@each_library
def test_a_proxy_that_refuses_keeps_the_client_from_connecting(
    name: str, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async def go() -> None:
        async with raw_server(refuse) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy)
            clients = make_clients(ClientSettings(library=name, trust_env=True), ["https://127.0.0.2:1"], "/message")
            with pytest.raises(ConnectError, match="403 Forbidden"):
                await clients.send(0, "POST", b"?", {}, None)
            await clients.close()

    monkeypatch.setenv("NO_PROXY", "")
    anyio.run(go)


@each_library
@pytest.mark.parametrize(
    ("location", "follow", "expected"),
    [
        ("/message/", False, ["/message"]),
        ("/message/", True, ["/message", "/message/"]),
        ("http://127.0.0.2:1/message/", True, ["/message"]),
        ("http://localhost:{port}/message/", True, ["/message"]),
        ("/message", True, ["/message"] * 21),
    ],
    ids=["not asked to", "its own", "another address", "another name", "in a circle"],
)
def test_redirects_are_followed_to_the_client_s_own_agents_only(
    name: str, location: str, follow: bool, expected: list[str]
) -> None:
    paths: list[str] = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("sockname")[1]
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(1)
            paths.append(head.split()[1].decode())
            if paths[-1].endswith("/"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            else:
                target = location.format(port=port)
                writer.write(f"HTTP/1.1 307 Away\r\nLocation: {target}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
            await writer.drain()

    async def go() -> int:
        async with raw_server(redirect) as url:
            clients = make_clients(ClientSettings(library=name, follow_redirects=follow), [url], "/message")
            response = await clients.send(0, "POST", b"?", {}, None)
            await response.close()
            await clients.close()
            return response.status

    assert anyio.run(go) == (200 if expected[-1].endswith("/") else 307)
    assert paths == expected
