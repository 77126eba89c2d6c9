"""The coordinator itself: its CPU, its clients, its environment."""

from __future__ import annotations

import math
from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._advice import Change
from fanout.analysis.advice._facts import Advice, Facts, rule
from fanout.analysis.advice._remedies import fewer_agents, per_agent, without_loop_faults
from fanout.analysis.advice.pool import new_client_for_each_question
from fanout.analysis.advice.sizes import large_messages
from fanout.analysis.load_generator_health import (
    has_busy_machine,
    is_saturated,
    lacks_cpu,
    saturation,
    waited_for_others,
)
from fanout.phases import PHASES
from fanout.runs.questions_csv import BEGAN, quantile
from fanout.scenario.questions import MAX_QUESTIONS
from fanout.text import format_ms, listed

LARGE_POOL = 64
"""The least number of agents of a client at which its pool takes much more CPU time than pools of one agent each."""
POOL_SHARE = 0.3
"""The least share of the time that makes a large shared pool the cause."""
BURST_SHARE = 0.5
BURST_WINDOW_S = 0.25
BURST_TIMES = 4.0
"""How many times slower than the rest the first questions must be."""
BURST_CPU = 0.5
"""The first questions queued for the CPU if their total CPU time is at least this share of the latency of one."""
ENOUGH = 1.5
"""How much more time than the first questions the others should take together."""
CONTEXTS_MS = 100.0
THROTTLED = 0.05
"""The least share of the time in which a CPU quota makes an event loop late."""


@rule
def saturated(facts: Facts) -> Iterator[Advice]:
    found = next(filter(is_saturated, facts.coordinators), None)
    failures = facts.because("late_loop", "not_started").height
    if found is None or not (facts.total_ms or failures):
        return
    if any(said for closer in (new_client_for_each_question, large_messages) for said in closer(facts)):
        return
    if facts.agents_of_a_client >= LARGE_POOL and facts.share("blocked", "receiving") >= POOL_SHARE:
        remedy = "set client.topology to per_agent, since a shared pool checks all its connections for each request"
        changes: tuple[Change, ...] = (per_agent(facts),)
    elif lacks_cpu(found, facts.info) or has_busy_machine(found, facts.info):
        remedy, changes = "use a machine with more CPUs, or fewer agents", fewer_agents(facts)
    else:
        remedy, changes = "divide the agents among more coordinator processes", fewer_agents(facts)
    yield Advice(
        f"coordinator {found.coordinator} {next(saturation(found))}, so questions queued for it and the run is suspect",
        remedy,
        changes,
        facts.spent_ms(*PHASES),
        failures=failures,
    )


@rule
def late_event_loop(facts: Facts) -> Iterator[Advice]:
    """Late timers at low CPU: the loop is blocked, or the process doesn't get the CPU."""
    late = [each for each in facts.coordinators if not is_saturated(each) and next(saturation(each), None)]
    failures = 0 if facts.is_saturated else facts.because("late_loop").height  # else `saturated` has counted them
    if not failures and not (late and facts.total_ms):
        return
    found = late[0] if late else facts.coordinators[0]
    health = found.loop_health
    share = f" at {health.cpu_share:.0%} of a CPU" if health is not None and health.cpu_share is not None else ""
    way = next(saturation(found), f"ran a timer {format_ms(facts.worst_lag_ms)} late")
    changes: tuple[Change, ...] = ()
    throttled_s = (health.throttled_s if health is not None else None) or 0.0
    if health is not None and throttled_s >= THROTTLED * (health.wall_s or 0.0) > 0:
        why = f"a CPU quota kept it from running for {format_ms(throttled_s * 1000)}"
        remedy = "raise the CPU limit of its container (cpu.max of its cgroup), or ask fewer agents"
        changes = fewer_agents(facts)
    elif lacks_cpu(found, facts.info):
        waited = waited_for_others(health) if health is not None else 0.0
        why = f"other processes had the CPU that it wanted{f' for {waited:.0%} of the time' if waited else ''}"
        remedy = "run it on a machine with nothing else to do"
    else:
        why = "something blocks its event loop"
        remedy = "make blocking calls on an executor (asyncio.to_thread), never in a coroutine"
        changes = without_loop_faults(facts, "await asyncio.to_thread(call)", lambda fault: fault.blocks_the_loop)
    yield Advice(
        f"coordinator {found.coordinator} {way}{share}: {why}",
        remedy,
        changes,
        spent_ms=facts.spent_ms(*PHASES),
        failures=failures,
    )


