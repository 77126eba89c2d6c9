"""What the coordinator process adds to what it measures: the same work through it, with and without observing phases
and connections, and through a bare script, in turn.

    .venv/bin/python benchmarks/fidelity.py [--pairs 10] [--questions 320]

Prints, for a tuned and for a default pool, the ratios of median adapter latency and of client CPU per question, round
by round: the coordinator over the bare script, and over itself without observing. 1.00 is no difference.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fanout.child import Child  # noqa: E402
from fanout.fleet import Agents  # noqa: E402
from fanout.scenario import Scenario, parse_scenario  # noqa: E402

SCENARIO = """
protocol: a2a
agents: 32
questions: {questions}
client: {{timeout_s: 60, limits: {{max_connections: {most}, max_keepalive_connections: {kept}}}}}
workers: {{service_time: {{distribution: lognormal, median_s: 0.2, sigma: 0.26}}}}
"""


@dataclass(frozen=True)
class Measured:
    median_ms: float
    cpu_ms: float
    """Per question."""


def through_coordinator(scenario_file: Path, agents: Agents, questions: int, *options: str) -> Measured:
    args = [str(scenario_file), "--agents", ",".join(agents.addresses), "--rounds", "1", *options]
    child = Child("the coordinator", "fanout.coordinator", args)
    lines = list(iter(child.listen, None))
    child.close()
    adapter_ms = [line["adapter_ms"] for line in lines if line["is"] == "outcome"]
    assert len(adapter_ms) == questions
    return Measured(statistics.median(adapter_ms), lines[-1]["health"]["cpu_s"] * 1000 / questions)


def through_bare_script(scenario: Scenario, agents: Agents, questions: int) -> Measured:
    limits = scenario.client.limits
    args = [
        ",".join(agents.addresses),
        str(questions),
        str(limits.max_connections),
        str(limits.max_keepalive_connections),
    ]
    script = str(ROOT / "benchmarks" / "bare_script.py")
    done = subprocess.run([sys.executable, script, *args], stdout=subprocess.PIPE, check=True, timeout=120)
    found = json.loads(done.stdout)
    assert len(found["adapter_ms"]) == questions
    return Measured(statistics.median(found["adapter_ms"]), found["cpu_ms"])


def compare(most: int, kept: int, pairs: int, questions: int) -> None:
    """Prints one pool's ratios."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "fidelity.yaml"
        file.write_text(SCENARIO.format(questions=questions, most=most, kept=kept), encoding="utf-8")
        scenario = parse_scenario(file.read_text(encoding="utf-8"), file)
        found: dict[str, list[Measured]] = {name: [] for name in ("observed", "unobserved", "bare")}
        with Agents(scenario, file) as agents:
            ways: dict[str, Callable[[], Measured]] = {
                "observed": lambda: through_coordinator(file, agents, questions),
                "unobserved": lambda: through_coordinator(file, agents, questions, "--unobserved"),
                "bare": lambda: through_bare_script(scenario, agents, questions),
            }
            for turn in range(pairs):
                # The order changes, so that a drift of the machine's speed favours none.
                for name in list(ways) if turn % 2 else reversed(ways):
                    found[name].append(ways[name]())
    print(f"limits {most}/{kept}, 32 agents, {questions} questions, {pairs} rounds")
    for base in ("bare", "unobserved"):
        pairs_found = list(zip(found["observed"], found[base], strict=True))
        show("median adapter latency", base, [(ours.median_ms, other.median_ms) for ours, other in pairs_found])
        show("client CPU per question", base, [(ours.cpu_ms, other.cpu_ms) for ours, other in pairs_found])


def show(what: str, base: str, pairs: list[tuple[float, float]]) -> None:
    ours, other = (statistics.median(values) for values in zip(*pairs, strict=True))
    ratios = sorted(ours / other for ours, other in pairs)
    print(
        f"  {what:24} coordinator {ours:6.2f} ms   {base:10} {other:6.2f} ms   "
        f"ratio {statistics.median(ratios):.3f} (pairs: {ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


@click.command()
@click.option("--pairs", default=10, show_default=True)
@click.option("--questions", default=320, show_default=True)
def main(pairs: int, questions: int) -> None:
    """Compares the coordinator process with a bare script."""
    for most, kept in ((1000, 200), (100, 20)):
        compare(most, kept, pairs, questions)


if __name__ == "__main__":
    main()
