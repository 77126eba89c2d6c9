from __future__ import annotations

from pathlib import Path

from fanout.analysis.settings import LONGEST_TELLING, settings_of, telling
from helpers.scenarios import scenario_of


def test_every_key_has_one_level_except_where_a_mapping_is_one_value() -> None:
    found = settings_of(scenario_of(client={"timeout_s": {"read": 9.0}}), without=("name", "gates"))
    assert found["client.limits.max_connections"] == 100
    assert found["client.timeout_s"] == {"connect": 5.0, "read": 9.0, "write": 5.0, "pool": 5.0}
    assert found["workers.service_time"]["distribution"] == "constant"
    assert found["arrivals"] is None
    assert not {"name", "gates", "client"} & set(found)


def test_copies_of_a_file_of_questions_are_no_difference(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        file = tmp_path / name / "questions.jsonl"
        file.write_text('{"id": "1", "text": "?"}\n', encoding="utf-8")
        found.append(settings_of(scenario_of(questions=str(file)), without=()))
    assert found[0] == found[1]
    assert found[0]["questions"] == "questions.jsonl"


def test_what_tells_scenarios_apart_is_short() -> None:
    same = {"client.topology": "shared", "agents": 8}
    assert telling([same, {**same, "agents": 9}]) == ["agents 8", "agents 9"]
    assert telling([same, {"agents": 9}]) == ["topology shared, agents 8", "topology null, agents 9"]
    assert telling([same, {**same, "agents": "x" * LONGEST_TELLING}]) == ["agents 8", ""]
    assert telling([same, {"a": 1, "b": 2}]) == ["", ""]
    assert telling([same, same]) == ["", ""]
