"""The layers go one way, and only the modules named locust_* import Locust: it patches the process that imports it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

MODULES = sorted([*(ROOT / "fanout").rglob("*.py"), *(ROOT / "workers").rglob("*.py")])


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_lies_below(path: Path) -> None:
    found = set(imports_of(path))
    if not path.name.startswith("locust_"):
        assert (
            not {name for name in found if name.split(".")[0] in ("locust", "gevent")} or path.parent.name == "workers"
        )
        assert not {name for name in found if name.startswith("fanout.locust_")}
    if path.is_relative_to(ROOT / "workers"):
        ours = {name for name in found if name.startswith("fanout.")}
        assert {name.split(".")[1] for name in ours} <= {
            "scenario",
            "protocols",
            "errors",
            "process",
            "descriptors",
            "deaths",
        }
        assert not {name for name in found if name.split(".")[0] == "locust"}
    else:
        assert not {name for name in found if name.split(".")[0] in ("workers", "locustfiles", "scripts")}
    if "commands" not in path.parts:
        assert not {name for name in found if name.startswith("fanout.cli")}


def test_results_can_be_compared_without_locust() -> None:
    check = (
        "import sys, fanout.runs.writer, fanout.analysis.compare, fanout.report.text, fanout.cli.compare\n"
        "import fanout.coordinator.__main__\n"
        "assert not {'locust', 'gevent'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", check], check=True, timeout=30)


def test_locustfiles_hold_users_and_nothing_to_import() -> None:
    for path in (ROOT / "locustfiles").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 45
        assert not [module for module in MODULES if f"locustfiles.{path.stem}" in set(imports_of(module))]
