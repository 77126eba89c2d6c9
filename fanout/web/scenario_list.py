"""The scenarios to pick from, each with the question that it asks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fanout import files
from fanout.json_object import JsonObject
from fanout.paths import SCENARIOS, shown
from fanout.text import shorten

OWN_FOLDER = Path("scenarios")
"""Where users keep theirs, in the current folder."""
BASE = "base"
"""Files of this name are there to be extended."""
MOST = 500
MAX_QUESTION = 300


@dataclass(frozen=True)
class Choice:
    file: str
    """The path, relative to the current folder if it is in it."""
    name: str
    group: str
    """The folder within the scenarios' folder; empty for the scenarios directly in it."""
    question: str
    """What the scenario asks; empty if its first lines don't say it."""

    def to_json(self) -> JsonObject:
        return asdict(self)


def choices(others: Sequence[str] = ()) -> list[Choice]:
    """The scenarios of the current folder and fanout's own, with those of the files `others` first."""
    found: dict[Path, Choice] = {}
    for file in map(Path, others):
        found.setdefault(file.resolve(), _choice(file, ""))
    for folder in (OWN_FOLDER, SCENARIOS):
        for file in _scenarios_in(folder):
            group = file.parent.relative_to(folder).as_posix()
            found.setdefault(file.resolve(), _choice(file, "" if group == "." else group))
    return sorted(found.values(), key=lambda choice: choice.group != "")


def _scenarios_in(folder: Path) -> Iterator[Path]:
    found = sorted(itertools.islice(folder.rglob("*.yaml"), MOST))
    return (file for file in found if file.stem != BASE and file.is_file())


def _choice(file: Path, group: str) -> Choice:
    return Choice(shown(file), file.stem, group, question_in(file))


def question_of(file: Path, name: str) -> str:
    """The question that a scenario asks: by its file, or, for the copy in a run's directory, by its name."""
    return question_in(file) or next((choice.question for choice in choices() if choice.name == name), "")


def question_in(file: Path) -> str:
    """The question in a scenario's first comment, or its first sentence; empty without a comment."""
    try:
        lines = files.read(file).splitlines()
    except OSError:
        return ""
    comment = itertools.takewhile(lambda line: line.startswith("#"), lines)
    text = " ".join(line.lstrip("#").strip() for line in comment)
    for end in "?.":
        if end in text:
            text = text[: text.index(end) + 1]
            break
    return shorten(text, MAX_QUESTION)
