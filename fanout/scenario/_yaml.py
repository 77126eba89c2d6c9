"""Parses YAML text into plain data, and records the line of each key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fanout import files
from fanout.errors import Problem, ScenarioError

KeyPath = tuple[str | int, ...]
Tree = dict[str, Any]
"""A mapping of a scenario file as plain data."""
MAX_FILE_BYTES = 524_288
"""The largest file: room for the addresses of 4096 agents with host names of a hundred characters."""
MAX_NODES = 20_000
"""The most keys, values and items in a file. PyYAML needs half a second for that many."""
MAX_CHARACTERS = 100
"""The longest value that is not text, such as a number: converting a million digits takes minutes."""


@dataclass(frozen=True)
class Position:
    file: str
    line: int


@dataclass(frozen=True)
class Document:
    """A mapping, and the position of each of its keys and items by path. The empty path stands for the whole file."""

    data: Tree
    places: dict[KeyPath, Position]


def read_document(path: Path) -> Document:
    """Reads one file. Raises ScenarioError if it is unreadable, not YAML, or not a mapping with text keys."""
    try:
        text = files.read(path, MAX_FILE_BYTES)
    except OSError as error:
        raise ScenarioError([Problem(str(path), 0, "", f"can't be read: {error.strerror}")]) from error
    return parse_document(text, str(path))


def parse_document(text: str, file: str) -> Document:
    """Parses text as the contents of `file`. Raises ScenarioError like read_document."""
    loader: yaml.SafeLoader | None = None
    if len(text) > MAX_FILE_BYTES:
        raise ScenarioError([Problem(file, 0, "", f"longer than {MAX_FILE_BYTES} characters: not a scenario")])
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        reading = _Reading(file, loader)
        data = reading.value(root, ()) if root is not None else {}
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ScenarioError([Problem(file, line, "", f"not YAML: {error.problem or error.context}")]) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the last two report impossible characters
        raise ScenarioError([Problem(file, 1, "", f"not YAML: {str(error).partition(chr(10))[0]}")]) from error
    except RecursionError:
        raise ScenarioError([Problem(file, 1, "", "nested too deeply")]) from None
    finally:
        if loader is not None:
            loader.dispose()
    if not isinstance(data, dict):
        raise ScenarioError([Problem(file, 1, "", "not a mapping; allowed: the scenario's keys with their values")])
    if reading.problems:
        raise ScenarioError(reading.problems)
    return Document(data, {(): Position(file, 1), **reading.places})


class _Loader(yaml.SafeLoader):
    """PyYAML's loader with a limit on nodes: a file of the allowed size can hold enough of them for ten seconds."""

    nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise yaml.MarkedYAMLError(
                problem=f"more than {MAX_NODES} keys and values: not a scenario", problem_mark=self.get_mark()
            )
        return super().compose_node(parent, index)


class _Reading:
    """One walk over a document's nodes."""

    def __init__(self, file: str, loader: yaml.SafeLoader) -> None:
        self.file = file
        self.loader = loader
        self.places: dict[KeyPath, Position] = {}
        self.problems: list[Problem] = []
        self._seen: set[int] = set()

    def value(self, node: yaml.Node, path: KeyPath) -> Any:  # noqa: ANN401
        self._refuse_alias(node, path)
        self.places.setdefault(path, Position(self.file, node.start_mark.line + 1))
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _scalar(self, node: yaml.Node) -> Any:  # noqa: ANN401
        if isinstance(node, yaml.CollectionNode):
            raise _error_at(node, f"the tag {node.tag}; allowed: no tags")
        if node.tag != "tag:yaml.org,2002:str" and len(node.value) > MAX_CHARACTERS:
            raise _error_at(node, f"more than {MAX_CHARACTERS} characters, and not text: shorten or quote it")
        try:
            return self.loader.construct_object(node)
        except (ValueError, OverflowError, LookupError) as error:  # such as a date with a 13th month, or 0b
            raise _error_at(node, f"{node.value!r} is not a valid value: {error}") from error

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> Tree:
        data: Tree = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value
            here = (*path, key)
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str":
                self._problem(line, path, "a key that is not text; allowed: the keys in docs/scenario.md")
            elif key in data:
                self._problem(line, here, "duplicate key; allowed: each key once")
            else:
                self.places[here] = Position(self.file, line)
                data[key] = self.value(value_node, here)
        return data

    def _refuse_alias(self, node: yaml.Node, path: KeyPath) -> None:
        """Refuses an alias, which is a node that occurs again. A few of them can expand to gigabytes."""
        if id(node) in self._seen:
            raise _error_at(node, "an alias (*name); allowed: write the value again, or use extends")
        self._seen.add(id(node))

    def _problem(self, line: int, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(self.file, line, ".".join(map(str, path)), message))


def _error_at(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
