"""Measures what causes the cost of the first burst: one question to every agent at the same time.

    .venv/bin/python benchmarks/burst.py [--repeats 5] [--agents 1,8,32,64]

Sends the same burst through the coordinator process, the coordinator without observing, a bare httpx script and
asyncio's plain streams, interleaved. Prints the mean adapter latency of the burst's questions and the client's CPU time
per question. Where the two grow together, the questions queue for the client's CPU. What remains with plain streams is
the cost of the agents, the kernel and asyncio.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from _measure import Measured, through_coordinator, through_script

from fanout.agents.handle import Agents
from fanout.scenario import parse_scenario

SCENARIO = """
protocol: a2a
agents: {agents}
questions: {agents}
client: {{timeout_s: 60, limits: {{max_connections: 1000, max_keepalive_connections: 1000}}}}
workers: {{host: 127.0.0.1, service_time: {{distribution: constant, value_s: 0.4}}}}
"""

WAYS: dict[str, Callable[[Path, Sequence[str]], Measured]] = {
    "coordinator": through_coordinator,
    "unobserved": lambda file, addresses: through_coordinator(file, addresses, "--unobserved"),
    "bare httpx": lambda _, addresses: through_script("bare_script.py", addresses, len(addresses), 1000, 1000),
    "plain streams": lambda _, addresses: through_script("bare_sockets.py", addresses),
}


def burst(agents: int, repeats: int) -> None:
    """Measures and prints the burst for one number of agents."""
    found: dict[str, list[Measured]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "burst.yaml"
        file.write_text(SCENARIO.format(agents=agents), encoding="utf-8")
        scenario = parse_scenario(file.read_text(encoding="utf-8"), file)
        with Agents(scenario, file) as running:
            for _ in range(repeats):
                for name, measure in WAYS.items():
                    found[name].append(measure(file, running.addresses))
    for name, bursts in found.items():
        mean_ms = statistics.median(statistics.mean(burst.adapter_ms) for burst in bursts)
        cpu_ms = statistics.median(burst.cpu_ms for burst in bursts)
        print(
            f"{agents:4} agents  {name:14} mean {mean_ms:7.2f} ms   client CPU {cpu_ms:5.2f} ms per question, "
            f"{cpu_ms * agents:6.1f} ms in total"
        )


@click.command()
@click.option("--agents", default="1,8,32,64", show_default=True)
@click.option("--repeats", default=5, show_default=True)
def main(agents: str, repeats: int) -> None:
    """Compares the burst of four clients."""
    for count in agents.split(","):
        burst(int(count), repeats)


if __name__ == "__main__":
    main()
