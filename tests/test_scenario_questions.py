from __future__ import annotations

import os
from pathlib import Path

import pytest

from fanout.errors import ScenarioError
from fanout.scenario.questions import count_of, questions_of


def test_a_number_gives_so_many_different_questions() -> None:
    questions = questions_of(12)
    assert [question.id for question in questions] == [str(n) for n in range(1, 13)]
    assert len({question.text for question in questions}) == 12


def test_a_file_gives_its_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text('{"id": "first", "text": "Wer?"}\n\n{"text": "Wo?", "topic": "ignored"}\n', encoding="utf-8")
    assert [(q.id, q.text) for q in questions_of(str(file))] == [("first", "Wer?"), ("3", "Wo?")]


def test_how_many_they_are(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text('{"text": "Wer?"}\n' * 3)
    assert (count_of(10**12), count_of(str(file))) == (10**12, 3)
    with pytest.raises(ScenarioError, match="can't be read"):
        count_of(str(tmp_path / "other.jsonl"))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("", [" no questions"]),
        ("\n\n", [" no questions"]),
        ('{"text": "a"}\nnot json\n[1]', ["2: not JSON", "3: not an object"]),
        ('{"text": 3}\n{"id": 4, "text": "a"}', ['1: "text" is missing', '2: "id" is not printable']),
        ('{"id": "a\\nb", "text": "x"}', ['1: "id" is not printable']),
        ('{"id": " x", "text": "x"}\n{"id": "", "text": "x"}', ['1: "id" is empty or', '2: "id" is empty or']),
        ('{"id": "1", "text": "a"}\n{"id": "1", "text": "b"}', ["2: id: '1' is a duplicate"]),
        ("[" * 100_000, ["1: not JSON"]),
        ('{"id": "=1+1", "text": "x"}', ["1: \"id\" '=1+1' begins like a formula"]),
        ('{"id": "-5+3", "text": "x"}\n{"id": "-5", "text": "x"}', ["1: \"id\" '-5+3' begins like a formula"]),
        ('{"id": ' + "9" * 5000 + ', "text": "x"}', ["1: not JSON"]),
        ("x\n" * 1000, [f"{number}: not JSON" for number in range(1, 101)]),
    ],
)
def test_mistakes_are_reported_all_at_once_with_their_lines(tmp_path: Path, lines: str, expected: list[str]) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(lines, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        questions_of(str(file))
    told = [str(problem) for problem in caught.value.problems]
    assert len(told) == len(expected)
    for line, beginning in zip(told, expected, strict=True):
        assert line.startswith(f"{file}:{beginning}")
        assert "allowed: one JSON object per line" in line


def test_a_missing_file() -> None:
    with pytest.raises(ScenarioError, match="No such file"):
        questions_of("/nowhere/mine.jsonl")


def test_a_line_ends_where_json_lines_do(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text('\ufeff{"text": "a\u2028b\x85c"}\r\n{"text": "d"}', encoding="utf-8")
    assert [question.text for question in questions_of(str(file))] == ["a\u2028b\x85c", "d"]


def test_a_file_that_is_too_large_or_no_file_is_reported_at_once(tmp_path: Path) -> None:
    with (tmp_path / "huge.jsonl").open("wb") as file:
        file.truncate(2**40)  # sparse
    os.mkfifo(tmp_path / "pipe.jsonl")
    for name, expected in (("huge", "larger than 268435456 bytes"), ("pipe", "not a regular file")):
        with pytest.raises(ScenarioError, match=rf"{name}\.jsonl: can't be read: {expected}"):
            questions_of(str(tmp_path / f"{name}.jsonl"))


def test_questions_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanout.scenario.questions.MAX_QUESTIONS", 2)
    (tmp_path / "mine.jsonl").write_text('{"text": "a"}\n' * 3)
    with pytest.raises(ScenarioError, match=r"mine\.jsonl:3: too many; allowed: up to 2 questions"):
        questions_of(str(tmp_path / "mine.jsonl"))
