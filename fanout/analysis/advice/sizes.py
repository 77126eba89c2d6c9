"""Large questions and answers, which take time to encode, send, receive and parse."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._advice import Change
from fanout.analysis.advice._facts import MUCH, Advice, Facts, rule
from fanout.analysis.advice._remedies import ANSWER_BYTES
from fanout.phases import PHASES, Phase
from fanout.text import format_bytes, format_ms

LARGE_BYTES = 65_536
"""The smallest body called large: about what a socket's buffer holds, beyond which the sender waits for the reader."""
_SIZES: tuple[tuple[str, str, tuple[Phase, ...]], ...] = (
    ("questions", "request_bytes", ("encode", "sending")),
    ("answers", "response_bytes", ("receiving", "decode")),
)
"""What is large, the column with its size, and the phases that take longer because of it."""


@rule
def large_messages(facts: Facts) -> Iterator[Advice]:
    sizes: list[str] = []
    spent: dict[Phase, float] = {}
    for what, column, phases in _SIZES:
        large = facts.measured.filter(pl.col(column) >= LARGE_BYTES)
        found, total_bytes = large.select(pl.len(), pl.col(column).sum()).collect().row(0)
        if found:
            sizes.append(f"{found} {what} have {format_bytes(total_bytes / found)} on average")
            spent |= facts.spent_ms(*phases, of=large)
    spent_ms, count = sum(spent.values()), facts.measured_count
    if not sizes or spent_ms < MUCH * facts.total_ms:
        return
    changes = (Change({ANSWER_BYTES: 0}, "# in the agents, not in the client"),)
    yield Advice(
        f"{' and '.join(sizes)}; {', '.join(spent)} took {format_ms(spent_ms / count)} a question",
        "make them shorter, compress them, or have the agents work on the text where it is: no limit helps",
        changes if facts.scenario.workers.answer_bytes else (),
        facts.spent_ms(*PHASES) if facts.is_saturated else spent,  # the others queue for the CPU that these take
        spent_ms / count,
        facts.because("late_loop").height if facts.is_saturated and facts.client.is_kept else 0,
    )
