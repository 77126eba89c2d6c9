"""Loads scenario files: resolves `extends`, validates, and reports every problem."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fanout.errors import MAX_PROBLEMS, Problem, ScenarioError
from fanout.paths import SCENARIOS
from fanout.scenario._explain import explain, key_path
from fanout.scenario._layers import Setting, overlay, with_settings
from fanout.scenario._model import Scenario
from fanout.scenario._reach import OWN_PREFIX, own_scenario, placed, reach_of, refusal, resolved
from fanout.scenario._rules import RULES, questions_within
from fanout.scenario._yaml import Document, KeyPath, Position, Tree, parse_document, read_document

MAX_EXTENDS = 8
"""The longest chain of files below one. Without a limit, a cycle would never end."""
# Values for required keys that are missing, so that the rules can check the other keys.
_PLACEHOLDERS: dict[KeyPath, Any] = {
    ("name",): "unnamed",
    ("protocol",): "a2a",
    ("agents",): 1,
    ("workers", "service_time"): {"distribution": "constant", "value_s": 0.0},
}


def load_scenario(path: str | Path, reach: Path | None = None) -> Scenario:
    """Reads a scenario file and all the files that it extends. Raises ScenarioError with every problem found.

    All files that it names must be within the folder `reach`; fanout/scenario/_reach.py describes the default.
    """
    path = Path(path)
    document = read_document(path)
    reach = _reach(path, reach)
    return _validate(_with_bases(document, path, reach), path, reach)


def load_scenarios(path: str | Path, combinations: Sequence[Sequence[Setting]]) -> list[Scenario]:
    """Loads a scenario file once for each combination of settings, which are applied to it.

    Raises ScenarioError with the problems of all combinations, without duplicates.
    """
    path = Path(path)
    document = read_document(path)
    reach = _reach(path)
    document = _with_bases(document, path, reach)
    scenarios: list[Scenario] = []
    problems: dict[Problem, None] = {}
    for settings in combinations:
        try:
            scenarios.append(_validate(with_settings(document, settings), path, reach, settings))
        except ScenarioError as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise ScenarioError(list(problems))
    return scenarios


def parse_scenario(text: str, path: str | Path, reach: Path | None = None) -> Scenario:
    """Like load_scenario, for the text of the file `path`, which need not exist."""
    path = Path(path)
    reach = _reach(path, reach)
    return _validate(_with_bases(parse_document(text, str(path)), path, reach), path, reach)


def _reach(path: Path, reach: Path | None = None) -> Path:
    try:
        return reach_of(path) if reach is None else resolved(reach)
    except OSError as error:
        raise ScenarioError([Problem(str(path), 0, "", f"can't be read: {error}")]) from error


def _with_bases(document: Document, path: Path, reach: Path, depth: int = 0) -> Document:
    """The document merged key by key into the one it extends. `depth` is the number of files that extend it."""
    if "extends" not in document.data:
        return document
    place = document.places["extends",]
    base = document.data.pop("extends")
    if not isinstance(base, str):
        raise ScenarioError([Problem(place.file, place.line, "extends", f"{base!r}; allowed: a scenario file's path")])
    try:
        target, reach = _base(base, path, reach)
    except ValueError as error:
        raise ScenarioError([Problem(place.file, place.line, "extends", f"{base!r} {error}")]) from error
    if depth == MAX_EXTENDS:
        message = (
            f"{base!r} makes the chain of files circular or too long; allowed: up to {MAX_EXTENDS} files, each once"
        )
        raise ScenarioError([Problem(place.file, place.line, "extends", message)])
    under = _with_bases(read_document(target), target, reach, depth + 1)
    if isinstance(under.data.get("questions"), str):  # it is relative to the file that contains it
        under.data["questions"] = placed(target.parent, under.data["questions"])
    under.data.pop("name", None)
    return Document(overlay(under.data, document.data), {**under.places, **document.places})


def _base(name: str, path: Path, reach: Path) -> tuple[Path, Path]:
    """The file to extend, and the folder within which that file may name others. Raises ValueError."""
    if name.startswith(OWN_PREFIX):
        return own_scenario(name.removeprefix(OWN_PREFIX)), SCENARIOS
    target = path.parent / name
    if reason := refusal(target, reach):
        raise ValueError(f"{reason}; allowed: a scenario file within {reach}, relative to this one")
    return target, reach


def _without_nulls(data: Tree) -> Tree:
    """The tree without keys set to null, which means the same as leaving them out."""
    return {
        key: _without_nulls(value) if isinstance(value, dict) else value
        for key, value in data.items()
        if value is not None
    }


def _validate(document: Document, path: Path, reach: Path, settings: Sequence[Setting] = ()) -> Scenario:
    data = _without_nulls(document.data)
    data.setdefault("name", path.stem)
    if isinstance(data.get("questions"), str):
        data["questions"] = placed(path.parent, data["questions"])
    findings: list[tuple[KeyPath, str]] = []
    wrong: set[str] = set()
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as error:
        findings = _innermost(dict(explain(detail, data) for detail in error.errors()[:MAX_PROBLEMS]))
        if "name" not in document.data:  # the name comes from the file
            findings = [(w, f"the file's name, {m}" if w == ("name",) else m) for w, m in findings]
        # Unknown keys are dropped, and no rule reads them. Rules that read any other wrong key are skipped.
        wrong = {_dotted(key_path(detail, data)) for detail in error.errors() if detail["type"] != "extra_forbidden"}
        scenario = _best_of(data, [where for where, _ in findings])
    places = dict(document.places)
    for rule in [*RULES, questions_within(reach)]:
        if any(_overlap(key, read) for key in wrong for read in rule.reads):
            continue
        found = list(rule.check(scenario))
        findings.extend(found)
        # A conflict that involves settings is reported at these settings, wherever the other key is.
        if sources := [s.source for s in settings if any(_overlap(s.key, read) for read in rule.reads)]:
            places.update((where, Position(" ".join(dict.fromkeys(sources)), 0)) for where, _ in found)
    if findings:
        problems = [_problem(where, message, places) for where, message in findings]
        raise ScenarioError(sorted(problems, key=lambda problem: (problem.file, problem.line)))
    return scenario


def _innermost(findings: dict[KeyPath, str]) -> list[tuple[KeyPath, str]]:
    """The findings without those about a list or mapping that only result from a finding inside it."""
    return [
        (where, message)
        for where, message in findings.items()
        if not any(other != where and other[: len(where)] == where for other in findings)
    ]


def _dotted(where: KeyPath) -> str:
    return ".".join(map(str, where))


def _overlap(key: str, other: str) -> bool:
    """Whether two dotted keys are the same, or one contains the other."""
    return key == other or key.startswith(f"{other}.") or other.startswith(f"{key}.")


def _best_of(data: Tree, wrong: list[KeyPath]) -> Scenario:
    """The scenario without its wrong keys, so that conflicts between the others are found too."""
    for where in wrong:
        data = _without(data, where)
    for _ in range(len(_PLACEHOLDERS) + 1):
        try:
            return Scenario.model_validate(data)
        except ValidationError as error:
            for detail in error.errors():
                where = key_path(detail, data)
                for missing, value in _PLACEHOLDERS.items():
                    if where[: len(missing)] == missing:
                        data = _with(data, missing, value)
    return Scenario(name="unnamed", protocol="a2a", agents=1)


def _without(data: Tree, where: KeyPath) -> Tree:
    head, *rest = where
    if not isinstance(head, str) or head not in data:
        return data
    if rest and isinstance(data[head], dict):
        return {**data, head: _without(data[head], tuple(rest))}
    return {key: value for key, value in data.items() if key != head}


def _with(data: Tree, where: KeyPath, value: object) -> Tree:
    head, *rest = where
    inner = data.get(str(head))
    return {**data, str(head): _with(inner if isinstance(inner, dict) else {}, tuple(rest), value) if rest else value}


def _problem(where: KeyPath, message: str, places: dict[KeyPath, Position]) -> Problem:
    place = next(places[where[:end]] for end in range(len(where), -1, -1) if where[:end] in places)
    return Problem(place.file, place.line, _dotted(where), message)
