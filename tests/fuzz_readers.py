"""Everything that reads data from outside, each with what it is fed and the errors that it may raise.

To add a reader, add a function with `@reader` that is given an input and an empty folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast
from unittest import mock

import hostile
import httpx
import jwt
import yaml
from conftest import ROOT, scenario_of
from hypothesis import strategies as st

from fanout import protocols, series
from fanout.ablation import read_figures
from fanout.baselines import checked_name, find_baseline, save_baseline
from fanout.compare import compare_with
from fanout.coordinator import Coordinator, command_of
from fanout.errors import FanoutError, UsageError
from fanout.exchange import _json_object, service_time_ms
from fanout.failures import MOST_LETTERS, BadStatus, explain
from fanout.gates import parse_gate
from fanout.judgement import judge
from fanout.lines import Output
from fanout.printable import is_formula, printable
from fanout.protocols import QUESTION_ID_HEADER, BadRequest, BadResponse, Message, Question
from fanout.questions import questions_of
from fanout.repeats import gathered
from fanout.report import comparison, render, with_gates
from fanout.run import Run, read_run
from fanout.scenario import Client, Scenario, Setting, load_scenario, load_scenarios, parse_scenario
from fanout.series import VARIABLE
from fanout.sources import read_source
from fanout.summary import Summary, summarize
from fanout.sweep import Plan, draw, grid_of, parse_parameters, read_plan, rows_of, sweep_report, write_plan
from workers.app import create_app
from workers.fleet import Fleet
from workers.fleet import obey as obey_fleet


@dataclass(frozen=True)
class Reader:
    name: str
    inputs: st.SearchStrategy[Any]
    read: Callable[[Any, Path], None]
    errors: tuple[type[Exception], ...]
    share: float
    """Of the cases: what draws charts gets fewer."""


READERS: list[Reader] = []
Read = Callable[[Any, Path], None]


def reader(inputs: st.SearchStrategy[Any], *errors: type[Exception], share: float = 1) -> Callable[[Read], Read]:
    """Adds a reader, whose errors are fanout's own unless it says otherwise."""

    def add(read: Read) -> Read:
        READERS.append(Reader(read.__name__, inputs, read, errors or (FanoutError,), share))
        return read

    return add


SCENARIO = yaml.safe_load((ROOT / "tests" / "data" / "schema-1" / "scenario.yaml").read_text(encoding="utf-8"))
REMOTE = {
    **SCENARIO,
    "agents": ["http://127.0.0.1:5001", "https://there:443"],
    "allow_remote": True,
    "gates": ["failed == 0"],
}
SHORT = {"extends": "base.yaml", "questions": "mine.jsonl", "client": {"timeout_s": {"read": 1}, "deadline_s": 2.5}}
SCENARIOS = [SCENARIO, REMOTE, {**SHORT}, {**SHORT, "extends": "scenario.yaml"}]
QUESTIONS = ['{"id": "first", "text": "Who?"}', '{"text": "Why?", "topic": 1}', '{"id": "-7", "text": "\\ud800"}', ""]


def beside(folder: Path) -> Path:
    """What a scenario may name; the scenario's own file."""
    (folder / "base.yaml").write_text("protocol: agora\nagents: 2\n", encoding="utf-8")
    (folder / "mine.jsonl").write_text("\n".join(QUESTIONS), encoding="utf-8")
    return folder / "scenario.yaml"


@reader(hostile.as_yaml(SCENARIOS))
def scenario_file(data: bytes, folder: Path) -> None:
    beside(folder).write_bytes(data)
    check(load_scenario(folder / "scenario.yaml"), folder)


def check(scenario: Scenario, folder: Path) -> None:
    """A scenario that is taken is written and read again as the same, and reaches nothing outside."""
    if isinstance(scenario.questions, str):
        assert Path(scenario.questions).is_relative_to(folder.resolve())
    assert parse_scenario(scenario.to_yaml(), folder / "again.yaml") == scenario


@reader(
    hostile.as_yaml([{"protocol": "a2a", "agents": 3, "questions": "mine.jsonl"}, {**SHORT, "extends": "base.yaml"}])
)
def extended_file(data: bytes, folder: Path) -> None:
    beside(folder).write_text("extends: base.yaml\nseed: 3\n", encoding="utf-8")
    (folder / "base.yaml").write_bytes(data)
    check(load_scenario(folder / "scenario.yaml"), folder)


