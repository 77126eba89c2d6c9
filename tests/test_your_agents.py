"""docs/your-agents.md: its agent and scenario run, and its requests and replies are those of the protocols."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from fanout import protocols
from fanout.coordinator.exchange import service_time_ms
from fanout.coordinator.failures import _KINDS
from fanout.protocols import QUESTION_ID_HEADER, Message
from fanout.runs.reader import read_run
from fanout.scenario import load_scenario, parse_scenario
from helpers.exchanges import CARRYING
from helpers.paths import ROOT
from helpers.processes import command
from helpers.runs import outcomes_of
from helpers.scenarios import scenario_of
from workers.app import Agent, as_agent, create_app

pytestmark = pytest.mark.process

TEXT = (ROOT / "docs" / "your-agents.md").read_text(encoding="utf-8")
START_S = 30
ADDRESS = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")
ID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4,12})*(:k1_[\w-]+)?$")
"""A UUID or its beginning, and a key's thumbprint."""
ASKS = re.compile(r"^\$ (curl .*?)\n(?=HTTP/|\{)(.*)", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    """The page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def console(protocol: str) -> str:
    """The block that shows a protocol."""
    _, _, rest = TEXT.partition(f"\n**{protocol.upper()}.** ")
    return rest.partition("\n```console\n")[2].partition("```\n")[0]


@dataclass(frozen=True)
class Shown:
    """A request and its reply, as the page has them. Header names are in lower case."""

    path: str
    request: Message
    headers: dict[str, str]
    """The headers of the reply; empty where only its body is shown."""
    reply: dict[str, Any]


def shown(protocol: str, folder: Path) -> Shown:
    """What the page shows of a protocol; a request that has to be made first is made in the folder."""
    block = console(protocol)
    for code in re.findall(r"^\$ \.venv/bin/python -c '\n(.*?)'$", block, re.MULTILINE | re.DOTALL):
        subprocess.run([sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"],
                       cwd=folder, check=True, timeout=60)  # fmt: skip
    asked, answered = ASKS.findall(block)[-1]
    _, *args = shlex.split(asked)
    (url,) = [arg for arg in args if arg.startswith("http://")]
    (data,) = values_of("-d", args)
    head, _, body = answered.rpartition("\n\n") if answered.startswith("HTTP/") else ("", "", answered)
    assert head.partition("\n")[0] in ("", "HTTP/1.1 200 OK")
    return Shown(
        path=re.sub(r"^http://[^/]+", "", url),
        request=Message(headers_of(values_of("-H", args), folder), read(data, folder)),
        headers=headers_of(head.splitlines()[1:], folder),
        reply=json.loads(body),
    )


def values_of(option: str, args: list[str]) -> list[str]:
    return [value for name, value in pairwise(args) if name == option]


def headers_of(lines: list[str], folder: Path) -> dict[str, str]:
    """Headers as curl takes them: `Name: value`, or a file of such after an @."""
    told = [each for line in lines for each in read(line, folder).decode().splitlines()]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in told)}


def read(value: str, folder: Path) -> bytes:
    """An option's value, or the file that it names after an @."""
    return (folder / value[1:]).read_bytes() if value.startswith("@") else value.encode()


def shape(value: object) -> object:
    """A JSON value without what differs from reply to reply."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    if isinstance(value, float):
        return "a time"
    if isinstance(value, str):
        return ID.sub("an id", value)
    return value


def test_every_protocol_is_shown() -> None:
    assert sorted(blocks("console")) == sorted(map(console, CARRYING))


def test_the_scenario_that_starts_an_agent_of_ours_is_one() -> None:
    (text,) = re.findall(r"put `(\{protocol: a2a.*\})` \(or agora, or anp\)", TEXT)
    for protocol in CARRYING:
        assert parse_scenario(text.replace("a2a", protocol), Path("ours.yaml")).agents == 1


@pytest.mark.parametrize("protocol", CARRYING)
def test_a_protocol_accepts_the_request_and_the_reply_that_the_page_shows(protocol: str, tmp_path: Path) -> None:
    page = shown(protocol, tmp_path)
    agent, coordinator = protocols.load(protocol).agent("agent-1"), protocols.load(protocol).coordinator()
    question = agent.read(page.request)
    assert coordinator.decode(page.reply) == f"agent-1 answers: {question}"


@pytest.mark.parametrize("protocol", CARRYING)
def test_our_agents_reply_to_the_page_s_request_as_it_shows(protocol: str, tmp_path: Path) -> None:
    page = shown(protocol, tmp_path)
    app = create_app(scenario_of(protocol=protocol), sleep=lambda _: None)
    agent = as_agent(app, Agent(protocols.load(protocol), "agent-1"))
    given = Client(agent).post(page.path, headers=dict(page.request.headers), data=page.request.body)
    assert given.status_code == 200
    assert shape(given.json) == shape(page.reply)
    if page.headers:
        assert page.headers[QUESTION_ID_HEADER.lower()] == page.request.headers[QUESTION_ID_HEADER.lower()]
        assert service_time_ms(page.headers)
        assert page.headers.keys() <= {name.lower() for name in given.headers.keys()}  # noqa: SIM118 (not a mapping)


def test_the_body_that_is_made_first_looks_as_the_page_shows(tmp_path: Path) -> None:
    (body,) = re.findall(r"^\$ cat anp\.json\n(.*)$", console("anp"), re.MULTILINE)
    assert shape(json.loads(shown("anp", tmp_path).request.body)) == shape(json.loads(body))


def test_the_kinds_of_failures_are_those_of_the_code() -> None:
    table = TEXT.partition("## When it doesn't work")[2].partition("\n\nAn agent")[0]
    named = re.findall(r"^\| `(\w+)`", table, re.MULTILINE)
    assert len(named) >= 4
    assert set(named) <= {kind for _, kind, _ in _KINDS}


@contextmanager
def agent_of_the_page(folder: Path) -> Iterator[str]:
    """Starts it by the page's command, on a free port; its address. Its process ends in any case."""
    code, _ = blocks("python")
    (folder / "my_agent.py").write_text(code, encoding="utf-8")
    (line,) = re.findall(r"^\.venv/bin/flask (--app my_agent run --port )5001\b", TEXT, re.MULTILINE)
    log = folder / "agent.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", *line.split(), "0"], cwd=folder, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + START_S
        while not (found := ADDRESS.search(log.read_text(encoding="utf-8"))):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        yield found[1]
    finally:
        process.kill()
        process.wait()


