"""Documents laid over documents, and single values over a document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fanout.errors import Problem, ScenarioError
from fanout.scenario._yaml import Document, KeyPath, Position, Tree, parse_document


@dataclass(frozen=True)
class Setting:
    """A value that is laid over a file's."""

    key: str
    """Dotted, as in `client.limits.max_connections`."""
    value: Any
    source: str
    """Where it is said, such as `--set agents=4`; what is wrong with it is told of that place."""

    @property
    def path(self) -> KeyPath:
        return tuple(self.key.split("."))


def parse_values(text: str, source: str) -> list[Any]:
    """The values of a YAML flow sequence without its brackets. Raises ScenarioError for text that is something else."""
    try:
        data = parse_document(f"values: [{text}\n]", source).data  # a comment must not hide the bracket
        if data.keys() != {"values"}:
            raise ScenarioError([Problem(source, 0, "", "not YAML: a bracket that was never opened")])
    except ScenarioError as error:
        raise ScenarioError([Problem(source, 0, "", problem.message) for problem in error.problems]) from error
    return list(data["values"])


def lay_over(under: Tree, over: Tree) -> Tree:
    """What stands in `over` wins. Another distribution replaces the whole of the one below: its keys would not fit."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict) and not _replaces(value, below):
            merged[key] = lay_over(below, value)
        else:
            merged[key] = value
    return merged


def _replaces(value: Tree, below: Tree) -> bool:
    return "distribution" in value and value["distribution"] != below.get("distribution")


def with_settings(document: Document, settings: Sequence[Setting]) -> Document:
    """The document with these values laid over it, in order."""
    data, places = document.data, dict(document.places)
    for setting in settings:
        over = setting.value
        for step in reversed(setting.path):
            over = {step: over}
        places = {
            **{known: place for known, place in places.items() if not _is_replaced(known, setting)},
            **dict.fromkeys(_said_by(setting, data), Position(setting.source, 0)),
        }
        data = lay_over(data, over)
    return Document(data, places)


def _is_replaced(known: KeyPath, setting: Setting) -> bool:
    """Whether a key is inside of what the setting replaces as a whole."""
    return not isinstance(setting.value, dict) and known[: len(setting.path)] == setting.path


def _said_by(setting: Setting, data: Tree) -> Iterator[KeyPath]:
    """The keys that the setting writes: its own, those in its value, and the mappings around it that weren't there."""
    around: Any = data
    for end in range(1, len(setting.path)):
        around = around.get(setting.path[end - 1]) if isinstance(around, dict) else None
        if not isinstance(around, dict):
            yield setting.path[:end]
    yield from _keys_of(setting.value, setting.path)


def _keys_of(value: object, path: KeyPath) -> Iterator[KeyPath]:
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _keys_of(inner, (*path, key))
