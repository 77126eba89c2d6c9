from __future__ import annotations

from pathlib import Path

import pytest

from fanout.errors import ScenarioError
from fanout.questions import questions_of


def test_a_number_gives_so_many_different_questions() -> None:
    questions = questions_of(12)
    assert [question.id for question in questions] == [str(n) for n in range(1, 13)]
    assert len({question.text for question in questions}) == 12


def test_a_file_gives_its_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text('{"id": "first", "text": "Wer?"}\n\n{"text": "Wo?", "topic": "ignored"}\n', encoding="utf-8")
    assert [(q.id, q.text) for q in questions_of(str(file))] == [("first", "Wer?"), ("3", "Wo?")]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("", [" no questions"]),
        ("\n\n", [" no questions"]),
        ('{"text": "a"}\nnot json\n[1]', ["2: not JSON", "3: not an object"]),
        ('{"text": 3}\n{"id": 4, "text": "a"}', ['1: "text" is missing', '2: "id" is not printable']),
        ('{"id": "a\\nb", "text": "x"}', ['1: "id" is not printable']),
        ('{"id": " x", "text": "x"}\n{"id": "", "text": "x"}', ['1: "id" is empty or', '2: "id" is empty or']),
        ('{"id": "1", "text": "a"}\n{"id": "1", "text": "b"}', ["2: id: '1' stands here twice"]),
        ("[" * 100_000, ["1: not JSON"]),
    ],
)
def test_mistakes_are_told_all_at_once_with_their_lines(tmp_path: Path, lines: str, expected: list[str]) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(lines, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        questions_of(str(file))
    told = [str(problem) for problem in caught.value.problems]
    assert len(told) == len(expected)
    for line, beginning in zip(told, expected, strict=True):
        assert line.startswith(f"{file}:{beginning}")
        assert "allowed: one JSON object a line" in line


def test_a_missing_file() -> None:
    with pytest.raises(ScenarioError, match="No such file"):
        questions_of("/nowhere/mine.jsonl")
