"""Puts the advice on trial: is each fault named, does the remedy cure it, and is nothing said where nothing is wrong?

    .venv/bin/python benchmarks/advice_trial.py [--repeats 10] [--healthy 2] [CASE …]

Each case is a scenario with a fault that one rule must name. It runs, and then again with one of the changes of the
advice, each in rotation; finally, scenarios without a fault. It counts by case: named (in its place in the list),
cured (of the failures or the time that the advice claimed, half or more is gone; if it claimed none, the advice is),
and reversed (after the remedy, another piece of advice sets one of the same keys). Any advice on a run without a fault
is a false alarm.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import _measure  # noqa: F401 (finds fanout)
import click
import polars as pl
from _trial_cases import CASES, HEALTHY, Case
from _trial_runs import advised, is_possible

from fanout.analysis.advice import Advice
from fanout.errors import FanoutError
from fanout.runs.questions_csv import OK, held_ms, with_latency
from fanout.runs.reader import Run

ENOUGH = 0.9
"""The least share of repeats in which a rule must be named, and cured."""
CURED = 0.5
"""The most that may be left of the time that the advice claimed."""


@dataclass
class Verdicts:
    """The counts of one case."""

    repeats: int = 0
    named: int = 0
    cured: int = 0
    reversed: int = 0
    surprises: list[str] = field(default_factory=list)
    """What was said instead, for each repeat that failed."""

    @property
    def is_enough(self) -> bool:
        return min(self.named, self.cured) >= ENOUGH * self.repeats and not self.reversed


def try_case(name: str, case: Case, repeats: int) -> Verdicts:
    """Runs a case and its cure so many times, with another seed and the advice's next change each time."""
    rule, _, _ = name.partition(":")
    verdicts = Verdicts()
    for number in range(repeats):
        verdicts.repeats += 1
        try:
            surprise = _try_once(rule, case, number, verdicts)
        except (FanoutError, LookupError, subprocess.TimeoutExpired) as error:
            surprise = f"a run failed: {error}"
        if surprise:
            verdicts.surprises.append(surprise)
    return verdicts


def _try_once(rule: str, case: Case, number: int, verdicts: Verdicts) -> str:
    """Runs a case and its cure, and counts the verdicts. Returns what was said or measured instead, if anything."""
    before, advice = advised(case, number + 1)
    said = next((each for each in advice[: 1 if case.first else None] if each.rule == rule), None)
    if said is None:
        return "; ".join(each.text for each in advice) or "no advice"
    verdicts.named += 1
    remedy = _remedy(case, said, number)
    after, then = advised(replace(case, trusts=True, absent=()), number + 1, remedy)
    cured, back = _is_cured(before, after, said, then), _taken_back(said, remedy, then)
    verdicts.cured += cured
    verdicts.reversed += bool(back)
    what = "; ".join(each.text for each in (back or then)) or _figures(before, after)
    return "" if cured and not back else f"after {json.dumps(dict(remedy))}: {what}"


def _remedy(case: Case, said: Advice, number: int) -> Mapping[str, Any]:
    """The values of a change of the advice, each in its turn; empty if it has none."""
    if case.cured is not None:
        return case.cured
    return said.changes[number % len(said.changes)].values if said.changes else {}


def _is_cured(before: Run, after: Run, said: Advice, then: Sequence[Advice]) -> bool:
    """Whether most of the failures or of the time that the advice claimed is gone; else whether the advice is."""
    if said.failures:
        return _failed(after) <= _failed(before) - (1 - CURED) * said.failures
    if not said.share:
        return all(each.rule != said.rule for each in then)
    ms_before, ms_after = (_mean_ms(run, held_ms(*said.spent_ms)) for run in (before, after))
    claimed_ms = sum(said.spent_ms.values()) / before.questions.height
    return ms_after <= ms_before - (1 - CURED) * claimed_ms


def _taken_back(said: Advice, remedy: Mapping[str, Any], then: Sequence[Advice]) -> list[Advice]:
    """The advice of other rules on the cured run that sets a key of the remedy."""
    return [each for each in then if each.rule != said.rule and set(each.keys) & set(remedy)]


def _failed(run: Run) -> int:
    return run.questions.filter(~OK).height


def _mean_ms(run: Run, time_ms: pl.Expr) -> float:
    mean = with_latency(run.questions).select(time_ms.mean()).collect().item()
    return float(mean) if isinstance(mean, float) else 0.0


def _figures(before: Run, after: Run) -> str:
    means = [f"{_mean_ms(run, pl.col('latency_ms')):.1f} ms" for run in (before, after)]
    return f"mean latency {' -> '.join(means)}, failed {_failed(before)} -> {_failed(after)}"


def false_alarms(repeats: int) -> tuple[int, list[dict[str, str]]]:
    """How many runs without a fault there were, and what was said about any of them."""
    said: list[dict[str, str]] = []
    for seed in range(1, repeats + 1):
        for name, keys in HEALTHY.items():
            _, advice = advised(Case(keys), seed)
            said += [{"scenario": name, "rule": each.rule, "text": each.text} for each in advice]
    return repeats * len(HEALTHY), said


@click.command()
@click.argument("cases", nargs=-1, type=click.Choice(list(CASES)))
@click.option("--repeats", default=10, show_default=True, help="Runs of each case.")
@click.option("--healthy", default=2, show_default=True, help="Runs of each scenario without a fault.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def main(cases: Sequence[str], repeats: int, healthy: int, *, as_json: bool) -> None:
    """Put the advice on trial, with all cases or some CASES."""
    found: dict[str, Verdicts] = {}
    for name in cases or CASES:
        if not is_possible(CASES[name]):
            click.echo(f"{name}: not possible here", err=True)
            continue
        verdicts = found[name] = try_case(name, CASES[name], repeats)
        if not as_json:
            click.echo(f"| {name} | {verdicts.named} | {verdicts.cured} | {verdicts.reversed} |")
        for surprise in verdicts.surprises:
            click.echo(f"  {name}: {surprise}", err=True)
    runs, alarms = false_alarms(healthy)
    for alarm in alarms:
        click.echo(f"  false alarm: {alarm['scenario']}: {alarm['text']}", err=True)
    if as_json:
        rows = {name: asdict(verdicts) for name, verdicts in found.items()}
        click.echo(json.dumps({"cases": rows, "healthy": runs, "false_alarms": alarms}))
    else:
        click.echo(f"{len(alarms)} false alarms in {runs} runs without a fault")
    sys.exit(0 if all(verdicts.is_enough for verdicts in found.values()) and not alarms else 1)


if __name__ == "__main__":
    main()
