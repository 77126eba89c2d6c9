"""Readers of scenarios, of the values of a sweep, and of questions."""

from __future__ import annotations

from pathlib import Path

import yaml
from hypothesis import strategies as st

from fanout.scenario import Scenario, Setting, load_scenario, load_scenarios, parse_scenario
from fanout.scenario.questions import questions_of
from fanout.sweep import parse_parameters
from fanout.text import is_formula, printable
from fuzz_reader import reader
from helpers import hostile
from helpers.paths import ROOT

SCENARIO = yaml.safe_load((ROOT / "tests" / "data" / "run" / "scenario.yaml").read_text(encoding="utf-8"))
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
    """Writes the files that a scenario may name; returns the path for the scenario itself."""
    (folder / "base.yaml").write_text("protocol: agora\nagents: 2\n", encoding="utf-8")
    (folder / "mine.jsonl").write_text("\n".join(QUESTIONS), encoding="utf-8")
    return folder / "scenario.yaml"


@reader(hostile.as_yaml(SCENARIOS))
def scenario_file(data: bytes, folder: Path) -> None:
    beside(folder).write_bytes(data)
    check(load_scenario(folder / "scenario.yaml"), folder)


def check(scenario: Scenario, folder: Path) -> None:
    """Checks that an accepted scenario survives being written and read, and names no file outside its folder."""
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
