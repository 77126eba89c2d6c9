from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from fanout import protocols
from fanout.paths import ROOT as PACKAGES
from fanout.protocols import BadRequest, BadResponse, Message, Question
from fanout.protocols.a2a import EventQueue
from fanout.protocols.anp import AnpCoordinator, verified_did
from helpers.exchanges import CARRYING
from helpers.paths import ROOT
from helpers.scenarios import scenario_of

QUESTION = Question("q1", 'What is {the} "answer"? ✓')


def received(message: Message, **headers: str) -> Message:
    """A message as the other side sees it."""
    return Message({**{name.lower(): value for name, value in message.headers.items()}, **headers}, message.body)


def with_body(message: Message, body: bytes) -> Message:
    return Message(message.headers, body)


@pytest.mark.parametrize("name", CARRYING)
def test_a_question_goes_to_the_agent_and_its_answer_comes_back(name: str) -> None:
    protocol = protocols.load(name)
    coordinator, agent = protocol.coordinator(), protocol.agent("agent-1")
    assert agent.read(received(coordinator.encode(QUESTION))) == QUESTION.text
    reply = agent.write("forty-two")
    assert coordinator.decode(json.loads(json.dumps(reply.body))) == "forty-two"


@pytest.mark.parametrize("name", CARRYING)
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"{}", b"null", b"\xff", b"[" * 100_000])
def test_an_agent_refuses_what_is_not_a_request(name: str, body: bytes) -> None:
    protocol = protocols.load(name)
    agent = protocol.agent("agent-1")
    good = received(protocol.coordinator().encode(QUESTION))
    with pytest.raises(BadRequest) as caught:
        agent.read(with_body(good, body))
    assert 400 <= caught.value.status < 500
    assert caught.value.reason in json.dumps(dict(agent.refuse(caught.value)))


@pytest.mark.parametrize("name", CARRYING)
def test_an_agent_refuses_another_content_type(name: str) -> None:
    protocol = protocols.load(name)
    good = received(protocol.coordinator().encode(QUESTION), **{"content-type": "text/plain"})
    with pytest.raises(BadRequest) as caught:
        protocol.agent("agent-1").read(good)
    assert caught.value.status == 415


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("a2a", {}, "a list of events"),
        ("a2a", {"events": []}, "a list of events"),
        ("a2a", {"events": [{"parts": []}]}, "events[0].parts[0].text"),
        ("a2a", {"events": ["x"]}, "events[0].parts[0].text"),
        ("agora", {"status": "error", "message": "no"}, '"status": "success"'),
        ("agora", {"status": "success", "body": 3}, "a text as body, got 3"),
        ("health", {"ok": False}, '"ok": true'),
        ("anp", {"events": {}}, "a list of events"),
        ("anp", {"events": [{"data": None}]}, "events[0].data"),
    ],
)
def test_a_response_that_is_not_the_protocols_says_what_was_expected_and_what_came(
    name: str, body: dict[str, Any], expected: str
) -> None:
    with pytest.raises(BadResponse) as caught:
        protocols.load(name).coordinator().decode(body)
    assert expected in str(caught.value)
    assert "got" in str(caught.value)


def test_a_health_check_is_a_get_without_a_body() -> None:
    protocol = protocols.load("health")
    assert (protocol.method, protocol.path) == ("GET", "/health")
    assert protocol.coordinator().encode(QUESTION).body == b""
    agent = protocol.agent("agent-1")
    assert protocol.coordinator().decode(agent.write(agent.read(Message({}, b""))).body) == "ok"


def test_agora_s_wire_format() -> None:
    body = json.loads(protocols.load("agora").coordinator().encode(QUESTION).body)
    assert body == {"protocolHash": None, "body": QUESTION.text, "protocolSources": []}
    assert protocols.load("agora").path == "/"


def test_a2a_s_wire_format() -> None:
    protocol = protocols.load("a2a")
    first, second = (json.loads(protocol.coordinator().encode(QUESTION).body) for _ in range(2))
    message = first["params"]["message"]
    assert message["role"] == "user"
    assert message["parts"] == [{"kind": "text", "text": QUESTION.text}]
    assert message["messageId"] != second["params"]["message"]["messageId"]
    event = dict(protocol.agent("a").write("x").body)["events"][0]
    assert list(event) == ["kind", "role", "messageId", "contextId", "taskId", "metadata", "parts"]


def test_a2a_reports_its_event_queue_s_wait() -> None:
    assert protocols.load("a2a").agent("a").write("x").spent_ms["event_queue"] >= 0


