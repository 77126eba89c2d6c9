"""Finds what makes a run's figures doubtful: one line for each kind of problem, with what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from fanout.locust_plugin.answer_tally import Answers
from fanout.locust_plugin.run_end import RunEnd
from fanout.runs.schema import AgentConnections, CoordinatorInfo, Death, LocustWorkerInfo, WorkerInfo, together
from fanout.text import agents_named, format_ms, listed

DEFECT = "defect: "
"""The beginning of a problem about connection counts that differ."""


def problems_of(end: RunEnd) -> tuple[str, ...]:
    """All known problems, the most serious first."""
    workers = end.workers or ()
    dead = {worker.agent for worker in workers if worker.deaths}
    interrupted = end.ended_by == "interrupted"
    return (
        *worker_problems(end.locust_workers or (), was_interrupted=interrupted),
        *question_problems(end),
        *(arrival_problems(end.coordinators) if end.ended_by != "rounds_done" else []),  # or all agents were dropped
        *death_problems(workers, end.began),
        *([] if interrupted else connection_problems(end.coordinators, workers, end.unresponsive | dead)),
        *answer_problems(end.answers, end.addresses, dead),
    )


def worker_problems(workers: Sequence[LocustWorkerInfo], *, was_interrupted: bool) -> list[str]:
    """Locust workers that were lost or left, and clocks that differ."""
    found = [
        f"{worker} was lost, and with it {worker.unaccounted} questions: see what ended it, and run it again"
        for worker in workers
        if worker.unaccounted is not None
    ]
    if not was_interrupted:  # Ctrl-C reaches all processes of a terminal
        found += [f"{worker} was ended before the run was: run it again" for worker in workers if worker.left_early]
    clocks = [(worker, worker.clock) for worker in workers if worker.clock is not None]
    if off := [f"{worker} {format_ms(clock.ahead_ms)}" for worker, clock in clocks if clock.is_off]:
        found.append(
            f"clocks are ahead of the master's ({listed(off)}), and `started` is by the worker's clock: synchronize "
            "them before you compare times of different workers; latencies are right"
        )
    return found


def question_problems(end: RunEnd) -> list[str]:
    """Why questions are missing or were not answered."""
    questions, ended = end.questions, sum(end.ended.values())
    interrupted = end.ended_by == "interrupted"
    found = []
    if end.failure is not None:
        found.append(f"the run ended early: {end.failure}; run it again")
    if interrupted:
        answered = (questions.ok or 0) + (questions.failed or 0)
        found.append(
            f"the run was interrupted after {answered} of {questions.planned} planned questions: run it again before "
            "you compare it"
        )
    if end.ended_by == "stopped" and end.failure is None and not questions.planned:
        found.append(
            "the run was stopped before it asked a question: raise --run-time, which includes the start of the agents "
            "and coordinators"
        )
    left = [worker for worker in end.locust_workers or () if worker.is_gone]
    never = end.planned - questions.dispatched if questions.dispatched is not None else 0
    if end.ended_by == "rounds_done" and never > 0 and left:
        found.append(
            f"{never} of {end.planned} questions were not asked, because their workers were gone: run it again"
        )
    elif end.ended_by == "rounds_done" and never > 0:
        found.append(
            f"{never} of {end.planned} questions were not asked, because all agents had "
            "failed and were dropped: fix the failures listed, or set dispatch.on_failure to back_off"
        )
    if moved := sum(coordinator.moved or 0 for coordinator in end.coordinators):
        found.append(
            f"other agents took {moved} questions of agents that failed: the load of this run was not spread evenly: "
            "fix the failures listed before you compare it"
        )
    retried = sum((Counter(coordinator.retried or {}) for coordinator in end.coordinators), Counter[str]())
    if retried:
        is_open = any(found.arrivals is not None for found in end.coordinators)
        includes = "only the phase `late` includes" if is_open else "no latency includes"
        kinds = listed([f"{count} times {kind}" for kind, count in retried.most_common()])
        found.append(
            f"{retried.total()} attempts failed and were followed by another ({kinds}), and {includes} their "
            "time: remove their cause before you compare this run"
        )
    if questions.dispatched not in (None, ended):
        found.append(f"{questions.dispatched} questions were asked but {ended} ended: run it again")
    if questions.abandoned and not interrupted and not any(worker.left_early for worker in end.locust_workers or ()):
        found.append(f"{questions.abandoned} questions were in flight when the run ended: raise --stop-timeout")
    return found


def arrival_problems(coordinators: Sequence[CoordinatorInfo]) -> list[str]:
    """Questions that should have started before the run ended."""
    arrivals = [found.arrivals for found in coordinators if found.arrivals is not None]
    waiting, due = (sum(getattr(each, name) or 0 for each in arrivals) for name in ("not_started", "due"))
    if not waiting:
        return []
    return [
        f"{waiting} of {due} questions that were due had not started when the run ended: follow the advice on that, or "
        "lower arrivals.rate"
    ]


def death_problems(workers: Sequence[WorkerInfo], began: float) -> list[str]:
    """One line for agents that died and were restarted, and one for those that stayed dead.

    `began` is in Unix seconds.
    """
    died = {worker.agent: worker.deaths for worker in workers if worker.deaths}
    restarted = {agent: deaths for agent, deaths in died.items() if deaths[-1].restarted}
    gone = {agent: deaths for agent, deaths in died.items() if not deaths[-1].restarted}
    return [
        f"{_deaths(found, began)}, {then}"
        for found, then in (
            (gone, "and answered nothing afterwards: see locust.log, or set workers.restart to always"),
            (restarted, "and were restarted; questions sent to them meanwhile failed: see locust.log"),
        )
        if found
    ]


def _deaths(died: Mapping[int, Sequence[Death]], began: float) -> str:
    """Which agents died, when and how."""
    deaths = [death for found in died.values() for death in found]
    times = listed([f"{death.at - began:.2f} s" for death in sorted(deaths, key=lambda death: death.at)])
    how = listed(list(dict.fromkeys(death.how for death in deaths)))
    often = "" if len(deaths) == len(died) else f" {len(deaths)} times"
    return f"{agents_named(list(died))} died{often}, {times} into the run ({how})"


def connection_problems(
    coordinators: Sequence[CoordinatorInfo], workers: Sequence[WorkerInfo], unreliable: Collection[int] = ()
) -> list[str]:
    """Where the coordinators' count of connections differs from what the agents accepted.

    `unreliable` are agents, counted from 1, that did not live or work to the end. A connection that broke while it was
    being opened may have been accepted or not.
    """
    if not workers or not coordinators or not all(coordinator.agents for coordinator in coordinators):
        return []  # one of the counts is unknown
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
            f"connections to {agents_named(elsewhere)} led to a proxy, so they could not be checked against what the "
            "agents accepted: set client.trust_env to false, or name the agents in NO_PROXY"
        )
    if wrong:
        opened, accepted = sum(row.opened or 0 for row, _ in wrong), sum(count or 0 for _, count in wrong)
        agents = agents_named([row.agent for row, _ in wrong])
        found.append(
            f"{DEFECT}the clients opened {opened} connection{'s' * (opened != 1)} to {agents}, which accepted "
            f"{accepted}: something else connects to them, or one of them hangs; run it again to trust the counts"
        )
    return found


def connections_by_agent(coordinators: Sequence[CoordinatorInfo]) -> list[AgentConnections]:
    """The sums of all coordinators' counts, for each agent in order."""
    return [
        AgentConnections(agent=rows[0].agent, **together(rows))
        for rows in zip(*(coordinator.agents for coordinator in coordinators), strict=True)
    ]


