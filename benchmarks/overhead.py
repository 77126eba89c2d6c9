"""Measures what each layer costs a question: a bare script, the coordinator, the suite under Locust, Locust's clients.

    .venv/bin/python benchmarks/overhead.py [--pairs 5] [--questions 2000] [--service-s 0.02]

All ask the same 32 agents the same questions, interleaved. Prints a Markdown table: questions per second, the CPU time
per question of the client and of Locust, and the median adapter latency, with the ratios to the bare script.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import yaml
from _measure import ROOT, lines_of_coordinator

from fanout.agents.handle import Agents
from fanout.runs.reader import read_run
from fanout.scenario import Scenario, parse_scenario

AGENTS = 32
LIMITS = {"max_connections": 1000, "max_keepalive_connections": 200}


@dataclass(frozen=True)
class Measured:
    per_s: float
    """Questions per second, from the first to the last."""
    client_ms: float | None
    """CPU time per question of the process that asks; None if that is Locust itself."""
    locust_ms: float | None
    """CPU time per question of the Locust process; None without one."""
    p50_ms: float
    """The median adapter latency."""

    @property
    def cpu_ms(self) -> float:
        return (self.client_ms or 0.0) + (self.locust_ms or 0.0)


def bare(addresses: list[str], questions: int) -> Measured:
    command = [sys.executable, str(ROOT / "benchmarks" / "bare_script.py"), ",".join(addresses), str(questions)]
    limits = [str(count) for count in LIMITS.values()]
    done = json.loads(subprocess.run([*command, *limits], stdout=subprocess.PIPE, check=True, timeout=300).stdout)
    return Measured(questions / done["wall_s"], done["cpu_ms"], None, statistics.median(done["adapter_ms"]))


def coordinator(file: Path, addresses: list[str], questions: int) -> Measured:
    *_, last = lines = lines_of_coordinator(file, addresses)
    health = last["coordinator"]["loop_health"]
    adapter_ms = [line["adapter_ms"] for line in lines if line["is"] == "outcome"]
    return Measured(
        questions / health["wall_s"], health["cpu_s"] * 1000 / questions, None, statistics.median(adapter_ms)
    )


def locust(kind: str, users: int, questions: int, file: Path, addresses: list[str]) -> Measured:
    """Runs locust_clients.py; `questions` are those of all users together."""
    with tempfile.TemporaryDirectory() as folder:
        directory, out = Path(folder) / "run", Path(folder) / "out.json"
        command = [sys.executable, "-m", "locust", "-f", str(ROOT / "benchmarks" / "locust_clients.py"), kind]
        load = ["--headless", "--only-summary", "-u", str(users), "-r", str(users)]
        files = ["--scenario", str(file), "--run-dir", str(directory)]
        wanted = {"ADDRESSES": ",".join(addresses), "QUESTIONS": str(questions), "OUT": str(out)}
        done = subprocess.run(
            [*command, *load, *files], env={**os.environ, "PYTHONPATH": str(ROOT), **wanted},
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert out.exists(), done.stderr[-2000:]
        found = json.loads(out.read_text())
        client_ms = read_run(directory).cpu_ms if kind == "Coordinator" else None
        return Measured(found["per_s"], client_ms, found["cpu_ms"], statistics.median(found["adapter_ms"]))


def scenario_of(questions: int, service_s: float, agents: int | list[str]) -> Scenario:
    keys = {"name": "overhead", "protocol": "a2a", "agents": agents, "questions": questions}
    client = {"timeout_s": 60, "limits": LIMITS}
    workers = {"host": "127.0.0.1", "service_time": {"distribution": "constant", "value_s": service_s}}
    more = {"workers": workers} if isinstance(agents, int) else {}
    return parse_scenario(yaml.safe_dump({**keys, "client": client, **more}), Path("overhead.yaml"))


@click.command()
@click.option("--pairs", default=5, show_default=True)
@click.option("--questions", default=2000, show_default=True, help="In each run; with four users, each asks a quarter.")
@click.option("--service-s", default=0.02, show_default=True, help="The agents' service time.")
def main(pairs: int, questions: int, service_s: float) -> None:
    """Compares what each layer costs a question."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        agents_file, file, quarter = (folder / f"{name}.yaml" for name in ("agents", "asking", "quarter"))
        agents_file.write_text(scenario_of(questions, service_s, AGENTS).to_yaml())
        with Agents(scenario_of(questions, service_s, AGENTS), agents_file) as agents:
            addresses = list(agents.addresses)
            file.write_text(scenario_of(questions, service_s, addresses).to_yaml())
            quarter.write_text(scenario_of(questions // 4, service_s, addresses).to_yaml())
            ways: dict[str, Callable[[], Measured]] = {
                "bare script": lambda: bare(addresses, questions),
                "coordinator process": lambda: coordinator(file, addresses, questions),
                "suite, 1 user": lambda: locust("Coordinator", 1, questions, file, addresses),
                "suite, 4 users": lambda: locust("Coordinator", 4, questions, quarter, addresses),
                "Locust's HttpUser": lambda: locust("Requests", AGENTS, questions, file, addresses),
                "Locust's FastHttpUser": lambda: locust("Fast", AGENTS, questions, file, addresses),
            }
            found: dict[str, list[Measured]] = {name: [] for name in ways}
            for number in range(pairs):
                # The order alternates, so that a drift of the machine's speed favours nobody.
                for name in list(ways) if number % 2 else reversed(ways):
                    found[name].append(ways[name]())
    print(f"{AGENTS} agents, {questions} questions, service time {service_s:g} s, {pairs} interleaved runs\n")
    print(
        "| client | questions/s | CPU ms, asking | CPU ms, Locust | p50 ms | CPU, ratio to bare | p50, ratio to bare |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, runs in found.items():
        print(f"| {name} | {' | '.join(_cells(runs, found['bare script']))} |")


def _cells(runs: list[Measured], base: list[Measured]) -> list[str]:
    def shown(values: list[float | None]) -> str:
        known = [value for value in values if value is not None]
        return f"{statistics.median(known):.2f}" if known else "–"

    pairs = list(zip(runs, base, strict=True))
    return [
        f"{statistics.median(run.per_s for run in runs):.0f}",
        shown([run.client_ms for run in runs]),
        shown([run.locust_ms for run in runs]),
        shown([run.p50_ms for run in runs]),
        shown([run.cpu_ms / other.cpu_ms for run, other in pairs]),
        shown([run.p50_ms / other.p50_ms for run, other in pairs]),
    ]


if __name__ == "__main__":
    main()
