"""fanout scaling: writes the document on the number of agents, from the runs of a sweep."""

from __future__ import annotations

from pathlib import Path

import click

from fanout.cli import returns_exit_code
from fanout.cli._runs import jobs_of
from fanout.errors import ExitCode, NoDataError, UsageError
from fanout.paths import ROOT, typed
from fanout.studies.scaling import NAME, Figures, figures_of, pool_work, save_figures, scaling_grid, write_document
from fanout.sweep import finished_run, read_plan


@click.command(context_settings={"max_content_width": 100})
@click.argument("sweep", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--docs",
    type=click.Path(path_type=Path, file_okay=False),
    default=ROOT / "docs",
    help="The directory for the three files.  [default: docs/ of fanout itself]",
)
@returns_exit_code
def main(sweep: Path | None, docs: Path) -> ExitCode:
    """Write what SWEEP, the directory of a sweep of the preset agents, says about the number of agents.

    Writes three files: a document, its chart, and the figures from which both are made, one row for each run. Without
    SWEEP, write the document and the chart from the existing figures.
    """
    if sweep is not None:
        save_figures(_figures(sweep), docs)
    found = write_document(docs)
    click.echo(f"wrote {docs / NAME}.md, .svg and .csv from {len(found)} runs")
    return ExitCode.PASSED


def _figures(directory: Path) -> list[Figures]:
    """The figures of each run. Raises UsageError for another sweep, NoDataError for a run that is missing."""
    plan = read_plan(directory)
    if plan.name != scaling_grid().name:
        raise UsageError(f"{directory}: a sweep of {plan.name}; allowed: one made by {typed('sweep --preset agents')}")
    if plan.repeat > 1 or any(scenario.workers.service_time.scale != 1 for scenario in plan.scenarios):
        raise UsageError(f"{directory}: allowed: a sweep with one run of each, and without --scale")
    found = []
    counted = {}
    for job, combination in zip(jobs_of(plan.scenarios, directory, 1), plan.combinations, strict=True):
        run = finished_run(job.directory)
        if run is None:
            raise NoDataError(f"{job.directory}: no complete run; make it with {typed(f'sweep --resume {directory}')}")
        agents, client = combination.values
        each = max(map(len, combination.scenario.client.agents_by_client(agents)))
        keeps_all = (combination.scenario.client.limits.max_keepalive_connections or each) >= each
        if keeps_all and each not in counted:
            counted[each] = pool_work(each)
        found.append(figures_of(agents, client, run, counted[each] if keeps_all else None))
    return found
