"""fanout soak: runs one scenario for a while, and fails if a process of fanout leaks."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from fanout.agents.handle import require_agents
from fanout.cli import returns_exit_code
from fanout.cli._runs import factory_option, results_option, say
from fanout.errors import ExitCode, NoDataError
from fanout.files import remove_earlier, write
from fanout.paths import LOCUSTFILE, SCENARIOS
from fanout.processes.extras import provide
from fanout.processes.own_code import require_allowed
from fanout.report import render
from fanout.runs.writer import new_run_dir
from fanout.scenario import load_scenario
from fanout.scenario.questions import count_of
from fanout.scenario.remote_agents import Load, announced_by_users
from fanout.soak import LONGER, USERS, Finding, Soak, SoakSettings, judged, soak_report, unjudged

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(context_settings={"max_content_width": 100})
@click.argument("scenario", required=False, type=_FILE, default=SCENARIOS / "faults" / "mixed.yaml")
@click.option("--minutes", type=click.FloatRange(0.1, 300), default=10, show_default=True, help="How long to run.")
@click.option(
    "--locustfile",
    type=click.Path(exists=True, path_type=Path, dir_okay=False),
    default=LOCUSTFILE,
    help="The locustfile that makes the load.  [default: one round after another]",
)
@click.option("--report", type=_FILE, help="Write the report as Markdown.")
@results_option
@factory_option
@returns_exit_code
def main(scenario: Path, *, minutes: float, locustfile: Path, report: Path | None, results: Path) -> ExitCode:
    """Run SCENARIO for a while, and fail if a process of fanout leaks.

    Without SCENARIO, the agents fail in every way. Half of the time is one long run with two users, the other half is
    short runs, all in one Locust with its web UI. The command watches the number of processes of Locust, the
    coordinators, the fleet and the workers, their descriptors, threads and memory, and their sockets in TIME_WAIT.
    """
    loaded = load_scenario(scenario)
    require_agents(loaded)
    require_allowed(loaded)
    provide([loaded])
    count_of(loaded.questions)  # raises an error if a file of questions is wrong
    if report is not None:
        remove_earlier(report)
    console = Console(stderr=True)
    if said := announced_by_users(Load(loaded.agents, loaded.questions), USERS, rounds_go_on=True):
        say(console, said)
    directory = new_run_dir(results, "soak")
    soak = _soaked(SoakSettings(scenario, locustfile, directory, minutes * 60), console)
    findings = judged(soak.samples)
    final = soak_report(findings, minutes * 60, soak.runs)
    click.echo(render(final, "text"))
    click.echo("\n".join(final.verdicts))
    if report is not None:
        write(render(final, "markdown"), report)
    say(console, f"\nSaved in {directory}: the samples and the runs")
    return _exit_code(findings)


def _soaked(settings: SoakSettings, console: Console) -> Soak:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), TextColumn("left"))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("Locust starts", total=settings.duration_s)
        soak = Soak(settings, lambda what, elapsed_s: progress.update(task, description=what, completed=elapsed_s))
        try:
            soak.run()
        except KeyboardInterrupt:
            say(progress.console, f"the samples so far are in {settings.directory}")
            raise
    return soak


def _exit_code(findings: list[Finding]) -> ExitCode:
    """Raises NoDataError if nothing grew, but a part of the soak could not be judged."""
    if any(finding.verdict == "grew" for finding in findings):
        return ExitCode.FAILED
    if missing := unjudged(findings):
        raise NoDataError(f"too few samples of the {' and '.join(missing)} to say whether anything grew: {LONGER}")
    return ExitCode.PASSED
