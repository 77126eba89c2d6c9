from __future__ import annotations

import pytest

from fanout.errors import UsageError
from fanout.processes import own_code
from helpers.scenarios import scenario_of


def test_a_factory_has_to_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(own_code.VARIABLE, "")
    own_code.require_allowed(scenario_of())
    scenario = scenario_of(client={"factory": "mine:make"})
    with pytest.raises(UsageError, match=r"client\.factory: mine:make .*--allow-factory"):
        own_code.require_allowed(scenario)
    own_code.allow()
    own_code.require_allowed(scenario)
