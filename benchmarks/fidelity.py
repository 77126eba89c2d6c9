"""Measures what the coordinator process adds to the figures.

Does the same work through the coordinator, with and without observing phases and connections, and through a bare
script, interleaved.

    .venv/bin/python benchmarks/fidelity.py [--pairs 10] [--questions 320]

Prints, for a tuned and a default pool, two ratios of the median adapter latency and of the client's CPU time per
question: the coordinator over the bare script, and the coordinator over itself without observing. 1.00 means no
difference.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import click
from _measure import Measured, in_words, through_coordinator, through_script

from fanout.agents.handle import Agents
from fanout.scenario import parse_scenario

SCENARIO = """
protocol: a2a
agents: 32
questions: {questions}
client: {{timeout_s: 60, limits: {{max_connections: {most}, max_keepalive_connections: {kept}}}}}
workers: {{service_time: {{distribution: lognormal, median_s: 0.2, sigma: 0.26}}}}
"""


def compare(most: int, kept: int, pairs: int, questions: int) -> None:
    """Measures one pool and prints its ratios."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "fidelity.yaml"
        file.write_text(SCENARIO.format(questions=questions, most=most, kept=kept), encoding="utf-8")
        scenario = parse_scenario(file.read_text(encoding="utf-8"), file)
        found: dict[str, list[Measured]] = {name: [] for name in ("observed", "unobserved", "bare")}
        with Agents(scenario, file) as agents:
            ways: dict[str, Callable[[], Measured]] = {
                "observed": lambda: through_coordinator(file, agents.addresses),
                "unobserved": lambda: through_coordinator(file, agents.addresses, "--unobserved"),
                "bare": lambda: through_script("bare_script.py", agents.addresses, questions, most, kept),
            }
            for number in range(pairs):
                # The order alternates, so that a drift of the machine's speed favours no client.
                for name in list(ways) if number % 2 else reversed(ways):
                    found[name].append(ways[name]())
                    assert len(found[name][-1].adapter_ms) == questions
    print(f"limits {most}/{kept}, 32 agents, {questions} questions, {pairs} repeats")
    for base in ("bare", "unobserved"):
        pairs_found = list(zip(found["observed"], found[base], strict=True))
        show("median adapter latency", base, [(median_ms(ours), median_ms(other)) for ours, other in pairs_found])
        show("client CPU per question", base, [(ours.cpu_ms, other.cpu_ms) for ours, other in pairs_found])


def median_ms(measured: Measured) -> float:
    return statistics.median(measured.adapter_ms)


def show(what: str, base: str, pairs: list[tuple[float, float]]) -> None:
    ours, other, ratio = in_words(pairs)
    print(f"  {what:24} coordinator {ours:6.2f} ms   {base:10} {other:6.2f} ms   {ratio}")


@click.command()
@click.option("--pairs", default=10, show_default=True)
@click.option("--questions", default=320, show_default=True)
def main(pairs: int, questions: int) -> None:
    """Compares the coordinator process with a bare script."""
    for most, kept in ((1000, 200), (100, 20)):
        compare(most, kept, pairs, questions)


if __name__ == "__main__":
    main()
