"""Measures how much sooner N agents are healthy when they are forked than when each is a separate interpreter.

    .venv/bin/python benchmarks/fleet_start.py [--agents 32] [--repeats 3]

Prints both times, from the start of the first process until every agent has answered /health, and the memory per worker
as its proportional set size (PSS), in which a page that k processes share counts as 1/k. The runs are interleaved.
"""

from __future__ import annotations

import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fanout.agents.handle import Agents  # noqa: E402
from fanout.scenario import parse_scenario  # noqa: E402

# A separate agent: the same app behind the same server, in an interpreter of its own.
SEPARATE = """
import sys
import gevent
from fanout.scenario import load_scenario
from workers.app import create_app
from workers.counters import shared_counters
from workers.gevent_server import CountingServer
from workers.server import Served, listen
app = create_app(load_scenario(sys.argv[1]), sleep=gevent.sleep)
listener = listen("127.0.0.1", 0)
CountingServer(Served(listener, app, shared_counters(1)[0], None)).start()
print(listener.getsockname()[1], flush=True)
gevent.get_hub().threadpool.spawn(sys.stdin.read).get()
"""

Started = tuple[float, float]
"""Seconds until all agents were healthy, and MiB of PSS per worker."""


def wait_until_healthy(addresses: Sequence[str]) -> None:
    for address in addresses:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
        connection.request("GET", "/health")
        assert connection.getresponse().status == 200
        connection.close()


def memory_per_worker(pids: Sequence[int]) -> float:
    return statistics.mean(psutil.Process(pid).memory_full_info().pss for pid in pids) / 2**20


def start_fleet(scenario_file: Path, agents: int) -> Started:
    scenario = parse_scenario(scenario_file.read_text(encoding="utf-8"), scenario_file)
    began = time.perf_counter()
    with Agents(scenario, scenario_file) as fleet:
        wait_until_healthy(fleet.addresses)
        took = time.perf_counter() - began
        fleet.counts()
        assert fleet.workers is not None
        assert len(fleet.workers) == agents
        return took, memory_per_worker([worker.pid for worker in fleet.workers if worker.pid is not None])


def start_separately(scenario_file: Path, agents: int) -> Started:
    command = [sys.executable, "-c", SEPARATE, str(scenario_file)]
    began = time.perf_counter()
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(agents)
    ]
    try:
        ports = [int(process.stdout.readline()) for process in processes if process.stdout]
        wait_until_healthy([f"http://127.0.0.1:{port}" for port in ports])
        return time.perf_counter() - began, memory_per_worker([process.pid for process in processes])
    finally:
        for process in processes:
            process.communicate()


@click.command()
@click.option("--agents", default=32, show_default=True)
@click.option("--repeats", default=3, show_default=True)
def main(agents: int, repeats: int) -> None:
    """Starts the fleet and separate interpreters, interleaved, and compares them."""
    ways: dict[str, Callable[[Path, int], Started]] = {"forked fleet": start_fleet, "separate": start_separately}
    found: dict[str, list[Started]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as directory:
        scenario_file = Path(directory) / "fleet.yaml"
        scenario_file.write_text(f"protocol: a2a\nagents: {agents}\n", encoding="utf-8")
        for _ in range(repeats):
            for name, start in ways.items():
                found[name].append(start(scenario_file, agents))
    for name, started in found.items():
        seconds = [took for took, _ in started]
        memory = statistics.median(mib for _, mib in started)
        print(f"{name:14} {statistics.median(seconds):6.2f} s (of {', '.join(f'{s:.2f}' for s in seconds)})", end="")
        print(f"   {memory:5.1f} MiB per worker")
    pairs = zip(found["forked fleet"], found["separate"], strict=True)
    ratios = [apart / fleet for (fleet, _), (apart, _) in pairs]
    times = f"{statistics.median(ratios):.1f} times sooner (pairs: {min(ratios):.1f} to {max(ratios):.1f})"
    print(f"{agents} agents are healthy {times}")


if __name__ == "__main__":
    main()
