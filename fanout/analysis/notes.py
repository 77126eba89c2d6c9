"""The sentences of a comparison: verdicts, and notes on what limits them. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from fanout.analysis.compare import Row
from fanout.analysis.intervals import short
from fanout.analysis.load_generator_health import is_about_a_coordinator
from fanout.analysis.repeats import Repeats
from fanout.phases import LATE_MS, PHASES, Phase
from fanout.text import format_ms, listed

_REPEAT = "repeat the runs with bench --repeat 5, or name several stored ones of each: compare old=A,B,C new=D,E,F"
TOO_FEW = {
    "unclear, one run each": f"one run each can't show whether they differ: {_REPEAT}",
    "too few runs": f"three repeats at least are needed to estimate the noise: {_REPEAT}",
}
"""What to do about an undecided verdict."""

BUSY_LOOP = {"saturated", "late_event_loop"}
"""The rules about coordinators whose event loop is late."""
_NUMBERS = re.compile(r"\d+(\.\d+)?")


def sentences(rows: Sequence[Row]) -> list[str]:
    """How each row compares with its baseline."""
    return [_sentence(row, row.baseline) for row in rows if row.compared and row.baseline is not None]


def _sentence(row: Row, base: Row) -> str:
    ratio = row.ratios["mean_ms"]
    if ratio is None:
        return f"{row.label} against {base.label}: unknown, since one of them has no latencies"
    what = "response time" if base.summary.is_locust_report else "adapter latency"
    times = f"{short(ratio.value)} times its mean {what}"
    measured = f"{times} {ratio.interval}" if ratio.interval else times
    better, comma, each = str(row.verdict).partition(", ")
    if better.endswith(("faster", "slower")):
        return f"{row.label} is {better} than {base.label}: {measured}{comma}{each}"
    return f"{row.label} against {base.label}: {row.verdict}, {measured}"


def notes(rows: Sequence[Row]) -> list[str]:
    """What limits the rows' figures, the most important first; each note ends in what to do."""
    doubts = [(row.label, doubt) for row in rows for doubt in row.summary.doubts]
    suspicions = [(row.label, f"suspect, {reason}") for row in rows for reason in _reasons_without_advice(row)]
    compared = [row for row in rows if row.compared and row.baseline is not None]
    verdicts = {row.verdict for row in compared}
    return [
        *_grouped(doubts),
        *_partly_measured([row for row in rows if row.summary.is_of_part]),
        *_grouped(suspicions),
        *_late(rows),
        *_unknown_phases(rows),
        *_unlike(compared),
        *(remedy for verdict, remedy in TOO_FEW.items() if verdict in verdicts),
    ]


def _reasons_without_advice(row: Row) -> Sequence[str]:
    """Why a row is suspect, unless the advice says so already."""
    said = any(advice.rule in BUSY_LOOP for advice in row.summary.advice)
    return [reason for reason in row.summary.suspect if not (said and is_about_a_coordinator(reason))]


def _grouped(said: Iterable[tuple[str, str]]) -> Iterator[str]:
    """One line for all texts that differ in their numbers only: the first, and the labels of the others."""
    alike: dict[str, list[tuple[str, str]]] = {}
    for label, text in said:
        alike.setdefault(_NUMBERS.sub("", text), []).append((label, text))
    for (label, text), *others in alike.values():
        labels = dict.fromkeys(other for other, _ in others if other != label)
        yield f"{label}: {text}" + (f" (also {listed(list(labels))})" if labels else "")


def _partly_measured(rows: Sequence[Row]) -> list[str]:
    """Names the rows whose latencies cover only some of their questions."""
    parts = [f"{row.label} ({row.summary.measured} of {row.summary.questions})" for row in rows]
    return [f"latencies cover only some questions of {listed(parts)}: questions.csv has the rest"] if parts else []


def _late(rows: Sequence[Row]) -> Iterator[str]:
    """Counts the questions that could not start in time, unless the advice on them does."""
    for row in rows:
        late, rules = row.summary.late, {advice.rule for advice in row.summary.advice}
        if late and "late_starts" not in rules:
            remedy = "follow the advice" if rules & BUSY_LOOP else "raise dispatch.per_agent, or lower arrivals.rate"
            yield (
                f"{row.label}: {late} question{'s' * (late > 1)} did not start within {LATE_MS:g} ms of "
                f"{'their' if late > 1 else 'its'} intended start, and latencies include the delay, up to "
                f"{format_ms(row.summary.latest_ms or 0.0)}: {remedy}"
            )


def _unknown_phases(rows: Sequence[Row]) -> Iterator[str]:
    """Names the phases that clients don't report."""
    labels: dict[Phase, list[str]] = {}
    for row in rows:
        if row.summary.phases_ms is not None:
            for phase in (phase for phase in PHASES if phase not in row.summary.phases_ms):
                labels.setdefault(phase, []).append(row.label)
    for phase, found in labels.items():
        yield (
            f"{phase} is unknown for {listed(found)}, whose clients don't report it: look at waiting, which includes it"
        )


def _unlike(compared: Sequence[Row]) -> list[str]:
    """Names the rows that differ from their baseline in more than the configuration, grouped by baseline."""
    other: dict[str, list[str]] = {}
    part: dict[str, list[str]] = {}
    for row in compared:
        assert row.baseline is not None
        mine, base = row.summary, row.baseline.summary
        if None not in (base.work, mine.work) and base.work != mine.work:
            other.setdefault(row.baseline.label, []).append(row.label)
        elif mine.work is not None and (mine.unanswered or base.unanswered):
            part.setdefault(row.baseline.label, []).append(row.label)
    return [
        *(
            f"{listed(labels)} did different work from the baseline {base} (agents, coordinators, questions, seed or "
            "service times): compare runs of the same work"
            for base, labels in other.items()
        ),
        *(
            f"{listed(labels)} {'are' if len(labels) > 1 else 'is'} compared with {base} over the questions that both "
            "answered: fix the failures before you decide by it"
            for base, labels in part.items()
        ),
    ]


def unmatched(rows: Sequence[Row], baseline: Sequence[Repeats]) -> list[str]:
    """Names the rows that have no counterpart in a baseline of several rows."""
    return [
        f"{row.label} has no counterpart of its {_remedy_of_unmatched(row)}"
        for row in rows
        if baseline and row.baseline is None and row.repeats not in baseline
    ]


def _remedy_of_unmatched(row: Row) -> str:
    if row.summary.is_locust_report:
        return "type and name in the baseline: name a report that has one"
    return "protocol and name in the baseline: save one, or name a single run"