@reader(
    st.lists(
        hostile.damaged(
            st.sampled_from(
                [
                    "agents=4,8,16",
                    "client.limits.max_connections=1,unlimited",
                    "workers={host: 127.0.0.1}",
                    "gates=[[a < 1]]",
                ]
            )
        ).map(lambda data: data.decode(errors="replace")),
        max_size=2,
    )
)
def sweep_settings(texts: list[str], folder: Path) -> None:
    beside(folder).write_text("extends: base.yaml\n", encoding="utf-8")
    parameters = parse_parameters(texts)
    settings = [
        [
            Setting(parameter.key, value, f"--set {parameter.key}")
            for parameter in parameters
            if len(parameter.values) < 50
        ]
        for value in (parameters[0].values[:5] if parameters else ())
    ]
    for scenario in load_scenarios(folder / "scenario.yaml", settings):
        check(scenario, folder)


@reader(hostile.as_lines(QUESTIONS))
def questions_file(data: bytes, folder: Path) -> None:
    file = folder / "mine.jsonl"
    file.write_bytes(data)
    for question in questions_of(str(file)):
        assert question.id == printable(question.id)
        assert not is_formula(question.id)


def run_directory(folder: Path) -> Path:
    directory = folder / "run"
    directory.mkdir()
    for name, text in RUN.items():
        (directory / name).write_text(text, encoding="utf-8")
    return directory


SAMPLE = ROOT / "tests" / "data" / "schema-1"
RUN = {file.name: file.read_text(encoding="utf-8") for file in SAMPLE.iterdir()}
INFO = {
    **json.loads(RUN["run.json"]), "schema": 2, "series": {"series": "bench", "place": 1, "repeat": 1},
    "problems": ["agents 1 died during the run: look for their messages above"],
}  # fmt: skip
FAILED = "9,1,1,2,failed,read_timeout,nothing received for 5 s,1795376675.4,5000.0,,,1,1,1,1,1,1,1,1,1,true,1-2,2\n"
TABLES = st.sampled_from([RUN["questions.csv"], RUN["questions.csv"] + FAILED])
DAMAGED_RUN = st.one_of(
    st.tuples(st.just("run.json"), hostile.changed([INFO]).map(lambda info: json.dumps(info).encode())),
    st.tuples(st.just("run.json"), hostile.as_json([INFO])),
    st.tuples(st.just("questions.csv"), st.one_of(hostile.damaged(TABLES), hostile.NOISE)),
    st.tuples(st.just("scenario.yaml"), hostile.as_yaml([SCENARIO, REMOTE])),
)


@cache
def good_run() -> Run:
    return read_run(SAMPLE)


def made_of(found: list[Summary], *formats: str) -> None:
    """All that becomes of runs: rows beside a good one, judged, told; nothing there that a reader's program obeys."""
    repeats = gathered([summarize(good_run()), *found])
    rows = compare_with(repeats, [repeats[0]] * len(repeats))
    gates = [
        parse_gate(text) for text in ("adapter.p95 < 1.2 * baseline", "connections.opened <= agents", "suspect == 0")
    ]
    report = with_gates(comparison(rows), judge(rows, gates))
    for name in formats:
        text = render(report, name)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text), name


@reader(DAMAGED_RUN)
def run(damage: tuple[str, bytes], folder: Path) -> None:
    directory = run_directory(folder)
    name, data = damage
    (directory / name).write_bytes(data)
    made_of(read_source(directory), "text", "markdown", "csv", "json", "junit")


@reader(DAMAGED_RUN, share=1 / 40)
def run_as_html(damage: tuple[str, bytes], folder: Path) -> None:
    directory = run_directory(folder)
    name, data = damage
    (directory / name).write_bytes(data)
    made_of(read_source(directory), "html")


HEADER = (
    "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
    "Max Response Time,Average Content Size,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%"
)
STATS = [
    "a2a,a2a-tuned,100,3,3.2,14.5,1.8,66.0,268,29,0,3,4,5,6,7,44,45,46,60,61,66",
    "GET,/x,7,0,1.0,2.0,1.0,3.0,10,1,0,1,1,1,1,1,2,2,2,3,3,N/A",
    ",Aggregated,107,3,3.0,14.0,1.0,66.0,250,30,0,3,4,5,6,7,40,45,46,60,61,66",
]


