"""Runs scenarios, one after another or several at a time, with a progress bar."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from fanout.headless import HeadlessRun
from fanout.questions import questions_of
from fanout.results import new_run_dir
from fanout.scenario import Scenario

POLL_S = 0.1
STAGGER_S = 1.0
"""Between the beginnings of runs that go on at the same time: the first burst of each is over by then."""

results_option = click.option(
    "--results", type=click.Path(path_type=Path), default="results", show_default=True, help="Where the runs go."
)


def run_all(scenarios: Sequence[Scenario], results: Path, console: Console, *, at_once: int = 1) -> list[Path]:
    """Runs each scenario once, in a directory of its own; returns the directories. Raises CouldNotRunError.

    Up to `at_once` of them wait at the same time. All of them are started and ready before the first question of any is
    asked, so that no start disturbs a run.
    """
    directories: list[Path] = []
    total = sum(len(questions_of(scenario.questions)) for scenario in scenarios)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        for first in range(0, len(scenarios), at_once):
            wave = scenarios[first : first + at_once]
            directories += _run_wave(
                [(scenario, new_run_dir(results, scenario.name)) for scenario in wave], progress, task
            )
    return directories


def _run_wave(wave: Sequence[tuple[Scenario, Path]], progress: Progress, task: TaskID) -> list[Path]:
    progress.update(task, description=", ".join(scenario.name for scenario, _ in wave))
    with ExitStack() as stack:
        runs = [stack.enter_context(HeadlessRun(scenario, directory)) for scenario, directory in wave]
        for run in runs:
            run.wait_until_ready()
        began = {}
        for number, run in enumerate(runs):
            time.sleep(STAGGER_S if number else 0)
            began[run] = time.monotonic()
            run.begin()
        _wait_for(began, progress, task)
    return [run.directory for run in runs]


def _wait_for(began: Mapping[HeadlessRun, float], progress: Progress, task: TaskID) -> None:
    """Until all have ended, telling of each; the first that could not do its run ends the rest."""
    left = list(began)
    while left:
        time.sleep(POLL_S)
        for run in list(left):
            ended = run.ended  # asked first, so that no question is missed
            progress.advance(task, run.new_questions())
            if ended:
                run.check()
                left.remove(run)
                line = f"{run.scenario.name:24} {time.monotonic() - began[run]:5.1f} s  {run.directory}"
                progress.console.print(line, highlight=False, soft_wrap=True)
