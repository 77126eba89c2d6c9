from __future__ import annotations

import itertools
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from fanout.coordinator.snapshot import Snapshot
from fanout.errors import MAX_LINE
from fanout.processes.child import Child
from fanout.runs.schema import CoordinatorInfo, part_of
from helpers.scenarios import MakeScenario

pytestmark = pytest.mark.process

Addresses = tuple[str, ...]


@pytest.fixture
def start(four_agents: Addresses, make_scenario: MakeScenario) -> Iterator[Any]:
    """Starts a coordinator of the four agents, and ends it afterwards."""
    children = []

    def begin(*args: str, **keys: Any) -> Child:
        file = make_scenario("coordinator.yaml", **keys)
        child = Child("the coordinator", "fanout.coordinator", [str(file), "--agents", ",".join(four_agents), *args])
        children.append(child)
        return child

    yield begin
    for child in children:
        child.close()


def lines_until(child: Child, what: str) -> list[dict[str, Any]]:
    lines = []
    while (line := child.listen()) is not None:
        lines.append(line)
        if line["is"] == what:
            return lines
    raise AssertionError(f"ended without {what}: {lines[-3:]}")


def test_a_round_tells_of_every_question_once(start: Any) -> None:
    child = start("--number", "3")
    ready = child.expect("ready")
    assert (ready["questions"], ready["agents"], ready["client"]["limits"]["max_connections"]) == (12, 4, 100)
    child.tell({"do": "round", "round": 7, "is_last": True})
    *outcomes, ended = lines_until(child, "round_ended")
    assert sorted(int(line["question_id"]) for line in outcomes) == list(range(1, 13))
    assert {(line["status"], line["round"], line["coordinator"]) for line in outcomes} == {("ok", 7, 3)}
    assert {line["agent"] for line in outcomes} <= {1, 2, 3, 4}
    assert max(line["in_flight"] for line in outcomes) == 4
    assert (ended["round"], ended["dispatched"]) == (7, 12)
    assert sum(not line["reused"] for line in outcomes) == 4
    child.tell({"do": "stop", "drain_s": 0})
    stopped = lines_until(child, "stopped")[0]["coordinator"]
    counts = stopped["connections"]
    assert (stopped["asked"], counts["opened"], counts["reused"], counts["open"]) == (12, 4, 8, 4)
    assert (counts["max_in_flight"], counts["max_in_pool"]) == (4, 4)
    assert [(agent["agent"], agent["opened"], agent["max_in_flight"]) for agent in stopped["agents"]] == [
        (number, 1, 1) for number in (1, 2, 3, 4)
    ]
    assert stopped["loop_health"]["cpu_s"] > 0


def test_single_questions_come_with_their_answers(start: Any) -> None:
    child = start()
    child.expect("ready")
    for number, agent in enumerate((2, None, None)):
        child.tell({"do": "ask", "id": f"mine-{number}", "text": "Who are you?", "agent": agent})
        line = child.expect("outcome")
        assert (line["question_id"], line["round"], line["status"]) == (f"mine-{number}", 0, "ok")
        assert line["answer"] == f"agent-{line['agent']} answers: Who are you?"
        assert agent in (None, line["agent"])


def test_stop_drains_what_it_can(start: Any) -> None:
    child = start(questions=1000)
    child.expect("ready")
    child.tell({"do": "round", "round": 1, "is_last": True})
    first = child.expect("outcome")
    child.tell({"do": "stop", "drain_s": 10})
    lines = [first, *lines_until(child, "stopped")]
    outcomes = [line for line in lines if line["is"] == "outcome"]
    assert len(outcomes) == lines[-1]["coordinator"]["asked"] < 1000
    assert {line["status"] for line in outcomes} == {"ok"}
    assert [line["dispatched"] for line in lines if line["is"] == "round_ended"] == [len(outcomes)]
    assert len({line["question_id"] for line in outcomes}) == len(outcomes)


def test_stop_abandons_what_is_not_back_in_time(make_scenario: MakeScenario) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        child = Child("it", "fanout.coordinator", [str(make_scenario(agents=[address], workers=None))])
        child.expect("ready")
        child.tell({"do": "round", "round": 1, "is_last": True})
        connection, _ = silent.accept()  # now the question is in flight
        child.tell({"do": "stop", "drain_s": 0.3})
        lines = lines_until(child, "stopped")
        connection.close()
        assert [line["is"] for line in lines] == ["outcome", "round_ended", "stopped"]
        assert (lines[0]["status"], lines[0]["error_kind"]) == ("abandoned", "stopped")
        assert (lines[1]["dispatched"], lines[2]["coordinator"]["asked"]) == (1, 1)
        child.close()


