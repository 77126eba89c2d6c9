"""Overlays documents and single values on a document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from fanout.errors import Problem, ScenarioError
from fanout.scenario._yaml import Document, KeyPath, Position, Tree, parse_document

DISCRIMINATORS = ("distribution", "kind")
"""Keys that select one of several forms of a mapping."""


@dataclass(frozen=True)
class Setting:
    """A value that replaces or adds to a file's."""

    key: str
    """Dotted, as in `client.limits.max_connections`."""
    value: Any
    source: str
    """Where the value was given, such as `--set agents=4`. Problems with it name this place."""

    @property
    def path(self) -> KeyPath:
        return tuple(self.key.split("."))


def parse_values(text: str, source: str) -> list[Any]:
    """The values of a YAML flow sequence written without its brackets. Raises ScenarioError for any other text."""
    try:
        data = parse_document(f"values: [{text}\n]", source).data  # a comment must not hide the bracket
        if data.keys() != {"values"}:
            raise ScenarioError([Problem(source, 0, "", "not YAML: a bracket that was never opened")])
    except ScenarioError as error:
        raise ScenarioError([Problem(source, 0, "", problem.message) for problem in error.problems]) from error
    return list(data["values"])


class _Dumper(yaml.SafeDumper):
    """Writes only what a scenario may contain: no aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401
        return True


def _text_on_one_line(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if text.isprintable() else '"'  # in which a line break is an escape sequence
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text_on_one_line)


def flow_text(value: object) -> str:
    """A value as one line of YAML, which parse_values() reads back."""
    text = yaml.dump([value], Dumper=_Dumper, default_flow_style=True, sort_keys=False, width=float("inf"))
    return text.strip()[1:-1]


def overlay(under: Tree, over: Tree) -> Tree:
    """Merges two trees; `over` wins. A mapping of another kind replaces the whole one below, whose keys may not fit."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict) and not _replaces(value, below):
            merged[key] = overlay(below, value)
        else:
            merged[key] = value
    return merged


def _replaces(value: Tree, below: Tree) -> bool:
    return any(name in value and value[name] != below.get(name) for name in DISCRIMINATORS)


def with_settings(document: Document, settings: Sequence[Setting]) -> Document:
    """The document with these values applied in order."""
    data, places = document.data, dict(document.places)
    for setting in settings:
        over = setting.value
        for step in reversed(setting.path):
            over = {step: over}
        places = {
            **{known: place for known, place in places.items() if not _is_replaced(known, setting)},
            **dict.fromkeys(_keys_written_by(setting, data), Position(setting.source, 0)),
        }
        data = overlay(data, over)
    return Document(data, places)


def _is_replaced(known: KeyPath, setting: Setting) -> bool:
    """Whether a key is within a mapping that the setting replaces as a whole."""
    return not isinstance(setting.value, dict) and known[: len(setting.path)] == setting.path


def _keys_written_by(setting: Setting, data: Tree) -> Iterator[KeyPath]:
    """The keys that a setting writes: its own, those in its value, and the mappings around it that didn't exist."""
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
