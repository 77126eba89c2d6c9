"""Which questions a scenario asks: a number of our own, or the user's from a JSON-lines file."""

from __future__ import annotations

import json
from pathlib import Path

from fanout.errors import Problem, ScenarioError
from fanout.protocols import Question

ALLOWED = 'allowed: one JSON object a line, {"text": …} and, if wanted, a unique "id", both text'


def questions_of(questions: int | str) -> list[Question]:
    """A scenario's questions, in order. Raises ScenarioError for a file that can't be used, with all its problems."""
    if isinstance(questions, int):
        return [
            Question(str(number), f"Question {number} of {questions}: what did agent number {number} find out?")
            for number in range(1, questions + 1)
        ]
    return _from_file(Path(questions))


def _from_file(path: Path) -> list[Question]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ScenarioError([Problem(str(path), 0, "", f"can't be read: {reason}")]) from error
    questions: dict[str, Question] = {}
    problems: list[Problem] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
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
    # The id travels in a header, so it has to be printable ASCII without space around it.
    if not isinstance(question_id, str) or not question_id.isascii() or not question_id.isprintable():
        return '"id" is not printable ASCII text'
    if not question_id or question_id != question_id.strip():
        return '"id" is empty or has space around it'
    return Question(question_id, text)
