"""Summarizes a run. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import polars as pl

from fanout.analysis import load_generator_health
from fanout.analysis.advice import advise
from fanout.analysis.summary import LATENCIES, Failure, Summary
from fanout.outcome import STATUSES
from fanout.phases import LATE_MS, PHASES, Phase, column_of
from fanout.runs.questions_csv import IDENTITY, OF_LATENCIES, OK, basis_of, with_latency
from fanout.runs.reader import Run
from fanout.scenario import Limits

UNANSWERED = "no question was answered: fix the failures listed"
UNKNOWN = "no latency is known: have the agents send Server-Timing: service;dur=MS"
ROUND_TRIPS = (
    "its agents report no service time, so latencies are round trips and `waiting` includes it: have the agents send "
    "Server-Timing: service;dur=MS to tell their work from the overhead"
)
NEGATIVE = "its agents report service times longer than their round trips: correct what they send in Server-Timing"


def summarize(run: Run, *, advised: bool = True) -> Summary:
    """The run's summary; without `advised`, it has no advice, which takes most of the time."""
    questions = run.questions
    measured = with_latency(questions)
    basis = basis_of(questions)
    found, least_ms = measured.select(pl.len(), pl.col("latency_ms").min()).collect().row(0)
    count = {status: int((questions["status"] == status).sum()) for status in STATUSES}
    problems = [*(run.info.problems or ())]
    if not count["ok"]:
        problems.append(UNANSWERED)
    elif not problems and (not found or basis == "round trip"):
        problems.append(ROUND_TRIPS if found else UNKNOWN)
    negative = [NEGATIVE] if found and least_ms < 0 else []
    return Summary(
        name=run.name,
        source=str(run.directory),
        protocol=run.scenario.protocol,
        agents=run.scenario.agent_count,
        questions=questions.height,
        failed=count["failed"],
        abandoned=count["abandoned"],
        connections=run.info.connections.opened,
        default_limits=run.scenario.client.limits == Limits(),
        basis=basis,
        connected=questions.select((OK | pl.col("connection").is_not_null()).sum()).item(),
        work=_work(run),
        cpu_ms=run.cpu_ms,
        memory_mib=run.memory_mib,
        phases_ms=_phases(measured),
        **_lateness(run),
        suspect=(*load_generator_health.reasons(run.info), *negative),
        measured=found,
        failures=_failures(questions),
        problems=tuple(problems),
        advice=tuple(advise(run)) if advised else (),
        place=run.info.series,
        run=run,
        **_latencies(measured),
    )


def answered_by_all(summaries: Sequence[Summary], columns: Collection[str] = ()) -> list[Summary]:
    """The summaries, with latencies over the questions that all of these runs answered.

    Their runs have these questions only, and of their columns those for latencies and `columns`. Questions don't fail
    at random: the slow ones time out. Without this, the run with more failures would look faster. Runs of different
    work have no questions in common, so their summaries stay as they are.
    """
    runs = [summary.run for summary in summaries if summary.run is not None]
    same_work = len({summary.work for summary in summaries}) == 1
    if len(runs) < len(summaries) or not same_work or not any(summary.unanswered for summary in summaries):
        return list(summaries)
    needed = {*IDENTITY, *OF_LATENCIES, *columns}
    whole = [reduce(Run.with_column, columns, run) for run in runs]
    answered = [with_latency(run.questions).select("latency_ms", *needed) for run in whole]
    first = reduce(_in_both, answered).collect()
    kept = [first, *(_in_both(asked, first.lazy()).collect() for asked in answered[1:])]
    return [
        replace(
            summary,
            run=replace(run, questions=left.drop("latency_ms")),
            **{**dict.fromkeys(LATENCIES), **_latencies(left.lazy())},
        )
        for summary, run, left in zip(summaries, runs, kept, strict=True)
    ]


def _in_both(questions: pl.LazyFrame, others: pl.LazyFrame) -> pl.LazyFrame:
    return questions.join(others, on=IDENTITY, how="semi")


def _latencies(measured: pl.LazyFrame) -> dict[str, Any]:
    """The figures of the adapter latency; empty if no question was measured."""
    found, *figures = measured.select(pl.len(), **LATENCIES).collect().row(0)
    return dict(zip(LATENCIES, figures, strict=True)) if found else {}


def _lateness(run: Run) -> dict[str, Any]:
    """The figures of questions that started late; empty if they had no intended start."""
    late_ms = run.questions["late_ms"]
    if run.scenario.arrivals is None or late_ms.null_count() == late_ms.len():
        return {}
    never = sum(found.arrivals.not_started or 0 for found in run.info.coordinators if found.arrivals is not None)
    asked_again = (pl.col("attempts") > 1).fill_null(value=False)  # whose `late` includes the failed attempts
    late = run.questions.select(((pl.col("late_ms") > LATE_MS) & ~asked_again).sum()).item()
    return {"late": late + never, "latest_ms": late_ms.max()}


def _failures(questions: pl.DataFrame) -> tuple[Failure, ...]:
    failed = questions.filter(pl.col("status") == "failed").with_columns(pl.col("error_kind").fill_null("unexpected"))
    kinds = failed.group_by("error_kind", maintain_order=True).agg(pl.len(), pl.first("agent"), pl.first("error"))
    return tuple(Failure(*row) for row in kinds.iter_rows())


def _phases(measured: pl.LazyFrame) -> dict[Phase, float] | None:
    """The mean of each phase that is known for every question; None if none is."""
    spent = pl.col(list(map(column_of, PHASES)))
    found = measured.select(pl.len(), spent.mean(), spent.null_count().name.suffix("_unknown")).collect().row(0)
    means, unknown = found[1 : len(PHASES) + 1], found[len(PHASES) + 1 :]
    known = {phase: mean for phase, mean, count in zip(PHASES, means, unknown, strict=True) if not count}
    return known if found[0] and known else None


def _work(run: Run) -> str:
    """A text that is the same for the same questions, service times, agents and number of coordinators."""
    asked = run.questions["question_id"].unique().cast(pl.String)
    coordinators = run.questions["coordinator"].n_unique()
    scenario = run.scenario
    service = f"seed {scenario.seed}, {scenario.workers.service_time!r}"
    return (
        f"{coordinators} coordinators, {scenario.agent_count} agents, {service}, "
        f"{asked.len()} questions {asked.hash(seed=0).sum()}"
    )
