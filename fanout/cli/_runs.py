"""Runs scenarios, one after another or several at a time, with a progress bar."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from fanout.cli.headless import HeadlessRun
from fanout.errors import CouldNotRunError
from fanout.files import writing
from fanout.runs.series import Place
from fanout.scenario import Scenario
from fanout.scenario.questions import count_of
from fanout.scenario.remote_agents import Load, announced
from fanout.text import printable

POLL_S = 0.1
STAGGER_S = 1.0
"""Between the beginnings of runs that go on at the same time: the first burst of each is over by then."""
START_S = 2.0
"""About what a run takes besides its questions; for the time left only."""
SPEED_OVER_S = 600.0
"""The time left is told by the speed so far, since runs differ and bars that jump are no use."""

results_option = click.option(
    "--results",
    type=click.Path(path_type=Path),
    default="results",
    show_default=True,
    help="Where runs and baselines are kept.",
)


@dataclass(frozen=True)
class Job:
    """One run that is to be made."""

    scenario: Scenario
    directory: Path
    place: Place

    @property
    def name(self) -> str:
        repeat = f" ({self.place.repeat})" if self.place.repeat > 1 else ""
        return f"{self.scenario.name}{repeat}"

    @functools.cached_property
    def questions(self) -> int:
        return count_of(self.scenario.questions)

    @property
    def expected_s(self) -> float:
        """Roughly how long it takes, if agents that run already take no time."""
        scenario = self.scenario
        service_s = scenario.workers.service_time.expected_s if isinstance(scenario.agents, int) else 0.0
        return START_S + self.questions / scenario.agent_count * (service_s + scenario.coordinator.pause_s)


def say(console: Console, text: str) -> None:
    """Prints a text as it is, each of its lines fit for a terminal."""
    lines = "\n".join(map(printable, text.split("\n")))
    console.print(lines, highlight=False, soft_wrap=True, markup=False)


def jobs_of(scenarios: Sequence[Scenario], folder: Path, repeat: int = 1) -> list[Job]:
    """A B C A B C …: each scenario `repeat` times, in turn, into directories of their own in `folder`."""
    digits = max(2, len(str(len(scenarios))))  # so that they sort by their place
    return [
        Job(scenario, folder / f"{number:0{digits}}-{scenario.name}-{turn}", Place(folder.name, number, turn))
        for turn in range(1, repeat + 1)
        for number, scenario in enumerate(scenarios, 1)
    ]


OnFailure = Callable[[Job, CouldNotRunError], None]


def run_all(
    jobs: Sequence[Job],
    console: Console,
    *,
    at_once: int = 1,
    on_failure: OnFailure | None = None,
    done: Sequence[Job] = (),
) -> list[Path]:
    """Makes the runs; returns their directories. Raises CouldNotRunError, unless `on_failure` is there to be told.

    `done` are runs of the same series that were made before: the bar counts them, and its time left doesn't. Up to
    `at_once` runs wait at the same time. All of those are started and ready before the first question of any is asked,
    so that no start disturbs a run.
    """
    if not jobs:
        return []
    if said := announced([Load(job.scenario.agents, job.questions) for job in jobs]):
        say(console, said)
    done_s = sum(job.expected_s for job in done)
    total_s = done_s + sum(job.expected_s for job in jobs)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("run {task.fields[run]} of {task.fields[runs]},"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=console, transient=True, speed_estimate_period=SPEED_OVER_S) as progress:
        # What is completed from the beginning is no part of the speed that the time left is told by.
        task = progress.add_task("", total=total_s, completed=round(done_s), run=0, runs=len(done) + len(jobs))
        for first in range(0, len(jobs), at_once):
            wave = jobs[first : first + at_once]
            progress.update(task, description=", ".join(job.name for job in wave), run=len(done) + first + len(wave))
            _run_wave(wave, progress, task, on_failure)
    return [job.directory for job in jobs]


def _run_wave(wave: Sequence[Job], progress: Progress, task: TaskID, on_failure: OnFailure | None) -> None:
    with ExitStack() as stack:
        runs = {}
        for job in wave:
            _make(job.directory)
            runs[job] = stack.enter_context(HeadlessRun(job.scenario, job.directory, job.place))
        for run in runs.values():
            run.wait_until_ready()
        began = {}
        for number, (job, run) in enumerate(runs.items()):
            time.sleep(STAGGER_S if number else 0)
            began[job] = time.monotonic()
            run.begin()
        _wait_for(runs, began, progress, task, on_failure)


def _make(directory: Path) -> None:
    with writing(directory):
        directory.mkdir(parents=True)


def _wait_for(
    runs: Mapping[Job, HeadlessRun], began: Mapping[Job, float], progress: Progress, task: TaskID,
    on_failure: OnFailure | None,
) -> None:  # fmt: skip
    """Until all have ended, telling of each; the first that could not do its run ends the rest, or is told of."""
    left_s = {job: job.expected_s for job in runs}
    while left_s:
        time.sleep(POLL_S)
        for job in list(left_s):
            ended = runs[job].ended  # asked first, so that no question is missed
            asked_s = runs[job].new_questions() * (job.expected_s - START_S) / job.questions
            left_s[job] -= asked_s
            progress.advance(task, asked_s)
            if ended:
                progress.advance(task, left_s.pop(job))  # also of a run that broke off
                _tell_of(job, runs[job], time.monotonic() - began[job], progress, on_failure)


def _tell_of(job: Job, run: HeadlessRun, took_s: float, progress: Progress, on_failure: OnFailure | None) -> None:
    try:
        run.check()
    except CouldNotRunError as error:
        if on_failure is None:
            raise
        on_failure(job, error)
    else:
        say(progress.console, f"{job.name:24} {took_s:5.1f} s  {job.directory}")
