"""Large questions and answers, which take time to send, receive and parse."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._advice import Change
from fanout.analysis.advice._facts import MUCH, Advice, Facts, rule
from fanout.analysis.advice._remedies import ANSWER_BYTES
from fanout.phases import Phase
from fanout.text import format_bytes, format_ms

LARGE_BYTES = 65_536
"""The smallest body worth advice: about what a socket's buffer holds, beyond which the sender waits for the reader."""


@rule
def large_answers(facts: Facts) -> Iterator[Advice]:
    shorter = Change({ANSWER_BYTES: 0}, "# in the agents, not in the client")
    changes = (shorter,) if facts.scenario.workers.answer_bytes else ()
    yield from _large(facts, "response_bytes", "answers", ("receiving", "decode"), changes)


@rule
def large_questions(facts: Facts) -> Iterator[Advice]:
    yield from _large(facts, "request_bytes", "questions", ("encode", "sending"), ())


def _large(
    facts: Facts, column: str, what: str, phases: tuple[Phase, ...], changes: tuple[Change, ...]
) -> Iterator[Advice]:
    large = facts.measured.filter(pl.col(column) >= LARGE_BYTES)
    spent = facts.spent_ms(*phases, of=large)
    spent_ms = sum(spent.values())
    if large.is_empty() or spent_ms < MUCH * facts.total_ms:
        return
    mean_ms, mean_bytes = spent_ms / large.height, float(large[column].sum()) / large.height
    yield Advice(
        f"{large.height} of {facts.asked.height} {what} have {format_bytes(mean_bytes)} on average and took "
        f"{format_ms(mean_ms)} in {' and '.join(phases)}, {format_bytes(mean_bytes / mean_ms * 1000)} a second",
        f"make {what} shorter, compress them, or have the agents work on the text where it is; the client's limits "
        "play no part",
        changes,
        spent,
        spent_ms / facts.measured.height,
    )
