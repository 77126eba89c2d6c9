"""Which questions a scenario asks: a number of our own, or the user's from a JSON-lines file."""

from __future__ import annotations

import json
from pathlib import Path

from fanout import files
from fanout.errors import MAX_PROBLEMS, Problem, ScenarioError
from fanout.protocols import Question
from fanout.text import is_formula

MAX_FILE_BYTES = 268_435_456
"""More than of other files: questions may be long texts."""
MAX_QUESTIONS = 1_000_000
"""Of a scenario, whether it says a number or names a file."""
ALLOWED = 'allowed: one JSON object a line, {"text": …} and, if wanted, a unique "id", both text'


def questions_of(questions: int | str) -> list[Question]:
    """A scenario's questions, in order. Raises ScenarioError for a file that can't be used, with all its problems."""
    if isinstance(questions, int):
        return [
            Question(str(number), f"Question {number} of {questions}: what did agent number {number} find out?")
            for number in range(1, questions + 1)
        ]
    return _from_file(Path(questions))


def count_of(questions: int | str) -> int:
    """How many they are. Raises ScenarioError as questions_of does."""
    return questions if isinstance(questions, int) else len(questions_of(questions))


def _from_file(path: Path) -> list[Question]:
    try:
        lines = files.read(path, MAX_FILE_BYTES).split("\n")  # not splitlines(): JSON may have other ends within a text
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
            problems.append(Problem(str(path), number, "id", f"{found.id!r} stands here twice; {ALLOWED}"))
        else:
            questions[found.id] = found
    if not questions and not problems:
        problems.append(Problem(str(path), 0, "", f"no questions; {ALLOWED}"))
    if problems:
        raise ScenarioError(problems)
    return list(questions.values())


def _question(line: str, number: int) -> Question | str:
    """One line's question, or what is wrong with it."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return "not JSON"
    if not isinstance(data, dict):
        return "not an object"
    question_id, text = data.get("id", str(number)), data.get("text")
    if not isinstance(text, str):
        return '"text" is missing or not text'
    if mistake := _mistake_in(question_id):
        return f'"id" {mistake}'
    return Question(question_id, text)


def _mistake_in(question_id: object) -> str | None:
    """What is wrong with an id: it travels in a header, and comes back from questions.csv."""
    if not isinstance(question_id, str) or not question_id.isascii() or not question_id.isprintable():
        return "is not printable ASCII text"
    if not question_id or question_id != question_id.strip():
        return "is empty or has space around it"
    if is_formula(question_id):
        return f"{question_id!r} begins as a formula does, which a spreadsheet would obey in questions.csv"
    return None
