"""Rules about several keys. A rule names the keys that it reads, and is skipped if one of them is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from fanout import protocols
from fanout.scenario._address import is_ip_address, is_loopback
from fanout.scenario._model import ClientSettings, Scenario, Timeouts, WorkerSettings
from fanout.scenario._reach import refusal
from fanout.scenario.faults import BlockedLoop, ConnectionFault, Fault, SilentAgents
from fanout.scenario.servers import SERVERS, AgentServer
from fanout.scenario.topology import SHARDED

Finding = tuple[tuple[str | int, ...], str]
"""The path of the key, and the problem."""


@dataclass(frozen=True)
class Rule:
    reads: tuple[str, ...]
    check: Callable[[Scenario], Iterator[Finding]]


RULES: list[Rule] = []


def rule(*reads: str) -> Callable[[Callable[[Scenario], Iterator[Finding]]], Callable[[Scenario], Iterator[Finding]]]:
    """A decorator that registers a rule, which reads these keys."""

    def add(check: Callable[[Scenario], Iterator[Finding]]) -> Callable[[Scenario], Iterator[Finding]]:
        RULES.append(Rule(reads, check))
        return check

    return add


@rule("client.topology", "client.shards")
def shards_are_of_a_sharded_topology(scenario: Scenario) -> Iterator[Finding]:
    client = scenario.client
    if client.topology == SHARDED and client.shards is None:
        yield (
            ("client", "topology"),
            f"{SHARDED} needs to know how many clients there are; allowed: client.shards, 1 to {scenario.agent_count}",
        )
    if client.topology != SHARDED and client.shards is not None:
        yield (
            ("client", "shards"),
            f"{client.shards} would be ignored, since client.topology is {client.topology}; allowed: leave it out (or "
            f"set it to null if it is inherited), or client.topology: {SHARDED}",
        )


@rule("agents", "client.topology", "client.shards")
def each_shard_has_an_agent(scenario: Scenario) -> Iterator[Finding]:
    shards = scenario.client.shards
    if scenario.client.topology == SHARDED and shards is not None and shards > scenario.agent_count:
        yield (
            ("client", "shards"),
            f"{shards} clients for {scenario.agent_count} agents; allowed: 1 to {scenario.agent_count}",
        )


@rule("client.limits.max_connections", "client.limits.max_keepalive_connections")
def keepalive_fits_the_pool(scenario: Scenario) -> Iterator[Finding]:
    limits = scenario.client.limits
    most, kept = limits.max_connections, limits.max_keepalive_connections
    if most is not None and kept is not None and kept > most:
        yield (
            ("client", "limits", "max_keepalive_connections"),
            f"{kept} is more than max_connections, {most}; allowed: at most {most}",
        )


@rule("client.limits.max_keepalive_connections", "client.limits.keepalive_expiry_s")
def expiry_has_something_to_expire(scenario: Scenario) -> Iterator[Finding]:
    limits = scenario.client.limits
    if limits.max_keepalive_connections == 0 and limits.keepalive_expiry_s != 5.0:
        expiry = "unlimited" if limits.keepalive_expiry_s is None else limits.keepalive_expiry_s
        yield (
            ("client", "limits", "keepalive_expiry_s"),
            f"{expiry} would be ignored, since max_keepalive_connections is 0; "
            "allowed: leave it out, or a max_keepalive_connections of 1 or more",
        )


def questions_within(reach: Path) -> Rule:
    """The rule that a file of questions exists within this folder."""

    def check(scenario: Scenario) -> Iterator[Finding]:
        if isinstance(scenario.questions, str) and (reason := refusal(Path(scenario.questions), reach)):
            yield (
                ("questions",),
                f"{scenario.questions!r} {reason}; allowed: a number, or a JSON-lines file within {reach}, relative to "
                "this one",
            )

    return Rule(("questions",), check)


@rule("client.retries", "client.trust_env")
def retries_leave_proxies_alone(scenario: Scenario) -> Iterator[Finding]:
    if scenario.client.retries and scenario.client.trust_env:
        yield (
            ("client", "retries"),
            f"{scenario.client.retries} needs a transport of its own, with which httpx ignores the proxies of "
            "trust_env: true; allowed: 0, or trust_env: false",
        )


@rule("client.timeout_s", "client.deadline_s")
def timeouts_are_within_the_deadline(scenario: Scenario) -> Iterator[Finding]:
    client = scenario.client
    written = isinstance(client.timeout_s, Timeouts)
    for name, value in client.timeouts():
        if value is not None and value > client.deadline_s:
            yield (
                ("client", "timeout_s", name) if written else ("client", "timeout_s"),
                f"{value:g} would be ignored, since deadline_s ends the whole question after {client.deadline_s:g}; "
                f"allowed: at most {client.deadline_s:g}, or a longer deadline_s",
            )
            if not written:
                return


@rule("coordinator.pause_s", "coordinator.executor.blocking_calls")
def blocking_pauses_are_pauses(scenario: Scenario) -> Iterator[Finding]:
    coordinator = scenario.coordinator
    if coordinator.executor.blocking_calls == "per_question_and_pause" and not coordinator.pause_s:
        yield (
            ("coordinator", "executor", "blocking_calls"),
            "per_question_and_pause needs pauses, but coordinator.pause_s is 0; allowed: per_question, or a pause_s "
            "of more than 0",
        )


@rule("agents", "client.trust_env", "workers.host", "coordinator.faults")
def names_are_looked_up(scenario: Scenario) -> Iterator[Finding]:
    agents = () if isinstance(scenario.agents, int) else scenario.agents
    hosts = [urlsplit(address).hostname or "" for address in agents] or [scenario.workers.host]
    if scenario.client.trust_env or not all(is_ip_address(host) for host in hosts):  # a proxy may have a name, too
        return
    for index, fault in enumerate(scenario.coordinator.faults):
        if fault.needs_lookups:
            yield (
                ("coordinator", "faults", index, "kind"),
                f"{fault.kind} would be ignored, since the agents have IP addresses, which are not looked up; allowed: "
                f"only with {'host names in agents' if agents else 'workers.host: localhost'}",
            )


@rule("agents", "coordinator.faults")
def silent_agents_exist(scenario: Scenario) -> Iterator[Finding]:
    for index, fault in enumerate(scenario.coordinator.faults):
        if isinstance(fault, SilentAgents):
            yield from _unknown_agents(scenario, ("coordinator", "faults", index, "agents"), fault.agents)


@rule("coordinator.faults")
def a_blocked_loop_runs_in_between(scenario: Scenario) -> Iterator[Finding]:
    for index, fault in enumerate(scenario.coordinator.faults):
        if isinstance(fault, BlockedLoop) and fault.block_s >= fault.every_s:
            yield (
                ("coordinator", "faults", index, "block_s"),
                f"{fault.block_s:g} leaves no time for questions, since every_s is {fault.every_s:g}; allowed: less "
                f"than {fault.every_s:g}",
            )


@rule("agents", "allow_remote")
def agents_are_here_or_allowed(scenario: Scenario) -> Iterator[Finding]:
    if isinstance(scenario.agents, int) or scenario.allow_remote:
        return
    for index, address in enumerate(scenario.agents):
        if not is_loopback(urlsplit(address).hostname or ""):
            yield (
                ("agents", index),
                f"{address!r} may be on another machine; allowed: localhost or a loopback address, "
                "or any address with allow_remote: true",
            )


@rule("agents")
def agents_are_different(scenario: Scenario) -> Iterator[Finding]:
    if isinstance(scenario.agents, int):
        return
    before: set[str] = set()
    for index, address in enumerate(scenario.agents):
        known = len(before)
        before.add(address)
        if len(before) == known:
            yield ("agents", index), f"{address!r} is a duplicate; allowed: each agent once"


@rule("agents", "workers")
def workers_are_started_here(scenario: Scenario) -> Iterator[Finding]:
    if isinstance(scenario.agents, int):
        return
    defaults = WorkerSettings()
    for name, value in scenario.workers:
        if value != getattr(defaults, name):
            yield (
                ("workers", name),
                "would be ignored, since agents lists addresses of running agents; allowed: leave it out "
                "(or set it to null if it is inherited)",
            )


@rule("protocol", "workers.answer_bytes")
def answers_have_a_text(scenario: Scenario) -> Iterator[Finding]:
    if scenario.workers.answer_bytes and not protocols.load(scenario.protocol).carries_text:
        yield (
            ("workers", "answer_bytes"),
            f"{scenario.workers.answer_bytes} would be ignored, since an answer in {scenario.protocol} has no text; "
            "allowed: leave it out",
        )


@rule("workers.per_process", "workers.faults")
def a_fault_ends_no_other_agents(scenario: Scenario) -> Iterator[Finding]:
    each = scenario.workers.per_process
    for index, fault in enumerate(scenario.workers.faults):
        if each > 1 and (fault.ends_the_process or fault.stops_the_process):
            yield (
                ("workers", "faults", index, "kind"),
                f"{fault.kind} would concern all {each} agents of a process; allowed: only with workers.per_process: 1",
            )


@rule("agents", "workers.first_port")
def ports_are_enough(scenario: Scenario) -> Iterator[Finding]:
    last = scenario.workers.first_port + scenario.agent_count - 1
    if scenario.workers.first_port and last > 65535:
        yield (
            ("workers", "first_port"),
            f"{scenario.workers.first_port} leaves no room for {scenario.agent_count} agents below 65536; "
            f"allowed: at most {65536 - scenario.agent_count}, or 0 for free ports",
        )


@rule("agents", "workers.faults")
def faults_name_existing_agents(scenario: Scenario) -> Iterator[Finding]:
    for index, fault in enumerate(scenario.workers.faults):
        yield from _unknown_agents(scenario, ("workers", "faults", index, "agents"), fault.agents or ())


def _unknown_agents(scenario: Scenario, where: tuple[str | int, ...], agents: Sequence[int]) -> Iterator[Finding]:
    for agent in agents:
        if agent > scenario.agent_count:
            yield where, f"there is no agent {agent}; allowed: 1 to {scenario.agent_count}"


@rule("workers.server", "workers.faults")
def the_server_can_do_the_faults(scenario: Scenario) -> Iterator[Finding]:
    name = scenario.workers.server
    for index, fault in enumerate(scenario.workers.faults):
        if (problem := _problem(fault, SERVERS[name])) is None:
            continue
        able = [other for other, facts in SERVERS.items() if _problem(fault, facts) is None]
        yield (
            ("workers", "faults", index, "kind"),
            f"{fault.kind} {problem.format(name)}; allowed: only with server: {' or '.join(able)}",
        )


def _problem(fault: Fault, server: AgentServer) -> str | None:
    """Why a server can't do a fault, without the server's name; None if it can."""
    if fault.needs_kept_connections and not server.keeps_connections:
        return "would be ignored, since {} keeps no connection"
    if fault.needs_sockets and not server.gives_sockets:
        return "needs the connection's own socket, which {} does not give"
    return None


@rule("workers.server", "workers.keep_alive_s")
def connections_that_expire_are_kept(scenario: Scenario) -> Iterator[Finding]:
    server, keep_alive_s = scenario.workers.server, scenario.workers.keep_alive_s
    if keep_alive_s is not None and not SERVERS[server].keeps_connections:
        keeping = " or ".join(name for name, facts in SERVERS.items() if facts.keeps_connections)
        yield (
            ("workers", "keep_alive_s"),
            f"{keep_alive_s:g} would be ignored, since {server} keeps no connection; allowed: leave it out (or set it "
            f"to null if it is inherited), or server: {keeping}",
        )


@rule("workers.server", "workers.keep_alive_s", "workers.faults")
def idle_faults_come_before_the_server_closes(scenario: Scenario) -> Iterator[Finding]:
    closes_s = scenario.workers.idle_s
    for index, fault in enumerate(scenario.workers.faults):
        waits_s = fault.max_idle_s() if isinstance(fault, ConnectionFault) else None
        if waits_s is not None and closes_s and waits_s >= closes_s:
            yield (
                ("workers", "faults", index, "idle_s"),
                f"{waits_s:g} would be ignored, since {scenario.workers.server} closes an idle connection after "
                f"{closes_s:g} s; allowed: less than {closes_s:g}, or a longer workers.keep_alive_s",
            )


@rule("agents", "client.http2", "workers.server", "workers.tls")
def agents_can_speak_http_2(scenario: Scenario) -> Iterator[Finding]:
    if not scenario.client.http2:
        return
    if isinstance(scenario.agents, tuple):
        if not any(urlsplit(address).scheme == "https" for address in scenario.agents):
            yield (
                ("client", "http2"),
                "true would be ignored, since no agent uses TLS; allowed: only with https:// addresses",
            )
        return
    able = [name for name, server in SERVERS.items() if server.speaks_http_2]
    if scenario.workers.server not in able or not scenario.workers.tls:
        yield (
            ("client", "http2"),
            f"true would be ignored, since it needs agents that speak HTTP/2 over TLS; allowed: only with "
            f"workers.server: {' or '.join(able)} and workers.tls: true",
        )


_LEFT_TO_A_FACTORY = ("deadline_s", "max_response_bytes", "factory")
"""The settings that also apply to the clients of a factory."""


@rule("client")
def a_factory_makes_its_own_settings(scenario: Scenario) -> Iterator[Finding]:
    client, defaults = scenario.client, ClientSettings(deadline_s=scenario.client.deadline_s)
    for name, value in client:
        if client.factory is not None and name not in _LEFT_TO_A_FACTORY and value != getattr(defaults, name):
            yield (
                ("client", name),
                "would be ignored, since client.factory makes the clients; allowed: leave it out (or set it to null if "
                "it is inherited), and set it in the factory",
            )
