from __future__ import annotations

import pytest

from fanout.errors import UsageError
from fanout.runs.series import Place, place_in_environment


def test_a_place_goes_through_the_environment_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place("20260101-120000-bench", 2, 3)
    assert Place.from_json(place.to_json()) == place
    for name, value in place.to_environment().items():
        monkeypatch.setenv(name, value)
    assert place_in_environment() == place


def test_a_run_of_its_own_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FANOUT_SERIES", raising=False)
    assert place_in_environment() is None


@pytest.mark.parametrize("text", ["x", "[]", "{}", '{"series": "s", "place": "x", "repeat": 1}', "[" * 100_000])
def test_what_is_no_place_is_reported(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("FANOUT_SERIES", text)
    with pytest.raises(UsageError, match=r"^FANOUT_SERIES: .* is not a place in a series; unset the variable$"):
        place_in_environment()
