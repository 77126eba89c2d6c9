"""fanout compare: compares stored runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import click

from fanout.analysis.sources import Source, read_places
from fanout.cli import returns_exit_code
from fanout.cli._comparisons import ComparisonOptions, comparison_options, conclude
from fanout.cli._histories import with_histories
from fanout.cli._runs import results_option
from fanout.cli._sources import read_sources
from fanout.errors import ExitCode, UsageError
from fanout.report import comparison_of
from fanout.runs.baselines import find_baseline
from fanout.text import listed


@click.command(context_settings={"max_content_width": 100})
@click.argument("runs", metavar="RUN|LABEL=RUN,... [...]", nargs=-1, required=True)
@click.option(
    "--baseline",
    metavar="RUN|NAME|LABEL",
    help="The run to compare with.  [default: the first RUN; within one series, as bench does]",
)
@results_option
@comparison_options
@returns_exit_code
def main(runs: tuple[str, ...], baseline: str | None, results: Path, options: ComparisonOptions) -> ExitCode:
    """Compare runs: run directories, directories of them (series), or Locust's own reports.

    A report is a _stats.csv, the PREFIX of Locust's --csv, or a folder of such files.

    Repeats of a scenario, made by bench --repeat, form one row. LABEL=RUN,RUN,RUN or LABEL=FOLDER makes repeats of what
    it names: before=a1,a2,a3 after=b1,b2,b3. Ratios are to the baseline: below 1 is faster.
    """
    metrics = None if options.shows_charts else {gate.metric for gate in options.gate}
    named = read_sources(runs, metrics)
    sources, base = (named, None) if baseline is None else _with_baseline(named, baseline, results, metrics)
    report = comparison_of(sources, base)
    judged = [row for row in report.rows if any(row.repeats in source.rows for source in named)]
    if options.shows_charts:
        report = with_histories(report, [place for source in sources for place in source.places])
    return conclude(report, options, results, judged=judged, implied=False)


def _with_baseline(
    named: Sequence[Source], baseline: str, results: Path, metrics: Collection[str] | None
) -> tuple[Sequence[Source], Source]:
    """The sources to show, the baseline among them, and the baseline. Raises NoDataError, UsageError."""
    group = next((source for source in named if source.label == baseline), None)
    if group is not None:
        return named, group
    found = read_places(find_baseline(baseline, results), metrics)
    if len(found) > 1:
        raise UsageError(
            f"--baseline {baseline}: it has several reports of Locust, {listed([each.places[0] for each in found])}; "
            f"allowed: one of them, or a group of repeats, old={baseline} with --baseline old"
        )
    known = next((source for source in named if source.key == found[0].key), None)
    return (named, known) if known else ([*found, *named], found[0])