@rule
def first_burst(facts: Facts) -> Iterator[Advice]:
    """A round starts with a question to every agent in the same instant, and one process has to send them all."""
    of_round = pl.col("round") == 1
    began = facts.measured.select(BEGAN.filter(of_round).min()).collect().item()
    if began is None:
        return
    until = began + BURST_WINDOW_S
    at_first = facts.measured.filter(of_round & (until >= BEGAN)).collect()
    first = at_first["overhead_ms"]
    rest_ms = facts.measured.filter(until < BEGAN).select(pl.col("overhead_ms").median()).collect().item()
    if first.len() < 4 or rest_ms is None:
        return
    held, first_ms = float(first.sum()) / facts.total_ms, quantile(first, 0.5)
    queued_for_cpu = (facts.cpu_ms or 0) * first.len() / max(1, len(facts.coordinators)) >= BURST_CPU * first_ms
    if held >= BURST_SHARE and first_ms >= BURST_TIMES * rest_ms and queued_for_cpu:
        wanted = min(MAX_QUESTIONS, first.len() + math.ceil(ENOUGH * float(first.sum()) / max(rest_ms, 0.1)))
        change = Change({"questions": wanted}, "# more questions, not other code")
        yield Advice(
            f"the {first.len()} questions that start the round take {held:.0%} of the time (median "
            f"{format_ms(first_ms)}, the others {format_ms(rest_ms)}), because they queue for one CPU",
            f"judge by the p50, or raise questions to {wanted}",
            () if isinstance(facts.scenario.questions, str) else (change,),
            facts.spent_ms(*PHASES, of=at_first),
        )


@rule
def proxy_in_force(facts: Facts) -> Iterator[Advice]:
    ignored = (facts.info.client and facts.info.client.ignored_no_proxy) or ()
    why = f" by name or address: {facts.client.library} ignores {listed(ignored)} there" if ignored else ""
    remedy = f"set client.trust_env to false, or name the agents in NO_PROXY{why}"
    changes = (Change({"client.trust_env": False}, "httpx.AsyncClient(trust_env=False)"),)
    failures = facts.because("proxy").height
    elsewhere = facts.connections["elsewhere"]
    proxies = (facts.info.client and facts.info.client.proxies) or ()
    if elsewhere and facts.opened is not None:
        finding = (
            f"{elsewhere} of {facts.opened} connections led to a proxy, because client.trust_env is true and a proxy "
            "variable such as HTTP_PROXY is set"
        )
    elif proxies and failures:
        names = ", ".join(f"{scheme.upper()}_PROXY" for scheme in proxies)
        finding = (
            f"{failures} of {facts.asked.height} questions could not connect, while client.trust_env is true and "
            f"the environment has {names}"
        )
    else:
        return
    spent_ms = facts.spent_ms("connecting", "tls_handshaking", "waiting")
    yield Advice(finding, remedy, changes, spent_ms, failures=failures)


@rule
def tls_contexts_per_client(facts: Facts) -> Iterator[Advice]:
    made = facts.info.client
    if facts.client.tls_context != "per_client" or made is None or made.clients is None or made.made_in_ms is None:
        return
    if made.clients > 1 and made.made_in_ms >= CONTEXTS_MS:
        even = "" if any(address.startswith("https") for address in facts.info.agents) else ", even for http"
        yield Advice(
            f"making {made.clients} clients took {format_ms(made.made_in_ms)} before the first question, because each "
            f"built a TLS context of its own{even}",
            "set client.tls_context to shared: build one context and pass it to all clients as verify=",
            (Change({"client.tls_context": "shared"}, "httpx.AsyncClient(verify=context)  # made once"),),
        )
