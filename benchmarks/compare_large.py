"""Measures how long scripts/compare takes for large runs, and how much memory it needs.

    .venv/bin/python benchmarks/compare_large.py [--questions 1000000] [--coordinators 1] [--repeats 5] [--report]

Makes up two runs that have this many questions together (every column filled in, one failure in a thousand), then runs
the command on them. Prints the median and the maximum of its wall time and of its peak resident memory.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import polars as pl
from _measure import ROOT

from fanout.outcome import COLUMNS
from fanout.phases import PHASES
from fanout.runs.schema import QuestionCounts, RunConnections
from fanout.runs.writer import RunWriter
from fanout.scenario import load_scenario

AGENTS = 32


def made_up(directory: Path, questions: int, seed: int, coordinators: int = 1) -> Path:
    """Writes a run directory with this many questions."""
    writer = RunWriter(directory, load_scenario(ROOT / "scenarios" / "a2a-default.yaml"))
    asked, connections = QuestionCounts(dispatched=questions), RunConnections(opened=AGENTS)
    writer.finish(replace(writer.begun, ended_by="rounds_done", questions=asked, connections=connections))
    generator = np.random.default_rng(seed)
    phases = {f"{phase}_ms": generator.lognormal(0, 1, questions) for phase in PHASES}
    number, failed, adapter_ms = pl.col("number"), pl.col("failed"), pl.sum_horizontal(*phases)
    columns: dict[str, Any] = {
        "question_id": (number % 100 + 1).cast(pl.String),
        "round": number // 100 + 1,
        "coordinator": number // 100 % coordinators + 1,
        "agent": number % AGENTS + 1,
        "status": pl.when(failed).then(pl.lit("failed")).otherwise(pl.lit("ok")),
        "error_kind": pl.when(failed).then(pl.lit("read_timeout")),
        "error": pl.when(failed).then(pl.lit("nothing received for 5 s, where an answer was expected")),
        "error_cause": pl.lit(None, pl.String),
        "http_status": pl.when(~failed).then(200),
        "started": 1.8e9 + number / 1000,
        "round_trip_ms": adapter_ms + 100,
        "service_ms": 100.123456,
        "adapter_ms": pl.when(~failed).then(adapter_ms),
        **{name: pl.col(name) for name in phases},
        "reused": number >= AGENTS,
        "connection": pl.format("1-{}", number % AGENTS + 1),
        "in_flight": AGENTS,
        "attempts": 1,
        "request_bytes": 202,
        "response_bytes": pl.when(~failed).then(266),
        "locust_worker": pl.lit(None, pl.Int64),
    }
    frame = pl.DataFrame(phases).with_row_index("number")
    frame = frame.with_columns(failed=pl.Series(generator.random(questions) < 0.001))
    frame.select(**{column.name: columns[column.name] for column in COLUMNS}).write_csv(
        directory / "questions.csv", float_precision=6
    )
    return directory


def compared(runs: list[Path], report: Path | None) -> tuple[float, float]:
    """Returns the seconds and MB of one comparison."""
    command = [sys.executable, "-m", "fanout.cli", "compare", *map(str, runs), "--gate", "adapter.p95 < 1 s"]
    command += ["--report", str(report)] if report else []
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    took_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"the comparison ended with {process.returncode}"
    return took_s, usage.ru_maxrss / 1024


@click.command()
@click.option("--questions", default=1_000_000, show_default=True, help="Questions in both runs together.")
@click.option("--coordinators", default=1, show_default=True, help="Coordinators of each run.")
@click.option("--repeats", default=5, show_default=True)
@click.option("--report", is_flag=True, help="Write the HTML report with its charts, too.")
def main(questions: int, coordinators: int, repeats: int, *, report: bool) -> None:
    """Compares two large runs."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [made_up(Path(folder) / f"run-{n}", questions // 2, n, coordinators) for n in (1, 2)]
        size_mb = sum((run / "questions.csv").stat().st_size for run in runs) / 1e6
        found = [compared(runs, Path(folder) / "out.html" if report else None) for _ in range(repeats)]
    seconds, megabytes = zip(*found, strict=True)
    print(f"{questions} questions of two runs, {size_mb:.0f} MB of CSV, {repeats} comparisons")
    print(f"wall time   median {statistics.median(seconds):5.2f} s    most {max(seconds):5.2f} s")
    print(f"memory      median {statistics.median(megabytes):5.0f} MB   most {max(megabytes):5.0f} MB")


if __name__ == "__main__":
    main()
