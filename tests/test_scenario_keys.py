from __future__ import annotations

import pytest

from fanout.scenario import Limits, allowed_at, choices_at, is_key, is_optional
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


@pytest.mark.parametrize(
    ("key", "known", "optional"),
    [
        ("client.shards", True, True),
        ("arrivals", True, True),
        ("client.limits.max_connections", True, False),
        ("agents", True, False),
        ("workers.service_time.sigma", True, False),
        ("client.no_such_key", False, False),
        ("no", False, False),
    ],
)
def test_which_keys_there_are_and_which_may_be_absent(key: str, known: bool, optional: bool) -> None:
    assert (is_key(key), is_optional(key)) == (known, optional)
