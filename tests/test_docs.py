"""What the documents promise that a test can hold."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from fanout.cli.bench import main as bench
from fanout.outcome import COLUMNS as OUTCOME_COLUMNS
from fanout.phases import PHASES
from fanout.report import COLUMNS as SUMMARY_COLUMNS
from fanout.runs.schema import COUNTERS, SCHEMA, RunInfo
from fanout.scenario import (
    ClientSettings,
    Constant,
    CoordinatorSettings,
    Executor,
    Exponential,
    Limits,
    LogNormal,
    Scenario,
    Timeouts,
    WorkerSettings,
    faults,
)
from fanout.scenario.metrics import METRICS
from helpers.paths import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "scenarios").glob("*.md")])
SCENARIOS = sorted((ROOT / "scenarios").rglob("*.yaml"))
FAULTS = faults.KINDS
PARTS: list[tuple[str, type[BaseModel]]] = [
    ("", Scenario),
    ("client.", ClientSettings),
    ("client.limits.", Limits),
    ("client.timeout_s.", Timeouts),
    ("coordinator.", CoordinatorSettings),
    ("coordinator.executor.", Executor),
    ("workers.", WorkerSettings),
    ("workers.service_time.", Constant),
    ("workers.service_time.", LogNormal),
    ("workers.service_time.", Exponential),
    *(("workers.faults.", fault) for fault in FAULTS),
]


def keys() -> Iterator[str]:
    yield "| key | allowed | left out |"
    yield "|---|---|---|"
    for prefix, part in PARTS:
        for name, field in part.model_fields.items():
            if field.description and "a mapping:" not in field.description:
                allowed = "the name of a file in `fanout/protocols/`" if name == "protocol" else field.description
                yield f"| `{prefix}{name}` | {allowed} | {default(prefix, name, field.default)} |"


def default(prefix: str, name: str, value: Any) -> str:
    if name == "name":
        return "the file's name"
    if name == "service_time":
        return "constant, 0.1 s"
    if name == "agents" and prefix:
        return "all agents"
    if name == "threads":
        return "default"
    if value is PydanticUndefined:
        return "needed"
    return f"{str(value).lower()}"


def fault_rows() -> Iterator[str]:
    yield "| kind | what the agent does | what it takes besides `agents` |"
    yield "|---|---|---|"
    for fault in FAULTS:
        (kind,) = get_args(fault.model_fields["kind"].annotation)
        own = [f"`{name}`" for name in fault.model_fields if name not in ("agents", "kind")]
        yield f"| `{kind}` | {fault.__doc__} | {', '.join(own) or '–'} |"


def test_the_table_of_faults_is_that_of_the_code() -> None:
    expected = "\n".join(fault_rows())
    assert between("reliability.md", "") == expected, f"docs/reliability.md is stale; it should be:\n{expected}"


def between(document: str, mark: str) -> str:
    """What stands in a document after this mark, up to where it says that it ends."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    return text.partition(f"{mark}is stale -->\n")[2].partition("\n<!-- end -->")[0]


def test_the_form_s_table_is_that_of_the_code() -> None:
    table = between("scenario.md", "")
    expected = "\n".join(dict.fromkeys(keys()))
    assert table == expected, f"docs/scenario.md is stale; its table should be:\n{expected}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_left_to_fill_in(path: Path) -> None:
    assert not re.findall(r"[A-Z]+_(?:TABLE|FIGURE|SENTENCE)|TODO|FIXME|XXX", path.read_text(encoding="utf-8"))


def test_the_index_names_every_scenario() -> None:
    text = (ROOT / "scenarios" / "README.md").read_text(encoding="utf-8")
    for path in SCENARIOS:
        assert f"({path.relative_to(ROOT / 'scenarios')})" in text


def test_the_readme_s_files_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in re.findall(r"`((?:fanout|scenarios|docs|scripts|locustfiles|workers|benchmarks)/[\w./-]*)`", text):
        assert (ROOT / name).exists(), name


def column_rows() -> Iterator[str]:
    yield "| column | values | what it is |"
    yield "|---|---|---|"
    for column in OUTCOME_COLUMNS:
        yield f"| `{column.name}` | {column.values} | {column.about} |"


def test_the_format_s_columns_are_those_of_the_code() -> None:
    expected = "\n".join(column_rows())
    assert between("results-format.md", "this table ") == expected, f"it should be:\n{expected}"
    listed = between("results-format.md", "this list ")
    assert re.findall(r"`(\w+)`", listed) == [column.key for column in SUMMARY_COLUMNS]


def test_the_format_s_document_names_the_schema_and_every_key() -> None:
    text = (ROOT / "docs" / "results-format.md").read_text(encoding="utf-8")
    assert f"This version writes and reads schema {SCHEMA};" in text
    assert f"| `schema` | {SCHEMA} |" in text
    table = text.partition("## run.json")[2].partition("## ")[0]
    for field in fields(RunInfo):
        assert re.search(rf"^\|.*`{field.name}`", table, re.MULTILINE), field.name
    for counter in COUNTERS:
        assert counter in table


def test_every_phase_is_explained() -> None:
    text = (ROOT / "docs" / "phases.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == PHASES


EDITED = re.compile(r"`((?:fanout|workers|tests|scenarios|docs)/[\w./-]+)`")


@pytest.mark.parametrize("document", ["architecture.md", "extending.md"])
def test_what_the_map_names_is_there(document: str) -> None:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    named = EDITED.findall(text)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_picture_has_every_room() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for room in (ROOT / "fanout").iterdir():
        if (room / "__init__.py").exists():
            assert f"{room.name}" in text.partition("## A run")[0], room.name


def test_the_gates_document_names_every_metric() -> None:
    text = (ROOT / "docs" / "gates.md").read_text(encoding="utf-8")
    for metric in METRICS:
        group, _, last = metric.rpartition(".")
        written = (
            f"`{metric}`",
            f"`{group}.*`",
            f"`.{last}`",
            "`phase.PHASE.*`" if group.startswith("phase.") else metric,
        )
        assert any(way in text for way in written), metric


def test_the_workflow_s_commands_exist() -> None:
    """Each script is there, and knows each option that it is given."""
    text = (ROOT / ".github" / "workflows" / "fanout.yml").read_text(encoding="utf-8")
    steps = yaml.safe_load(text)["jobs"]["load-test"]["steps"]
    lines = [line.replace("../base/", "") for step in steps for line in step.get("run", "").splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith("scripts/")]
    assert commands
    for script, scenario, *args in commands:
        assert script == "scripts/bench"
        assert (ROOT / scenario).exists()
        bench.make_context(script, [scenario, *args])


def promises() -> list[str]:
    """The bullets of docs/security.md, each on one line."""
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    return [
        " ".join(bullet.split()) for bullet in re.findall(r"^- (.*?)(?=\n\n|\n- |\Z)", text, re.MULTILINE | re.DOTALL)
    ]


@pytest.mark.parametrize("promise", promises())
def test_behind_each_promise_stands_a_test(promise: str) -> None:
    """Its bullet names tests that exist."""
    names = re.findall(r"`(tests/test_\w+\.py)::(test_\w+)`", promise)
    assert len(names) == promise.count("::") > 0, promise
    for file, name in names:
        assert f"\ndef {name}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file} has no {name}"
