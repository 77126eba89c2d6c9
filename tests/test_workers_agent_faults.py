from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fanout.agents.handle import Agents
from fanout.coordinator.exchange import service_time_ms
from fanout.protocols import QUESTION_ID_HEADER
from fanout.scenario.servers import SERVERS
from helpers.scenarios import scenario_of

pytestmark = pytest.mark.process

SERVICE_S = 0.1
QUESTION: dict[str, Any] = {"params": {"message": {"parts": [{"text": "?"}]}}}


@contextlib.contextmanager
def agent_with(directory: Path, *faults: dict[str, Any], **workers: Any) -> Iterator[str]:
    """The address of an agent with these faults and settings."""
    service_time = {"distribution": "constant", "value_s": SERVICE_S}
    scenario = scenario_of(agents=1, workers={"service_time": service_time, "faults": list(faults), **workers})
    file = directory / "scenario.yaml"
    file.write_text(scenario.to_yaml(), encoding="utf-8")
    with Agents(scenario, file) as agents:
        yield agents.addresses[0]


def asked(address: str, times: int, **client: Any) -> list[tuple[httpx.Response, float, float | None]]:
    """The responses to questions that are asked at the same time, by their duration in s, with their service times."""

    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(trust_env=False, base_url=address, **client) as asker:
            headers = [{QUESTION_ID_HEADER: str(number)} for number in range(times)]
            return await asyncio.gather(*(asker.post("/message", json=QUESTION, headers=each) for each in headers))

    rows = [(each, each.elapsed.total_seconds(), service_time_ms(each.headers)) for each in asyncio.run(ask())]
    return sorted(rows, key=lambda row: row[1])


@pytest.mark.parametrize("server", SERVERS)
def test_questions_that_wait_for_each_other_do_not_report_it(server: str, tmp_path: Path) -> None:
    with agent_with(tmp_path, {"kind": "one_at_a_time"}, server=server) as address:
        rows = asked(address, 4)
    for turn, (response, took_s, service_ms) in enumerate(rows, 1):
        assert response.status_code == 200
        assert took_s > turn * SERVICE_S - 0.01
        assert 95 < (service_ms or 0) < 1.9 * 100


def test_all_questions_wait_until_an_agent_has_started_and_none_after_that(tmp_path: Path) -> None:
    with agent_with(tmp_path, {"kind": "cold_start", "delay_s": 0.5}) as address:
        cold, warm = asked(address, 3), asked(address, 3)
    assert all(took_s > 0.5 + SERVICE_S - 0.01 and (service_ms or 0) < 300 for _, took_s, service_ms in cold)
    assert all(took_s < 0.5 for _, took_s, _ in warm)


def test_what_concerns_the_whole_agent_is_added_to_a_question_s_own_fault(tmp_path: Path) -> None:
    delay = {"kind": "delay", "delay_s": 0.2}
    wrong = {"kind": "wrong_service_time", "times": 3}
    with agent_with(tmp_path, delay, {"kind": "one_at_a_time"}, wrong) as address:
        (_, first_s, service_ms), (_, second_s, _) = asked(address, 2)
    assert first_s > 0.3 - 0.01
    assert second_s > 0.6 - 0.02
    assert 3 * 95 < (service_ms or 0) < 3 * 190


@pytest.mark.parametrize(
    "others", [[], [{"kind": "http_1_0"}], [{"kind": "wrong_shape"}], [{"kind": "huge_body", "size_bytes": 1000}]]
)
def test_an_agent_without_service_time_gives_none_in_any_answer(others: list[dict[str, Any]], tmp_path: Path) -> None:
    with agent_with(tmp_path, {"kind": "no_service_time"}, *others) as address:
        ((response, _, _),) = asked(address, 1)
    assert response.status_code == 200
    assert "server-timing" not in response.headers


def test_a_client_that_follows_a_redirect_is_answered(tmp_path: Path) -> None:
    with agent_with(tmp_path, {"kind": "redirect"}) as address:
        ((refused, _, _),) = asked(address, 1)
        ((answered, _, service_ms),) = asked(address, 1, follow_redirects=True)
        ((elsewhere, _, _),) = asked(f"{address}/message/x", 1)
    assert (refused.status_code, refused.headers["location"]) == (307, "/message/")
    assert (answered.status_code, answered.url.path) == (200, "/message/")
    assert service_ms is not None and service_ms > 95
    assert elsewhere.status_code == 404


def test_an_agent_answers_at_its_own_path_only(tmp_path: Path) -> None:
    with agent_with(tmp_path, {"kind": "delay", "delay_s": 0}) as address:
        response = httpx.post(f"{address}/message/", json=QUESTION, headers={QUESTION_ID_HEADER: "1"}, trust_env=False)
    assert response.status_code == 404


@pytest.mark.parametrize("length", [0, 10, 100_000])
def test_an_answer_s_text_is_filled_up(length: int, tmp_path: Path) -> None:
    with agent_with(tmp_path, answer_bytes=length) as address:
        ((response, _, _),) = asked(address, 1)
    (part,) = response.json()["events"][0]["parts"]
    assert part["text"].startswith("agent-1 answers: ?")
    assert len(part["text"]) == max(length, len("agent-1 answers: ?"))


def test_a_body_in_pieces_takes_an_interval_for_each(tmp_path: Path) -> None:
    fault = {"kind": "dripping_body", "interval_s": 0.05, "piece_bytes": 10_000}
    with agent_with(tmp_path, fault, answer_bytes=40_000) as address:
        ((response, took_s, _),) = asked(address, 1)
    assert len(response.content) > 40_000
    assert took_s > SERVICE_S + 5 * 0.05 - 0.01
