"""Packages that only some scenarios need: client libraries and agents' servers. They are named after these."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, distribution

from fanout.errors import CouldNotRunError
from fanout.paths import INSTALLED, ROOT
from fanout.scenario import Scenario

REQUIREMENTS = "requirements-extras.txt"
INSTALL_VARIABLE = "FANOUT_INSTALL_EXTRAS"
"""Set by the scripts of a checkout, whose environment is theirs to complete."""


def provide(scenarios: Iterable[Scenario]) -> None:
    """require() for these scenarios, before which the scripts of a checkout install what is missing."""
    wanted = [scenario for scenario in scenarios if _missing(scenario)]
    if wanted and INSTALL_VARIABLE in os.environ:
        _install(sorted({package for scenario in wanted for package, _ in _missing(scenario)}))
    for scenario in wanted:
        require(scenario)


def require(scenario: Scenario) -> None:
    """Raises CouldNotRunError, with how to install it, if a package is missing that the scenario needs."""
    for package, key in _missing(scenario):
        how = f"pip install 'fanout[{package}]'" if INSTALLED else f"pip install -r {REQUIREMENTS}"
        raise CouldNotRunError(f"{scenario.name}: {key} needs the package {package}, which isn't installed: {how}")


def _missing(scenario: Scenario) -> list[tuple[str, str]]:
    """The missing packages that a scenario names, each with the key that names it."""
    named = [(scenario.client.library, "client.library")]
    if scenario.client.http2:
        named.append(("h2", "client.http2"))
    if isinstance(scenario.agents, int):
        named.append((scenario.workers.server, "workers.server"))
    return [(package, key) for package, key in named if not _is_installed(package)]


def _is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def _install(missing: Sequence[str]) -> None:
    print(f"Installing {REQUIREMENTS} for {', '.join(missing)} (once) ...", file=sys.stderr)  # noqa: T201
    command = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "-r", REQUIREMENTS]
    done = subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False)
    if done.returncode:
        raise CouldNotRunError(f"could not install {REQUIREMENTS}; see the message of pip above")
    importlib.invalidate_caches()
