"""fanout sweep: runs one scenario with every combination of some keys' values, and compares their costs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource
from rich.console import Console

from fanout.analysis.gate_results import unjudged
from fanout.cli import returns_exit_code
from fanout.cli._comparisons import ComparisonOptions, comparison_options, conclude
from fanout.cli._runs import Job, factory_option, jobs_of, results_option, run_all, say
from fanout.cli._scenarios import announcement, scale_option, with_scale
from fanout.errors import CouldNotRunError, ExitCode, UsageError
from fanout.files import write
from fanout.paths import typed
from fanout.report import render
from fanout.report.charts import standalone
from fanout.runs.reader import Run
from fanout.runs.writer import new_run_dir
from fanout.studies.presets import PRESETS
from fanout.sweep import (
    TABLE_FILE,
    Plan,
    claimed,
    draw,
    finished_run,
    grid_of,
    parse_parameters,
    read_plan,
    read_reference,
    remove_run,
    rows_of,
    sweep_report,
    write_plan,
)

FIXED = {"scenario": "SCENARIO", "settings": "--set", "preset": "--preset", "reference": "--reference",
         "repeat": "--repeat", "scale": "--scale", "results": "--results"}  # fmt: skip
"""The parameters that are fixed when a sweep begins, with their options."""
CHART_FILE = "sweep.svg"


@click.command(context_settings={"max_content_width": 100})
@click.argument("scenario", required=False, type=click.Path(path_type=Path))
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE[,VALUE…]",
    help="A dotted key of the scenario and its values. Repeat the option for each key.",
)
@click.option("--preset", type=click.Choice(sorted(PRESETS)), help="A predefined sweep, instead of SCENARIO and --set.")
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Resume the sweep in DIR: make only the missing runs.",
)
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Figures to show beside the measured ones: the sweep.csv of an earlier sweep, or CSV in the same form.",
)
@click.option("--repeat", type=click.IntRange(1), help="Runs of each combination, interleaved.  [default: 1]")
@scale_option
@click.option(
    "--at-once", type=click.IntRange(1), help="How many runs to make at the same time.  [default: 1, or the preset's]"
)
@results_option
@factory_option
@comparison_options
@returns_exit_code
def main(
    scenario: Path | None,
    *,
    settings: tuple[str, ...],
    preset: str | None,
    resume: Path | None,
    reference: Path | None,
    repeat: int | None,
    scale: float | None,
    at_once: int | None,
    results: Path,
    options: ComparisonOptions,
) -> ExitCode:
    """Run SCENARIO with every combination of the values that --set names, and print what each costs.

    The values are written as in YAML: --set agents=4,8,16 --set client.limits.max_connections=100,unlimited. The table
    is saved as sweep.csv and drawn as sweep.svg, beside the runs. Use --resume to continue an interrupted sweep.
    """
    if resume is not None:
        _refuse_beside_resume()
        plan = read_plan(resume)
    else:
        plan = _plan(scenario, settings, preset, repeat=repeat or 1, scale=scale)
    if reference is not None:
        plan = replace(plan, reference=read_reference(reference, plan))
    if at_once is not None:
        plan = replace(plan, at_once=at_once)
    options.prepare(plan.scenarios, has_baseline=False)
    if resume is None:
        directory = new_run_dir(results, "sweep")
        write_plan(plan, directory)
    else:
        directory, results = resume, resume.resolve().parent
    console = Console(stderr=True)
    with claimed(directory):
        runs = _run(plan, directory, console)
        code = _finish(plan, directory, runs, options, results)
    saved = [name for name in (TABLE_FILE, CHART_FILE) if (directory / name).exists()]
    say(console, f"\nSaved in {directory}: {', '.join(saved)} and the runs")
    return code


def _refuse_beside_resume() -> None:
    context = click.get_current_context()
    for parameter, option in FIXED.items():
        if context.get_parameter_source(parameter) is ParameterSource.COMMANDLINE:
            raise UsageError(f"--resume uses the settings that the sweep began with: leave out {option}")


def _plan(
    scenario: Path | None, settings: Sequence[str], preset: str | None, *, repeat: int, scale: float | None
) -> Plan:
    """The plan of a new sweep. Raises UsageError for options that don't combine, ScenarioError for wrong values."""
    if preset is not None:
        if scenario is not None or settings:
            raise UsageError("--preset names the whole grid: leave out SCENARIO and --set, or --preset")
        plan = replace(PRESETS[preset](), repeat=repeat)
    elif scenario is None or not settings:
        raise UsageError("nothing to sweep; allowed: SCENARIO with --set KEY=VALUE[,VALUE…], --preset, or --resume DIR")
    else:
        parameters = parse_parameters(settings)
        if scale is not None and any(parameter.key == "workers.service_time.scale" for parameter in parameters):
            raise UsageError("--scale and --set workers.service_time.scale both set the scale: leave out one")
        name, combinations = grid_of(scenario, parameters, repeat)
        plan = Plan(name, parameters, combinations, repeat)
    if scale is None:
        return plan
    return replace(
        plan, combinations=tuple(replace(c, scenario=with_scale(c.scenario, scale)) for c in plan.combinations)
    )


def _run(plan: Plan, directory: Path, console: Console) -> dict[Job, Run]:
    """Makes the missing runs; returns all runs."""
    jobs = jobs_of(plan.scenarios, directory, plan.repeat)
    runs = {job: run for job in jobs if (run := finished_run(job.directory)) is not None}
    missing = [job for job in jobs if job not in runs]
    if not missing:
        return runs
    say(console, announcement(plan.scenarios, plan.repeat, plan.at_once))
    if runs:
        say(console, f"{len(runs)} of them exist already, {len(missing)} to make")
    say(console, f"if it is interrupted, resume it with {_again(directory)}")
    for job in missing:
        remove_run(job.directory)

    def report_failure(job: Job, error: CouldNotRunError) -> None:
        say(console, f"{job.name}: {error}")

    try:
        run_all(missing, console, at_once=plan.at_once, on_failure=report_failure, done=list(runs))
    except (KeyboardInterrupt, CouldNotRunError):
        say(console, f"resume it with {_again(directory)}")
        raise
    return {**runs, **{job: run for job in missing if (run := finished_run(job.directory)) is not None}}


def _finish(
    plan: Plan, directory: Path, runs: Mapping[Job, Run], options: ComparisonOptions, results: Path
) -> ExitCode:
    """Writes the table and the chart, and concludes the report; returns the exit code."""
    by_combination: list[list[Run]] = [[] for _ in plan.combinations]
    for job in jobs_of(plan.scenarios, directory, plan.repeat):
        if job in runs:
            by_combination[job.place.place - 1].append(runs[job])
    rows = rows_of(plan, by_combination)
    chart = draw(plan, rows)
    report = sweep_report(plan, rows, _again(directory), chart)
    write(render(report, "csv"), directory / TABLE_FILE)
    if chart is not None:
        write(standalone(chart), directory / CHART_FILE)
    missing = [row.combination.scenario for row in rows if row.runs < plan.repeat]
    no_data = [found for scenario in missing for found in unjudged(scenario.name, scenario, options.gate)]
    whole = [row.row for row in rows if row.row is not None and row.runs == plan.repeat]
    code = conclude(report, options, results, judged=whole, implied=True, unjudged=no_data)
    return ExitCode.NO_DATA if missing else code


def _again(directory: Path) -> str:
    return f"{typed('sweep')} --resume {shlex.quote(str(directory))}"
