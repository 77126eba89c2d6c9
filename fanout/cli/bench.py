"""fanout bench: scenarios through Locust, one after another, and the table of what they measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from fanout.analysis.compare import baselines_within, compare_with, one_baseline
from fanout.analysis.notes import unmatched
from fanout.analysis.repeats import Repeats, gathered
from fanout.analysis.run_summary import summarize
from fanout.analysis.sources import read_source
from fanout.cli import exits_in_words
from fanout.cli._comparisons import Asked, comparison_options, conclude, with_notes
from fanout.cli._runs import jobs_of, results_option, run_all, say
from fanout.cli._scenarios import announcement, scale_option, with_scale
from fanout.errors import ExitCode, UsageError
from fanout.paths import typed
from fanout.report import Report, comparison
from fanout.runs.baselines import find_baseline
from fanout.runs.reader import Run, read_run
from fanout.runs.writer import new_run_dir
from fanout.scenario import Scenario, load_scenario
from fanout.studies.handshake import HANDSHAKE
from fanout.studies.headline import HEADLINE
from fanout.studies.study import Study
from fanout.studies.tour import TOUR


@click.command(context_settings={"max_content_width": 100})
@click.argument("scenarios", nargs=-1, type=click.Path(path_type=Path))
@scale_option
@click.option(
    "--repeat",
    type=click.IntRange(1),
    help="Runs of each scenario, in turn: A B C A B C …  [default: 1, 3 with --handshake]",
)
@results_option
@click.option("--baseline", metavar="RUN|NAME", help="A stored run to compare with, in place of one of these.")
@comparison_options
@click.option(
    "--headline", is_flag=True, help="The same at full length, beside the published figures (about three minutes)."
)
@click.option("--handshake", is_flag=True, help="What opening a connection costs, over TCP and TLS (about a minute).")
@exits_in_words
def main(
    scenarios: tuple[Path, ...],
    *,
    scale: float | None,
    repeat: int | None,
    results: Path,
    baseline: str | None,
    asked: Asked,
    headline: bool,
    handshake: bool,
) -> ExitCode:
    """Runs SCENARIOS, one round each, and prints how they compare.

    Without SCENARIOS it shows in half a minute what the published configuration costs, why, and what removes the cost.

    Each scenario is compared with the first one of the same protocol that has httpx's default limits, or with the first
    one if there is none. With --repeat 3 or more, the table says which differences are more than noise.
    """
    study = _study(scenarios, headline=headline, handshake=handshake)
    chosen = study.scenarios() if study else [load_scenario(path) for path in scenarios]
    if scale is None and study is not None:
        scale = study.scale
    if scale is not None:
        chosen = [with_scale(scenario, scale) for scenario in chosen]
    base = _stored(baseline, results, study)
    asked.begin(chosen, has_baseline=study is None and (bool(base) or len(chosen) > 1))
    repeat = repeat or (study.repeat if study else 1)
    runs = _run(chosen, repeat, study.at_once if study else 1, results)
    report = study.report(runs) if study else _comparison(runs, base)
    judged = [row for row in report.rows if row.repeats not in base]
    return conclude(report, asked, results, judged=judged, implied=True)


def _study(paths: Sequence[Path], *, headline: bool, handshake: bool) -> Study | None:
    """The one that was asked for; None for a comparison of scenarios. Raises UsageError for more than one of these."""
    if headline + handshake + bool(paths) > 1:
        raise UsageError("--headline, --handshake and scenarios each name what is run: leave out all but one of them")
    if paths:
        return None
    return HEADLINE if headline else HANDSHAKE if handshake else TOUR


def _stored(baseline: str | None, results: Path, study: Study | None) -> Sequence[Repeats]:
    """What is stored under this name or path. Raises NoDataError; UsageError where a study compares in its own way."""
    if baseline is None:
        return ()
    if study is not None:
        raise UsageError("--baseline compares scenarios; name those to run, such as scenarios/a2a-tuned.yaml")
    return gathered(read_source(find_baseline(baseline, results)))


def _run(scenarios: Sequence[Scenario], repeat: int, at_once: int, results: Path) -> list[Run]:
    """Makes the runs, into a directory of their own."""
    console = Console(stderr=True)
    say(console, announcement(scenarios, repeat, at_once))
    folder = new_run_dir(results, "bench")
    try:
        directories = run_all(jobs_of(scenarios, folder, repeat), console, at_once=at_once)
    except KeyboardInterrupt:
        say(console, f"the runs so far are in {folder}")
        raise
    runs = [read_run(directory) for directory in directories]
    say(console, f"\nCompare again: {typed('compare')} {folder}\n")
    return runs


def _comparison(runs: Sequence[Run], base: Sequence[Repeats]) -> Report:
    repeats = [*base, *gathered(summarize(run) for run in runs)]
    rows = compare_with(repeats, one_baseline(repeats, base) if base else baselines_within(repeats))
    return with_notes(comparison(rows), unmatched(rows, base))
