"""fanout.scenario.servers: which keys fit which server."""

from __future__ import annotations

from typing import Any

import pytest

from fanout.errors import ScenarioError
from fanout.scenario import choices_at
from fanout.scenario.servers import SERVERS
from helpers.scenarios import scenario_of

NEED_SOCKETS: dict[str, dict[str, Any]] = {
    "http_1_0": {},
    "reset_after_headers": {},
    "close_after_response": {},
    "truncated_body": {},
    "wrong_length": {},
    "dripping_body": {},
    "no_answer": {},
    "second_response": {},
    "forget_idle": {"idle_s": 0.1},
    "delayed_ack": {},
}
"""The kinds of faults that are for servers that give sockets, with their keys."""
NEED_KEPT = {"close_when_idle": {"idle_s": 0.1}, "forget_idle": {"idle_s": 0.1}, "delayed_ack": {}}
OTHERS: dict[str, dict[str, Any]] = {
    "delay": {"delay_s": 1},
    "status": {"code": 500},
    "huge_body": {},
    "crash": {},
    "hang": {},
    "one_at_a_time": {},
    "reset_on_accept": {},
    "slow_accept": {"delay_s": 1},
    "full_backlog": {},
}


def refusal(**workers: Any) -> str | None:
    """Why a scenario with these workers is refused; None if it is not."""
    try:
        scenario_of(workers=workers)
    except ScenarioError as error:
        return str(error)
    return None


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(("kind", "keys"), {**NEED_SOCKETS, **NEED_KEPT, **OTHERS}.items())
def test_each_fault_is_for_the_servers_that_can_do_it(server: str, kind: str, keys: dict[str, Any]) -> None:
    facts = SERVERS[server]
    able = (facts.gives_sockets or kind not in NEED_SOCKETS) and (facts.keeps_connections or kind not in NEED_KEPT)
    error = refusal(server=server, faults=[{"kind": kind, **keys}])
    assert (error is None) == able
    assert error is None or f"workers.faults.0.kind: {kind} " in error


def test_the_server_s_names_are_its_choices() -> None:
    assert choices_at("workers.server") == tuple(SERVERS)


@pytest.mark.parametrize("server", SERVERS)
def test_only_servers_that_keep_connections_have_a_time_to_keep_them(server: str) -> None:
    error = refusal(server=server, keep_alive_s=3)
    assert (error is None) == SERVERS[server].keeps_connections
    assert error is None or "workers.keep_alive_s: 3 would be ignored, since werkzeug keeps no connection" in error


@pytest.mark.parametrize("keep_alive_s", [0, -1, 3601, float("inf"), "none"])
def test_the_time_to_keep_connections_is_a_positive_number(keep_alive_s: object) -> None:
    assert "workers.keep_alive_s: " in (refusal(keep_alive_s=keep_alive_s) or "")


def test_a_server_keeps_connections_as_long_as_it_does_by_itself_unless_the_scenario_says_so() -> None:
    own = {name: scenario_of(workers={"server": name}).workers.idle_s for name in SERVERS}
    assert own == {"gevent": None, "gunicorn": 2, "hypercorn": 5, "uvicorn": 5, "werkzeug": 0}
    assert scenario_of(workers={"server": "uvicorn", "keep_alive_s": 60}).workers.idle_s == 60


@pytest.mark.parametrize(
    ("workers", "refused"),
    [
        ({"server": "uvicorn"}, True),
        ({"server": "uvicorn", "keep_alive_s": 6}, True),
        ({"server": "uvicorn", "keep_alive_s": 7}, False),
        ({"server": "gevent"}, False),
        ({"server": "gevent", "keep_alive_s": 1}, True),
    ],
)
def test_a_fault_of_idle_connections_comes_before_their_server_closes_them(
    workers: dict[str, Any], refused: bool
) -> None:
    error = refusal(**workers, faults=[{"kind": "close_when_idle", "idle_s": 6}])
    assert (error is not None) == refused
    assert error is None or "workers.faults.0.idle_s: 6 would be ignored" in error


@pytest.mark.parametrize(
    ("keys", "refused"),
    [
        ({"agents": 2}, True),
        ({"agents": 2, "workers": {"server": "hypercorn"}}, True),
        ({"agents": 2, "workers": {"server": "uvicorn", "tls": True}}, True),
        ({"agents": 2, "workers": {"server": "hypercorn", "tls": True}}, False),
        ({"agents": ["http://127.0.0.1:1"], "workers": {}}, True),
        ({"agents": ["https://127.0.0.1:1"], "workers": {}}, False),
    ],
)
def test_http_2_needs_agents_that_speak_it(keys: dict[str, Any], refused: bool) -> None:
    try:
        scenario_of(client={"http2": True}, **keys)
    except ScenarioError as error:
        assert refused and "client.http2: true would be ignored" in str(error) and "allowed: " in str(error)
    else:
        assert not refused
