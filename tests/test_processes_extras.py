"""Packages that only some scenarios need are installed by scripts, and asked for by name otherwise."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from fanout.errors import CouldNotRunError
from fanout.processes import extras
from fanout.scenario import Scenario, client_libraries
from helpers.scenarios import scenario_of


def wanting(library: str, **keys: Any) -> Scenario:
    return scenario_of(client={"library": library}, **keys)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The packages that count as installed."""
    found = {"httpx", "gevent"}
    monkeypatch.setattr(extras, "_is_installed", found.__contains__)
    return found


@pytest.mark.parametrize("library", client_libraries.names())
def test_every_library_is_installed_for_tests(library: str) -> None:
    extras.require(wanting(library))


def test_a_missing_package_is_named_with_its_key(installed: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(extras.INSTALL_VARIABLE, raising=False)
    with pytest.raises(CouldNotRunError, match=r"client\.library .* httpx2,.*pip install -r requirements-extras\.txt"):
        extras.provide([wanting("httpx"), wanting("httpx2")])
    extras.provide([wanting("httpx")])


def test_the_scripts_install_what_is_missing_once(installed: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(extras.INSTALL_VARIABLE, "1")
    calls: list[list[str]] = []

    def install(missing: list[str]) -> None:
        calls.append(missing)
        installed.update(missing)

    monkeypatch.setattr(extras, "_install", install)
    for _ in range(2):
        extras.provide([wanting("httpxyz"), wanting("httpx2"), wanting("httpx2")])
    assert calls == [["httpx2", "httpxyz"]]


@pytest.mark.process
def test_an_environment_without_pip_s_help_gets_an_error(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    code = "import sys; from fanout.processes import extras; sys.executable = sys.argv[1]; extras._install(['httpx2'])"
    python = str(tmp_path / "bare" / "bin" / "python")
    done = subprocess.run([sys.executable, "-c", code, python], capture_output=True, text=True, timeout=30, check=False)
    assert "CouldNotRunError: could not install requirements-extras.txt" in done.stderr
