"""fanout.cli.__main__: the command line that all commands have in common."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fanout import __version__
from fanout.cli.__main__ import COMMANDS
from helpers.paths import ROOT

pytestmark = pytest.mark.process


def fanout(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fanout.cli", *args]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_the_help_lists_every_command() -> None:
    done = fanout("--help")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    listed = [line.split()[0] for line in lines[lines.index("Commands:") + 1 :]]
    assert listed == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_shows_what_the_user_types(name: str) -> None:
    done = fanout(name, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: scripts/{name} [OPTIONS]")


def test_the_version() -> None:
    assert fanout("--version").stdout == f"fanout {__version__}\n"


@pytest.mark.parametrize(
    ("args", "wrong", "hint"),
    [
        ((), "Missing command", "(see python -m fanout.cli --help)"),
        (("benh",), "Did you mean 'bench'?", "(see python -m fanout.cli --help)"),
        (("bench", "--scal", "3"), "Did you mean '--scale'?", "(see scripts/bench --help)"),
        (("compare",), "Missing argument 'RUN", "(see scripts/compare --help)"),
        (("soak", "--minutes"), "'--minutes' requires an argument", ""),
        (("sweep", "--format", "xml\nhtml"), "'--format'", "(see scripts/sweep --help)"),
    ],
)
def test_wrong_usage_is_one_line(args: tuple[str, ...], wrong: str, hint: str) -> None:
    done = fanout(*args)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and wrong in line and line.endswith(hint)