def test_the_page_s_agent_answers_the_page_s_scenario(tmp_path: Path) -> None:
    text, _ = blocks("yaml")
    scenario = tmp_path / "mine.yaml"
    with agent_of_the_page(tmp_path) as address:
        assert text.count("http://127.0.0.1:5001") == 1
        scenario.write_text(text.replace("http://127.0.0.1:5001", address), encoding="utf-8")
        done = command("bench", scenario, "--results", tmp_path / "results", "--format", "json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["rows"]
    assert (row["questions"], row["failed"]) == (load_scenario(scenario).questions, 0)
    assert row["adapter_mean_ms"] is not None
    (run,) = (tmp_path / "results").glob("*/*")
    outcomes = outcomes_of(read_run(run))
    assert {outcome.status for outcome in outcomes} == {"ok"}
    assert all(outcome.service_ms is not None and outcome.adapter_ms is not None for outcome in outcomes)


def test_the_page_s_client_asks_the_page_s_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (_, code), (text, client) = blocks("python"), blocks("yaml")
    (tmp_path / "my_client.py").write_text(code, encoding="utf-8")
    scenario = tmp_path / "mine.yaml"
    asking = "".join(text.partition("client:")[:1]) + client
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MY_TOKEN", "secret-token")
    with agent_of_the_page(tmp_path) as address:
        scenario.write_text(asking.replace("http://127.0.0.1:5001", address), encoding="utf-8")
        done = command("bench", scenario, "--results", tmp_path / "results", "--allow-factory", "--format", "json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["rows"]
    assert (row["questions"], row["failed"]) == (12, 0)
    (run,) = (tmp_path / "results").glob("*/*")
    made = read_run(run).info.client
    assert made is not None and made.limits is not None and made.limits.max_connections == 200
    assert not [
        file for file in run.rglob("*") if file.is_file() and "secret-token" in file.read_text(encoding="utf-8")
    ]
