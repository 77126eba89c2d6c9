"""scripts/compare: runs side by side, from what is on disk."""

from __future__ import annotations

from pathlib import Path

import click

from fanout.commands import exits_in_words
from fanout.compare import baselines_within, compare_with, one_baseline
from fanout.errors import ExitCode
from fanout.repeats import gathered
from fanout.report import comparison, formats, render
from fanout.sources import read_source


@click.command(context_settings={"max_content_width": 100})
@click.argument("runs", metavar="RUN [RUN ...]", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    help="What to compare with; left out: the first RUN, or what scripts/bench took.",
)
@click.option(
    "--format", "format_name", type=click.Choice(formats()), default="text", show_default=True, help="How to print it."
)
@exits_in_words
def main(runs: tuple[Path, ...], baseline: Path | None, format_name: str) -> ExitCode:
    """Compares runs: directories in results/, directories of such, or Locust's own _stats.csv files.

    Runs that scripts/bench --repeat made in turn are taken together. Ratios are to the baseline: below 1 is faster.
    """
    paths = {path.resolve(): path for path in runs}
    if baseline is not None and baseline.resolve() not in paths:
        paths = {baseline.resolve(): baseline, **paths}
    found = {key: gathered(read_source(path)) for key, path in paths.items()}
    repeats = [row for rows in found.values() for row in rows]
    if baseline is None and len(found) == 1:
        baselines = baselines_within(repeats)
    else:
        baselines = one_baseline(repeats, found[baseline.resolve()] if baseline else next(iter(found.values())))
    rows = compare_with(repeats, baselines)
    click.echo(render(comparison(rows), format_name), nl=False)
    return ExitCode.PASSED


if __name__ == "__main__":
    main(prog_name="scripts/compare")
