"""Every fault of agents × client library × topology, through Locust, with each protocol: no question is lost, counted
twice or failed by mistake.

docs/reliability.md has the results of these tests; FANOUT_FAULT_COUNTS=FILE writes its table.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, get_args

import pytest

from fanout.coordinator.clients import libraries
from fanout.locust_plugin.problems import DEFECT, connections_by_agent
from fanout.outcome import Outcome
from fanout.phases import Phase
from fanout.runs.reader import Run, read_run
from fanout.runs.schema import QuestionCounts
from fanout.scenario import Scenario, client_libraries, faults, load_scenario
from fanout.scenario.topology import SHARDED, TOPOLOGIES
from helpers.exchanges import assert_adds_up
from helpers.paths import ROOT
from helpers.runs import outcomes_of
from workers.faults import fault_of

pytestmark = pytest.mark.process

PARALLEL = 3
"""How many runs to make at the same time; they mostly wait."""
FOLDER = ROOT / "scenarios" / "faults"
SCENARIOS = {path.stem: load_scenario(path) for path in FOLDER.glob("*.yaml") if path.stem not in ("base", "mixed")}
KINDS = sorted(name for name, scenario in SCENARIOS.items() if scenario.workers.faults)
"""The scenarios with faults of agents. tests/test_coordinator_loop_faults.py runs those with faults of coordinators."""
PROTOCOLS = ("a2a", "agora", "anp")
FAULTY = 2


def some_fail(run: Run, _affected: Sequence[Outcome]) -> bool:
    return bool((run.questions["status"] == "failed").any())


class Expected(NamedTuple):
    """The expected outcome of a question that a kind of fault affects."""

    kinds: tuple[str, ...]
    """The kinds of failure, of which at least one question must have one; empty if questions are still answered."""
    words: str
    """A pattern for the failure's message."""
    spreads: bool = False
    """Whether other questions to the agent may fail too, and affected ones may be answered."""
    shows: Callable[[Run, Sequence[Outcome]], bool] = some_fail
    """Checks that the fault shows in a run, given the affected questions."""


def later_by(least_ms: float) -> Callable[[Run, Sequence[Outcome]], bool]:
    """Checks that each affected question has at least this adapter latency."""
    return lambda _run, affected: all((o.adapter_ms or 0) >= least_ms for o in affected)


def reconnects(run: Run, _affected: Sequence[Outcome]) -> bool:
    opened = {row.agent: row.opened for row in connections_by_agent(run.info.coordinators)}
    return (opened[FAULTY] or 0) > max(count or 0 for agent, count in opened.items() if agent != FAULTY)


def dies(run: Run, _affected: Sequence[Outcome]) -> bool:
    return bool(run.info.to_json()["workers"][FAULTY - 1]["deaths"])


def starts_late(_run: Run, affected: Sequence[Outcome]) -> bool:
    first, *later = [outcome.adapter_ms or 0 for outcome in sorted(affected, key=lambda outcome: outcome.started or 0)]
    return first >= 300 > min(later, default=0)


def all_ok(_run: Run, affected: Sequence[Outcome]) -> bool:
    return {outcome.status for outcome in affected} == {"ok"}


def unknown_service_times(_run: Run, affected: Sequence[Outcome]) -> bool:
    return all((o.service_ms, o.adapter_ms) == (None, None) for o in affected)


def service_times_in_s(run: Run, affected: Sequence[Outcome]) -> bool:
    others = [outcome.service_ms for outcome in outcomes_of(run) if outcome not in affected]
    return max(o.service_ms or 0 for o in affected) < 1 < max(ms or 0 for ms in others)


def receiving(least_ms: float, *, reused: bool = False) -> Callable[[Run, Sequence[Outcome]], bool]:
    """Checks that most affected questions, or those on kept connections, take so long to receive."""

    def check(_run: Run, affected: Sequence[Outcome]) -> bool:
        return least_ms <= median((o.phases_ms or {})["receiving"] for o in affected if o.reused or not reused)

    return check


def connects_late(_run: Run, affected: Sequence[Outcome]) -> bool:
    return any((o.phases_ms or {})["connecting"] >= 900 for o in affected)


