"""Readers of the messages between processes: responses, requests, commands, a variable."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
import os
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast
from unittest import mock

import httpx
import jwt
from hypothesis import strategies as st

from fanout import protocols
from fanout.coordinator.body import read_body
from fanout.coordinator.clients.libraries._family import HttpxResponse
from fanout.coordinator.clients.libraries.httpx import LIBRARY
from fanout.coordinator.coordinator import Coordinator
from fanout.coordinator.exchange import _content, service_time_ms
from fanout.coordinator.failures import MAX_CHARACTERS, BadStatus, ResponseTooLarge, explain
from fanout.coordinator.stdio import Output
from fanout.errors import UsageError
from fanout.locust_plugin.distributed._lines import from_master, from_worker, to_line
from fanout.locust_plugin.distributed._link import Link
from fanout.processes.child_side import command_of
from fanout.protocols import QUESTION_ID_HEADER, BadRequest, BadResponse, Message, Question
from fanout.runs import series
from fanout.runs.series import VARIABLE
from fanout.scenario import ClientSettings
from fanout.text import printable
from fuzz_reader import reader
from helpers import hostile
from helpers.messages import FROM_MASTER, FROM_WORKER
from helpers.scenarios import scenario_of
from workers.app import create_app
from workers.fleet import Fleet
from workers.fleet import answer as answer_of_fleet

NAMES = [name for name in protocols.names() if not name.startswith("_")]
ANSWERS = [
    {"events": [{"kind": "message", "parts": [{"kind": "text", "text": "42", "metadata": None}], "data": "42"}]},
    {"status": "success", "body": "42"},
    {"ok": True, "agent_id": "agent-1"},
]
RESPONSES = st.builds(
    httpx.Response,
    st.sampled_from([200] * 8 + [204, 301, 404, 500, 599]),
    headers=st.fixed_dictionaries(
        {
            "Content-Type": st.sampled_from(
                ["application/json"] * 6 + ["application/json; charset=x", "text/html\x1b[2J", ""]
            )
        }
    ),
    content=hostile.as_json(ANSWERS),
    extensions=st.fixed_dictionaries({"reason_phrase": st.binary(max_size=400)}),
)

PACKERS: list[Callable[[bytes], bytes]] = [gzip.compress, zlib.compress]
BODIES = st.one_of(
    st.binary(max_size=2000),
    st.builds(lambda pack, data: pack(data), st.sampled_from(PACKERS), st.binary(max_size=1200)),
    st.builds(lambda data, at: data[:at] + b"?" + data[at:], st.just(gzip.compress(b"?" * 9000)), st.integers(0, 60)),
)


@reader(st.tuples(st.sampled_from(NAMES), RESPONSES), BadResponse, BadStatus)
def response(case: tuple[str, httpx.Response], _: Path) -> None:
    name, found = case
    found.request = httpx.Request("POST", "http://127.0.0.1:1/message")
    try:
        assert isinstance(ends()[name].decode(_content(HttpxResponse(LIBRARY, found), found.content, "POST")), str)
    except (BadResponse, BadStatus) as error:
        sentence = explain(error, ClientSettings()).sentence
        assert sentence == printable(sentence)
        assert len(sentence) <= MAX_CHARACTERS
        raise


@reader(st.tuples(st.sampled_from(["gzip", "deflate", "identity", "br", "gzip, gzip", ""]), BODIES), BadResponse)
def response_body(case: tuple[str, bytes], _: Path) -> None:
    encoding, packed = case
    try:
        asyncio.run(read(encoding, packed))
    except ResponseTooLarge as error:
        raise BadResponse(explain(error, ClientSettings()).sentence) from error


async def read(encoding: str, packed: bytes) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for begin in range(0, len(packed), 7):
            yield packed[begin : begin + 7]

    found = httpx.Response(200, headers={"Content-Encoding": encoding}, content=pieces())
    assert len(await read_body(HttpxResponse(LIBRARY, found), 1000)) <= 1000


@cache
def ends() -> dict[str, protocols.CoordinatorEnd]:
    return {name: protocols.load(name).coordinator() for name in NAMES}


TIMINGS = [
    "service;dur=553.212, event_queue;dur=0.004", 'cache;desc="a, b";dur=1, service ; DUR = "5"', "service;dur=1e999",
    '"' + '\\"' * 50_000, "service" + ";a" * 50_000, "service;dur=" + "9" * 4000, "service;dur=-1", "service;dur=nan",
]  # fmt: skip


@reader(hostile.damaged(st.sampled_from(TIMINGS)))
def server_timing_header(value: bytes, _: Path) -> None:
    found = service_time_ms(HttpxResponse(LIBRARY, httpx.Response(200, headers=[(b"server-timing", value)])).headers)
    assert found is None or 0 <= found <= 1e12


@cache
def good_message(name: str) -> Message:
    """A request of a protocol. An ANP token in it doesn't expire during the tests."""
    end = ends()[name]
    message = end.encode(Question("q", "?"))
    headers = {key.lower(): value for key, value in message.headers.items()}
    if "authorization" in headers:
        headers["authorization"] = signed({**claims_of(headers["authorization"]), "exp": 2**33})
    return Message(headers, message.body)


def claims_of(authorization: str) -> dict[str, Any]:
    return jwt.decode(authorization.partition(" ")[2], options={"verify_signature": False})


