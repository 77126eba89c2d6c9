"""What the coordinators counted of their connections, put together, and checked against what the agents accepted."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from fanout.runs.schema import AgentConnections, CoordinatorInfo, together
from fanout.text import agents_named

MOST_NAMED = 5


def by_agent(finals: Sequence[CoordinatorInfo]) -> list[AgentConnections]:
    """What the coordinators counted together, of each agent, in order."""
    return [
        AgentConnections(agent=rows[0].agent, **together(rows))
        for rows in zip(*(final.agents for final in finals), strict=True)
    ]


def defects(finals: Sequence[CoordinatorInfo], accepted: Sequence[int], unreliable: Collection[int] = ()) -> list[str]:
    """Where the two ends don't agree, with what to do. `accepted` has each agent's own count, in order.

    `unreliable` are agents, from 1, that didn't live or work to the end. A connection that broke while it was being
    opened may have been accepted or not.
    """
    rows = [row for row in zip(by_agent(finals), accepted, strict=True) if row[0].agent not in unreliable]
    elsewhere = [row.agent for row, _ in rows if row.elsewhere]
    wrong = [(row, count) for row, count in rows if not row.elsewhere and not _agree(row, count)]
    found = []
    if elsewhere:
        found.append(
            f"connections to {agents_named(elsewhere, MOST_NAMED)} led elsewhere, to a proxy, so that they could not "
            "be checked against what the agents accepted: set client.trust_env to false, or name the agents in NO_PROXY"
        )
    if wrong:
        opened, taken = sum(row.opened or 0 for row, _ in wrong), sum(count for _, count in wrong)
        agents = agents_named([row.agent for row, _ in wrong], MOST_NAMED)
        found.append(
            f"defect: the clients opened {opened} connection{'s' * (opened != 1)} to {agents}, which accepted {taken}: "
            "something else connects to them, or one of them hangs; run again before you trust the counts"
        )
    return found


def _agree(row: AgentConnections, accepted: int) -> bool:
    if row.opened is None or row.not_opened is None:
        return True  # which can't be said
    return row.opened <= accepted <= row.opened + row.not_opened
