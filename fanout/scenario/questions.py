"""The questions of a scenario: a number of generated ones, or the user's from a JSON-lines file."""

from __future__ import annotations

import json
from pathlib import Path

from fanout import files
from fanout.errors import MAX_PROBLEMS, Problem, ScenarioError
from fanout.protocols import Question
from fanout.text import is_formula

MAX_FILE_BYTES = 268_435_456
"""A larger limit than for other files: questions may be long texts."""
MAX_QUESTIONS = 1_000_000
"""The most questions in a scenario, whether it gives a number or a file."""
ALLOWED = 'allowed: one JSON object per line, {"text": …} and optionally a unique "id", both text'


def questions_of(questions: int | str) -> list[Question]:
    """A scenario's questions, in order. Raises ScenarioError with all problems of a file that can't be used."""
    if isinstance(questions, int):
        return [
            Question(str(number), f"Question {number} of {questions}: what did agent number {number} find out?")
            for number in range(1, questions + 1)
        ]
    return _from_file(Path(questions))


def count_of(questions: int | str) -> int:
    """The number of questions. Raises ScenarioError like questions_of."""
    return questions if isinstance(questions, int) else len(questions_of(questions))


def _from_file(path: Path) -> list[Question]:
    try:
        lines = files.read(path, MAX_FILE_BYTES).split("\n")  # JSON strings may contain what splitlines() splits at
    except OSError as error:
        raise ScenarioError([Problem(str(path), 0, "", f"can't be read: {error.strerror}")]) from error
    questions: dict[str, Question] = {}
    problems: list[Problem] = []
    for number, line in enumerate(lines, 1):
        if len(problems) == MAX_PROBLEMS:
            break
        if not line.strip():
            continue
        if len(questions) == MAX_QUESTIONS:
            raise ScenarioError([Problem(str(path), number, "", f"too many; allowed: up to {MAX_QUESTIONS} questions")])
        found = _question(line, number)
        if isinstance(found, str):
            problems.append(Problem(str(path), number, "", f"{found}; {ALLOWED}"))
        elif found.id in questions:
            problems.append(Problem(str(path), number, "id", f"{found.id!r} is a duplicate; {ALLOWED}"))
        else:
            questions[found.id] = found
    if not questions and not problems:
        problems.append(Problem(str(path), 0, "", f"no questions; {ALLOWED}"))
    if problems:
        raise ScenarioError(problems)
    return list(questions.values())


def _question(line: str, number: int) -> Question | str:
    """The question in a line, or what is wrong with the line."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return "not JSON"
    if not isinstance(data, dict):
        return "not an object"
    question_id, text = data.get("id", str(number)), data.get("text")
    if not isinstance(text, str):
        return '"text" is missing or not text'
    if problem := _problem_of_id(question_id):
        return f'"id" {problem}'
    return Question(question_id, text)


def _problem_of_id(question_id: object) -> str | None:
    """What is wrong with an id, if anything. Ids are sent in a header and read back from questions.csv."""
    if not isinstance(question_id, str) or not question_id.isascii() or not question_id.isprintable():
        return "is not printable ASCII text"
    if not question_id or question_id != question_id.strip():
        return "is empty or has space around it"
    if is_formula(question_id):
        return f"{question_id!r} begins like a formula, which a spreadsheet would execute in questions.csv"
    return None
