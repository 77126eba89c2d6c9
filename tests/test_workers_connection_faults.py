from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

import pytest

from fanout.outcome import Outcome
from helpers.processes import run_through
from helpers.scenarios import scenario_of

pytestmark = pytest.mark.process


def one_agent(
    directory: Path, fault: dict[str, Any], *, tls: bool = False, server: str = "gevent", **keys: Any
) -> list[Outcome]:
    """The questions to an agent with this fault, in order."""
    service_time = {"distribution": "constant", "value_s": 0.01}
    workers = {"host": "127.0.0.1", "server": server, "service_time": service_time, "tls": tls, "faults": [fault]}
    ran = run_through(scenario_of(agents=1, workers=workers, **keys), directory)
    return sorted(ran.outcomes, key=lambda outcome: outcome.started or 0)


def receiving_ms(outcomes: list[Outcome]) -> list[float]:
    return [(outcome.phases_ms or {})["receiving"] for outcome in outcomes]


@pytest.mark.parametrize("server", ["gevent", "gunicorn"])
def test_a_delayed_ack_costs_kept_connections_40_ms_and_new_ones_nothing(server: str, tmp_path: Path) -> None:
    kept = one_agent(tmp_path, {"kind": "delayed_ack"}, server=server)
    assert [outcome.reused for outcome in kept] == [False] + 11 * [True]
    assert receiving_ms(kept)[0] < 30 < median(receiving_ms(kept[1:])) < 80
    limits = {"max_keepalive_connections": 0}
    new = one_agent(tmp_path, {"kind": "delayed_ack"}, server=server, client={"limits": limits})
    assert median(receiving_ms(new)) < 30


@pytest.mark.parametrize("tls", [False, True])
def test_a_forgotten_connection_neither_answers_nor_closes(tls: bool, tmp_path: Path) -> None:
    fault = {"kind": "forget_idle", "idle_s": 0.1}
    often = one_agent(tmp_path, fault, tls=tls, questions=4)
    assert {outcome.status for outcome in often} == {"ok"}
    seldom = one_agent(tmp_path, fault, tls=tls, questions=4, client={"timeout_s": 0.3}, coordinator={"pause_s": 0.2})
    assert [(each.reused, each.error_kind) for each in seldom] == 2 * [(False, None), (True, "read_timeout")]


def test_the_shortest_idle_time_decides(tmp_path: Path) -> None:
    each = [{"kind": "forget_idle", "idle_s": 0.3}, {"kind": "close_when_idle", "idle_s": 0.05}]
    workers = {"host": "127.0.0.1", "service_time": {"distribution": "constant", "value_s": 0}, "faults": each}
    scenario = scenario_of(agents=1, questions=3, workers=workers, coordinator={"pause_s": 0.2})
    ran = run_through(scenario, tmp_path)
    assert {outcome.status for outcome in ran.outcomes} == {"ok"}
    assert ran.final["connections"]["closed_by_peer"] == 2
