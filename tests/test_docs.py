"""The statements of the documents that a test can check."""

from __future__ import annotations

import re
import runpy
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from fanout.analysis.advice import Advice, advise
from fanout.analysis.advice._facts import RULES
from fanout.analysis.row_advice import RowAdvice
from fanout.cli.bench import main as bench
from fanout.phases import PHASES
from fanout.runs.schema import COUNTERS, SCHEMA, RunInfo
from fanout.scenario.metrics import METRICS
from helpers.paths import ROOT
from helpers.runs import run_of

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "scenarios").glob("*.md")])
SCENARIOS = sorted((ROOT / "scenarios").rglob("*.yaml"))


def test_tables_are_those_of_the_code() -> None:
    tables = runpy.run_path(str(ROOT / "scripts" / "_tables.py"))
    texts = {path.name: path.read_text(encoding="utf-8") for path in DOCUMENTS}
    assert [name for name, text in texts.items() if tables["written"](text) != text] == [], "run scripts/docs"
    marked = [name for text in texts.values() for name in re.findall(r"<!-- scripts/docs: ([\w-]+) -->", text)]
    assert sorted(marked) == sorted(tables["TABLES"])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_have_targets(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_placeholder_is_left(path: Path) -> None:
    assert not re.findall(r"[A-Z]+_(?:TABLE|FIGURE|SENTENCE)|TODO|FIXME|XXX", path.read_text(encoding="utf-8"))


def test_the_index_names_every_scenario() -> None:
    text = (ROOT / "scenarios" / "README.md").read_text(encoding="utf-8")
    for path in SCENARIOS:
        assert f"({path.relative_to(ROOT / 'scenarios')})" in text


def test_the_readme_s_files_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in re.findall(r"`((?:fanout|scenarios|docs|scripts|locustfiles|workers|benchmarks)/[\w./-]*)`", text):
        assert (ROOT / name).exists(), name


def test_the_format_s_document_names_the_schema_and_every_key() -> None:
    text = (ROOT / "docs" / "results-format.md").read_text(encoding="utf-8")
    assert f"This version writes and reads schema {SCHEMA};" in text
    assert f"| `schema` | {SCHEMA} |" in text
    table = text.partition("## run.json")[2].partition("## ")[0]
    for field in fields(RunInfo):
        assert re.search(rf"^\|.*`{field.name}`", table, re.MULTILINE), field.name
    for counter in COUNTERS:
        assert counter in table


def test_every_rule_of_the_advice_and_every_key_of_it_is_explained() -> None:
    text = (ROOT / "docs" / "advice.md").read_text(encoding="utf-8")
    advise(run_of([1.0]))  # loads the rules
    for name in (*(check.__name__ for check in RULES), *RowAdvice("", Advice("", "")).to_json()):
        assert re.search(rf"^\|[^|]*`{name}`", text, re.MULTILINE), name


def test_every_phase_is_explained() -> None:
    text = (ROOT / "docs" / "phases.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == PHASES


EDITED = re.compile(r"`((?:fanout|workers|tests|scenarios|docs)/[\w./-]+)`")


@pytest.mark.parametrize("document", ["architecture.md", "extending.md"])
def test_the_files_that_a_document_names_exist(document: str) -> None:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    named = EDITED.findall(text)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_architecture_names_every_room() -> None:
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


def test_the_commands_of_the_workflow_exist() -> None:
    """Each script exists, and knows each option that it is given."""
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
def test_every_promise_has_a_test(promise: str) -> None:
    """Its bullet names tests that exist."""
    names = re.findall(r"`(tests/test_\w+\.py)::(test_\w+)`", promise)
    assert len(names) == promise.count("::") > 0, promise
    for file, name in names:
        assert f"\ndef {name}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file} has no {name}"
