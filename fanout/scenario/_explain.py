"""Translates pydantic's errors into messages about a scenario: the key, the value and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from fanout.errors import without_login
from fanout.scenario._layers import DISCRIMINATORS
from fanout.scenario._model import Scenario
from fanout.scenario._yaml import KeyPath, Tree
from fanout.text import data_text, shorten


def explain(detail: Any, data: Tree) -> tuple[KeyPath, str]:  # noqa: ANN401
    """Translates one of pydantic's errors about `data`: the key's path, and a message (the value, what is allowed)."""
    where = key_path(detail, data)
    value = detail["input"]
    if detail["type"] == "extra_forbidden":
        known = sorted({name for model in _models_at(where[:-1], data) for name in model.model_fields})
        if len(where) == 1:
            known.append("extends")
        close = difflib.get_close_matches(str(where[-1]), known, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        return where, f"unknown key; {hint}allowed here: {', '.join(known)}"
    allows = allowed(where, data)
    if detail["type"].startswith("union_tag_") and "discriminator" in detail["ctx"]:
        allows = ", ".join(_kinds(where, data))
        value = detail["ctx"].get("tag")
    if detail["type"] in ("missing", "union_tag_not_found"):
        return where, f"is missing; allowed: {allows}"
    reason = str(detail["ctx"]["error"]) if detail["type"] == "value_error" else ""
    if "allowed:" in reason:
        return where, f"{quoted(value)}: {reason}"
    reason = reason and f" ({reason})"
    return where, f"{quoted(value)} is not allowed{reason}; allowed: {allows}"


def quoted(value: object) -> str:
    """A wrong value, as a message repeats it: short, and without a login."""
    return shorten(data_text(value) if isinstance(value, bool) else without_login(repr(value)), 80)  # as YAML writes it


def key_path(detail: Any, data: Tree) -> KeyPath:  # noqa: ANN401
    """The path of the key. Pydantic's location also contains names of union members, which this removes."""
    path: list[str | int] = []
    inner: Any = data
    for step in detail["loc"]:
        if _contains(inner, step):
            inner = inner[step]
        elif not (detail["type"] == "missing" and step == detail["loc"][-1]):
            continue
        path.append(step)
    if detail["type"] in ("union_tag_not_found", "union_tag_invalid"):
        path.append(detail["ctx"]["discriminator"].strip("'"))
    return tuple(path)


def _contains(inner: object, step: str | int) -> bool:
    if isinstance(inner, list):
        return isinstance(step, int) and step < len(inner)
    return isinstance(inner, dict) and step in inner


def _models_at(where: KeyPath, data: Tree) -> list[type[BaseModel]]:
    """The models that the mapping at a path can match."""
    models: list[type[BaseModel]] = [Scenario]
    inner: Any = data
    for step in where:
        if isinstance(step, str):
            fields = [model.model_fields[step] for model in models if step in model.model_fields]
            models = [found for field in fields for found in _models_in(field.annotation)]
        inner = inner[step] if _contains(inner, step) else None
        models = [model for model in models if _can_match(model, inner)] or models
    return models


def _can_match(model: type[BaseModel], data: object) -> bool:
    """Whether a mapping's discriminators allow this model. A mapping without one can match any model."""
    if not isinstance(data, dict):
        return True
    named = {
        name: get_args(model.model_fields[name].annotation) for name in model.model_fields.keys() & set(DISCRIMINATORS)
    }
    return all(data.get(name) is None or data[name] in kinds for name, kinds in named.items())


def _kinds(where: KeyPath, data: Tree) -> Iterator[str]:
    """The values allowed for the discriminator at a path."""
    for model in _models_at(where[:-1], data):
        yield from get_args(model.model_fields[str(where[-1])].annotation)


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is not Literal:
        for argument in get_args(annotation):
            yield from _models_in(argument)


def fields_at(where: KeyPath, data: Tree) -> Iterator[FieldInfo]:
    """The fields that the key at a path can be, of each model that its mapping can match."""
    for model in _models_at(where[:-1], data):
        if (field := model.model_fields.get(str(where[-1]))) is not None:
            yield field


def allowed(where: KeyPath, data: Tree) -> str:
    """What is allowed at a path, according to the nearest field on the way to it that has a description."""
    for end in range(len(where), 0, -1):
        for field in fields_at(where[:end], data):
            if field.description:
                return field.description
    return "see docs/scenario.md"