@reader(
    st.one_of(
        hostile.as_lines(STATS).map(lambda rows: HEADER.encode() + b"\n" + rows), hostile.as_lines([HEADER, *STATS])
    )
)
def locust_stats(data: bytes, folder: Path) -> None:
    file = folder / "x_stats.csv"
    file.write_bytes(data)
    made_of(read_source(file), "text", "markdown", "csv", "json", "junit")


@reader(
    st.one_of(st.text(max_size=100), st.sampled_from(["..", ".", "a/../..", "/etc", "\x00", "a" * 300, "base", "~"])),
    FanoutError,
    ValueError,
)
def baseline_name(name: str, folder: Path) -> None:
    results = folder / "results"
    save_baseline([SAMPLE], "base", results)
    if (
        name
        and not Path(name).is_absolute()
        and "\x00" not in name
        and len(name) < 200
        and not (results / name).exists()
    ):
        with contextlib.suppress(FanoutError):
            find_baseline(name, results)
    saved = save_baseline([SAMPLE], checked_name(name), results)
    assert saved.resolve().parent == (results / "baselines").resolve()
    assert find_baseline(name, results) == saved


@cache
def plan() -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        file = beside(Path(folder))
        file.write_text("extends: base.yaml\nquestions: mine.jsonl\n", encoding="utf-8")
        parameters = parse_parameters(["agents=2,4", "client.topology=shared,per_agent"])
        name, cells = grid_of(file, parameters)
        write_plan(Plan(name, parameters, cells, repeat=2), Path(folder))
        found: dict[str, Any] = json.loads((Path(folder) / "sweep.json").read_text(encoding="utf-8"))
        return found


@reader(st.deferred(lambda: hostile.as_json([plan()])))
def sweep_plan(data: bytes, folder: Path) -> None:
    (folder / "sweep.json").write_bytes(data)
    (folder / "questions-1.jsonl").write_text("\n".join(QUESTIONS), encoding="utf-8")
    found = read_plan(folder)
    assert all(isinstance(s.questions, int) or Path(s.questions).parent == folder.resolve() for s in found.scenarios)
    rows = rows_of(found, [[good_run()]] * len(found.cells))
    report = sweep_report(found, rows, "again", None)
    for name in ("text", "csv", "json", "markdown"):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", render(report, name))


@reader(st.deferred(lambda: hostile.as_json([plan()])), share=1 / 40)
def sweep_chart(data: bytes, folder: Path) -> None:
    (folder / "sweep.json").write_bytes(data)
    (folder / "questions-1.jsonl").write_text("\n".join(QUESTIONS), encoding="utf-8")
    found = read_plan(folder)
    draw(found, rows_of(found, [[good_run()]] * len(found.cells)))


GATES = [
    "adapter.p95 < 50 ms",
    "connections.opened <= agents",
    "failed.share == 5 %",
    "phase.blocked.mean >= 1.2 * baseline",
]


@reader(
    st.one_of(hostile.damaged(st.sampled_from(GATES)).map(lambda data: data.decode(errors="replace")), st.text()),
    ValueError,
)
def gate(text: str, _: Path) -> None:
    found = parse_gate(text)
    assert found == parse_gate(str(found))
    assert found.factor < float("inf")


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


@reader(st.tuples(st.sampled_from(NAMES), RESPONSES), BadResponse, BadStatus)
def response(case: tuple[str, httpx.Response], _: Path) -> None:
    name, found = case
    try:
        assert isinstance(ends()[name].decode(_json_object(found)), str)
    except (BadResponse, BadStatus) as error:
        sentence = explain(error, Client())[1]
        assert sentence == printable(sentence)
        assert len(sentence) <= MOST_LETTERS
        raise


@cache
def ends() -> dict[str, protocols.CoordinatorEnd]:
    return {name: protocols.load(name).coordinator() for name in NAMES}


TIMINGS = [
    "service;dur=553.212, event_queue;dur=0.004", 'cache;desc="a, b";dur=1, service ; DUR = "5"', "service;dur=1e999",
    '"' + '\\"' * 50_000, "service" + ";a" * 50_000, "service;dur=" + "9" * 4000, "service;dur=-1", "service;dur=nan",
]  # fmt: skip


