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
from fanout.processes.extras import provide
from fanout.processes.machine_room import check_memory
from fanout.processes.own_code import OPTION, allow, require_allowed
from fanout.runs.series import Place
from fanout.scenario import Scenario
from fanout.scenario.questions import count_of
from fanout.scenario.remote_agents import Load, announced
from fanout.text import printable

POLL_S = 0.1
STAGGER_S = 1.0
"""The time between the starts of parallel runs, after which the first burst of a run is over."""
START_S = 2.0
"""The approximate duration of a run besides its questions, for the progress bar."""
SPEED_OVER_S = 600.0
"""The progress bar averages its speed over so long, so that the time left doesn't jump."""

results_option = click.option(
    "--results",
    type=click.Path(path_type=Path),
    default="results",
    show_default=True,
    help="The directory of runs and baselines.",
)


def _allow(_: click.Context, __: click.Parameter, value: bool) -> None:
    if value:
        allow()


factory_option = click.option(
    OPTION,
    is_flag=True,
    expose_value=False,
    callback=_allow,
    help="Let client.factory of the scenarios run your own code.",
)


@dataclass(frozen=True)
class Job:
    """One run to make."""

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
        """A rough estimate of the duration. Agents that run already are assumed to take no time."""
        scenario = self.scenario
        if scenario.shape is not None:
            return START_S + scenario.shape.duration_s
        service_s = scenario.workers.service_time.expected_s if isinstance(scenario.agents, int) else 0.0
        asking_s = self.questions / scenario.agent_count * (service_s + scenario.coordinator.pause_s)
        arriving_s = 0.0 if scenario.arrivals is None else self.questions / scenario.arrivals.rate
        return START_S + max(asking_s, arriving_s)


def say(console: Console, text: str) -> None:
    """Prints a text without markup, with each line made safe for a terminal."""
    lines = "\n".join(map(printable, text.split("\n")))
    console.print(lines, highlight=False, soft_wrap=True, markup=False)


def jobs_of(scenarios: Sequence[Scenario], folder: Path, repeat: int = 1) -> list[Job]:
    """The jobs A B C A B C …: each scenario `repeat` times, interleaved, each with a directory in `folder`."""
    digits = max(2, len(str(len(scenarios))))  # so that names sort by place
    return [
        Job(scenario, folder / f"{number:0{digits}}-{scenario.name}-{count}", Place(folder.name, number, count))
        for count in range(1, repeat + 1)
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
    """Makes the runs; returns their directories. Raises CouldNotRunError, unless `on_failure` takes the errors.

    `done` are earlier runs of the same series, which the progress bar shows as completed. Up to `at_once` runs proceed
    at the same time. All of these are ready before any of them asks its first question, so that no start disturbs a
    run.
    """
    if not jobs:
        return []
    for job in jobs:
        require_allowed(job.scenario)
    provide([job.scenario for job in jobs])
    waves = [jobs[first : first + at_once] for first in range(0, len(jobs), at_once)]
    for wave in waves:
        if len(wave) > 1:  # a run alone checks itself
            check_memory([job.scenario for job in wave])
    if said := announced([Load(job.scenario.agents, job.questions, job.scenario.shape) for job in jobs]):
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
        # What is completed at the start has no effect on the speed from which the time left is estimated.
        task = progress.add_task("", total=total_s, completed=round(done_s), run=0, runs=len(done) + len(jobs))
        made = len(done)
        for wave in waves:
            made += len(wave)
            progress.update(task, description=", ".join(job.name for job in wave), run=made)
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
    """Waits until all have ended, and reports each. The first that fails ends the rest, or is given to `on_failure`."""
    left_s = {job: job.expected_s for job in runs}
    while left_s:
        time.sleep(POLL_S)
        for job in list(left_s):
            ended = runs[job].ended  # checked first, so that no question is missed
            asked_s = min(left_s[job], runs[job].new_questions() * (job.expected_s - START_S) / job.questions)
            left_s[job] -= asked_s
            progress.advance(task, asked_s)
            if ended:
                progress.advance(task, left_s.pop(job))  # also for a run that broke off
                _report(job, runs[job], time.monotonic() - began[job], progress, on_failure)


def _report(job: Job, run: HeadlessRun, took_s: float, progress: Progress, on_failure: OnFailure | None) -> None:
    try:
        run.check()
    except CouldNotRunError as error:
        if on_failure is None:
            raise
        on_failure(job, error)
    else:
        say(progress.console, f"{job.name:24} {took_s:5.1f} s  {job.directory}")