def _agree(row: AgentConnections, accepted: int | None) -> bool:
    if row.opened is None or row.not_opened is None or accepted is None:
        return True  # unknown counts can't differ
    return row.opened <= accepted <= row.opened + row.not_opened


def answer_problems(answers: Answers, addresses: Sequence[str], dead: Collection[int] = ()) -> list[str]:
    """Agents that failed every question, and service times that are missing or wrong.

    `addresses` are the agents', in order. `dead` agents, counted from 1, are reported elsewhere.
    """
    found = []
    broken = [agent for agent, asked in sorted(answers.asked.items()) if answers.failed[agent] == asked]
    if len(broken) < len(answers.asked) and (blamed := [agent for agent in broken if agent not in dead]):
        found.append(_broken_agents(blamed, answers, addresses))
    if answers.without_service_time:
        found.append(
            f"{answers.without_service_time} of {answers.ok} answers had no service time, so their adapter latency is "
            f"unknown{_so_round_trips(answers)}: have the agents send Server-Timing: service;dur=MS"
        )
    if answers.impossible:
        found.append(
            f"{answers.impossible} answers have a service time longer than their round trip: correct what the agents "
            "send in Server-Timing, in milliseconds"
        )
    return found


def _so_round_trips(answers: Answers) -> str:
    if answers.without_service_time < answers.ok:
        return ""
    return ", latencies are round trips, and `waiting` includes the service time"


def _broken_agents(agents: Sequence[int], answers: Answers, addresses: Sequence[str]) -> str:
    """One line for all agents that failed every question."""
    total, asked = sum(answers.asked.values()), sum(answers.asked[agent] for agent in agents)
    where = listed([addresses[agent - 1] for agent in agents], 3)
    fair = total * len(agents) / len(addresses)
    more = "; an agent that fails immediately receives more questions than the others" if asked > fair else ""
    return (
        f"{agents_named(agents)} ({where}) failed every question they received, {asked} of {total}{more}: fix the "
        "failures listed"
    )