def signed(claims: dict[str, Any]) -> str:
    """A token with these claims, signed by the key of the coordinator's DID."""
    return f"Bearer {jwt.encode(claims, cast(Any, ends()['anp'])._key, algorithm='ES256')}"


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, Message]:
    """Requests of every protocol, with a wrong body, header or token."""
    name = draw(st.sampled_from(NAMES))
    good = good_message(name)
    headers, body = dict(good.headers), good.body
    if body and draw(st.booleans()):
        body = draw(hostile.as_json([json.loads(body)]))
    if "authorization" in headers and draw(st.booleans()):
        headers["authorization"] = draw(tokens(headers["authorization"]))
    elif draw(st.booleans()):
        headers[draw(st.sampled_from(sorted(headers)))] = draw(st.text(max_size=40))
    return name, Message(headers, body)


@st.composite
def tokens(draw: st.DrawFn, authorization: str) -> str:
    """A token with other claims, signed by the right key, or a damaged token."""
    if draw(st.booleans()):
        claims = draw(hostile.changed([claims_of(authorization)]))
        with contextlib.suppress(Exception):  # what can't be signed isn't sent
            return signed(claims)
    return draw(hostile.damaged(st.just(authorization))).decode("latin-1")


@reader(requests(), BadRequest)
def request(case: tuple[str, Message], _: Path) -> None:
    name, message = case
    agent = protocols.load(name).agent("agent-1")
    assert isinstance(agent.read(message), str)


@cache
def apps() -> dict[str, Any]:
    service_time = {"distribution": "exponential", "mean_s": 1}
    return {
        name: create_app(scenario_of(protocol=name, workers={"service_time": service_time}), sleep=lambda _: None)
        for name in NAMES
    }


@reader(requests())
def agents_app(case: tuple[str, Message], _: Path) -> None:
    name, message = case
    protocol = protocols.load(name)
    headers = {key: value for key, value in message.headers.items() if value.isprintable() and value.isascii()}
    headers.pop(QUESTION_ID_HEADER.lower(), None)
    found = apps()[name].test_client().open(protocol.path, method=protocol.method, headers=headers, data=message.body)
    assert found.status_code < 500
    json.loads(found.data)


COMMANDS = [
    {"do": "round", "round": 1, "is_last": True},
    {"do": "ask", "id": "q1", "text": "why?", "agent": None}, {"do": "stop", "drain_s": 0},
    {"do": "ask", "id": "=\n", "text": "\ud800", "agent": 1}, {"do": "counts"},
]  # fmt: skip


@reader(hostile.as_json(COMMANDS), UsageError)
def coordinator_command(line: bytes, _: Path) -> None:
    loop, coordinator = listening()
    with mock.patch("os._exit", side_effect=AssertionError("internal error")):
        loop.run_until_complete(obeyed(coordinator, line))


async def obeyed(coordinator: Coordinator, line: bytes) -> None:
    try:
        coordinator.obey(command_of(line))
    finally:
        await asyncio.sleep(0)
        await coordinator.stop(0)


@cache
def listening() -> tuple[asyncio.AbstractEventLoop, Coordinator]:
    """A coordinator whose agents don't exist, and its event loop."""
    loop = asyncio.new_event_loop()
    output = mock.create_autospec(Output, instance=True)
    output.emit.side_effect = lambda line, **_: json.dumps(line)
    return loop, Coordinator(scenario_of(questions=2), ["http://127.0.0.1:1", "http://127.0.0.1:1"], output)


@reader(hostile.as_json(COMMANDS), UsageError)
def fleet_command(line: bytes, _: Path) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        answer_of_fleet(fleet(), line)


@cache
def fleet() -> Fleet:
    """A fleet without agents."""
    found = mock.create_autospec(Fleet, instance=True)
    found.counts.return_value = []
    return cast(Fleet, found)


@reader(hostile.as_json([{"series": "bench", "place": 1, "repeat": 2}]), UsageError)
def series_variable(data: bytes, _: Path) -> None:
    text = data.replace(b"\x00", b"").decode(errors="surrogateescape")
    with mock.patch.dict(os.environ, {VARIABLE: text}):
        place = series.place_in_environment()
    assert place is None or json.dumps(place.to_json())


def hear(message: Any, hear_line: Callable[[dict[str, Any]], object]) -> None:
    """Takes a message from Locust's channel, as a master or a worker does."""
    link = Link(lambda _: None, hear_line)
    try:
        link.take(message)
    finally:
        link.close()


def batches(said: Sequence[Any]) -> st.SearchStrategy[Any]:
    """Messages with lines like these."""
    lines = hostile.as_json([to_line(each) for each in said]).map(lambda line: line.replace(b"\n", b" ") + b"\n")
    good = st.fixed_dictionaries({"first": st.just(0), "lines": lines, "next": st.just(0)})
    return st.one_of(good, good, hostile.changed([{"first": 0, "lines": b"{}\n", "next": 0}, {"next": 0}]))


@reader(batches(FROM_WORKER), ValueError)
def worker_message(message: Any, _: Path) -> None:
    hear(message, from_worker)


@reader(batches(FROM_MASTER), ValueError)
def master_message(message: Any, _: Path) -> None:
    hear(message, from_master)
