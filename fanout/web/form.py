"""The start form: which scenarios can be picked, which of their keys can be set for one run, and what that makes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fanout.errors import Problem, ScenarioError
from fanout.json_object import JsonObject
from fanout.scenario import (
    Scenario,
    Setting,
    allowed_at,
    choices_at,
    flow_text,
    is_key,
    is_optional,
    load_scenario,
    load_scenarios,
    parse_values,
    quoted,
)

SOURCE = "the form"
MAX_SETTINGS = 100
_KEY = re.compile(r"[a-z0-9_]{1,40}(\.[a-z0-9_]{1,40}){0,5}")
_REACH = ("allow_remote", "extends")
"""The keys that only a file may have: they widen what a run reaches."""


@dataclass(frozen=True)
class Field:
    """A key of the scenario that people vary, as an input of the form."""

    key: str
    label: str
    group: str

    def to_json(self) -> JsonObject:
        choices = list(choices_at(self.key)) or None
        return {**vars(self), "help": allowed_at(self.key), "choices": choices}


FIELDS = (
    Field("client.topology", "Topology", "Client"),
    Field("client.shards", "Clients of a sharded topology", "Client"),
    Field("client.limits.max_connections", "Connections at most", "Client"),
    Field("client.limits.max_keepalive_connections", "Connections kept alive at most", "Client"),
    Field("client.limits.keepalive_expiry_s", "Seconds until an idle connection expires", "Client"),
    Field("agents", "Agents", "Agents and questions"),
    Field("questions", "Questions a round", "Agents and questions"),
    Field("workers.host", "Host name of the agents, as written", "Agents and questions"),
    Field("workers.service_time.scale", "Factor for the service times", "Agents and questions"),
    Field("coordinator.executor.threads", "Threads of the default executor", "Coordinator"),
    Field("coordinator.executor.blocking_calls", "Blocking calls on the default executor", "Coordinator"),
    Field("coordinator.resolver", "Executor of name lookups", "Coordinator"),
)
"""The inputs, in order. Any other key can be set as text."""


def settings_of(written: Collection[str]) -> tuple[Setting, ...]:
    """The settings in texts such as `client.topology=per_agent`; a key without a value is left out of the scenario.

    Raises ScenarioError with the problems of all texts.
    """
    found: list[Setting] = []
    problems: list[Problem] = []
    if len(written) > MAX_SETTINGS:
        message = f"{len(written)} settings are too many; allowed: up to {MAX_SETTINGS}"
        raise ScenarioError([Problem(SOURCE, 0, "", message)])
    for text in written:
        key, _, value = text.partition("=")
        try:
            setting = _setting(key.strip(), value)
        except ScenarioError as error:
            problems += error.problems
            continue
        if any(setting.key == each.key for each in found):
            problems.append(Problem(SOURCE, 0, setting.key, "is a duplicate; allowed: each key once"))
        found.append(setting)
    if problems:
        raise ScenarioError(problems)
    return tuple(found)


def _setting(key: str, text: str) -> Setting:
    def refused(message: str) -> ScenarioError:
        return ScenarioError([Problem(SOURCE, 0, key, message)])

    if key == "agents" and "://" in text and not text.lstrip().startswith("["):
        text = f"[{text}]"  # as people write addresses
    if not _KEY.fullmatch(key):
        raise ScenarioError([Problem(SOURCE, 0, "", f"{quoted(key)} is not a key; allowed: those in docs/scenario.md")])
    if key in _REACH:
        raise refused("can't be set here; allowed: in a scenario file")
    try:
        values = parse_values(text, SOURCE)
    except ScenarioError as error:
        raise refused(error.problems[0].message) from error
    if len(values) > 1:
        raise refused(f"{quoted(text)} has several values; allowed: {allowed_at(key)}")
    value = values[0] if values else None
    if value is None and not is_key(key):
        raise refused("unknown key")
    if not text.strip() and not is_optional(key):
        raise refused(f"is empty; allowed: {allowed_at(key)}")
    return Setting(key, value, SOURCE)


def load(file: str, settings: Sequence[Setting]) -> Scenario:
    """The scenario in a file, with these settings instead of its own.

    Settings can't make a run reach agents on other machines, or run code, that the file doesn't name. Raises
    ScenarioError.
    """
    if not settings:
        return load_scenario(file)
    given = {setting.key.partition(".")[0]: setting.value for setting in settings}
    if "agents" in given:
        settings = [*settings, Setting("allow_remote", value=False, source=SOURCE)]
    if isinstance(given.get("agents"), list) and "workers" not in given:
        settings = [*settings, Setting("workers", value=None, source=SOURCE)]  # which describes agents to start
    scenario = load_scenarios(file, [settings])[0]
    factory = scenario.client.factory
    if factory is not None and factory != load_scenario(file).client.factory:
        message = f"{factory} can't be set here; allowed: in a scenario file"
        raise ScenarioError([Problem(SOURCE, 0, "client.factory", message)])
    return scenario


def picked(file: str, name: str, question: str) -> JsonObject:
    """What the form shows of the scenario in a file: the values of all fields, or its problems.

    Without a `name`, it is the scenario's own.
    """
    shown: JsonObject = {"file": file, "name": name, "question": question}
    try:
        scenario = load_scenario(file)
    except ScenarioError as error:
        return {**shown, "values": {}, "whole": "", "has_shape": False, "problems": as_json(error.problems)}
    shown["name"] = name or scenario.name
    shown |= {"values": values_of(scenario), "whole": scenario.to_yaml()}
    return {**shown, "has_shape": scenario.shape is not None, "problems": []}


def values_of(scenario: Scenario) -> dict[str, str]:
    """The value of each field, as a scenario file has it; empty for a key that is left out."""
    whole = scenario.model_dump(mode="json")
    return {field.key: _text_at(field.key, whole) for field in FIELDS}


def _text_at(key: str, values: Mapping[str, Any]) -> str:
    found: Any = values
    for step in key.split("."):
        found = found.get(step)
    return "" if found is None else flow_text(found)


def as_json(problems: Iterable[Problem]) -> list[JsonObject]:
    """The problems for the form: those with what was typed there, and those in a file, with their place."""
    return [
        {"key": _field_of(problem.key), "message": problem.message}
        if problem.file == SOURCE
        else {"key": "", "message": str(problem)}
        for problem in problems
    ]


def _field_of(key: str) -> str:
    """The key of the field that a key is in, such as `agents` for `agents.0`; the key itself if it is in none."""
    return next((field.key for field in FIELDS if key == field.key or key.startswith(f"{field.key}.")), key)


def changed(settings: Sequence[Setting]) -> dict[str, str]:
    """The settings as texts."""
    return {setting.key: "" if setting.value is None else flow_text(setting.value) for setting in settings}
