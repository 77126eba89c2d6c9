"""Measures what the coordinator process adds to the figures.

Does the same work through the coordinator, with and without observing phases and connections, and through a bare
script, interleaved.

    .venv/bin/python benchmarks/fidelity.py [--pairs 10] [--questions 320] [--page]

Prints, for a tuned and a default pool, three ratios of the median adapter latency and of the client's CPU time per
question: the coordinator over the bare script, over itself without observing, and, when it reports what it is doing,
over itself when it doesn't. 1.00 means no difference.

With --page it prints instead what runs in Locust's web UI cost the coordinator while the live page is open in a
browser on this machine, over the same runs without an open page. That needs Chromium, and requirements-dev.txt.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
from _measure import Measured, in_words, through_coordinator, through_script

from fanout.agents.handle import Agents
from fanout.paths import LOCUSTFILE
from fanout.runs.info import read_run_info
from fanout.runs.reader import read_run
from fanout.scenario import parse_scenario
from fanout.soak._web_locust import WebLocust

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
        found: dict[str, list[Measured]] = {name: [] for name in ("observed", "unobserved", "bare", "watched")}
        with Agents(scenario, file) as agents:
            ways: dict[str, Callable[[], Measured]] = {
                "observed": lambda: through_coordinator(file, agents.addresses),
                "unobserved": lambda: through_coordinator(file, agents.addresses, "--unobserved"),
                "watched": lambda: through_coordinator(file, agents.addresses, "--watched"),
                "bare": lambda: through_script("bare_script.py", agents.addresses, questions, most, kept),
            }
            for number in range(pairs):
                # The order alternates, so that a drift of the machine's speed favours no client.
                for name in list(ways) if number % 2 else reversed(ways):
                    found[name].append(ways[name]())
                    assert len(found[name][-1].adapter_ms) == questions
    print(f"limits {most}/{kept}, 32 agents, {questions} questions, {pairs} repeats")
    for ours, base in (("observed", "bare"), ("observed", "unobserved"), ("watched", "observed")):
        show_pairs(ours, base, list(zip(found[ours], found[base], strict=True)))


def median_ms(measured: Measured) -> float:
    return statistics.median(measured.adapter_ms)


def show_pairs(name: str, base: str, pairs: list[tuple[Measured, Measured]]) -> None:
    for what, values in (
        ("median adapter latency", [(median_ms(ours), median_ms(other)) for ours, other in pairs]),
        ("client CPU per question", [(ours.cpu_ms, other.cpu_ms) for ours, other in pairs]),
    ):
        ours, other, ratio = in_words(values)
        print(f"  {what:24} {name:10} {ours:6.2f} ms   {base:10} {other:6.2f} ms   {ratio}")


def compare_page(pairs: int, questions: int) -> None:
    """Makes runs in Locust's web UI with and without an open live page, and prints their ratios."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (only developers have it)

    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        folder = Path(directory)
        file = folder / "fidelity.yaml"
        file.write_text(SCENARIO.format(questions=questions, most=1000, kept=200), encoding="utf-8")
        (folder / "results").mkdir()
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        with WebLocust(file, LOCUSTFILE, folder / "results") as locust:
            found: dict[str, list[Measured]] = {"open": [], "closed": []}
            for number in range(pairs):
                for name in list(found) if number % 2 else reversed(found):
                    page = browser.new_page()
                    page.goto(f"{locust.url}/fanout/live" if name == "open" else "about:blank")
                    found[name].append(through_web_ui(locust))
                    page.close()
        browser.close()
    print(f"live page, limits 1000/200, 32 agents, {questions} questions, {pairs} repeats")
    show_pairs("open", "closed", list(zip(found["open"], found["closed"], strict=True)))


def through_web_ui(locust: WebLocust) -> Measured:
    """Asks one round of the scenario's questions by a run in the web UI."""
    directory = locust.start(1, until="round")
    while read_run_info(directory).ended is None:
        time.sleep(0.5)
    run = read_run(directory)
    assert run.cpu_ms is not None
    return Measured(run.questions["adapter_ms"].to_list(), run.cpu_ms)


@click.command()
@click.option("--pairs", default=10, show_default=True)
@click.option("--questions", default=320, show_default=True)
@click.option("--page", is_flag=True, help="Measure what an open live page costs.")
def main(pairs: int, questions: int, *, page: bool) -> None:
    """Compares the coordinator process with a bare script, or runs with and without an open live page."""
    if page:
        compare_page(pairs, questions)
        return
    for most, kept in ((1000, 200), (100, 20)):
        compare(most, kept, pairs, questions)


if __name__ == "__main__":
    main()
