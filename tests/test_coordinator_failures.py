from __future__ import annotations

import asyncio
import errno
import inspect
import socket
import ssl
import struct
import sys

import anyio
import pytest

from fanout.coordinator import clients
from fanout.coordinator.clients import (
    ClientError,
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    PoolTimeoutError,
    make_clients,
)
from fanout.coordinator.failures import MAX_CHARACTERS, MAX_TRACEBACKS, UNEXPECTED, BugReports, explain
from fanout.scenario import ClientSettings
from helpers.networks import needs_networks, run_with_few_ports
from helpers.servers import raw_server

ERRORS = [
    error
    for _, error in inspect.getmembers(clients, inspect.isclass)
    if issubclass(error, ClientError) and error is not ClientError
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_of_a_client_has_a_kind_and_a_sentence(error: type[Exception]) -> None:
    for client in (ClientSettings(), ClientSettings(timeout_s=None)):
        failure = explain(error("it broke"), client)
        assert failure.kind.replace("_", "").isalpha() and failure.kind != UNEXPECTED
        assert failure.sentence[0].isalpha()  # so that no spreadsheet takes it for a formula


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectTimeoutError(), ("connect_timeout", "not connected within 5 s")),
        (PoolTimeoutError(), ("pool_timeout", "no free connection in the pool within 5 s")),
        (ConnectionLostError(), ("connection_lost", "the connection broke: the agent closed it")),
        (ValueError("x"), ("unexpected", "ValueError: x")),
    ],
)
def test_kinds(error: Exception, expected: tuple[str, str]) -> None:
    assert told(error) == expected


def told(error: Exception) -> tuple[str, str]:
    failure = explain(error, ClientSettings())
    return failure.kind, failure.sentence


async def explained(url: str) -> tuple[str, str]:
    """The explanation for a request to this address, which must fail."""
    client = make_clients(ClientSettings(), [url], "/")
    with pytest.raises(ClientError) as raised:
        await client.send(0, "POST", b"?" * 1000, {}, None)
    await client.close()
    return told(raised.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_refused_connection_is_reported_in_words(host: str) -> None:
    with socket.socket() as free:  # bound but not listening
        free.bind(("127.0.0.1", 0))
        told = anyio.run(explained, f"http://{host}:{free.getsockname()[1]}")
    assert told == ("connect_failed", "could not connect: connection refused: is the agent running?")


def test_an_unknown_host_is_reported_in_words() -> None:
    kind, sentence = anyio.run(explained, "http://nowhere.invalid:1")
    assert kind == "connect_failed"
    assert sentence.endswith("is the agent's host name right?")


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    linger = struct.pack("ii", 1, 0)  # lingering for 0 s drops unsent data and resets the connection
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [("http", ("connection_lost", "the connection broke: ")), ("https", ("connect_failed", "could not connect: "))],
)
def test_a_reset_connection_is_reported_in_words(scheme: str, expected: tuple[str, str]) -> None:
    async def go() -> tuple[str, str]:
        async with raw_server(reset) as url:
            return await explained(url.replace("http", scheme))

    kind, sentence = anyio.run(go)
    assert (kind, sentence) == (
        expected[0],
        f"{expected[1]}the agent reset the connection: look for the cause in its log",
    )


def test_of_several_addresses_the_one_that_this_machine_has_is_reported() -> None:
    missing, refused = OSError(errno.EADDRNOTAVAIL, "missing"), OSError(errno.ECONNREFUSED, "refused")

    def told_of(*errors: OSError) -> str:
        grouped = OSError("All connection attempts failed")
        grouped.__cause__ = ExceptionGroup("a host's addresses", errors)
        failed = ConnectError("All connection attempts failed")
        failed.__cause__ = grouped
        return explain(failed, ClientSettings()).sentence

    assert "connection refused" in told_of(missing, refused)
    assert "no free local port left" in told_of(missing, missing)


def test_what_tls_says_is_left_as_it_is() -> None:
    failed = ConnectError("certificate verify failed: self-signed certificate")
    failed.__cause__ = ssl.SSLCertVerificationError(1, "certificate verify failed")
    assert explain(failed, ClientSettings()).sentence == f"could not connect: {failed}"


WITHOUT_PORTS = """
import asyncio
from fanout.coordinator.clients import ConnectError, make_clients
from fanout.coordinator.failures import explain
from fanout.scenario import ClientSettings

async def main():
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 39999)
    kept = [await asyncio.open_connection("127.0.0.1", 39999) for _ in range(4)]
    clients = make_clients(ClientSettings(), ["http://127.0.0.1:39999"], "/")
    try:
        await clients.send(0, "GET", b"", {}, None)
    except ConnectError as error:
        failure = explain(error, ClientSettings())
        print(failure.kind, failure.cause, failure.sentence)

asyncio.run(asyncio.wait_for(main(), 20))
"""


@pytest.mark.process
@needs_networks
def test_a_machine_without_a_free_port_is_reported_in_words() -> None:
    done = run_with_few_ports([sys.executable, "-c", WITHOUT_PORTS], first=40000, last=40003)
    assert done.stdout.startswith("connect_failed no_local_port could not connect: no free local port left"), (
        done.stderr
    )


def test_a_sentence_is_short_and_fit_to_be_shown() -> None:
    sentence = explain(ConnectionLostError("\x1b[2J\n\u202e" + "x" * 1000), ClientSettings()).sentence
    assert sentence.startswith("the connection broke: \\x1b[2J \\u202exxx")
    assert (len(sentence), sentence[-2:]) == (300, "x…")


def test_the_traceback_of_each_bug_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    def one(word: str) -> None:
        raise KeyError(word)

    def another(word: str) -> None:
        raise KeyError(word)

    bugs = BugReports()
    for bug, word in ((one, "first\x1b[2J"), (one, "again"), (another, "second" * 1000)):
        with pytest.raises(KeyError) as raised:
            bug(word)
        bugs.add(raised.value, explain(raised.value, ClientSettings()).sentence)
    first, second = (record.getMessage().splitlines() for record in caplog.records)
    assert [any(f"in {name}" in line for line in first) for name in ("one", "another")] == [True, False]
    assert [any(f"in {name}" in line for line in second) for name in ("one", "another")] == [False, True]
    assert first[-1] == r"KeyError: 'first\x1b[2J'"
    assert len(second[-1]) == MAX_CHARACTERS


def test_there_are_not_too_many_tracebacks(caplog: pytest.LogCaptureFixture) -> None:
    bugs = BugReports()
    for number in range(2 * MAX_TRACEBACKS):
        with pytest.raises(KeyError) as raised:
            exec(compile("raise KeyError", f"bug-{number}.py", "exec"))  # noqa: S102
        bugs.add(raised.value, "KeyError")
    assert len(caplog.records) == MAX_TRACEBACKS
