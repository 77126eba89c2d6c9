"""fanout bench --handshake: the cost of opening a connection, over TCP and TLS, one at a time and 32 at a time."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fanout.analysis.compare import compare_with
from fanout.analysis.notes import notes
from fanout.analysis.repeats import gathered
from fanout.analysis.run_summary import summarize
from fanout.analysis.summary import Summary
from fanout.paths import SCENARIOS
from fanout.phases import Phase
from fanout.report import Column, Report, Table
from fanout.runs.reader import Run
from fanout.studies.study import Study

OPENING: tuple[Phase, ...] = ("connecting", "tls_handshaking")
PAIRS: tuple[str, ...] = ("tcp-sequential", "tls-sequential", "tcp-concurrent", "tls-concurrent")
SATURATED = (
    "the agents take no time, so these requests queued for the coordinator's CPU; take a connection's cost from the "
    "sequential rows"
)
LEGEND = (
    "medians over the runs; ms and CPU ms (the client's) per connection: new minus reused; handshakes: the phases "
    "connecting and tls_handshaking of the new connections; their share: of the new mean"
)


@dataclass(frozen=True)
class Cost:
    """The cost of a request in one scenario: the median over its runs of each run's mean."""

    mean_ms: float
    handshake_ms: float
    """The phases `connecting` and `tls_handshaking`."""
    cpu_ms: float
    """CPU time of the coordinator."""


@dataclass(frozen=True)
class Pair:
    """The same requests over reused and over new connections. None means unknown."""

    name: str
    reused: Cost | None
    new: Cost | None
    suspect: bool
    """Whether the coordinator was saturated in any of the runs."""

    @property
    def marked(self) -> str:
        return f"{self.name} (suspect)" if self.suspect else self.name

    def of(self, value: Callable[[Cost, Cost], float]) -> float | None:
        """A figure computed from both costs; None if either is unknown."""
        return None if self.reused is None or self.new is None else value(self.reused, self.new)


def _column(key: str, title: str, value: Callable[[Cost, Cost], float]) -> Column:
    return Column(key, title, lambda pair: pair.of(value), 2)


def _price(key: str, title: str, value: Callable[[Cost, Cost], float]) -> Column:
    """A difference of the two costs; unknown where the pair is suspect, since its requests queued for the CPU."""
    return Column(key, title, lambda pair: None if pair.suspect else pair.of(value), 2)


COLUMNS = (
    Column("requests", "100 requests to /health", lambda pair: pair.name, shown=lambda pair: pair.marked, left=True),
    _column("reused_mean_ms", "reused mean ms", lambda reused, new: reused.mean_ms),
    _column("new_mean_ms", "new mean ms", lambda reused, new: new.mean_ms),
    _column("ratio", "new ÷ reused", lambda reused, new: new.mean_ms / reused.mean_ms),
    _price("connection_ms", "ms per connection", lambda reused, new: new.mean_ms - reused.mean_ms),
    _column("handshake_ms", "handshakes ms", lambda reused, new: new.handshake_ms),
    _column("handshake_share", "their share", lambda reused, new: new.handshake_ms / new.mean_ms),
    _price("connection_cpu_ms", "CPU ms per connection", lambda reused, new: new.cpu_ms - reused.cpu_ms),
    _column("cpu_ratio", "CPU new ÷ reused", lambda reused, new: new.cpu_ms / reused.cpu_ms),
    Column("suspect", "", lambda pair: pair.suspect),
)


def handshake(runs: Sequence[Run]) -> Report:
    """Computes the costs from runs of the scenarios in scenarios/handshake."""
    found = [(run, summarize(run)) for run in runs]
    pairs = [_pair(name, found) for name in PAIRS]
    repeats = gathered(replace(summary, suspect=()) for _, summary in found)
    rows = compare_with(repeats, [None] * len(repeats))
    saturated = [pair.name for pair in pairs if pair.suspect]
    warning = [f"{', '.join(saturated)}: {SATURATED}"] if saturated else []
    return Report([Table(COLUMNS, pairs)], rows=rows, notes=[*notes(rows), LEGEND, *warning])


def _pair(name: str, found: Sequence[tuple[Run, Summary]]) -> Pair:
    reused, new = (
        [(run, summary) for run, summary in found if summary.name == f"{name}-{kind}"] for kind in ("reused", "new")
    )
    suspect = any(summary.suspect for _, summary in [*reused, *new])
    return Pair(name, _cost(reused), _cost(new), suspect)


def _cost(found: Sequence[tuple[Run, Summary]]) -> Cost | None:
    known = [
        (summary.mean_ms, sum(summary.phases_ms[phase] for phase in OPENING), run.cpu_ms)
        for run, summary in found
        if summary.mean_ms is not None and run.cpu_ms is not None and summary.phases_ms is not None
        if all(phase in summary.phases_ms for phase in OPENING)
    ]
    return Cost(*map(statistics.median, zip(*known, strict=True))) if known else None


# Three interleaved runs of each scenario: a table of single runs would be mostly noise.
HANDSHAKE = Study(
    SCENARIOS / "handshake",
    tuple(f"{pair}-{reuse}" for pair in PAIRS for reuse in ("reused", "new")),
    handshake,
    repeat=3,
)
