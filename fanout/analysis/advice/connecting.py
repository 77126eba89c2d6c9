"""Connections that are slow to open, or don't open at all."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._facts import MUCH, Advice, Facts, rule
from fanout.analysis.advice._figures import agents_of
from fanout.analysis.advice._remedies import (
    by_address,
    keep_all,
    limit_of,
    timeouts,
    without_agents,
    without_faults,
    without_loop_faults,
)
from fanout.runs.questions_csv import quantile
from fanout.scenario.faults import SilentAgents
from fanout.text import agents_named, format_ms, listed

HEAD_START_MS = 250.0
"""How long a client waits for a host's first address before it tries the next (RFC 8305, and anyio's default)."""
HEAD_START_MARGIN_MS = 100.0
RETRANSMITTED_MS = (1000.0, 2000.0, 3000.0, 4000.0, 5000.0, 7000.0)
"""Linux repeats an unanswered SYN after 1 s, then after 2 and 4 s more (before 6.5), or each second (since then)."""
RETRANSMITTED_MARGIN_MS = 200.0
CONNECT_S = 10.0
"""The least timeout for a connect that is offered: time enough for several lost packets."""
AFTER_ALL = 0.8
"""The least share of new connections that must show the head start."""
_CONNECTING = pl.col("connecting_ms")


@rule
def silent_first_address(facts: Facts) -> Iterator[Advice]:
    """Each connect waits for an address of the host name that doesn't answer, mostly IPv6, before it tries the next."""
    if not facts.is_by_name:
        return
    new = facts.measured.filter(~pl.col("reused")).select("connecting_ms").collect()
    late = new.filter(_CONNECTING.is_between(HEAD_START_MS - 5, HEAD_START_MS + HEAD_START_MARGIN_MS))
    if late.is_empty() or late.height < AFTER_ALL * new.height or facts.share("connecting") < MUCH:
        return
    yield Advice(
        f"{late.height} of {new.height} new connections took {format_ms(quantile(late['connecting_ms'], 0.5))}, because"
        f" the first address of the host name doesn't answer and the client tries the next after {HEAD_START_MS:g} ms",
        "use IP addresses, remove the silent address (mostly IPv6) from the name, or keep connections open",
        (*by_address(facts), *keep_all(facts)),
        facts.spent_ms("connecting"),
        facts.mean_ms("connecting"),
    )


def _is_retransmitted() -> pl.Expr:
    return pl.any_horizontal(_CONNECTING.is_between(at - 5, at + RETRANSMITTED_MARGIN_MS) for at in RETRANSMITTED_MS)


@rule
def full_listen_queue(facts: Facts) -> Iterator[Advice]:
    """The system drops a connection's first packet while the agent's listen queue is full."""
    failed = facts.because("full_backlog")
    late = facts.measured.filter(~pl.col("reused") & _is_retransmitted()).select("agent", "connecting_ms").collect()
    spent = facts.spent_ms("connecting", of=late)
    slow = spent["connecting"] >= MUCH * facts.total_ms and late.height > 0
    if failed.is_empty() and not slow:
        return
    agents = sorted({*late["agent"], *failed["agent"]})
    gave_up = f"{failed.height} connections to them were not made in time" if failed.height else ""
    took = f"{late.height} connections took whole seconds" if late.height else ""
    limit_s = facts.client.timeouts().connect
    raised = (timeouts(facts, connect=max(CONNECT_S, 2 * limit_s)),) if failed.height and limit_s else ()
    yield Advice(
        f"{agents_named(agents)}: {listed([part for part in (took, gave_up) if part])}, as when a listen queue is full "
        "and the system sends the first packet again",
        "have these agents accept connections faster (more workers, a longer listen backlog), keep connections open so "
        "that fewer are made, or raise client.timeout_s.connect above 7 s",
        (*without_faults(facts, agents), *keep_all(facts), *raised),
        spent if slow else {},
        spent["connecting"] / max(1, facts.measured_count) if slow else None,
        failed.height,
    )


@rule
def timeout_shorter_than_a_connect(facts: Facts) -> Iterator[Advice]:
    """A connect may take longer than usual for many reasons, of which a timeout below a second shows none."""
    failed = facts.because("short_connect")
    if failed.is_empty():
        return
    agents = agents_of(failed)
    limit = limit_of(facts, failed, "connect")
    wanted_s = max(CONNECT_S, 2 * limit.seconds)
    yield Advice(
        f"{failed.height} connections to {agents_named(agents)} were given up after "
        f"{format_ms(quantile(failed['connecting_ms'], 0.5))}, before the system would have sent a lost packet again "
        "(after 1 s): a distant machine, a busy one or a full listen queue takes longer",
        f"set {limit.key} to {wanted_s:g} or more, or keep connections open so that fewer are made",
        (limit.raised(wanted_s), *keep_all(facts)),
        failures=failed.height,
    )


@rule
def silent_agents(facts: Facts) -> Iterator[Advice]:
    failed = facts.because("silent_agent")
    if failed.is_empty():
        return
    agents = agents_of(failed)
    limit_s = facts.client.timeouts().connect
    answering = without_loop_faults(facts, "# in the network", lambda fault: isinstance(fault, SilentAgents))
    yield Advice(
        f"{agents_named(agents)} ({listed([facts.info.agents[agent - 1] for agent in agents], 2)}) never answered a "
        f"connect, and each of {failed.height} questions waited {format_ms((limit_s or 0) * 1000)} for that",
        "check these addresses, and firewalls in between that drop packets, or ask the other agents; a shorter "
        "client.timeout_s.connect loses less time on them",
        (*answering, *without_agents(facts, agents)),
        failures=failed.height,
    )


@rule
def refused_connections(facts: Facts) -> Iterator[Advice]:
    failed = facts.because("refused", "unreachable")
    if failed.is_empty():
        return
    agents = agents_of(failed)
    refused = (failed["error_cause"] == "refused").all()
    yield Advice(
        f"{agents_named(agents)} could not be connected to: {failed.height} connections "
        f"{'were refused' if refused else 'found no way there'}",
        "start these agents, or correct their addresses" if refused else "correct their addresses, or the network",
        without_agents(facts, agents),
        failures=failed.height,
    )


@rule
def no_agreement_on_tls(facts: Facts) -> Iterator[Advice]:
    failed = facts.because("tls")
    if failed.is_empty():
        return
    agents = agents_of(failed)
    yield Advice(
        f"TLS with {agents_named(agents)} failed for {failed.height} questions, such as: {failed['error'][0]}",
        "have the agents send a certificate that this machine trusts for that host name, or trust their authority "
        "(SSL_CERT_FILE with client.trust_env: true, verify= in httpx)",
        failures=failed.height,
    )


@rule
def exhausted_ports_or_files(facts: Facts) -> Iterator[Advice]:
    failed = facts.because("exhausted")
    if failed.is_empty():
        return
    ports = failed.filter(pl.col("error_cause") == "no_local_port").height
    what = "no local port was free" if ports else "the process had no file descriptor left"
    else_ = "widen net.ipv4.ip_local_port_range" if ports else "raise the limit (ulimit -n)"
    yield Advice(
        f"{failed.height} of {facts.asked.height} questions were not connected because {what}, with "
        f"{facts.opened or 0} connections opened in the run",
        f"keep connections open, {else_}, or use fewer coordinators",
        keep_all(facts),
        failures=failed.height,
    )
