"""Measures whether runs that mostly wait disturb each other when they overlap, as in scripts/bench --headline.

    .venv/bin/python benchmarks/overlap.py [--pairs 3] [--scale 0.25]

Makes the tuned headline run, whose small figures are the easiest to disturb, alone and together with others,
interleaved. Prints the ratios of its mean, median and maximum adapter latency, together over alone. 1.00 means no
difference.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from _measure import in_words
from rich.console import Console

from fanout.analysis.run_summary import summarize
from fanout.analysis.summary import Summary
from fanout.cli._runs import jobs_of, run_all
from fanout.cli._scenarios import with_scale
from fanout.runs.reader import read_run
from fanout.runs.writer import new_run_dir
from fanout.scenario import load_scenario
from fanout.studies.headline import HEADLINE

TUNED = "a2a-tuned"


def measure(names: list[str], scale: float, results: Path) -> Summary:
    """Runs these scenarios at the same time; returns the tuned run's figures."""
    scenarios = [with_scale(load_scenario(HEADLINE.folder / f"{name}.yaml"), scale) for name in names]
    jobs = jobs_of(scenarios, new_run_dir(results, "overlap"))
    directories = run_all(jobs, Console(quiet=True), at_once=len(scenarios))
    return summarize(read_run(directories[names.index(TUNED)]))


def show(what: str, pairs: list[tuple[float | None, float | None]]) -> None:
    together, alone, ratio = in_words([(together, alone) for together, alone in pairs if together and alone])
    print(f"{what:8} together {together:6.2f} ms   alone {alone:6.2f} ms   {ratio}")


@click.command()
@click.option("--pairs", default=3, show_default=True)
@click.option("--scale", default=0.25, show_default=True, help="A factor on the service times.")
def main(pairs: int, scale: float) -> None:
    """Compares the tuned run alone with the same run among others."""
    company = list(HEADLINE.names[: HEADLINE.at_once])
    found = []
    with tempfile.TemporaryDirectory() as directory:
        for _ in range(pairs):
            found.append((measure(company, scale, Path(directory)), measure([TUNED], scale, Path(directory))))
    print(f"{TUNED} together with {', '.join(name for name in company if name != TUNED)}; {pairs} pairs")
    show("mean", [(together.mean_ms, alone.mean_ms) for together, alone in found])
    show("p50", [(together.p50_ms, alone.p50_ms) for together, alone in found])
    show("max", [(together.max_ms, alone.max_ms) for together, alone in found])


if __name__ == "__main__":
    main()
