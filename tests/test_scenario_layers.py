from __future__ import annotations

from typing import Any

import pytest

from fanout.scenario import flow_text, parse_values

SHARED = {"connect": 5.0}
VALUES: list[Any] = [
    32, 0, 5.0, 0.00001, 1e17, True, False, None, "shared", "unlimited", "none", "32", "yes", "null", "", "~", "a, b",
    "a: b", "[x]", "{x}", "# no comment", "a\nb", "a\tb", "é", "'", '"', "\x1b[2J", "\u2028", "x" * 5000, "- a", "? a",
    [], {}, [1, "2"], {"connect": 10.0, "read": "none"}, {"distribution": "constant", "value_s": 0.1},
    ["http://127.0.0.1:5001", "http://[::1]:8000/agents/1"], [{"kind": "slow", "agents": [1, 2]}], [SHARED, SHARED],
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_a_value_is_one_line_that_is_read_back(value: Any) -> None:
    text = flow_text(value)
    assert len(text.splitlines()) <= 1
    (found,) = parse_values(text, "--set x")
    assert (found, type(found)) == (value, type(value))
    assert parse_values(f"{text}, {text}", "--set x") == [value, value]


def test_simple_values_look_as_in_a_scenario() -> None:
    simple: list[Any] = [32, 5.0, "per_agent", False, [], {"a": [1]}]
    assert [flow_text(each) for each in simple] == [
        "32", "5.0", "per_agent", "false", "[]", "{a: [1]}"
    ]  # fmt: skip