RESET = r"reset|closed the connection"
# A question is lost if it is sent before the client notices that the connection is closed; most are sent after.
STALE = Expected(
    ("connection_lost",), r"^the response was cut off|reset|closed the connection", spreads=True, shows=reconnects
)
EXPECTED = {
    "close-after-response": STALE,
    "close-when-idle": STALE,
    "cold-start": Expected((), "", shows=starts_late),
    "crash": Expected(("connection_lost", "connect_failed"), r"reset|cut off|closed|refused", True, dies),
    "deep-nesting": Expected(("bad_response",), r"^expected JSON, got it nested more than 100 deep"),
    "delay": Expected((), "", shows=later_by(300)),
    "delayed-ack": Expected((), "", shows=receiving(30, reused=True)),
    "dripping-body": Expected(("deadline",), r"^not answered within deadline_s, 2 s$"),
    "forget-idle": Expected(("read_timeout",), r"^nothing received for 1 s$", spreads=True),
    "full-backlog": Expected(("connect_timeout",), r"^not connected within", spreads=True, shows=connects_late),
    "hang": Expected(("read_timeout", "connect_timeout"), r"^nothing received for 1 s$|^not connected", spreads=True),
    "http-1-0": Expected((), "", shows=reconnects),
    "huge-body": Expected(("too_large",), r"^the response is larger than max_response_bytes, 1048576: it was cut off$"),
    "large-answer": Expected((), "", shows=receiving(350)),
    "no-answer": Expected(("read_timeout",), r"^nothing received for 1 s$"),
    "no-service-time": Expected((), "", shows=unknown_service_times),
    "not-json": Expected(("bad_response",), r"^expected JSON, got '<html>"),
    "not-utf8": Expected(("bad_response",), r"^expected JSON, got bytes that are not UTF-8: "),
    "one-at-a-time": Expected((), "", shows=all_ok),
    "redirect": Expected(("http_status",), r"^POST http://\S+: HTTP 307 Temporary Redirect to "),
    "reset-after-headers": Expected(("connection_lost",), RESET),
    "reset-on-accept": Expected(("connection_lost", "connect_failed"), RESET, spreads=True),
    "second-response": Expected(("bad_response",), r"^expected the answer to question '\d+', got ", spreads=True),
    "slow-accept": Expected((), "", shows=later_by(100)),
    "status-429": Expected(("http_status",), r"^POST http://\S+: HTTP 429 Too Many Requests \(Retry-After: 1\): "),
    "status-500": Expected(("http_status",), r"^POST http://\S+: HTTP 500 Internal Server Error: "),
    "status-503": Expected(("http_status",), r"^POST http://\S+: HTTP 503 Service Unavailable \(Retry-After: 1\): "),
    "truncated-body": Expected(
        ("connection_lost",),
        r"^the response was cut off .*(without sending complete message|before its response was whole)",
    ),
    "wrong-length": Expected(("read_timeout",), r"^nothing received for 1 s$"),
    "wrong-service-time": Expected((), "", shows=service_times_in_s),
    "wrong-shape": Expected(("bad_response",), r"^expected .*, got \{\"result\": "),
}
OTHERWISE = {
    # aiohttp closes a connection on which something arrives that no request asked for.
    ("second-response", "httpx-aiohttp"): Expected((), "", shows=reconnects),
}
"""What differs with a client library."""
KEPT = [name for name, topology in TOPOLOGIES.items() if topology.is_kept and name != SHARDED]
"""Most faults of connections need a client that keeps them; shards are clients that are shared by fewer agents."""
LIBRARIES = client_libraries.names()
Case = tuple[str, str, str]
CELLS: list[Case] = list(product(KINDS, LIBRARIES, KEPT))
PROTOCOL_OF: dict[Case, str] = {
    (kind, library, topology): PROTOCOLS[(number + row + 2 * column) % len(PROTOCOLS)]
    for number, kind in enumerate(KINDS)
    for row, library in enumerate(LIBRARIES)
    for column, topology in enumerate(KEPT)
}
"""Each kind meets each protocol, and so do each library and topology: all pairs, but not all triples, to save time."""
DRIVER = ROOT / "tests" / "helpers" / "fault_driver.py"


@dataclass(frozen=True)
class Ran:
    """One cell, as Locust and as the run directory have it."""

    locust: dict[str, Any]
    run: Run

    @property
    def outcomes(self) -> list[Outcome]:
        return outcomes_of(self.run)


def name_of(cell: Case) -> str:
    return "-".join(cell)


@pytest.fixture(scope="module")
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Case, Ran]]:
    """The runs of the cells that tests look at."""
    wanted = {item.callspec.params.get("cell") for item in request.session.items if hasattr(item, "callspec")}
    cells = [cell for cell in CELLS if cell in wanted]
    folder = tmp_path_factory.mktemp("faults")
    for cell in cells:
        (folder / f"{name_of(cell)}.yaml").write_text(scenario_of(cell).to_yaml(), encoding="utf-8")

    def drive(mine: list[Case]) -> list[dict[str, Any]]:
        command = [sys.executable, str(DRIVER), str(folder), *map(name_of, mine)]
        # The timeout is far above the deadlines of the runs: a process that exceeds it hangs.
        done = subprocess.run(command, capture_output=True, text=True, timeout=30 + 6 * len(mine), check=False)
        lines = done.stdout.splitlines()
        assert len(lines) == len(mine), done.stderr[-3000:]
        return [json.loads(line) for line in lines]

    with ThreadPoolExecutor(PARALLEL) as pool:
        parts = (cells[n::PARALLEL] for n in range(PARALLEL))
        driven = [line for lines in pool.map(drive, parts) for line in lines]
    by_name = {name_of(cell): cell for cell in cells}
    found = {by_name[line["name"]]: Ran(line, read_run(folder / line["name"])) for line in driven}
    yield found
    if table := os.environ.get("FANOUT_FAULT_COUNTS"):
        Path(table).write_text("\n".join(table_of(found)) + "\n", encoding="utf-8")


