from __future__ import annotations

import json

from fanout import environment


def test_it_names_what_matters_and_nothing_private() -> None:
    found = {"versions": environment.versions(), "machine": environment.machine(), "git": environment.git()}
    assert set(environment.PACKAGES) < set(found["versions"] or {})
    assert all((found["versions"] or {}).values())
    text = json.dumps(found)
    assert "hostname" not in text


def test_a_package_that_is_not_there_is_none() -> None:
    assert environment._version("no-such-package-anywhere") is None
