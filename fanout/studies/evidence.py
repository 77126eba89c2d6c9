"""The figures of a study, one row for each run in a CSV file, and the document that is rendered from them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, ValidationError

from fanout import files
from fanout.analysis.run_summary import summarize
from fanout.errors import NoDataError
from fanout.runs.reader import Run
from fanout.text import data_text, format_ms

T = TypeVar("T", bound=BaseModel)
OTHER_DOCS = "choose another folder with --docs"


def checked(kind: type[T], data: dict[str, Any], run: Run, again: str) -> T:
    """A run's figures. Raises NoDataError if one is unknown; `again` is the command that makes the run."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise NoDataError(f"{run.directory}: {_first_of(error)}; run {again} again") from error


def write_figures(found: Sequence[BaseModel], file: Path) -> None:
    with file.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, list(type(found[0]).model_fields), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _text(value) for name, value in figures} for figures in found)


def make_folder(docs: Path) -> None:
    """Makes the folder of a study's files. Raises CouldNotRunError."""
    with files.writing(docs, OTHER_DOCS):
        docs.mkdir(parents=True, exist_ok=True)


def save_figures(found: Sequence[BaseModel], docs: Path, name: str) -> None:
    """Writes a study's figures into the folder of its files, which may not exist yet. Raises CouldNotRunError."""
    make_folder(docs)
    with files.writing(docs, OTHER_DOCS):
        write_figures(found, docs / f"{name}.csv")


def _text(value: object) -> str:
    return data_text(round(value, 4) if isinstance(value, float) else value)


def read_figures(kind: type[T], file: Path, made_with: str) -> list[T]:
    """Raises NoDataError if the file is missing or isn't one of figures."""
    try:
        lines = io.StringIO(files.read(file), newline="")
        return [
            kind.model_validate({name: cell or None for name, cell in row.items()}) for row in csv.DictReader(lines)
        ]
    except OSError as error:
        raise NoDataError(f"{file}: can't be read: {error.strerror}; make it with {made_with}") from error
    except (ValidationError, ValueError, csv.Error) as error:
        why = _first_of(error) if isinstance(error, ValidationError) else str(error)
        raise NoDataError(f"{file}: not the figures of this study: {why}; make them with {made_with}") from error


def _first_of(error: ValidationError) -> str:
    detail = error.errors()[0]
    return f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}"


def rendered(template: Path, **values: Any) -> str:  # noqa: ANN401
    """The document. A template may use the filter `ms` for durations; it is an error if a value is missing."""
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 (Markdown, and nothing in it comes from outside)
    )
    environment.filters["ms"] = format_ms
    return environment.get_template(template.name).render(**values)


def measured(run: Run) -> dict[str, Any]:
    """The figures of a run that every study over the number of agents has."""
    summary = summarize(run, advised=False)
    return {
        "run": run.directory.name,
        "questions": summary.questions,
        "failed": summary.unanswered,
        "failures": ", ".join(f"{failure.kind} {failure.count}" for failure in summary.failures) or None,
        **{name: getattr(summary, name) for name in ("cpu_ms", "p50_ms", "p95_ms", "connections", "memory_mib")},
        "suspect": bool(summary.suspect),
        "system": system_of(run),
    }


def system_of(run: Run) -> str:
    """The machine and the versions."""
    machine, versions = run.info.machine or {}, run.info.versions or {}
    packages = ", ".join(f"{name} {versions.get(name)}" for name in ("httpx", "httpcore", "anyio"))
    cpus = f"{machine.get('cpus')} CPUs ({machine.get('cpu')})"
    return f"{cpus}, {machine.get('system')}, Python {versions.get('python')}, {packages}"
