from __future__ import annotations

import pytest

from fanout.scenario import Limits, allowed_at, choices_at
from fanout.scenario.topology import TOPOLOGIES


def test_what_is_allowed_is_what_the_model_says() -> None:
    described = Limits.model_fields["max_connections"].description
    assert allowed_at("client.limits.max_connections") == described


@pytest.mark.parametrize(
    ("key", "choices"),
    [
        ("client.topology", tuple(TOPOLOGIES)),
        ("coordinator.resolver", ("default", "own_executor")),
        ("coordinator.executor.blocking_calls", ("none", "per_question", "per_question_and_pause")),
        ("client.limits.max_connections", ()),
        ("workers.service_time.scale", ()),
        ("no.such.key", ()),
    ],
)
def test_keys_whose_values_are_words_have_choices(key: str, choices: tuple[str, ...]) -> None:
    assert choices_at(key) == choices
