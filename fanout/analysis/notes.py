"""What is to be said of a comparison: in sentences, before it is believed, and what to change. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from fanout.analysis.advice import Advice
from fanout.analysis.compare import Row
from fanout.analysis.intervals import short
from fanout.analysis.repeats import Repeats
from fanout.text import listed


def sentences(rows: Sequence[Row]) -> list[str]:
    """How each row compares with its baseline, in words."""
    return [_sentence(row, row.baseline) for row in rows if row.compared and row.baseline is not None]


def _sentence(row: Row, base: Row) -> str:
    ratio = row.ratios["mean_ms"]
    if ratio is None:
        return f"{row.label} against {base.label}: not known, since one of them has no latencies"
    times = f"{short(ratio.value)} times its mean adapter latency"
    if ratio.interval is None:
        return f"{row.label} against {base.label}: {times}, {ratio.verdict}"
    interval = f"{times} {ratio.interval}"
    if ratio.verdict == "no difference shown":
        return f"{row.label} against {base.label}: no difference shown, {interval}"
    return f"{row.label} is {ratio.verdict} than {base.label}: {interval}"


def notes(rows: Sequence[Row]) -> list[str]:
    """What a reader has to know before believing the rows; each ends in what to do."""
    found = [f"{row.label}: {problem}" for row in rows for problem in row.summary.doubts]
    found += _of_part([row for row in rows if row.summary.is_of_part])
    found += [f"{row.label} is suspect: {reason}" for row in rows for reason in row.summary.suspect]
    compared = [row for row in rows if row.compared and row.baseline is not None]
    found += _unlike(compared)
    verdicts = {row.verdict for row in compared}
    if "noise unknown" in verdicts:
        found.append(
            "each ratio is of two single runs, so how much of it is noise is not known: repeat them "
            "(bench --repeat 5) before you decide by one"
        )
    if "too few runs" in verdicts:
        found.append("so few runs don't tell how noisy they are: repeat them three times or more (--repeat 5)")
    return found


def _of_part(rows: Sequence[Row]) -> list[str]:
    """Whose latencies a table shows that has not those of all questions."""
    whose = [f"{row.label} ({row.summary.measured} of {row.summary.questions})" for row in rows]
    if not whose:
        return []
    their = "their" if len(whose) > 1 else "its"
    return [
        f"the latencies of {listed(whose)} are those of so many of {their} questions; see questions.csv for the rest"
    ]


def _unlike(compared: Sequence[Row]) -> list[str]:
    """Which rows are not quite like their baseline; those that have the same one are told together."""
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
            f"{listed(labels)} did other work than {'their' if len(labels) > 1 else 'its'} baseline {base} (agents, "
            "coordinators, questions, seed or service times differ): compare runs of the same work"
            for base, labels in other.items()
        ),
        *(
            f"{listed(labels)} {'are' if len(labels) > 1 else 'is'} compared with {base} by the questions that were "
            "answered in both: mend what fails before you decide by it"
            for base, labels in part.items()
        ),
    ]


def advice(rows: Sequence[Row]) -> list[str]:
    """What held the time in each run, and what to change. What is true of several runs is told of the first."""
    by_rule: dict[str, list[tuple[Row, Advice]]] = {}
    for row in rows:
        for said in row.summary.advice:
            by_rule.setdefault(said.rule, []).append((row, said))
    return [_told(found) for found in by_rule.values()]


def _told(found: Sequence[tuple[Row, Advice]]) -> str:
    (row, said), *others = found
    names = list(dict.fromkeys(other.label for other, _ in others if other is not row))
    which = f"{row.label}, the first of {row.runs} runs" if row.runs > 1 else row.label
    return f"{which}: {said.text}" + (f" (likewise {listed(names)})" if names else "")


def unmatched(rows: Sequence[Row], baseline: Sequence[Repeats]) -> list[str]:
    """Which rows were to be compared with a baseline of several, and have no counterpart in it."""
    return [
        f"{row.label} has no counterpart of its protocol and name in the baseline: save one, or name a single run"
        for row in rows
        if baseline and row.baseline is None and row.repeats not in baseline
    ]
