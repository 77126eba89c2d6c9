"""fanout compare: compares stored runs."""

from __future__ import annotations

from pathlib import Path

import click

from fanout.analysis.compare import baselines_within, compare_with, one_baseline
from fanout.analysis.notes import unmatched
from fanout.analysis.repeats import gathered
from fanout.analysis.sources import read_source
from fanout.cli import returns_exit_code
from fanout.cli._comparisons import ComparisonOptions, comparison_options, conclude, with_notes
from fanout.cli._runs import results_option
from fanout.errors import ExitCode
from fanout.report import comparison
from fanout.runs.baselines import find_baseline


@click.command(context_settings={"max_content_width": 100})
@click.argument("runs", metavar="RUN [RUN ...]", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--baseline",
    metavar="RUN|NAME",
    help="The run to compare with.  [default: the first RUN; within one series, as bench does]",
)
@results_option
@comparison_options
@returns_exit_code
def main(runs: tuple[Path, ...], baseline: str | None, results: Path, options: ComparisonOptions) -> ExitCode:
    """Compare runs: run directories, directories of them (series), or Locust's own _stats.csv files.

    Repeats of a scenario, made by bench --repeat, form one row. Ratios are to the baseline: below 1 is faster.
    """
    base = None if baseline is None else find_baseline(baseline, results)
    paths = {path.resolve(): path for path in runs}
    if base is not None and base.resolve() not in paths:
        paths = {base.resolve(): base, **paths}
    found = {key: gathered(read_source(path)) for key, path in paths.items()}
    repeats = [row for rows in found.values() for row in rows]
    before = found[base.resolve()] if base is not None else []
    if base is None and len(found) == 1:
        baselines = baselines_within(repeats)
    else:
        baselines = one_baseline(repeats, before or next(iter(found.values())))
    rows = compare_with(repeats, baselines)
    named = [repeat for path in runs for repeat in found[path.resolve()]]
    judged = [row for row in rows if row.repeats in named]
    report = with_notes(comparison(rows), unmatched(rows, before))
    return conclude(report, options, results, judged=judged, implied=False)
