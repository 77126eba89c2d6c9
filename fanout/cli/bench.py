"""fanout bench: runs scenarios through Locust, one after another, and compares them."""

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
from fanout.cli import returns_exit_code
from fanout.cli._comparisons import ComparisonOptions, comparison_options, conclude, with_notes
from fanout.cli._runs import factory_option, jobs_of, results_option, run_all, say
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
    help="Runs of each scenario, interleaved: A B C A B C …  [default: 1; 3 with --handshake]",
)
@results_option
@factory_option
@click.option("--baseline", metavar="RUN|NAME", help="A stored run to compare with, instead of one of SCENARIOS.")
@comparison_options
@click.option(
    "--headline",
    is_flag=True,
    help="Repeat the published runs at full length, beside the published figures (about three minutes).",
)
@click.option(
    "--handshake", is_flag=True, help="Measure what opening a connection costs, over TCP and TLS (about a minute)."
)
@returns_exit_code
def main(
    scenarios: tuple[Path, ...],
    *,
    scale: float | None,
    repeat: int | None,
    results: Path,
    baseline: str | None,
    options: ComparisonOptions,
    headline: bool,
    handshake: bool,
) -> ExitCode:
    """Run SCENARIOS, one round each, and compare them.

    Without SCENARIOS, show in half a minute what the published configuration costs, why, and what removes the cost.

    Each scenario is compared with the first one of the same protocol that has httpx's default limits, or with the first
    one if there is none. With --repeat 3 or more, the report says which differences are more than noise.
    """
    study = _study(scenarios, headline=headline, handshake=handshake)
    chosen = study.scenarios() if study else [load_scenario(path) for path in scenarios]
    if scale is None and study is not None:
        scale = study.scale
    if scale is not None:
        chosen = [with_scale(scenario, scale) for scenario in chosen]
    base = _stored(baseline, results, study)
    options.prepare(chosen, has_baseline=study is None and (bool(base) or len(chosen) > 1))
    repeat = repeat or (study.repeat if study else 1)
    runs = _run(chosen, repeat, study.at_once if study else 1, results)
    report = study.report(runs) if study else _comparison(runs, base)
    judged = [row for row in report.rows if row.repeats not in base]
    return conclude(report, options, results, judged=judged, implied=True)


def _study(paths: Sequence[Path], *, headline: bool, handshake: bool) -> Study | None:
    """The study to run; None for a comparison of scenarios. Raises UsageError if more than one of these is named."""
    if headline + handshake + bool(paths) > 1:
        raise UsageError("--headline, --handshake and SCENARIOS exclude each other: leave out all but one of them")
    if paths:
        return None
    return HEADLINE if headline else HANDSHAKE if handshake else TOUR


def _stored(baseline: str | None, results: Path, study: Study | None) -> Sequence[Repeats]:
    """The stored runs with this name or path. Raises NoDataError, or UsageError if a study compares in its own way."""
    if baseline is None:
        return ()
    if study is not None:
        raise UsageError("--baseline needs SCENARIOS to compare with it: name some, such as scenarios/a2a-tuned.yaml")
    return gathered(read_source(find_baseline(baseline, results)))


def _run(scenarios: Sequence[Scenario], repeat: int, at_once: int, results: Path) -> list[Run]:
    """Makes the runs, in a new directory."""
    console = Console(stderr=True)
    say(console, announcement(scenarios, repeat, at_once))
    folder = new_run_dir(results, "bench")
    try:
        directories = run_all(jobs_of(scenarios, folder, repeat), console, at_once=at_once)
    except KeyboardInterrupt:
        say(console, f"the runs so far are in {folder}")
        raise
    runs = [read_run(directory) for directory in directories]
    say(console, f"\nCompare these runs again: {typed('compare')} {folder}\n")
    return runs


def _comparison(runs: Sequence[Run], base: Sequence[Repeats]) -> Report:
    repeats = [*base, *gathered(summarize(run) for run in runs)]
    rows = compare_with(repeats, one_baseline(repeats, base) if base else baselines_within(repeats))
    return with_notes(comparison(rows), unmatched(rows, base))
