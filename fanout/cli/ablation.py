"""fanout ablation: runs every combination of the suspected causes, and writes a document on the findings."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from fanout.cli import returns_exit_code
from fanout.cli._runs import jobs_of, results_option, run_all
from fanout.errors import ExitCode
from fanout.paths import ROOT, require_checkout
from fanout.runs.reader import read_run
from fanout.runs.writer import new_run_dir
from fanout.studies.ablation import NAME, figures_of, variants, write_document
from fanout.studies.evidence import make_folder, save_figures


@click.command(context_settings={"max_content_width": 100})
@results_option
@click.option(
    "--docs",
    type=click.Path(path_type=Path, file_okay=False),
    default=ROOT / "docs",
    help="The directory for the three files.  [default: docs/ of fanout itself]",
)
@click.option(
    "--at-once", type=click.IntRange(1), default=4, show_default=True, help="How many runs to make at the same time."
)
@click.option(
    "--render",
    "render_only",
    is_flag=True,
    help="Run nothing; write the document and the chart from the existing figures.",
)
@returns_exit_code
def main(results: Path, docs: Path, *, at_once: int, render_only: bool) -> ExitCode:
    """Run limits × host name × executor threads × resolver × service time (about ten minutes).

    Writes three files: a document, its chart, and the figures from which both are made, one row for each run.
    """
    require_checkout("ablation")
    make_folder(docs)  # before the runs start, so that they aren't lost
    if not render_only:
        grid = variants()
        jobs = jobs_of([variant.scenario() for variant in grid], new_run_dir(results, "ablation"))
        directories = run_all(jobs, Console(stderr=True), at_once=at_once)
        runs = map(read_run, directories)
        save_figures([figures_of(variant, run) for variant, run in zip(grid, runs, strict=True)], docs, NAME)
    found = write_document(docs)
    click.echo(f"wrote {docs / NAME}.md, .svg and .csv from {len(found)} runs")
    return ExitCode.FAILED if any(figures.failed for figures in found) else ExitCode.PASSED
