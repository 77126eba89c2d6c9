"""fanout.soak: its verdicts on made-up series and on real processes that leak."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from fanout.cli.soak import _exit_code
from fanout.cli.soak import main as command
from fanout.errors import CouldNotRunError, NoDataError
from fanout.files import SUMMARY_VARIABLE
from fanout.report import render
from fanout.soak import Sample, WebLocust, judged, soak_report
from fanout.soak._samples import When, write_samples
from fanout.soak._sampling import MIB, Family
from helpers.paths import ROOT
from helpers.processes import still_running
from helpers.scenarios import MakeScenario

Shape = Callable[[float], float]
"""A value as a function of the elapsed seconds."""


def series(
    shape: Shape, figure: str = "descriptors", *, minutes: float = 20, every_s: float = 5, noise: float = 0,
    when: When = "long run", role: str = "coordinator",
) -> list[Sample]:  # fmt: skip
    dice = random.Random(7)
    times = [n * every_s for n in range(int(minutes * 60 / every_s))]
    return [Sample(when, at_s, role, figure, shape(at_s) + dice.gauss(0, noise)) for at_s in times]


def verdict(samples: Sequence[Sample]) -> str:
    (found,) = judged(samples)
    return found.verdict


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (series(lambda s: 40), "flat"),
        (series(lambda s: 40, noise=3), "flat"),
        (series(lambda s: 40, noise=15), "flat"),
        (series(lambda s: 40 + s // 60), "grew"),  # one a minute
        (series(lambda s: 40 + s // 60, noise=3), "grew"),
        (series(lambda s: 40 + s // 60, minutes=10), "grew"),
        (series(lambda s: 40 if s < 600 else 44), "grew"),
        (series(lambda s: 40 if s < 600 else 41), "flat"),
        (series(lambda s: 400 if s < 600 else 405), "flat"),  # a hundredth of a pool
        (series(lambda s: 60 - s // 60), "flat"),
        (series(lambda s: min(s, 240) / 4), "flat"),  # warms up, then stays
        (series(lambda s: 200 if s == 600 else 40), "flat"),  # a single peak
        (series(lambda s: 40 + s // 60, minutes=0.5), "too short"),
        (series(lambda s: 90 + s / 600, "memory_mib", noise=0.5), "flat"),  # Locust keeps less than that by itself
        (series(lambda s: 90 + s / 60, "memory_mib", noise=0.5), "grew"),
        (series(lambda s: 112 if s // 60 % 3 else 95, "memory_mib", noise=0.5), "flat"),  # not returned yet
        (series(lambda s: 8, "threads"), "flat"),
        (series(lambda s: 8 + s // 300, "threads"), "grew"),
        (series(lambda s: 5, "processes"), "flat"),
        (series(lambda s: 5 + s // 600, "processes"), "grew"),
        (series(lambda s: 5 - (s % 50 == 0), "processes"), "flat"),  # now and then one is being restarted
        (
            series(lambda s: 9 - min(s, 60) / 10, "time_wait_per_question", when="between runs", minutes=4),
            "flat",
        ),  # those of the long run expire
        (series(lambda s: 1 + s / 60, "time_wait_per_question", when="between runs", minutes=4), "grew"),
        (series(lambda s: s, "time_wait_per_question", when="between runs", minutes=1), "too short"),
        (series(lambda s: 0, "processes", when="between runs"), "flat"),
        (series(lambda s: 0, "processes", when="between runs", minutes=0.2), "flat"),
        (series(lambda s: s == 600, "processes", when="between runs"), "grew"),  # even once is a leak
    ],
)
def test_what_has_grown(samples: list[Sample], expected: str) -> None:
    assert verdict(samples) == expected


def thirds(*values: float) -> list[Sample]:
    """A series of descriptors whose samples after the warm-up are these values."""
    return [
        Sample("long run", n, "worker", "descriptors", value)
        for n, value in enumerate([*values[: len(values) // 3], *values])
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ([10] * 6, [14] * 6, "grew"),
        ([10] * 6, [10, *[14] * 5], "grew"),
        ([10] * 6 + [14] * 2, [14] * 8, "grew"),
        ([10] * 11 + [14] * 4, [10] * 3 + [14] * 12, "grew"),
        ([10] * 3 + [14] * 3, [14] * 6, "flat"),  # may be chance
        ([10] * 30, [10] * 15 + [14] * 15, "flat"),  # the lower quartile is still 10
        ([14] * 6, [10] * 6, "flat"),
    ],
)
def test_a_rise_of_numbers_that_recur(first: list[float], last: list[float], expected: str) -> None:
    assert verdict(thirds(*first, *first[: len(first) // 2], *last[len(last) // 2 :], *last)) == expected


@pytest.mark.slow
@pytest.mark.parametrize("values", [(20, 40), (10, 14), (10, 14, 14, 14), (10, 11, 12, 13, 14)])
def test_chance_alone_is_growth_at_most_once_in_a_hundred(values: Sequence[float]) -> None:
    dice = random.Random(1)
    verdicts = [verdict(thirds(*dice.choices(values, k=18))) for _ in range(500)]
    assert verdicts.count("grew") <= 5


def test_the_words_name_role_figure_values_and_what_to_do() -> None:
    samples = [*series(lambda s: 40 + s // 60), *series(lambda s: 90, "memory_mib", role="locust")]
    left = series(lambda s: 2.0 * (s > 60), "processes", role="worker", when="between runs")
    kept = series(lambda s: 90, "memory_mib", role="locust", when="between runs")
    report = soak_report(judged([*samples, *left, *kept]), 1200, 31)
    assert list(report.verdicts) == [
        "2 of 4 figures grew in 20 minutes, in a long run and 30 short",
        "coordinator: descriptors grew from 46 to 56 (in the long run; may grow by 2); list what stays open while it "
        "runs: ls -l /proc/PID/fd, or lsof -p PID",
        "worker: up to 2 left after a run; find the parent that did not wait for them: pstree -p",
    ]
    assert "memory, MiB" in render(report, "text")
    assert render(report, "markdown").startswith("**2 of 4 figures grew")


def test_what_could_not_be_judged_is_no_pass() -> None:
    long, between = series(lambda s: 40, role="locust"), series(lambda s: 40, role="locust", when="between runs")
    left = series(lambda s: 0, "processes", when="between runs", minutes=0.2)
    for samples, missing, code in (
        ([*long, *between], "", 0),
        ([*long, *between[:9], *left], "between runs", 3),
        ([*long[:9], *between], "long run", 3),
        ([*long[:9], *between[:9]], "long run and between runs", 3),
        ([*series(lambda s: s, role="locust"), *between[:9]], "between runs", 1),
    ):
        found = judged(samples)
        said = list(soak_report(found, 60, 2).verdicts)
        told = f"too short to judge: {missing}; soak for longer, at least 3 minutes"
        assert said[-1:] == [told] if missing else told not in said
        if code == 3:
            with pytest.raises(NoDataError, match=f"too few samples of the {missing} to .*: soak for longer"):
                _exit_code(found)
        else:
            assert _exit_code(found) == code


def test_flat_is_said_of_what_could_be_judged_only() -> None:
    flat = series(lambda s: 40, role="locust")
    short = series(lambda s: 40, "threads", role="locust", when="between runs", minutes=0.5)
    during = "in 1 minutes, in a long run and 1 short"
    assert soak_report(judged([*flat, *short]), 60, 2).verdicts[0] == (
        f"flat: none of the 1 figures that could be judged grew {during}; 1 could not be judged"
    )
    assert not [said for said in soak_report(judged(short), 60, 2).verdicts if "flat" in said]


LEAKING = """
import subprocess, sys, threading
from locust import events, task
from fanout.locust_plugin.user import CoordinatorUser

