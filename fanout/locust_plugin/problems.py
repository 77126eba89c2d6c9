"""What makes a run's figures doubtful, in words, each ending in what to do."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from fanout.locust_plugin.answer_tally import Answers
from fanout.locust_plugin.run_end import RunEnd
from fanout.runs.schema import AgentConnections, CoordinatorInfo, Death, WorkerInfo, together
from fanout.text import agents_named, listed

MOST_NAMED = 5
"""Agents that died, each with its times."""


def problems_of(end: RunEnd) -> tuple[str, ...]:
    """All that are known, the gravest first."""
    workers = end.workers or ()
    dead = {worker.agent for worker in workers if worker.deaths}
    interrupted = end.ended_by == "interrupted"
    return (
        *question_problems(end),
        *death_problems(workers, end.began),
        *([] if interrupted else connection_problems(end.coordinators, workers, end.unresponsive | dead)),
        *answer_problems(end.answers, end.addresses, dead),
    )


def question_problems(end: RunEnd) -> list[str]:
    """Why some questions are missing, or were not answered."""
    questions, ended = end.questions, sum(end.ended.values())
    interrupted = end.ended_by == "interrupted"
    found = []
    if end.failure is not None:
        found.append(f"the run broke off: {end.failure}; run it again")
    if interrupted:
        answered = (questions.ok or 0) + (questions.failed or 0)
        found.append(
            f"the run was interrupted when {answered} of {questions.planned} planned questions had been answered: "
            "run it again before you compare it"
        )
    if end.ended_by == "stopped" and end.failure is None and not questions.planned:
        found.append(
            "the run was stopped before it asked a question: run it for longer, as --run-time includes the start of "
            "the agents and coordinators"
        )
    if questions.dispatched not in (None, ended):
        found.append(f"{questions.dispatched} questions were asked but {ended} ended: run it again")
    if questions.abandoned and not interrupted:
        found.append(
            f"{questions.abandoned} questions were in flight when the run ended: give them longer with --stop-timeout"
        )
    return found


def death_problems(workers: Sequence[WorkerInfo], began: float) -> list[str]:
    """Agents whose processes died. `began` is in Unix seconds."""
    died = {worker.agent: worker.deaths for worker in workers if worker.deaths}
    agents = list(died)
    found = [_death_problem(agent, died[agent], began) for agent in agents[:MOST_NAMED]]
    if others := agents[MOST_NAMED:]:
        times = sum(len(died[agent]) for agent in others)
        found.append(f"{len(others)} other agents died {times} times: look in run.json's workers for when and how")
    return found


def _death_problem(agent: int, deaths: Sequence[Death], began: float) -> str:
    times = listed([f"{death.at - began:.2f} s" for death in deaths])
    how = ", ".join(dict.fromkeys(death.how for death in deaths))
    often = "once" if len(deaths) == 1 else f"{len(deaths)} times"
    died = f"agent {agent} died {often}, after {times} of the run ({how})"
    if deaths[-1].restarted:
        return f"{died}, and was started again: what it was asked meanwhile failed; Locust's log has what it said"
    return (
        f"{died}, and answered nothing from then on: Locust's log has what it said; workers.restart: always has it "
        "started again"
    )


def connection_problems(
    coordinators: Sequence[CoordinatorInfo], workers: Sequence[WorkerInfo], unreliable: Collection[int] = ()
) -> list[str]:
    """Where the coordinators' count of connections differs from what the agents accepted.

    `unreliable` are agents, counted from 1, that didn't live or work to the end. A connection that broke while it was
    being opened may have been accepted or not.
    """
    if not workers or not coordinators or not all(coordinator.agents for coordinator in coordinators):
        return []  # one of the counts isn't known
    pairs = [
        (row, worker.accepted)
        for row, worker in zip(connections_by_agent(coordinators), workers, strict=True)
        if worker.agent not in unreliable
    ]
    elsewhere = [row.agent for row, _ in pairs if row.elsewhere]
    wrong = [(row, accepted) for row, accepted in pairs if not row.elsewhere and not _agree(row, accepted)]
    found = []
    if elsewhere:
        found.append(
            f"connections to {agents_named(elsewhere)} led elsewhere, to a proxy, so that they could not "
            "be checked against what the agents accepted: set client.trust_env to false, or name the agents in NO_PROXY"
        )
    if wrong:
        opened, accepted = sum(row.opened or 0 for row, _ in wrong), sum(count or 0 for _, count in wrong)
        agents = agents_named([row.agent for row, _ in wrong])
        found.append(
            f"defect: the clients opened {opened} connection{'s' * (opened != 1)} to {agents}, which accepted "
            f"{accepted}: something else connects to them, or one of them hangs; run again before you trust the counts"
        )
    return found


def connections_by_agent(coordinators: Sequence[CoordinatorInfo]) -> list[AgentConnections]:
    """What all coordinators counted together, of each agent, in order."""
    return [
        AgentConnections(agent=rows[0].agent, **together(rows))
        for rows in zip(*(coordinator.agents for coordinator in coordinators), strict=True)
    ]


def _agree(row: AgentConnections, accepted: int | None) -> bool:
    if row.opened is None or row.not_opened is None or accepted is None:
        return True  # which nobody knows
    return row.opened <= accepted <= row.opened + row.not_opened


def answer_problems(answers: Answers, addresses: Sequence[str], dead: Collection[int] = ()) -> list[str]:
    """Agents that fail everything, and service times that are missing or wrong.

    `addresses` are the agents', in order. Of `dead` agents, counted from 1, it is known why they failed.
    """
    total = sum(answers.asked.values())
    broken = [agent for agent, asked in sorted(answers.asked.items()) if answers.failed[agent] == asked]
    found = []
    if len(broken) < len(answers.asked):  # or it is no fault of single agents
        for agent in sorted(set(broken) - set(dead)):
            asked = answers.asked[agent]
            more = ", since an agent that fails at once is asked the more" if asked > total / len(addresses) else ""
            found.append(
                f"agent {agent} ({addresses[agent - 1]}) failed every question that it took, {asked} of {total}: "
                f"repair it{more}"
            )
    if answers.without_service_time:
        found.append(
            f"{answers.without_service_time} of {answers.ok} answers came without a service time, so their adapter "
            "latency is not known: have the agents send Server-Timing: service;dur=MS"
        )
    if answers.impossible:
        found.append(
            f"{answers.impossible} answers name a service time longer than they took: correct what the agents send in "
            "Server-Timing, which is in milliseconds"
        )
    return found
