"""scripts/bench: scenarios through Locust, one after another, and the table of what they measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
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
from fanout.errors import ExitCode, UsageError
from fanout.paths import ROOT
from fanout.report import Report, comparison
from fanout.runs.baselines import find_baseline
from fanout.runs.reader import Run, read_run
from fanout.runs.writer import new_run_dir
from fanout.scenario import Scenario, load_scenario
from fanout.studies import handshake as _handshake
from fanout.studies import headline as _headline

STANDARD = ("agora-default", "agora-tuned", "a2a-default", "a2a-tuned", "anp-default", "anp-tuned")


@dataclass(frozen=True)
class Suite:
    """What is run, and how it is told."""

    scenarios: Sequence[Scenario]
    report: Callable[[Sequence[Run], Sequence[Repeats]], Report]
    """Of the runs, and of the stored ones that they are compared with, if any."""
    at_once: int = 1
    repeat: int = 1


@click.command(context_settings={"max_content_width": 100})
@click.argument("scenarios", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--scale", type=click.FloatRange(0), help="A factor on the service times, in place of the scenarios' own."
)
@click.option(
    "--repeat",
    type=click.IntRange(1),
    help="Runs of each scenario, in turn: A B C A B C …  [default: 1, 3 with --handshake]",
)
@results_option
@click.option("--baseline", metavar="RUN|NAME", help="A stored run to compare with, in place of one of these.")
@comparison_options
@click.option("--headline", is_flag=True, help="The published runs, at full length (about three minutes).")
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
    """Runs SCENARIOS (left out: the six standard ones), one round each, and prints how they compare.

    Each row is compared with the first of the same protocol that has httpx's default limits, or with the first row if
    there is none. With --repeat 3 or more it says which differences are more than noise. --headline and --handshake run
    scenarios of their own and print tables of their own.
    """
    suite = _suite(scenarios, scale, repeat, headline=headline, handshake=handshake)
    base = _stored(baseline, results, suite)
    compares = suite.report is _comparison and (bool(base) or len(suite.scenarios) > 1)
    asked.begin(suite.scenarios, has_baseline=compares)
    console = Console(stderr=True)
    say(console, announcement(suite.scenarios, suite.repeat, suite.at_once))
    folder = new_run_dir(results, "bench")
    try:
        directories = run_all(jobs_of(suite.scenarios, folder, suite.repeat), console, at_once=suite.at_once)
    except KeyboardInterrupt:
        say(console, f"the runs so far are in {folder}")
        raise
    report = suite.report([read_run(directory) for directory in directories], base)
    say(console, f"\nCompare again: scripts/compare {folder}\n")
    judged = [row for row in report.rows if row.repeats not in base]
    return conclude(report, asked, results, judged=judged, implied=True)


def _stored(baseline: str | None, results: Path, suite: Suite) -> Sequence[Repeats]:
    """What is stored under this name or path. Raises NoDataError; UsageError where a suite compares in its own way."""
    if baseline is None:
        return ()
    if suite.report is not _comparison:
        raise UsageError("--baseline is for scenarios that are compared; leave it out with --headline and --handshake")
    return gathered(read_source(find_baseline(baseline, results)))


def _suite(paths: Sequence[Path], scale: float | None, repeat: int | None, *, headline: bool, handshake: bool) -> Suite:
    """What was asked for. Raises UsageError for what doesn't go together, ScenarioError for a wrong scenario."""
    if headline + handshake + bool(paths) > 1:
        raise UsageError("--headline, --handshake and scenarios each name what is run: leave out all but one of them")
    folder = ROOT / "scenarios"
    if headline:
        suite = Suite(_loaded(folder / "headline", _headline.PUBLISHED), _headline.headline, _headline.AT_ONCE)
    elif handshake:
        names = _handshake.NAMES
        suite = Suite(_loaded(folder / "handshake", names), _handshake.handshake, repeat=_handshake.REPEATS)
    else:
        suite = Suite([load_scenario(path) for path in paths] or _loaded(folder, STANDARD), _comparison)
    if repeat is not None:
        suite = replace(suite, repeat=repeat)
    if scale is None:
        return suite
    return replace(suite, scenarios=[with_scale(scenario, scale) for scenario in suite.scenarios])


def _loaded(folder: Path, names: Iterable[str]) -> list[Scenario]:
    return [load_scenario(folder / f"{name}.yaml") for name in names]


def _comparison(runs: Sequence[Run], base: Sequence[Repeats]) -> Report:
    repeats = [*base, *gathered(summarize(run) for run in runs)]
    rows = compare_with(repeats, one_baseline(repeats, base) if base else baselines_within(repeats))
    return with_notes(comparison(rows), unmatched(rows, base))


def with_scale(scenario: Scenario, scale: float) -> Scenario:
    """The scenario with another scale of its service times. Raises UsageError where they aren't ours to scale."""
    if not isinstance(scenario.agents, int):
        raise UsageError(f"{scenario.name}: --scale has no effect on agents that run already; leave it out")
    service_time = scenario.workers.service_time.model_copy(update={"scale": scale})
    workers = scenario.workers.model_copy(update={"service_time": service_time})
    return scenario.model_copy(update={"workers": workers})


def announcement(scenarios: Sequence[Scenario], repeat: int, at_once: int) -> str:
    """What is going to be run, in a line."""
    scales = {s.workers.service_time.scale for s in scenarios if isinstance(s.agents, int)}
    how = "/".join(f"{scale:g}" for scale in sorted(scales))
    real = "" if scales <= {1.0} else f", service times at {how} of their real length (--scale 1 runs them in full)"
    order = "one after another" if at_once == 1 else f"{at_once} at a time"
    count = len(scenarios) * repeat
    return f"{count} run{'s' * (count > 1)}, {order}{real}"


if __name__ == "__main__":
    main(prog_name="scripts/bench")