kept = []

class Leaking(CoordinatorUser):
    @task
    def round(self):
        self.client.round()
        kept.append(open(__file__))

@events.test_stop.add_listener
def leave_a_process(**_):
    kept.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
"""


@pytest.fixture
def soaking(make_scenario: MakeScenario, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts scripts/soak in an empty folder; kills it in the end if it still runs."""
    processes = []

    def begin(*args: object, scenario: Path | None = None) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "fanout.cli", "soak", str(scenario or make_scenario()), *map(str, args)]
        process = subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.process
def test_what_is_wrong_with_a_scenario_is_reported_before_anything_starts(
    soaking: Callable[..., subprocess.Popen[str]], make_scenario: MakeScenario, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text("{}\n")
    report = tmp_path / "soak.md"
    report.write_text("an earlier one")
    process = soaking("--minutes", 0.1, "--report", report, scenario=make_scenario(questions=str(wrong)))
    errors = process.communicate(timeout=60)[1]
    assert (process.returncode, "wrong.jsonl:1: " in errors) == (2, True), errors
    assert report.read_text() == "an earlier one"
    assert not (tmp_path / "results").exists()


@pytest.mark.process
def test_a_leak_is_found_and_named(soaking: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    (tmp_path / "leaking.py").write_text(LEAKING)
    process = soaking("--minutes", 0.3, "--locustfile", tmp_path / "leaking.py", "--report", tmp_path / "soak.md")
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 1, errors
    assert "\nlocust: descriptors grew from " in output
    assert "\nother: up to " in output and " left after a run; " in output, output
    assert "figures grew in 0.3 minutes" in (tmp_path / "soak.md").read_text()
    assert "coordinator: " not in output  # doesn't leak
    (directory,) = (tmp_path / "results").iterdir()
    with (directory / "samples.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["role"] for row in rows} >= {"locust", "coordinator", "fleet", "worker"}
    assert {row["when"] for row in rows} == {"long run", "between runs"}
    assert list(directory.glob("*/run.json"))


HOLDING = """
import mmap, sys
with open(sys.argv[1], "rb") as file:
    read = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    total = sum(read[at] for at in range(0, len(read), 4096))
print(flush=True)
for line in sys.stdin:
    written = bytearray(b"x") * len(read)
    print(flush=True)
"""
"""Reads a file that no other process has read, then allocates as much memory of its own."""


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells written pages from read ones")
def test_memory_is_what_a_process_has_written_not_what_it_has_read(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.write(bytes(30 * MIB))
        file.flush()
        os.fsync(file.fileno())  # dirty pages would count as written
    line = [sys.executable, "-c", HOLDING, str(tmp_path / "large")]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        family = Family(process.pid)

        def memory_mib() -> float:
            (found,) = [sample.value for sample in family.samples("long run") if sample.figure == "memory_mib"]
            return found

        process.stdout.readline()
        before = memory_mib()
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        assert before < 20
        assert 29 < memory_mib() - before < 31
        process.stdin.close()


def test_samples_that_cannot_be_written_are_reported_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        CouldNotRunError, match=r"^can't write to .*samples\.csv: .*; choose another folder with --results"
    ):
        write_samples([], tmp_path / "nowhere" / "samples.csv")


def begun(process: subprocess.Popen[str], folder: Path) -> list[psutil.Process]:
    """Waits until the first run of a soak has begun; returns its processes, Locust first."""
    deadline = time.monotonic() + 60
    while not list(folder.glob("results/**/questions.csv")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.process
def test_its_runs_write_no_job_summary(
    make_scenario: MakeScenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SUMMARY_VARIABLE, str(tmp_path / "summary.md"))
    scenario = make_scenario(gates=["failed == 0"])
    with WebLocust(scenario, ROOT / "locustfiles" / "coordinator.py", tmp_path) as locust:
        questions, deadline = locust.start(1) / "questions.csv", time.monotonic() + 60
        while not (questions.exists() and questions.read_text().count("\n") > 1):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        locust.stop()
    assert not (tmp_path / "summary.md").exists()


@pytest.mark.process
def test_locust_s_death_is_reported(soaking: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    process = soaking("--minutes", 10)
    family = begun(process, tmp_path)
    family[0].kill()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "error: Locust " in errors and "Traceback" not in errors
    assert not still_running(family)


@pytest.mark.process
def test_ctrl_c_ends_it_in_order(soaking: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    process = soaking("--minutes", 10, "--results", "results/\x1b[2J")
    family = begun(process, tmp_path)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in output + errors
    assert r"the samples so far are in results/\x1b[2J/" in errors
    assert family and not still_running(family)
    (samples,) = tmp_path.glob("results/*/*/samples.csv")
    assert samples.read_text().startswith("when,elapsed_s,role,figure,value\n")


@pytest.mark.process
def test_a_run_that_cannot_be_made_is_reported(soaking: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(
        "from fanout.locust_plugin.user import CoordinatorUser\nraise RuntimeError('no')\n"
    )
    process = soaking("--minutes", 1, "--locustfile", tmp_path / "broken.py")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "web UI did not come up; see " in errors and "Traceback" not in errors


@pytest.mark.process
def test_a_locust_that_ends_while_it_is_looked_at_is_reported(
    make_scenario: MakeScenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(process: psutil.Process, _kind: str) -> None:
        raise psutil.ZombieProcess(process.pid)

    monkeypatch.setattr(psutil.Process, "net_connections", ended)
    (tmp_path / "broken.py").write_text("raise RuntimeError('no')\n")
    with pytest.raises(CouldNotRunError, match="web UI did not come up; see "):
        WebLocust(make_scenario(), tmp_path / "broken.py", tmp_path)


@pytest.mark.process
def test_a_scenario_that_is_not_there_is_wrong_usage() -> None:
    line = [sys.executable, "-m", "fanout.cli", "soak", "nowhere.yaml"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: nowhere.yaml: can't be read: No such file or directory\n"
    assert command.params


@pytest.mark.process
def test_a_process_that_nobody_waits_for_is_seen() -> None:
    line = "import os, sys\nif not os.fork(): os._exit(0)\nprint(flush=True)\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", line], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        family, deadline = Family(parent.pid), time.monotonic() + 10
        while (seen := [role for _, role in family.below()]) != ["ended, not noticed"]:
            assert time.monotonic() < deadline, seen
            time.sleep(0.02)
        parent.communicate()