def scenario_of(cell: Case) -> Scenario:
    kind, library, topology = cell
    scenario = SCENARIOS[kind]
    client = scenario.client.model_copy(update={"library": library, "topology": topology})
    return scenario.model_copy(update={"name": name_of(cell), "protocol": PROTOCOL_OF[cell], "client": client})


def test_all_pairs_are_covered() -> None:
    protocols = [(kind, library, topology, protocol) for (kind, library, topology), protocol in PROTOCOL_OF.items()]
    for first, second in combinations(range(4), 2):
        found = {(cell[first], cell[second]) for cell in protocols}
        assert len(found) == len({one for one, _ in found}) * len({other for _, other in found})


def test_there_is_a_scenario_for_every_kind() -> None:
    asked = {fault.kind for scenario in SCENARIOS.values() for fault in scenario.workers.faults}
    assert asked == {get_args(model.model_fields["kind"].annotation)[0] for model in faults.KINDS}
    assert set(EXPECTED) == set(KINDS)


@pytest.mark.parametrize("cell", CELLS, ids=name_of)
def test_a_fault_affects_only_its_own_questions(cell: Case, ran: dict[Case, Ran]) -> None:
    locust, run, outcomes = ran[cell].locust, ran[cell].run, ran[cell].outcomes
    ids = {str(number) for number in range(1, 41)}

    # Every record has each question exactly once.
    assert sorted(outcome.question_id for outcome in outcomes) == sorted(ids)
    status = Counter(outcome.status for outcome in outcomes)
    counted = {"ok": status["ok"], "failed": status["failed"], "abandoned": 0}
    assert run.info.questions == QuestionCounts(planned=40, dispatched=40, **counted)
    assert locust["events"] == dict.fromkeys(ids, 1)
    assert {i for i, count in locust["failed_events"].items() if count} == {o.question_id for o in outcomes if o.error}
    assert locust["locust"] == [40, status["failed"]]
    assert (run.info.to_json()["ended_by"], locust["exit_code"]) == ("rounds_done", 1 if status["failed"] else 0)

    # Affected questions fail with the expected message; all others are answered.
    kind, library, _ = cell
    expected = OTHERWISE.get((kind, library)) or EXPECTED[kind]
    unknown = libraries.load(library).unknown_phases
    affected = [outcome for outcome in outcomes if is_affected(run.scenario, outcome)]
    assert affected
    assert expected.shows(run, affected)
    for outcome in outcomes:
        assert_ended_as_expected(outcome, expected, unknown, affected=outcome in affected)

    # All end within the deadline; other runs may delay the event loop.
    deadline_ms = run.scenario.client.deadline_s * 1000
    assert all(outcome.round_trip_ms is not None and outcome.round_trip_ms < 2 * deadline_ms for outcome in outcomes)

    # Both ends count the same connections, if the agent stays alive.
    assert not [problem for problem in run.info.problems or () if problem.startswith(DEFECT)]
    for row, worker in zip(connections_by_agent(run.info.coordinators), run.info.workers or (), strict=True):
        if row.agent != FAULTY:
            assert (row.opened, row.not_opened) == (worker.accepted, 0)


def is_affected(scenario: Scenario, outcome: Outcome) -> bool:
    if outcome.agent != FAULTY:
        return False
    (fault,) = scenario.workers.faults
    if fault.kind == "slow_accept":
        return outcome.reused is False
    if not isinstance(fault, faults.QuestionFault):
        return True
    return fault_of(scenario, outcome.agent, outcome.question_id) is not None


def assert_ended_as_expected(outcome: Outcome, expected: Expected, unknown: Sequence[Phase], *, affected: bool) -> None:
    if outcome.status == "ok":
        assert not (affected and expected.kinds) or expected.spreads
        assert_adds_up(outcome, unknown)
        return
    assert outcome.agent == FAULTY
    assert affected or expected.spreads
    assert outcome.error_kind in expected.kinds
    assert re.search(expected.words, outcome.error or "")


def table_of(found: dict[Case, Ran]) -> Iterator[str]:
    """The document's table: for each kind its failures, and ok + failed by client library and topology."""
    columns = list(product(LIBRARIES, KEPT))
    yield "| fault | what the questions meet | " + " | ".join(f"{name} {t}" for name, t in columns) + " |"
    yield "|---|---|" + "---:|" * len(columns)
    for kind in KINDS:
        cells = [found[kind, library, topology] for library, topology in columns]
        kinds = Counter(o.error_kind for cell in cells for o in cell.outcomes if o.error_kind)
        names = ", ".join(f"`{name}`" for name, _ in kinds.most_common()) or "all are answered"
        counts = [Counter(outcome.status for outcome in cell.outcomes) for cell in cells]
        yield f"| {kind} | {names} | " + " | ".join(f"{c['ok']} + {c['failed']}" for c in counts) + " |"