@reader(hostile.damaged(st.sampled_from(TIMINGS)))
def server_timing_header(value: bytes, _: Path) -> None:
    found = service_time_ms(httpx.Response(200, headers=[(b"server-timing", value)]))
    assert found is None or 0 <= found <= 1e12


@cache
def good_message(name: str) -> Message:
    """A protocol's request; an ANP token in it that doesn't expire while cases are made."""
    end = ends()[name]
    message = end.encode(Question("q", "?"))
    headers = {key.lower(): value for key, value in message.headers.items()}
    if "authorization" in headers:
        headers["authorization"] = signed({**claims_of(headers["authorization"]), "exp": 2**33})
    return Message(headers, message.body)


def claims_of(authorization: str) -> dict[str, Any]:
    return jwt.decode(authorization.partition(" ")[2], options={"verify_signature": False})


def signed(claims: dict[str, Any]) -> str:
    """By the key that the coordinator's DID is bound to."""
    return f"Bearer {jwt.encode(claims, cast(Any, ends()['anp'])._key, algorithm='ES256')}"


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, Message]:
    """Requests of every protocol with a body, a header or a token that is something else."""
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
    """A token whose claims are something else, signed by the right key, or one that was damaged on its way."""
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
        name: create_app(scenario_of(protocol=name, workers={"service_time": service_time}), "a", sleep=lambda _: None)
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
    {"do": "round", "round": 1}, {"do": "ask", "id": "q1", "text": "why?", "agent": None}, {"do": "stop", "drain_s": 0},
    {"do": "ask", "id": "=\n", "text": "\ud800", "agent": 1}, {"do": "counts"},
]  # fmt: skip


@reader(hostile.as_json(COMMANDS), UsageError)
def coordinator_command(line: bytes, _: Path) -> None:
    loop, coordinator = listening()
    with mock.patch("fanout.coordinator.os._exit", side_effect=AssertionError("a mistake of our own")):
        loop.run_until_complete(obeyed(coordinator, line))


async def obeyed(coordinator: Coordinator, line: bytes) -> None:
    try:
        coordinator.obey(command_of(line))
    finally:
        await asyncio.sleep(0)
        await coordinator.stop(0)


@cache
def listening() -> tuple[asyncio.AbstractEventLoop, Coordinator]:
    """A coordinator of agents that aren't there, and its loop."""
    loop = asyncio.new_event_loop()
    output = mock.create_autospec(Output, instance=True)
    output.emit.side_effect = lambda line, **_: json.dumps(line)
    return loop, Coordinator(scenario_of(questions=2), ["http://127.0.0.1:1", "http://127.0.0.1:1"], output)


@reader(hostile.as_json(COMMANDS), UsageError)
def fleet_command(line: bytes, _: Path) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        obey_fleet(fleet(), [line])


@cache
def fleet() -> Fleet:
    """One without agents."""
    found = mock.create_autospec(Fleet, instance=True)
    found.counts.return_value = []
    return cast(Fleet, found)


@reader(hostile.as_json([{"series": "bench", "place": 1, "repeat": 2}]), UsageError)
def series_variable(data: bytes, _: Path) -> None:
    text = data.replace(b"\x00", b"").decode(errors="surrogateescape")
    with mock.patch.dict(os.environ, {VARIABLE: text}):
        place = series.place_in_environment()
    assert place is None or json.dumps(place.to_json())


FIGURES = (ROOT / "docs" / "why-the-pool-mattered.csv").read_text(encoding="utf-8").splitlines()[:4]


@reader(hostile.as_lines(FIGURES))
def ablation_figures(data: bytes, folder: Path) -> None:
    (folder / "figures.csv").write_bytes(data)
    read_figures(folder / "figures.csv")


def told_well(error: Exception, reader: Reader, folder: Path) -> None:
    """An error of ours says something, fit for a terminal; of a file it says which."""
    text = str(error)
    assert text.strip()
    if isinstance(error, FanoutError):
        assert all(line == printable(line) for line in text.split("\n"))
        assert len(text) < 200_000
    if any(folder.iterdir()) and reader.name not in ("sweep_settings", "baseline_name"):
        assert str(folder) in text
