from __future__ import annotations

from pathlib import Path

import pytest

from fanout.scenario import load_scenario
from fanout.web.scenario_list import choices, question_in
from helpers.paths import ROOT


def test_every_scenario_of_ours_asks_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = choices()
    ours = {str(file.relative_to(ROOT)) for file in (ROOT / "scenarios").rglob("*.yaml") if file.stem != "base"}
    assert {choice.file for choice in found} == ours
    assert all(choice.question.endswith("?") for choice in found)
    assert [choice.group for choice in found[:3]] == ["", "", ""]


def test_those_of_the_current_folder_come_first_and_each_is_listed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios" / "mine").mkdir(parents=True)
    for name in ("top.yaml", "mine/deep.yaml", "base.yaml", "no.txt"):
        (tmp_path / "scenarios" / name).write_text("# Does it work? Perhaps.\n")
    found = choices(["scenarios/top.yaml", str(tmp_path / "scenarios" / "top.yaml")])
    assert (found[0].file, found[0].name, found[0].group, found[0].question) == (
        "scenarios/top.yaml", "top", "", "Does it work?",
    )  # fmt: skip
    assert [choice.group for choice in found if choice.file == "scenarios/mine/deep.yaml"] == ["mine"]
    assert len({choice.file for choice in found}) == len(found)
    load_scenario(found[-1].file)  # one of ours, which is elsewhere


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("# What does it\n#cost? More.\nagents: 1\n", "What does it cost?"),
        ("# The base of others. It is not run.\n", "The base of others."),
        ("# no end\n", "no end"),
        ("agents: 1\n# What?\n", ""),
        ("", ""),
    ],
)
def test_the_question_is_in_the_first_comment(tmp_path: Path, text: str, question: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    assert question_in(tmp_path / "x.yaml") == question


def test_what_can_not_be_read_asks_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"# \xff?")
    assert question_in(tmp_path / "x.yaml") == question_in(tmp_path / "absent.yaml") == ""
