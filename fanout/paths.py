"""Where fanout's own files lie, in a checkout and in an installed package, and what its commands are called there."""

from pathlib import Path

from fanout.errors import CouldNotRunError

ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds the package: a checkout's top, or site-packages."""
_DATA = ROOT / "fanout" / "_data"
"""In an installed package, what pyproject.toml puts there of a checkout's top."""
INSTALLED = _DATA.is_dir()
"""Whether this is an installed package, which has no agents to start, and not a checkout."""
_TOP = _DATA if INSTALLED else ROOT
SCENARIOS = _TOP / "scenarios"
LOCUSTFILE = _TOP / "locustfiles" / "coordinator.py"
"""The standard load."""


def typed(command: str) -> str:
    """How a command is typed, such as `bench --repeat 5`."""
    return f"fanout {command}" if INSTALLED else f"scripts/{command}"


def require_checkout(what: str, otherwise: str = "") -> None:
    """For what starts agents of ours. Raises CouldNotRunError in an installed package."""
    if INSTALLED:
        raise CouldNotRunError(f"{what}: an installed fanout has no agents to start: run it from a checkout{otherwise}")
