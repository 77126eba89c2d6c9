"""scripts/: what sets itself up, and the shims of the commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fanout.cli.__main__ import COMMANDS
from helpers.paths import ROOT

SCRIPT = """#!/bin/sh
set -eu
requirements=requirements-dev.txt
. "$(dirname "$0")/_venv"
exec "$python" -c 'print(42)'
"""


def script(directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "scripts/it"], cwd=directory, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHON": sys.executable, **environment},
    )  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that needs nothing installed, so that setting it up needs no network."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "_venv", tmp_path / "scripts" / "_venv")
    (tmp_path / "scripts" / "it").write_text(SCRIPT)
    for name in ("requirements.txt", "requirements-dev.txt", "constraints.txt"):
        (tmp_path / name).write_text("# nothing\n")
    return tmp_path


@pytest.mark.process
def test_it_sets_itself_up_once_and_again_when_something_changed(project: Path) -> None:
    first, second = script(project), script(project)
    assert (first.stdout, second.stdout) == ("42\n", "42\n"), first.stderr
    assert "Setting up .venv" in first.stderr
    assert second.stderr == ""
    (project / "requirements.txt").write_text("# nothing else\n")
    assert "Setting up .venv" in script(project).stderr
    assert script(project).stderr == ""
    (project / ".venv" / "bin" / "python").unlink()
    assert "Setting up .venv" in script(project).stderr
    moved = project.parent / "moved"
    shutil.move(project, moved)
    assert "Setting up .venv" in script(moved).stderr
    assert script(moved).stdout == "42\n"


@pytest.mark.process
def test_it_says_what_is_missing(project: Path) -> None:
    old = project / "old-python"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.1\nexit 1\n')
    old.chmod(0o755)
    done = script(project, PYTHON=str(old))
    assert done.returncode == 3
    assert "Python 3.9.1 is too old; set the path of Python 3.11 or newer" in done.stderr
    done = script(project, PYTHON="no-such-python")
    assert done.returncode == 3
    assert "no-such-python not found; install Python 3.11" in done.stderr


def test_every_script_can_be_executed() -> None:
    scripts = [path for path in (ROOT / "scripts").iterdir() if not path.name.startswith("_")]
    assert {path.name for path in scripts} == {*COMMANDS, "check", "docs", "fuzz", "lock", "test"}
    assert all(os.access(path, os.X_OK) for path in scripts)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_script_is_a_shim_of_its_command(name: str) -> None:
    text = (ROOT / "scripts" / name).read_text(encoding="utf-8")
    assert text.endswith(f'exec "$python" -m fanout.cli {name} "$@"\n')
