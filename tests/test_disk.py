"""Whole runs on a full disk: one line that says what to do, exit code 3, and intact files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from fanout.files import remove_earlier, write
from fanout.runs.questions_csv import read_frame
from fanout.runs.reader import read_run
from helpers.disks import within_files_up_to
from helpers.paths import ROOT
from helpers.processes import family_of, still_running
from helpers.scenarios import MakeScenario

pytestmark = pytest.mark.process

TOO_LARGE = "File too large; free some space, or choose another folder with --results, or --run-dir for Locust"
FAST = {"service_time": {"distribution": "constant", "value_s": 0.001}}


def run_command(command: Sequence[object]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=60, check=False, env=environment
    )


def locust(scenario: Path, directory: Path) -> list[object]:
    return [sys.executable, "-m", "locust", "--headless", "--scenario", scenario, "--run-dir", directory]


def assert_failed_with(done: subprocess.CompletedProcess[str], what: str) -> None:
    assert done.returncode == 3, done.stderr[-3000:]
    assert what in done.stderr
    assert "Traceback" not in done.stderr


def assert_nothing_runs(directory: Path) -> None:
    assert not still_running(family_of(directory), 5)


def test_a_full_disk_ends_the_run(make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario = make_scenario(questions=2000, workers=FAST)
    done = run_command([*within_files_up_to(9_000), *locust(scenario, tmp_path / "run")])
    assert_failed_with(done, f"can't write to {tmp_path / 'run'}: {TOO_LARGE}")
    assert_nothing_runs(tmp_path / "run")
    assert (tmp_path / "run" / "questions.csv").read_bytes().endswith(b"\n")
    rows = read_frame(tmp_path / "run" / "questions.csv")
    assert 10 < rows.height < 100
    assert set(rows["status"]) == {"ok"}


def test_a_run_without_room_for_locust_s_report_stays_readable(make_scenario: MakeScenario, tmp_path: Path) -> None:
    done = run_command([*within_files_up_to(100_000), *locust(make_scenario(), tmp_path / "run")])
    assert_failed_with(done, f"can't write to {tmp_path / 'run'}: {TOO_LARGE}")
    assert read_run(tmp_path / "run").questions.height == 12


def test_a_run_without_room_for_its_certificate_leaves_no_agents(make_scenario: MakeScenario, tmp_path: Path) -> None:
    (tmp_path / "run" / "ca.pem").mkdir(parents=True)  # it can't be written
    done = run_command(locust(make_scenario(workers={"tls": True}), tmp_path / "run"))
    assert_failed_with(done, "Is a directory; choose another folder")
    assert_nothing_runs(tmp_path / "run")


@pytest.mark.parametrize("name", ["bench", "sweep"])
def test_a_folder_that_cannot_be_created(make_scenario: MakeScenario, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    grid = ["--set", "agents=2"] if name == "sweep" else []
    command = [sys.executable, "-m", "fanout.cli", name, str(make_scenario()), *grid]
    done = run_command([*command, "--results", str(tmp_path / "file")])
    assert_failed_with(done, "choose another folder with --results")
    assert len(done.stderr.strip().splitlines()) <= 2


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs Linux's unshare")
@pytest.mark.parametrize("name", ["bench", "sweep"])
def test_a_disk_of_64_kib(make_scenario: MakeScenario, tmp_path: Path, name: str) -> None:
    scenario, disk = make_scenario(questions=2000, workers=FAST), tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=64k none {disk} &&"
    if subprocess.run(["unshare", "-Urm", "sh", "-c", f"{mount} true"], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    grid = "--set agents=4" if name == "sweep" else ""
    command = f"{mount} exec {sys.executable} -m fanout.cli {name} {scenario} {grid} --results {disk}"
    done = run_command(["unshare", "-Urm", "sh", "-c", command])
    assert_failed_with(done, "No space left on device; free some space, or choose another folder with --results")
    assert_nothing_runs(disk)


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        remove_earlier(pipe)
        write("all of it", pipe)
        assert os.read(reader, 100) == b"all of it"
    finally:
        os.close(reader)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
