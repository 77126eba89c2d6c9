"""fanout bench without scenarios: the published fault and four changes that remove it, in half a minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fanout import report
from fanout.analysis.compare import compare_with
from fanout.analysis.notes import notes
from fanout.analysis.repeats import gathered
from fanout.analysis.run_summary import summarize
from fanout.analysis.summary import Summary
from fanout.paths import SCENARIOS, typed
from fanout.report import Column, Report, Table
from fanout.runs.reader import Run
from fanout.studies.study import Study
from fanout.text import format_ms

SCALE = 0.1
DEFAULT, TUNED, BY_ADDRESS = "a2a-default", "a2a-tuned", "a2a-default-by-address"
OWN_RESOLVER, PER_AGENT = "a2a-default-own-resolver", "a2a-per-agent"
ANP_DEFAULT, ANP_TUNED = "anp-default", "anp-tuned"

CHANGES = {
    DEFAULT: "nothing: as published, httpx's default limits",
    TUNED: "max_connections=1000, max_keepalive_connections=200",
    BY_ADDRESS: "agents called by IP address, not by host name",
    OWN_RESOLVER: "name lookups get their own thread pool",
    PER_AGENT: "one client per agent",
    ANP_DEFAULT: "the protocol ANP, which signs each question",
    ANP_TUNED: "ANP with the limits 1000/200",
}
"""The runs in the order they are shown, and what each changes in the first."""
CURES = {
    TUNED: "httpx.Limits(max_connections=1000, max_keepalive_connections=200)",
    BY_ADDRESS: "IP addresses instead of host names",
    OWN_RESOLVER: "separate thread pools for name lookups and LLM calls",
    PER_AGENT: "one httpx client per agent",
}
REMOVED = 0.5
"""A change that leaves more than this of the first run's overhead has not removed its cause."""

COLUMNS = (
    report.column("scenario"),
    Column("change", "what it changes", lambda row: CHANGES.get(row.summary.name), left=True),
    report.column("adapter_mean_ms", "overhead mean ms"),
    *map(report.column, ("adapter_p50_ms", "adapter_max_ms", "failed", "connections_opened")),
    *map(report.column, ("cause", "cause_share", "suspect", "source")),
)


def tour(runs: Sequence[Run]) -> Report:
    """What the published configuration costs, what removes that, and what to remember of it."""
    repeats = gathered(summarize(run) for run in runs)
    rows = compare_with(repeats, [None] * len(repeats))
    first = rows[0].summary
    title = (
        f"One coordinator sends {first.questions // rows[0].runs} questions to {first.agents} agents, one at a time to "
        "each, by A2A (Agent2Agent) or ANP (Agent Network Protocol). Overhead is the time of a question beyond the "
        "agent's own work."
    )
    return Report(
        [Table(COLUMNS, rows, title, report.cause_legend(rows))],
        rows=rows,
        notes=notes(rows),
        takeaways=takeaways(findings({row.summary.name: row.summary for row in rows})),
        next_steps=(
            f"{typed('bench --headline')}  # the agents work for as long as published, beside those figures: 3 minutes",
        ),
    )


@dataclass(frozen=True)
class Findings:
    """What the runs show of the published fault."""

    default: Summary
    reopens: bool
    """Whether the first run reused hardly any connection."""
    by_address: Summary | None
    """The run that shows that lookups are the cause; None where it does not."""
    cures_ms: Mapping[str, float]
    """The changes that removed the overhead, each with what was left of it."""
    anp_alike: bool
    rest_is_burst: bool
    """Whether the first questions take most of what the tuned limits leave."""


def findings(by_name: Mapping[str, Summary]) -> Findings:
    """From the summaries of the runs, by the scenarios' names."""

    def left_ms(cure: str, default: str) -> float | None:
        before, after = (by_name[name].mean_ms if name in by_name else None for name in (default, cure))
        return after if before is not None and after is not None and after < REMOVED * before else None

    default = by_name[DEFAULT]
    is_lookup = default.cause == "resolving" and left_ms(BY_ADDRESS, DEFAULT) is not None
    return Findings(
        default,
        reopens=default.connections is not None and 2 * default.connections > default.questions,
        by_address=by_name[BY_ADDRESS] if is_lookup else None,
        cures_ms={name: ms for name in CURES if (ms := left_ms(name, DEFAULT)) is not None},
        anp_alike=left_ms(ANP_TUNED, ANP_DEFAULT) is not None,
        rest_is_burst=TUNED in by_name and any(advice.rule == "first_burst" for advice in by_name[TUNED].advice),
    )


def takeaways(found: Findings) -> list[str]:
    """What it cost, why, and what removes it: a sentence each, which says so where these runs don't show it."""
    if found.default.mean_ms is None:
        return ["No latency of the first run is known, so these runs explain nothing: see the notes."]
    cost = format_ms(found.default.mean_ms)
    return [_symptom(found, cost), _cause(found, cost), _cures(found, cost)]


def _symptom(found: Findings, cost: str) -> str:
    default = found.default
    said = (
        f"With httpx's default limits, a question cost {cost} on average on top of the agent's own work, and "
        f"{default.questions} questions opened {default.connections} connections"
    )
    if not found.reopens:
        return f"{said}: these runs do not show the published fault, in which no connection is reused."
    return (
        f"{said}: httpx closes each connection that it no longer needs while its pool holds more than "
        f"max_keepalive_connections=20, busy ones included, and {default.agents} busy agents keep it above that."
    )


def _cause(found: Findings, cost: str) -> str:
    default, by_address = found.default, found.by_address
    if by_address is None:
        return (
            "These runs do not show why: most of the time should go to name lookups (resolving), and should be gone "
            "with IP addresses. Run it again on a machine with less other load."
        )
    return (
        f"Opening connections is not what costs the time: with IP addresses, {by_address.connections} were opened as "
        f"well, and a question cost {format_ms(by_address.mean_ms or 0)}. {default.cause_share:.0%} of the {cost} was "
        "spent looking up host names: each new connection needs a lookup, which waits for a thread of asyncio's "
        "default executor, and the coordinator's blocking LLM calls (asyncio.to_thread) hold those threads."
    )


def _cures(found: Findings, cost: str) -> str:
    if not found.cures_ms:
        return f"None of the changes removed the {cost} here: run it again on a machine with less other load."
    cures = "; ".join(f"{CURES[name]} ({format_ms(ms)})" for name, ms in found.cures_ms.items())
    alike = " The tuned limits help ANP as well." if found.anp_alike else ""
    rest = (
        " The rest is mostly the first questions, which all start together and share the CPU."
        if found.rest_is_burst
        else ""
    )
    return f"Any one of these ends the wait: {cures}.{rest}{alike}"


# How little runs disturb each other when several go on at a time is measured by benchmarks/overlap.py.
TOUR = Study(SCENARIOS / "headline", tuple(CHANGES), tour, at_once=4, scale=SCALE)
