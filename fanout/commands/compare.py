"""scripts/compare: runs side by side, from what is on disk."""

from __future__ import annotations

from pathlib import Path

import click

from fanout.commands import exits_in_words
from fanout.compare import compare_with, one_baseline
from fanout.errors import ExitCode
from fanout.report import comparison, formats, render
from fanout.sources import read_source


@click.command(context_settings={"max_content_width": 100})
@click.argument("runs", metavar="RUN [RUN ...]", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--baseline", type=click.Path(path_type=Path), help="The run to compare with; left out: the first one.")
@click.option(
    "--format", "format_name", type=click.Choice(formats()), default="text", show_default=True, help="How to print it."
)
@exits_in_words
def main(runs: tuple[Path, ...], baseline: Path | None, format_name: str) -> ExitCode:
    """Compares runs: directories in results/, or Locust's own _stats.csv files.

    The last column is each run's mean adapter latency divided by the baseline's: below 1 is faster.
    """
    paths = list(runs)
    if baseline is not None and baseline.resolve() not in [path.resolve() for path in paths]:
        paths.insert(0, baseline)
    per_path = [read_source(path) for path in paths]
    summaries = [summary for found in per_path for summary in found]
    first = 0 if baseline is None else [path.resolve() for path in paths].index(baseline.resolve())
    before = sum(len(found) for found in per_path[:first])
    base = summaries[before : before + len(per_path[first])]
    rows = compare_with(summaries, one_baseline(summaries, base))
    click.echo(render(comparison(rows), format_name), nl=False)
    return ExitCode.PASSED


if __name__ == "__main__":
    main(prog_name="scripts/compare")
