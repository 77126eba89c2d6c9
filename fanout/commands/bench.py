"""scripts/bench: scenarios through Locust, one after another, and the table of what they measured."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from fanout.child import ROOT, child_environment
from fanout.commands import exits_in_words
from fanout.compare import compare_with, default_limits_baselines, notes, summarize
from fanout.errors import CouldNotRunError, ExitCode, UsageError
from fanout.questions import questions_of
from fanout.report import Table, formats, render
from fanout.results import QUESTIONS_FILE, SCENARIO_FILE, new_run_dir, read_run
from fanout.scenario import Scenario, load_scenario

STANDARD = ("agora-default", "agora-tuned", "a2a-default", "a2a-tuned", "anp-default", "anp-tuned")
POLL_S = 0.1
STOP_S = 30


@click.command(context_settings={"max_content_width": 100})
@click.argument("scenarios", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--scale", type=click.FloatRange(0), help="A factor on the service times, in place of the scenarios' own."
)
@click.option(
    "--results", type=click.Path(path_type=Path), default="results", show_default=True, help="Where the runs go."
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(formats()),
    default="text",
    show_default=True,
    help="The table's format.",
)
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
@exits_in_words
def main(scenarios: tuple[Path, ...], scale: float | None, results: Path, format_name: str) -> ExitCode:
    """Runs SCENARIOS (left out: the six standard ones), one round each, and prints how they compare.

    Each row is compared with the first of the same protocol that has httpx's default limits.
    """
    paths = scenarios or tuple(ROOT / "scenarios" / f"{name}.yaml" for name in STANDARD)
    loaded = [load_scenario(path) for path in paths]
    if scale is not None:
        loaded = [with_scale(scenario, scale) for scenario in loaded]
    console = Console(stderr=True)
    console.print(_announcement(loaded), highlight=False, soft_wrap=True)
    directories = _run_all(loaded, results, console)
    runs = [read_run(directory) for directory in directories]
    summaries = [summarize(run) for run in runs]
    rows = compare_with(summaries, default_limits_baselines(summaries))
    click.echo(render(Table(rows, notes(rows)), format_name), nl=False)
    console.print(
        f"\nCompare again: scripts/compare {' '.join(map(str, directories))}", highlight=False, soft_wrap=True
    )
    failed = any(summary.failed or summary.abandoned for summary in summaries)
    return ExitCode.FAILED if failed else ExitCode.PASSED


def with_scale(scenario: Scenario, scale: float) -> Scenario:
    """The scenario with another scale of its service times. Raises UsageError where they aren't ours to scale."""
    if not isinstance(scenario.agents, int):
        raise UsageError(f"{scenario.name}: --scale has no effect on agents that run already; leave it out")
    service_time = scenario.workers.service_time.model_copy(update={"scale": scale})
    workers = scenario.workers.model_copy(update={"service_time": service_time})
    return scenario.model_copy(update={"workers": workers})


def _announcement(scenarios: Sequence[Scenario]) -> str:
    scales = {s.workers.service_time.scale for s in scenarios if isinstance(s.agents, int)}
    how = "/".join(f"{scale:g}" for scale in sorted(scales))
    real = "" if scales <= {1.0} else f", service times at {how} of their real length (--scale 1 runs them in full)"
    return f"{len(scenarios)} scenario{'s' * (len(scenarios) > 1)}, one after another{real}"


def _run_all(scenarios: Sequence[Scenario], results: Path, console: Console) -> list[Path]:
    """Runs each scenario in a directory of its own; returns the directories."""
    directories = []
    total = sum(len(questions_of(scenario.questions)) for scenario in scenarios)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        for scenario in scenarios:
            directory = new_run_dir(results, scenario.name)
            (directory / SCENARIO_FILE).write_text(scenario.to_yaml(), encoding="utf-8")
            progress.update(task, description=scenario.name)
            began = time.monotonic()
            _run_locust(directory, progress, task)
            progress.console.print(
                f"{scenario.name:16} {time.monotonic() - began:5.1f} s  {directory}", highlight=False
            )
            directories.append(directory)
    return directories


def _run_locust(directory: Path, progress: Progress, task: TaskID) -> None:
    """One round of the scenario in `directory`. Raises CouldNotRunError where Locust could not do it."""
    log = directory / "locust.log"
    seen = _Lines(directory / QUESTIONS_FILE)
    with log.open("wb") as output:
        locust, lifeline = _start_locust(directory, output)
        try:
            while locust.poll() is None:
                time.sleep(POLL_S)
                progress.advance(task, seen.new())
        finally:
            os.close(lifeline)  # ends it in order, if it hasn't ended
            try:
                locust.wait(STOP_S)
            except subprocess.TimeoutExpired:
                locust.kill()
                locust.wait()
    progress.advance(task, seen.new())
    if locust.returncode not in (ExitCode.PASSED, ExitCode.FAILED):
        said = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        ending = said[-1] if said else "nothing was said"
        raise CouldNotRunError(f"Locust ended with {locust.returncode}; see {log}, which ends: {ending}")


def _start_locust(directory: Path, output: BinaryIO) -> tuple[subprocess.Popen[bytes], int]:
    """Locust, and the end of a pipe: when that is closed, or this process is gone, Locust ends in order."""
    command = [sys.executable, "-m", "locust", "--headless", "--users", "1", "--only-summary"]
    command += ["--locustfile", str(ROOT / "locustfiles" / "coordinator.py")]
    command += ["--scenario", str(directory / SCENARIO_FILE), "--run-dir", str(directory)]
    read_end, write_end = os.pipe()
    locust = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env={**child_environment(), "FANOUT_LIFELINE": str(read_end)},
        pass_fds=[read_end],
        start_new_session=True,  # Ctrl-C is for this process
    )
    os.close(read_end)
    return locust, write_end


class _Lines:
    """Counts the lines of a file that grows, reading each once; the first is a header."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0

    def new(self) -> int:
        """Lines since the last time."""
        try:
            with self._file.open("rb") as lines:
                lines.seek(self._offset)
                data = lines.read()
        except FileNotFoundError:
            return 0
        header = 1 if self._offset == 0 and data else 0
        self._offset += len(data)
        return data.count(b"\n") - header


if __name__ == "__main__":
    main(prog_name="scripts/bench")
