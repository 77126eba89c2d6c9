from __future__ import annotations

from pathlib import Path

import pytest

from fanout.errors import ScenarioError
from fanout.scenario import parse_scenario
from fanout.scenario.gate_syntax import Gate, parse_gate, with_implied
from fanout.scenario.metrics import METRICS


@pytest.mark.parametrize(
    ("text", "metric", "comparison", "factor", "of"),
    [
        ("adapter.p95 < 50 ms", "adapter.p95", "<", 50.0, None),
        ("adapter.p95<0.05s", "adapter.p95", "<", 50.0, None),
        ("phase.resolving.mean <= 500 us", "phase.resolving.mean", "<=", 0.5, None),
        ("failed == 0", "failed", "==", 0.0, None),
        ("connections.opened <= agents", "connections.opened", "<=", 1.0, "agents"),
        ("connections.opened <= 2.5 * agents", "connections.opened", "<=", 2.5, "agents"),
        ("failed.share < 5 %", "failed.share", "<", 0.05, None),
        ("failed.share < 0.05", "failed.share", "<", 0.05, None),
        ("  adapter.mean   <  1.2*baseline ", "adapter.mean", "<", 1.2, "baseline"),
        ("adapter.mean < baseline * 1.2", "adapter.mean", "<", 1.2, "baseline"),
        ("adapter.p95 < 3 * adapter.p50", "adapter.p95", "<", 3.0, "adapter.p50"),
        ("questions != 7", "questions", "!=", 7.0, None),
    ],
)
def test_what_a_gate_says(text: str, metric: str, comparison: str, factor: float, of: str | None) -> None:
    gate = parse_gate(text)
    assert (gate.metric, gate.comparison, gate.of) == (metric, comparison, of)
    assert gate.factor == pytest.approx(factor)
    assert parse_gate(str(gate)) == gate
    assert "  " not in str(gate)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "not a gate; allowed: METRIC < BOUND"),
        ("adapter.p95", "not a gate"),
        ("adapter.p95 = 5 ms", "not a gate"),
        ("adapter.p95 < " + "9" * 400 + " ms", "not a gate"),
        ("adapter.p95 <" + " " * 100_000 + "5 ms x", "not a gate"),
        ("adapter.p95 < ", "not a gate"),
        ("adapter.p95 < 50", "'50' is not a bound for adapter.p95; allowed: a duration such as 50 ms"),
        ("failed < 5 ms", "'5 ms' is not a bound for failed; allowed: a whole number"),
        ("failed.share < 5", "'5' is not a bound for failed.share; allowed: a share such as 5 % or 0.05"),
        ("failed < 2.5", "'2.5' is not a bound for failed; allowed: a whole number"),
        ("reused.share == baseline", "reused.share is never equal in two runs"),
        ("failed.share < 5 ms", "allowed: a share such as 5 % or 0.05"),
        ("adapter.p95 < -5 ms", "'-5 ms' is not a bound; allowed: a duration"),
        ("adapter.p59 < 50 ms", "no metric 'adapter.p59'; did you mean adapter.p99? allowed: adapter.*, round_trip.*"),
        ("speed > 5", "no metric 'speed'; allowed: "),
        ("adapter.p95 < speed", "no metric 'speed'"),
        ("adapter.p95 < 2 * baseline * 2", "is not a bound"),
        ("adapter.p95 < agents", "adapter.p95 can't be compared with agents, which has another unit"),
        ("adapter.p95 == baseline", "adapter.p95 is never equal in two runs; allowed: <"),
        ("__import__('os') < 1", "not a gate"),
    ],
)
def test_what_is_no_gate_says_what_is_allowed(text: str, expected: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_gate(text)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("metric", ["adapter.p60", "adapter.p99.9", "phase.resolving.p75", "round_trip.p99.999"])
def test_any_percentile_from_60_is_a_metric(metric: str) -> None:
    gate = parse_gate(f"{metric} < 50 ms")
    assert (gate.metric, gate.unit, gate.of_every_run) == (metric, "ms", False)


@pytest.mark.parametrize(
    "metric", ["adapter.p9", "adapter.p09", "adapter.p100", "speed.p98", "agents.p98", "adapter.p98."]
)
def test_other_percentiles_are_slips(metric: str) -> None:
    with pytest.raises(ValueError, match="no metric"):
        parse_gate(f"{metric} < 50 ms")


def test_an_unknown_metric_lists_those_that_exist() -> None:
    with pytest.raises(ValueError) as caught:
        parse_gate("speed > 5")
    for metric in METRICS:
        parts = metric.split(".")
        assert parts[0] in str(caught.value) and parts[-1] in str(caught.value)


def test_a_scenario_s_gates_are_checked_with_their_lines() -> None:
    small = "protocol: a2a\nagents: 1\ngates:\n  - failed == 0\n"
    assert parse_scenario(small, Path("x.yaml")).gates == ("failed == 0",)
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(f"{small}  - adapter.p95 < 50\n  - 7\n", Path("x.yaml"))
    wrong, number = map(str, caught.value.problems)
    assert wrong.startswith("x.yaml:5: gates.1: 'adapter.p95 < 50': '50' is not a bound for adapter.p95; allowed: ")
    assert number.startswith("x.yaml:6: gates.2: 7 is not allowed; allowed: a list of up to 100 conditions")
    with pytest.raises(ScenarioError, match=r"x\.yaml:3: gates: 'failed == 0' is not allowed; allowed: a list"):
        parse_scenario("protocol: a2a\nagents: 1\ngates: failed == 0\n", Path("x.yaml"))


def test_what_is_taken_for_granted_gives_way_to_what_is_written() -> None:
    def texts(*gates: str) -> list[str]:
        return [str(gate) for gate in with_implied(map(parse_gate, gates))]

    assert texts() == ["failed == 0", "abandoned == 0"]
    assert texts("failed <= 5", "ok > 1", "ok > 1") == ["abandoned == 0", "failed <= 5", "ok > 1"]
    assert texts("failed.share < 5 %") == ["abandoned == 0", "failed.share < 5 %"]
    assert isinstance(with_implied([])[0], Gate)
