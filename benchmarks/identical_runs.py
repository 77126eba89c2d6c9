"""How much identical runs differ on this machine, and how often single runs of them get a verdict.

    .venv/bin/python benchmarks/identical_runs.py [--runs 8] [--neighbours 1]

Runs each scenario several times, interleaved, and compares every two runs of the same scenario: the ratio of their
means, and that of the median question. With --neighbours, every second round has that many busy loops beside it, which
is more than two identical configurations should meet. Prints the median and the largest ratio, and the number of
verdicts, each of which is a false alarm.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import _measure  # noqa: F401 (finds fanout)
import click
from rich.console import Console

from fanout.analysis.run_summary import summarize
from fanout.analysis.single_runs import clear_direction, median_question_ratio
from fanout.analysis.summary import Summary
from fanout.cli._runs import jobs_of, run_all
from fanout.cli._scenarios import with_scale
from fanout.paths import SCENARIOS
from fanout.runs.reader import read_run
from fanout.runs.writer import new_run_dir
from fanout.scenario import load_scenario

NAMES = ("a2a-default", "a2a-tuned", "a2a-default-by-address", "anp-tuned")
BUSY = "while True: pass"


@contextlib.contextmanager
def neighbours(count: int) -> Iterator[None]:
    """Busy loops that compete for the CPUs."""
    loops = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def measure(runs: int, busy: int, scale: float, results: Path) -> list[list[Summary]]:
    """The summaries of each scenario's runs."""
    scenarios = [with_scale(load_scenario(SCENARIOS / "headline" / f"{name}.yaml"), scale) for name in NAMES]
    rounds = []
    for number in range(runs):
        with neighbours(busy if number % 2 else 0):
            directories = run_all(jobs_of(scenarios, new_run_dir(results, "identical")), Console(quiet=True))
        rounds.append([summarize(read_run(directory)) for directory in directories])
    return [list(column) for column in zip(*rounds, strict=True)]


def show(name: str, summaries: Sequence[Summary]) -> int:
    """Prints how much the runs of one scenario differ; returns the number of verdicts."""
    means, medians, verdicts = [], [], 0
    for one, other in combinations(summaries, 2):
        if one.run is None or other.run is None or not one.mean_ms or not other.mean_ms:
            continue
        ratio = one.mean_ms / other.mean_ms
        means.append(max(ratio, 1 / ratio))
        if median := median_question_ratio(one.run, other.run):
            medians.append(max(median, 1 / median))
        verdicts += clear_direction(one, other, ratio) != 0
    print(
        f"{name:24} {len(means)} pairs   mean: {statistics.median(means):.2f} times, at most {max(means):.2f}   "
        f"median question: {statistics.median(medians):.2f} times, at most {max(medians):.2f}   {verdicts} verdicts"
    )
    return verdicts


@click.command()
@click.option("--runs", default=8, show_default=True, help="Runs of each scenario.")
@click.option("--neighbours", "busy", default=0, show_default=True, help="Busy loops beside every second round.")
@click.option("--scale", default=0.1, show_default=True, help="A factor on the service times.")
def main(runs: int, busy: int, scale: float) -> None:
    """Compares identical runs with each other."""
    with tempfile.TemporaryDirectory() as directory:
        by_scenario = measure(runs, busy, scale, Path(directory))
    for name, summaries in zip(NAMES, by_scenario, strict=True):
        show(name, summaries)


if __name__ == "__main__":
    main()