def test_rounds_that_arrive_follow_one_another_by_the_schedule(start: Any) -> None:
    child = start(arrivals={"rate": 100}, dispatch={"per_agent": 12})
    child.expect("ready")
    outcomes: list[dict[str, Any]] = []
    for number in (1, 2):
        child.tell({"do": "round", "round": number, "is_last": number == 2})
        *ended, last = lines_until(child, "round_ended")
        outcomes += ended
        assert (last["round"], last["dispatched"]) == (number, 12)
    assert sorted((line["round"], int(line["question_id"])) for line in outcomes) == [
        (number, question) for number in (1, 2) for question in range(1, 13)
    ]
    assert {line["status"] for line in outcomes} == {"ok"}
    started = sorted(line["started"] for line in outcomes)
    assert [later - started[0] for later in started] == pytest.approx([n / 100 for n in range(24)], abs=0.005)
    child.tell({"do": "stop", "drain_s": 0})
    stopped = lines_until(child, "stopped")[-1]["coordinator"]
    assert (stopped["arrivals"], stopped["rounds"]) == ({"due": 24, "not_started": 0}, 2)


def test_what_is_due_and_has_no_free_agent_is_counted_at_the_end(make_scenario: MakeScenario) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        file = make_scenario(agents=[address], workers=None, arrivals={"rate": 200})
        child = Child("it", "fanout.coordinator", [str(file)])
        child.expect("ready")
        child.tell({"do": "round", "round": 1, "is_last": False})
        child.expect("round_ended")  # all twelve have arrived, and one is in flight
        child.tell({"do": "stop", "drain_s": 0})
        lines = lines_until(child, "stopped")
        assert [line["is"] for line in lines] == ["outcome", "stopped"]
        asked, counts = lines[-1]["coordinator"]["asked"], lines[-1]["coordinator"]["arrivals"]
        assert asked == 1 and counts["not_started"] == counts["due"] - 1 >= 8
        child.close()


def test_an_open_load_ends_when_no_agent_is_left(make_scenario: MakeScenario) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    dropping = {"on_failure": "drop"}
    file = make_scenario(agents=[address], workers=None, arrivals={"rate": 200}, dispatch=dropping)
    child = Child("it", "fanout.coordinator", [str(file)])
    child.expect("ready")
    for number, is_last in ((1, False), (2, True), (3, True)):
        child.tell({"do": "round", "round": number, "is_last": is_last})
        lines = lines_until(child, "round_ended")
        assert {line["error_kind"] for line in lines[:-1]} <= {"connect_failed"}
        assert lines[-1]["round"] == number
    child.tell({"do": "stop", "drain_s": 0})
    lines_until(child, "stopped")
    assert child.close() == 0


def test_the_end_of_input_ends_it_at_once(start: Any) -> None:
    child = start(client={"timeout_s": 60}, questions=1000)
    child.expect("ready")
    child.tell({"do": "round", "round": 1, "is_last": True})
    child.expect("outcome")
    began = time.monotonic()
    assert child.close() == 0
    assert time.monotonic() - began < 2.5


def test_rounds_by_hand_print_lines_and_exit(
    make_scenario: MakeScenario, four_agents: Addresses, tmp_path: Any
) -> None:
    command = [sys.executable, "-m", "fanout.coordinator", str(make_scenario(agents=list(four_agents), workers=None))]
    for output in (subprocess.PIPE, (tmp_path / "out.jsonl").open("wb")):
        done = subprocess.run(
            [*command, "--rounds", "2"], stdin=subprocess.DEVNULL, stdout=output, timeout=30, check=True
        )
        text = done.stdout if done.stdout is not None else (tmp_path / "out.jsonl").read_bytes()
        kinds = [json.loads(line)["is"] for line in text.splitlines()]
        assert kinds == ["ready", *["outcome"] * 12, "round_ended", *["outcome"] * 12, "round_ended", "stopped"]
        if output is not subprocess.PIPE:
            output.close()  # type: ignore[union-attr]


