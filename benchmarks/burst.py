"""Whose the cost of the first burst is: one question to every agent in the same instant.

    .venv/bin/python benchmarks/burst.py [--repeats 5] [--agents 1,8,32,64]

The same burst through the coordinator process, through the coordinator without observing, through a bare httpx script
and through asyncio's plain streams, in turn. Prints the mean adapter latency of the burst's questions, and the client's
CPU time for each: where the two grow together, the questions queue for the client's own CPU. What is left with plain
streams is the agents' and the kernel's.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fanout.child import Child  # noqa: E402
from fanout.fleet import Agents  # noqa: E402
from fanout.scenario import parse_scenario  # noqa: E402

SCENARIO = """
protocol: a2a
agents: {agents}
questions: {agents}
client: {{timeout_s: 60, limits: {{max_connections: 1000, max_keepalive_connections: 1000}}}}
workers: {{host: 127.0.0.1, service_time: {{distribution: constant, value_s: 0.4}}}}
"""

Burst = tuple[float, float]
"""Mean adapter latency and CPU per question, in ms."""


def coordinator(*options: str) -> Callable[[Path, Sequence[str]], Burst]:
    def measure(file: Path, addresses: Sequence[str]) -> Burst:
        args = [str(file), "--agents", ",".join(addresses), "--rounds", "1", *options]
        child = Child("the coordinator", "fanout.coordinator", args)
        lines = list(iter(child.listen, None))
        child.close()
        adapter_ms = [line["adapter_ms"] for line in lines if line["is"] == "outcome"]
        return statistics.mean(adapter_ms), lines[-1]["health"]["cpu_s"] * 1000 / len(adapter_ms)

    return measure


def script(name: str, with_limits: bool) -> Callable[[Path, Sequence[str]], Burst]:
    def measure(_file: Path, addresses: Sequence[str]) -> Burst:
        limits = [str(len(addresses)), "1000", "1000"] if with_limits else []
        command = [sys.executable, str(ROOT / "benchmarks" / name), ",".join(addresses), *limits]
        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60).stdout)
        return statistics.mean(found["adapter_ms"]), found["cpu_ms"]

    return measure


WAYS = {
    "coordinator": coordinator(),
    "unobserved": coordinator("--unobserved"),
    "bare httpx": script("bare_script.py", with_limits=True),
    "plain streams": script("bare_sockets.py", with_limits=False),
}


def burst(agents: int, repeats: int) -> None:
    """Prints one number of agents."""
    found: dict[str, list[Burst]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "burst.yaml"
        file.write_text(SCENARIO.format(agents=agents), encoding="utf-8")
        scenario = parse_scenario(file.read_text(encoding="utf-8"), file)
        with Agents(scenario, file) as running:
            for _ in range(repeats):
                for name, measure in WAYS.items():
                    found[name].append(measure(file, running.addresses))
    for name, bursts in found.items():
        mean_ms, cpu_ms = (statistics.median(values) for values in zip(*bursts, strict=True))
        print(
            f"{agents:4} agents  {name:14} mean {mean_ms:7.2f} ms   client CPU {cpu_ms:5.2f} ms a question, "
            f"{cpu_ms * agents:6.1f} ms in all"
        )


@click.command()
@click.option("--agents", default="1,8,32,64", show_default=True)
@click.option("--repeats", default=5, show_default=True)
def main(agents: str, repeats: int) -> None:
    """Compares the burst through four clients."""
    for count in agents.split(","):
        burst(int(count), repeats)


if __name__ == "__main__":
    main()
