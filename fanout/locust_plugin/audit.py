"""What the coordinators counted of their connections, put together, and checked against what the agents accepted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from fanout.text import agents_named

COUNTS = (
    "opened", "not_opened", "reused", "closed_by_us", "closed_by_peer", "closes_announced", "open", "elsewhere",
)  # fmt: skip
"""Those that can be summed up over coordinators; the largest numbers at once can't."""

MOST_NAMED = 5

Final = Mapping[str, Any]
"""What a coordinator tells in the end."""


def totals(finals: Sequence[Final]) -> dict[str, int]:
    """The counts of all coordinators together."""
    return {name: sum(final["connections"][name] for final in finals) for name in COUNTS}


def by_agent(finals: Sequence[Final]) -> list[dict[str, int]]:
    """The same for each agent, in order."""
    return [
        {"agent": rows[0]["agent"], **{name: sum(row[name] for row in rows) for name in COUNTS}}
        for rows in zip(*(final["agents"] for final in finals), strict=True)
    ]


def defects(finals: Sequence[Final], accepted: Sequence[int], unreliable: Collection[int] = ()) -> list[str]:
    """Where the two ends don't agree, with what to do. `accepted` has each agent's own count, in order.

    `unreliable` are agents, from 1, that didn't live or work to the end. A connection that broke while it was being
    opened may have been accepted or not.
    """
    rows = [row for row in zip(by_agent(finals), accepted, strict=True) if row[0]["agent"] not in unreliable]
    elsewhere = [row["agent"] for row, _ in rows if row["elsewhere"]]
    wrong = [
        (row, count)
        for row, count in rows
        if not row["opened"] <= count <= row["opened"] + row["not_opened"] and not row["elsewhere"]
    ]
    found = []
    if elsewhere:
        found.append(
            f"connections to {agents_named(elsewhere, MOST_NAMED)} led elsewhere, to a proxy, so that they could not "
            "be checked against what the agents accepted: set client.trust_env to false, or name the agents in NO_PROXY"
        )
    if wrong:
        opened, taken = sum(row["opened"] for row, _ in wrong), sum(count for _, count in wrong)
        agents = agents_named([row["agent"] for row, _ in wrong], MOST_NAMED)
        found.append(
            f"defect: the clients opened {opened} connection{'s' * (opened != 1)} to {agents}, which accepted {taken}: "
            "something else connects to them, or one of them hangs; run again before you trust the counts"
        )
    return found
