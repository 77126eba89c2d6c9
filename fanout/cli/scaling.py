"""fanout scaling: writes the documents on the number of agents, from the runs of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from pydantic import BaseModel

from fanout.cli import returns_exit_code
from fanout.cli._runs import jobs_of
from fanout.errors import ExitCode, NoDataError, UsageError
from fanout.paths import ROOT, typed
from fanout.runs.reader import Run
from fanout.studies import clients, scaling
from fanout.studies.evidence import save_figures
from fanout.sweep import Combination, Plan, finished_run, read_plan

_Runs = Sequence[tuple[Combination, Run]]


@dataclass(frozen=True)
class _Study:
    preset: str
    """The preset of scripts/sweep that makes its runs."""
    name: str
    """The name of its files in docs/."""
    figures: Callable[[_Runs], Sequence[BaseModel]]
    """Those of the runs."""
    write: Callable[[Path], Sequence[BaseModel]]
    """Writes what is made from the figures in a folder, and returns these."""


def _scaling_figures(runs: _Runs) -> list[scaling.Figures]:
    counted = {}
    found = []
    for combination, run in runs:
        agents, client = combination.values
        each = max(map(len, combination.scenario.client.agents_by_client(agents)))
        keeps_all = (combination.scenario.client.limits.max_keepalive_connections or each) >= each
        if keeps_all and each not in counted:
            counted[each] = scaling.pool_work(each)
        found.append(scaling.figures_of(agents, client, run, counted[each] if keeps_all else None))
    return found


def _clients_figures(runs: _Runs) -> list[clients.Figures]:
    return [clients.figures_of(run) for _, run in runs]


STUDIES = {
    "preset agents": _Study("agents", scaling.NAME, _scaling_figures, scaling.write_document),
    "preset clients": _Study("clients", clients.NAME, _clients_figures, clients.write_document),
}


@click.command(context_settings={"max_content_width": 100})
@click.argument("sweep", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--docs",
    type=click.Path(path_type=Path, file_okay=False),
    default=ROOT / "docs",
    help="The directory for the files.  [default: docs/ of fanout itself]",
)
@returns_exit_code
def main(sweep: Path | None, docs: Path) -> ExitCode:
    """Write what SWEEP, the directory of a sweep of the preset agents or clients, says about the number of agents.

    Writes a document and the figures from which it is made, one row for each run; for the preset agents, a chart as
    well. Without SWEEP, write both documents from the existing figures.
    """
    studies = list(STUDIES.values())
    if sweep is not None:
        study, plan = _study_of(sweep)
        save_figures(study.figures(_runs(plan, sweep)), docs, study.name)
        studies = [study]
    for study in studies:
        click.echo(f"wrote what {len(study.write(docs))} runs of the preset {study.preset} say into {docs}")
    return ExitCode.PASSED


def _study_of(directory: Path) -> tuple[_Study, Plan]:
    """Raises UsageError for another sweep."""
    plan = read_plan(directory)
    if plan.name not in STUDIES:
        allowed = " or ".join(typed(f"sweep --preset {study.preset}") for study in STUDIES.values())
        raise UsageError(f"{directory}: a sweep of {plan.name}; allowed: one made by {allowed}")
    if plan.repeat > 1 or any(scenario.workers.service_time.scale != 1 for scenario in plan.scenarios):
        raise UsageError(f"{directory}: allowed: a sweep with one run of each, and without --scale")
    return STUDIES[plan.name], plan


def _runs(plan: Plan, directory: Path) -> list[tuple[Combination, Run]]:
    """Raises NoDataError for a run that is missing."""
    found = []
    for job, combination in zip(jobs_of(plan.scenarios, directory, 1), plan.combinations, strict=True):
        run = finished_run(job.directory)
        if run is None:
            raise NoDataError(f"{job.directory}: no complete run; make it with {typed(f'sweep --resume {directory}')}")
        found.append((combination, run))
    return found