def test_the_event_queue_gives_each_its_own() -> None:
    queue = EventQueue()
    queue.enqueue({"messageId": "1", "n": 1})
    queue.enqueue({"messageId": "2", "n": 2})
    assert queue.dequeue("2")["n"] == 2
    assert queue.dequeue("1")["n"] == 1
    with pytest.raises(KeyError):
        queue.dequeue("1")


def test_anp_s_token_is_new_for_each_question_and_as_large_as_in_the_field() -> None:
    coordinator = AnpCoordinator()
    first, second = (coordinator.encode(QUESTION).headers["Authorization"] for _ in range(2))
    assert first != second
    assert 6000 < len(first) < 8000
    assert verified_did(first) == coordinator.did


def test_anp_s_token_carries_public_keys_only() -> None:
    claims = jwt.decode(AnpCoordinator().token(), options={"verify_signature": False})
    keys = [method["publicKeyJwk"] for method in claims["did_document"]["verificationMethod"]]
    assert {tuple(sorted(key)) for key in keys} == {("crv", "kty", "x", "y")}


def forged(change: dict[str, Any], key: Any = None) -> str:
    """A coordinator's token with some claims changed, signed with the coordinator's key or with `key`."""
    coordinator = AnpCoordinator()
    claims = jwt.decode(coordinator.token(), options={"verify_signature": False})
    return f"Bearer {jwt.encode({**claims, **change}, key or coordinator._key, algorithm='ES256')}"


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer not.a.token",
        "Basic dXNlcjpwYXNz",
        forged({}, key=AnpCoordinator()._key),
        forged({"exp": int(time.time()) - 10}),
        forged({"aud": "someone-else"}),
        forged({"iss": AnpCoordinator().did}),
        forged({"did_document": {}}),
        forged({"did_document": None}),
        f"Bearer {jwt.encode({'iss': 'x'}, 'secret' * 8, algorithm='HS256')}",
        f"Bearer {jwt.encode({'iss': 'x'}, '', algorithm='none')}",
    ],
)
def test_anp_s_agent_refuses_a_token_that_proves_nothing(authorization: str) -> None:
    request = received(AnpCoordinator().encode(QUESTION), authorization=authorization)
    with pytest.raises(BadRequest) as caught:
        protocols.load("anp").agent("agent-1").read(request)
    assert caught.value.status == 401


def test_anp_s_agent_refuses_a_body_of_another_coordinator() -> None:
    one, other = AnpCoordinator(), AnpCoordinator()
    request = received(one.encode(QUESTION), authorization=f"Bearer {other.token()}")
    with pytest.raises(BadRequest, match="not the token's DID"):
        protocols.load("anp").agent("agent-1").read(request)


def test_an_unknown_protocol() -> None:
    with pytest.raises(KeyError, match="a2a, agora, anp"):
        protocols.load("smtp")


TOY = """
from fanout.protocols._wire import JSON_HEADERS, AgentEnd, BadResponse, CoordinatorEnd, Message, Protocol, Reply
from fanout.protocols._wire import request_object, to_json


class ToyCoordinator(CoordinatorEnd):
    def encode(self, question):
        return Message(JSON_HEADERS, to_json({"ask": question.text}))

    def decode(self, body):
        if "say" not in body:
            raise BadResponse("expected say")
        return body["say"]


class ToyAgent(AgentEnd):
    def __init__(self, agent_id):
        pass

    def read(self, request):
        return request_object(request)["ask"]

    def write(self, answer):
        return Reply({"say": answer})

    def refuse(self, refusal):
        return {"no": refusal.reason}


PROTOCOL = Protocol(path="/toy", coordinator=ToyCoordinator, agent=ToyAgent)
"""


@pytest.mark.process
def test_adding_a_protocol_is_adding_one_file(tmp_path: Path) -> None:
    for package in ("fanout", "workers"):
        shutil.copytree(PACKAGES / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "fanout" / "protocols" / "toy.py").write_text(TOY)
    scenario = tmp_path / "toy.yaml"
    scenario.write_text(scenario_of().to_yaml().replace("protocol: a2a", "protocol: toy"))
    ask_all = (
        "import sys; from pathlib import Path; from fanout.agents.handle import Agents\n"
        "from fanout.processes.child import Child\n"
        "from fanout.scenario import load_scenario\n"
        "file = Path(sys.argv[1])\n"
        "with Agents(load_scenario(file), file) as agents:\n"
        "    args = [str(file), '--agents', ','.join(agents.addresses), '--rounds', '1']\n"
        "    child = Child('it', 'fanout.coordinator', args)\n"
        "    lines = list(iter(child.listen, None))\n"
        "    child.close()\n"
        "print(sum(line['is'] == 'outcome' and line['status'] == 'ok' for line in lines))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask_all, str(scenario)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "12\n", done.stderr
    assert ROOT not in (tmp_path, *tmp_path.parents)
