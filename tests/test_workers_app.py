from __future__ import annotations

import json

import pytest
from werkzeug.test import Client

from fanout import protocols
from fanout.protocols import QUESTION_ID_HEADER, Question
from helpers.exchanges import CARRYING
from helpers.scenarios import scenario_of
from workers.app import WARM_UP_HEADER, Agent, as_agent, create_app, server_timing
from workers.service_time import draw_s


def post(protocol_name: str, question: Question, **keys: object) -> tuple[list[float], object]:
    """Asks an app one question. Returns how long it slept, and the response."""
    slept: list[float] = []
    scenario = scenario_of(protocol=protocol_name, **keys)
    protocol = protocols.load(protocol_name)
    message = protocol.coordinator().encode(question)
    client = create_app(scenario, sleep=slept.append).test_client()
    headers = {**message.headers, QUESTION_ID_HEADER: question.id}
    return slept, client.open(protocol.path, method=protocol.method, headers=headers, data=message.body)


@pytest.mark.parametrize("name", protocols.names())
def test_an_answer_carries_its_service_time(name: str) -> None:
    slept, response = post(name, Question("q7", "why?"), seed=3)
    assert response.status_code == 200  # type: ignore[attr-defined]
    body = response.get_json()  # type: ignore[attr-defined]
    assert protocols.load(name).coordinator().decode(body) == ("ok" if name == "health" else "unnamed answers: why?")
    assert slept == [draw_s(scenario_of().workers.service_time, 3, "q7")]
    assert response.headers["Server-Timing"].startswith("service;dur=")  # type: ignore[attr-defined]
    assert ("event_queue;dur=" in response.headers["Server-Timing"]) == (name == "a2a")  # type: ignore[attr-defined]


def test_the_warm_up_is_answered_at_once() -> None:
    slept: list[float] = []
    client = create_app(scenario_of(protocol="agora"), sleep=slept.append).test_client()
    client.post("/", json={"body": "?"}, headers={WARM_UP_HEADER: "1"})
    assert slept == []
    client.post("/", json={"body": "?"})
    assert len(slept) == 1


def test_without_an_id_the_text_decides() -> None:
    slept: list[float] = []
    service_time = {"distribution": "exponential", "mean_s": 1}
    app = create_app(scenario_of(protocol="agora", workers={"service_time": service_time}), sleep=slept.append)
    for text in ("one", "two", "one"):
        app.test_client().post("/", json={"body": text})
    assert slept[0] == slept[2] != slept[1]


@pytest.mark.parametrize("name", CARRYING)
def test_what_cannot_be_answered_gets_a_4xx_with_a_reason_in_the_protocol_s_form(name: str) -> None:
    protocol = protocols.load(name)
    agent = protocol.agent("agent-1")
    client = create_app(scenario_of(protocol=name, workers={"max_request_bytes": 2048})).test_client()
    good = protocol.coordinator().encode(Question("q", "?"))
    form = set(agent.refuse(protocols.BadRequest("why")))
    for response, status in (
        (client.post(protocol.path, headers=good.headers, data=b"{"), 400),
        (client.post(protocol.path, headers=good.headers, data=b"{}"), {"anp": 401}.get(name, 400)),
        (client.post(protocol.path, headers=good.headers, data=b" " * 4096), 413),
        (client.post("/elsewhere", json={}), 404),
        (client.put(protocol.path, json={}), 405),
    ):
        assert response.status_code == status
        assert response.content_type == "application/json"
        assert set(response.get_json()) == form
        assert len(json.dumps(response.get_json())) > 10


def test_health() -> None:
    app = create_app(scenario_of())
    for name in ("agent-9", "agent-10"):
        agent = as_agent(app, Agent(protocols.load("a2a"), name))
        assert Client(agent).get("/health").json == {"ok": True, "agent_id": name}


def test_server_timing_is_the_standard_header() -> None:
    assert server_timing({"service": 1.5, "event_queue": 0.25}) == "service;dur=1.500, event_queue;dur=0.250"


def test_half_of_a_surrogate_pair_is_a_text_like_any() -> None:
    service_time = {"distribution": "exponential", "mean_s": 1}
    scenario = scenario_of(protocol="agora", workers={"service_time": service_time})
    client = create_app(scenario, sleep=lambda _: None).test_client()
    assert client.post("/", json={"body": "\ud800"}).status_code == 200
