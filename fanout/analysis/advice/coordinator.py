"""The coordinator itself: its CPU, its clients, its environment."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fanout.analysis.advice._facts import Advice, Facts, rule
from fanout.analysis.load_generator_health import is_busy, saturation
from fanout.runs.questions_csv import quantile
from fanout.text import format_ms

POOL_SHARE = 0.3
"""The least share of the time that makes a large shared pool the cause."""
BURST_SHARE = 0.5
BURST_WINDOW_S = 0.25
BURST_TIMES = 4.0
"""How many times slower than the rest the first questions must be."""
BURST_CPU = 0.5
"""The first questions queued for the CPU if their total CPU time is at least this share of the latency of one."""
CONTEXTS_MS = 100.0


@rule
def saturated(facts: Facts) -> Iterator[Advice]:
    machine_busy = is_busy(facts.info.machine_load)
    keys: tuple[str, ...]
    for found in facts.coordinators:
        for way in saturation(found):
            if facts.agents_of_a_client > 1 and facts.share("blocked", "receiving") >= POOL_SHARE:
                remedy, keys = (
                    "set client.topology to per_agent, since a shared pool checks all its connections for each request",
                    ("client.topology",),
                )
            elif machine_busy:
                remedy, keys = "use a machine with more CPUs, or fewer agents", ("agents",)
            else:
                remedy, keys = "divide the agents among more coordinator processes", ()
            finding = f"coordinator {found.coordinator} {way}, so questions queued for it and the run is suspect"
            yield Advice(finding, remedy, keys, 1.0)
            break


@rule
def first_burst(facts: Facts) -> Iterator[Advice]:
    """A round starts with a question to every agent in the same instant, and one process has to send them all."""
    of_round, started = pl.col("round") == 1, pl.col("started")
    until = started.filter(of_round).min() + BURST_WINDOW_S
    first = facts.measured.filter(of_round & (started <= until))["adapter_ms"]
    rest = facts.measured.filter(started > until)["adapter_ms"]
    if first.len() < 4 or rest.is_empty():
        return
    held = float(first.sum()) / facts.total_ms
    first_ms, rest_ms = (quantile(part, 0.5) for part in (first, rest))
    queued_for_cpu = (facts.cpu_ms or 0) * first.len() / max(1, len(facts.coordinators)) >= BURST_CPU * first_ms
    if held >= BURST_SHARE and first_ms >= BURST_TIMES * rest_ms and queued_for_cpu:
        yield Advice(
            f"the {first.len()} questions that start the round take {held:.0%} of the time (median "
            f"{format_ms(first_ms)}, the others {format_ms(rest_ms)}), because they queue for one CPU",
            "judge by the p50, or raise questions",
            ("questions",),
            held,
        )


@rule
def proxy_in_force(facts: Facts) -> Iterator[Advice]:
    remedy, keys = "set client.trust_env to false, or name the agents in NO_PROXY", ("client.trust_env",)
    elsewhere = facts.connections["elsewhere"]
    proxies = (facts.info.client and facts.info.client.proxies) or ()
    not_connected = facts.count(pl.col("error_kind").str.starts_with("connect_"))
    if elsewhere and facts.opened is not None:
        yield Advice(
            f"{elsewhere} of {facts.opened} connections led to a proxy, because client.trust_env is true and a proxy "
            "variable such as HTTP_PROXY is set",
            remedy,
            keys,
            1.0,
        )
    elif proxies and not_connected and facts.opened == 0:
        names = ", ".join(f"{scheme.upper()}_PROXY" for scheme in proxies)
        yield Advice(
            f"{not_connected} of {facts.asked.height} questions could not connect, while client.trust_env is true and "
            f"the environment has {names}",
            remedy,
            keys,
            1.0,
        )


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
            ("client.tls_context",),
        )
