"""Where fanout's own files are, in a checkout and in an installed package, and how its commands are called there."""

from pathlib import Path

from fanout.errors import CouldNotRunError

ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds the package: a checkout's top, or site-packages."""
_DATA = ROOT / "fanout" / "_data"
"""Exists only in an installed package: the files from a checkout's top that pyproject.toml puts there."""
INSTALLED = _DATA.is_dir()
"""Whether this is an installed package, which lacks the agents' code, rather than a checkout."""
_TOP = _DATA if INSTALLED else ROOT
SCENARIOS = _TOP / "scenarios"
LOCUSTFILE = _TOP / "locustfiles" / "coordinator.py"
"""The standard locustfile."""


def shown(path: Path) -> str:
    """A path for people: relative to the current folder, if it is in it."""
    current = Path.cwd()
    return str(path.relative_to(current) if path.is_relative_to(current) else path)


def typed(command: str) -> str:
    """The command line for a command such as `bench --repeat 5`."""
    return f"fanout {command}" if INSTALLED else f"scripts/{command}"


def require_checkout(what: str, otherwise: str = "") -> None:
    """For everything that starts agents. Raises CouldNotRunError in an installed package."""
    if INSTALLED:
        raise CouldNotRunError(f"{what}: an installed fanout can't start agents: run it from a checkout{otherwise}")