def test_it_starts_no_agents_itself(make_scenario: MakeScenario) -> None:
    command = [sys.executable, "-m", "fanout.coordinator", str(make_scenario()), "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "asks for 4 agents to be started" in done.stderr
    assert "Traceback" not in done.stderr


def test_unobserved_it_refuses_what_it_would_leave_out(make_scenario: MakeScenario, four_agents: Addresses) -> None:
    blocking = {"executor": {"blocking_calls": "per_question"}}
    file = make_scenario(agents=list(four_agents), workers=None, coordinator=blocking)
    command = [sys.executable, "-m", "fanout.coordinator", str(file), "--rounds", "1", "--unobserved"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "--unobserved would ignore coordinator.executor, coordinator.resolver and coordinator.faults" in done.stderr


def test_a_killed_one_is_gone(start: Any) -> None:
    child = start()
    child.expect("ready")
    os.kill(child.pid, signal.SIGKILL)
    assert child.listen() is None


def test_ctrl_c_ends_a_round_by_hand(make_scenario: MakeScenario, four_agents: Addresses) -> None:
    file = make_scenario(agents=list(four_agents), workers=None, questions=100_000)
    command = [sys.executable, "-m", "fanout.coordinator", str(file), "--rounds", "1"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        output = process.stdout.read()
    assert process.returncode == 130
    *_, stopped = map(json.loads, output.splitlines())
    outcomes = output.count('"is": "outcome"') + 1
    assert (stopped["is"], stopped["coordinator"]["asked"]) == ("stopped", outcomes)


def test_a_command_that_makes_no_sense_ends_it(start: Any) -> None:
    child = start(questions=1000)
    child.expect("ready")
    child.tell({"do": "round", "round": 1, "is_last": True})
    child.expect("outcome")
    child.tell({"do": "dance"})
    lines = list(iter(child.listen, None))
    assert lines[-1]["is"] == "stopped"
    assert child.close() == 2


def test_a_second_stop_shortens_the_first(start: Any) -> None:
    child = start(questions=1000)
    child.expect("ready")
    child.tell({"do": "round", "round": 1, "is_last": True})
    child.expect("outcome")
    child.tell({"do": "stop", "drain_s": 60})
    child.tell({"do": "stop", "drain_s": 0})
    assert lines_until(child, "stopped")[-1]["coordinator"]["asked"] < 1000


def test_it_works_on_a_terminal(make_scenario: MakeScenario, four_agents: Addresses) -> None:
    controller, terminal = pty.openpty()
    file = make_scenario(agents=list(four_agents), workers=None)
    process = subprocess.Popen(
        [sys.executable, "-m", "fanout.coordinator", str(file)], stdin=terminal, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    os.write(controller, b'{"do": "ask", "id": "q", "text": "Who?", "agent": 1}\n')
    seen = b""
    while b"agent-1 answers: Who?" not in seen:
        seen += os.read(controller, 4096)
    os.write(controller, b"\x04")  # Ctrl-D
    assert process.wait(10) == 0
    os.close(controller)


@pytest.mark.parametrize("line", ["not JSON", "[" * 100_000, "[]", '{"do": "stop", "drain_s": -1}', '{"do": "ask"}'])
def test_a_line_that_is_no_command_ends_it_in_words(make_scenario: MakeScenario, line: str) -> None:
    file = make_scenario(agents=["http://127.0.0.1:1"], workers=None)
    command = [sys.executable, "-m", "fanout.coordinator", str(file)]
    done = subprocess.run(command, input=line + "\n", capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("fanout.coordinator: not a command: ")
    assert "Traceback" not in done.stderr and len(done.stderr) < 2 * MAX_LINE


WITH_A_BUG = """
from fanout.coordinator.__main__ import main
from fanout.protocols import a2a

def decode(self, body):
    raise ZeroDivisionError("in the middle of it")

a2a.PROTOCOL.coordinator.decode = decode
main()
"""


def test_a_bug_of_ours_leaves_one_traceback_and_every_outcome(
    make_scenario: MakeScenario, four_agents: Addresses
) -> None:
    file = make_scenario(agents=list(four_agents), workers=None)
    command = [sys.executable, "-c", WITH_A_BUG, str(file), "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["error_kind"] for line in lines if line["is"] == "outcome"] == ["unexpected"] * 12
    assert done.stderr.count("Traceback") == done.stderr.count("ZeroDivisionError: in the middle of it") == 1
    assert "in decode" in done.stderr


def test_a_watched_coordinator_tells_what_it_is_doing(start: Any) -> None:
    child = start("--watched", questions=16, arrivals={"rate": 8})
    child.expect("ready")
    child.tell({"do": "round", "round": 1, "is_last": True})
    lines = lines_until(child, "round_ended")
    told = [part_of(Snapshot, line) for line in lines if line["is"] == "snapshot"]
    assert len(told) >= 3
    assert all(later.at_s - earlier.at_s >= 0.5 for earlier, later in itertools.pairwise(told))
    assert {each.in_flight for each in told} <= {0, 1, 2, 3, 4}
    assert told[-1].opened == told[-1].open == 4
    assert told[-1].opened + told[-1].reused + told[-1].in_flight == told[-1].asked
    assert 0 < (told[0].due or 0) < (told[-1].due or 0) <= 16
    assert all(each.due is not None and each.asked <= each.due + 1 for each in told)
    counters = [part_of(CoordinatorInfo, line["coordinator"]) for line in lines if line["is"] == "counters"]
    assert counters[0].loop_health is not None and (counters[0].loop_health.cpu_s or 0) > 0
    assert len(counters[0].agents) == 4


def test_an_unwatched_coordinator_tells_only_of_its_questions(start: Any) -> None:
    child = start()
    child.expect("ready")
    child.tell({"do": "round", "round": 1, "is_last": True})
    assert {line["is"] for line in lines_until(child, "round_ended")} == {"outcome", "round_ended"}
