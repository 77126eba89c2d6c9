"""What conftest.py holds every test to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.paths import ROOT
from helpers.processes import family_of

pytestmark = pytest.mark.process

TESTS = """
import subprocess, sys
import pytest

HANGS = [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)  # hangs in FOLDER"]
STARTS = f"import subprocess; subprocess.Popen({HANGS!r}).wait(0.5)"

@pytest.fixture(scope="module")
def shared():
    with subprocess.Popen(HANGS) as process:
        yield process
        process.kill()

held = []

def started():
    process = subprocess.Popen(HANGS, stdout=subprocess.PIPE)
    process.stdout.readline()
    held.append(process)
    return process

@pytest.fixture(scope="session")
def for_all():
    with subprocess.Popen(HANGS) as process:
        yield process
        process.kill()

@pytest.mark.process
def test_1_passes_and_leaves_one(shared, for_all):
    started()

@pytest.mark.process
def test_2_fails_and_leaves_one(shared):
    assert started() is None

@pytest.mark.process
def test_3_leaves_an_orphan(shared):
    subprocess.run([sys.executable, "-c", STARTS], stderr=subprocess.DEVNULL)

@pytest.mark.process
def test_4_leaves_none(shared, for_all):
    assert shared.poll() is None and for_all.poll() is None

def test_5_starts_one_without_a_mark():
    started()

def test_6_asks_git():
    subprocess.run(["git", "--version"], check=True)

@pytest.mark.skip(reason="no wish")
def test_7_is_skipped():
    pass

def test_8_skips_itself():
    pytest.skip("no network")
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Tests with this conftest.py, which lies below the folder that pytest runs in, as ours does."""
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    (tmp_path / "tests" / "test_them.py").write_text(TESTS.replace("FOLDER", str(tmp_path)))
    return tmp_path


def run(suite: Path) -> dict[str, list[str]]:
    """The summary's lines by test: how it ended, and why."""
    options = ["-c", ROOT / "pyproject.toml", "--rootdir", suite, "-p", "no:randomly", "-p", "no:cacheprovider", "-rA"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *map(str, options), str(suite / "tests")],
        capture_output=True, text=True, timeout=90, check=False,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "CI": "true", "COLUMNS": "300"},
    )  # fmt: skip
    found: dict[str, list[str]] = {}
    for line in done.stdout.partition("short test summary info")[2].splitlines():
        how, _, rest = line.partition(" ")
        name, _, why = rest.partition("::")[2].partition(" - ")
        if how in ("PASSED", "FAILED", "ERROR"):
            found.setdefault(name, []).append(f"{how} {why}".strip())
    assert found, done.stdout + done.stderr
    return found


def test_a_test_says_that_it_starts_processes_leaves_none_and_is_not_skipped(suite: Path) -> None:
    found = run(suite)
    left = "ERROR Failed: left running: "
    (passed, told) = found.pop("test_1_passes_and_leaves_one")
    assert passed == "PASSED" and told.startswith(left) and told.endswith(f"# hangs in {suite}")
    (failed,) = found.pop("test_2_fails_and_leaves_one")
    assert failed.startswith("FAILED AssertionError")
    (passed, told) = found.pop("test_3_leaves_an_orphan")
    assert passed == "PASSED" and told.startswith(left)
    (unmarked,) = found.pop("test_5_starts_one_without_a_mark")
    assert "mark the test with @pytest.mark.process" in unmarked
    assert found == {
        "test_4_leaves_none": ["PASSED"],
        "test_6_asks_git": ["PASSED"],
        "test_7_is_skipped": ["ERROR nothing may be skipped where CI=true: Skipped: no wish"],
        "test_8_skips_itself": ["FAILED nothing may be skipped where CI=true: Skipped: no network"],
    }
    assert family_of(suite) == []
