"""The rooms of fanout/ and their imports: only rooms of lower levels, and heavy libraries only where needed."""

from __future__ import annotations

import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest

from fanout.scenario import client_libraries
from helpers.modules import MODULES, imported_names, libraries_of
from helpers.paths import ROOT

LEVELS = {
    "top": 0,
    "protocols": 0,
    "scenario": 1,
    "processes": 2,
    "runs": 2,
    "coordinator": 3,
    "agents": 3,
    "analysis": 3,
    "workers": 4,
    "report": 4,
    "web": 5,
    "sweep": 5,
    "soak": 5,
    "locust_plugin": 6,
    "studies": 6,
    "cli": 7,
    "locustfiles": 8,
}
"""The level of each room; docs/architecture.md describes the rooms. `top` are the modules directly in fanout/, which
every room may import."""
MOST_AT_THE_TOP = 14


def room_of(module: str) -> str:
    first, _, rest = module.partition(".")
    if first != "fanout":
        return first
    room = rest.partition(".")[0]
    return room if (ROOT / "fanout" / room).is_dir() and room else "top"


def imports_of(module: str) -> set[str]:
    """The modules of ours that a module imports. `from package import module` imports the module, not its package."""
    names = {name for name, _ in imported_names(MODULES[module])}
    packages = {name.rpartition(".")[0] for name in names if name in MODULES}
    return {
        name for name in names if name in MODULES and (name not in packages or _is_imported_itself(name, names))
    } - {module}


def _is_imported_itself(package: str, names: set[str]) -> bool:
    """Whether the imports from a package include something other than modules."""
    return any(name.rpartition(".")[0] == package and name not in MODULES for name in names)


def test_a_room_imports_only_rooms_of_lower_levels() -> None:
    wrong = [
        f"{module} imports {name}"
        for module in MODULES
        for name in imports_of(module)
        if room_of(name) not in (room_of(module), "top") and LEVELS[room_of(name)] >= LEVELS[room_of(module)]
    ]
    assert not wrong


def test_no_module_imports_itself_through_others() -> None:
    graph = {module: imports_of(module) for module in MODULES}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_every_room_has_a_level_and_few_modules_are_outside_rooms() -> None:
    assert {room_of(module) for module in MODULES} == set(LEVELS)
    assert len(list((ROOT / "fanout").glob("*.py"))) <= MOST_AT_THE_TOP


ONLY_IN = {
    "locust": {"locust_plugin", "locustfiles"},
    "gevent": {"locust_plugin", "locustfiles", "workers"},
}
"""Libraries that change the whole process, with the rooms that may import them."""


def test_only_the_plugin_imports_locust_and_only_plugin_and_agents_gevent() -> None:
    wrong = [
        f"{module} imports {library}"
        for module in MODULES
        for library, rooms in ONLY_IN.items()
        if library in libraries_of(module) and room_of(module) not in rooms
    ]
    assert not wrong


_LIBRARIES = "fanout.coordinator.clients.libraries"
CLIENT_LIBRARIES: dict[str, tuple[str, ...]] = {
    **{name.replace("-", "_"): (f"{_LIBRARIES}.{name.replace('-', '_')}",) for name in client_libraries.names()},
    "httpx": (f"{_LIBRARIES}.httpx", f"{_LIBRARIES}.httpx_aiohttp", f"{_LIBRARIES}.httpxyz"),
    "aiohttp": (f"{_LIBRARIES}.httpx_aiohttp",),
    **dict.fromkeys(("httpcore", "httpcore2", "httpcorexyz"), ()),
}
"""Each client library, and what is below them, with the only modules of the coordinator that import it."""


def test_a_client_library_is_imported_only_by_its_module() -> None:
    wrong = [
        f"{module} imports {library}"
        for module in MODULES
        for library, allowed in CLIENT_LIBRARIES.items()
        if room_of(module) == "coordinator" and library in libraries_of(module) and module not in allowed
    ]
    assert not wrong


HEAVY = ("locust", "gevent", "polars", "numpy", "matplotlib", "scipy")
LIGHT = {
    "the coordinator": ("fanout.coordinator.__main__", HEAVY),
    "the fleet": ("workers.fleet", HEAVY),
    "a run's problems": ("fanout.locust_plugin.run_info", HEAVY),
    "the pages": ("fanout.web.pages", HEAVY),
    "the process that reads runs for the pages": ("fanout.web.analysis_process.__main__", HEAVY),
    "the command line": ("fanout.cli.__main__", (*HEAVY, "pydantic", "rich")),
    "a comparison": ("fanout.cli.compare, fanout.report.text", ("locust", "gevent", "scipy")),
}


@pytest.mark.process
@pytest.mark.parametrize("who", LIGHT)
def test_a_process_imports_no_heavy_library_without_need(who: str) -> None:
    modules, heavy = LIGHT[who]
    check = f"import sys, {modules}\nprint([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "[]\n"


def test_locustfiles_contain_only_users() -> None:
    for path in (ROOT / "locustfiles").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 45
    assert not [name for name in MODULES if any(found.startswith("locustfiles") for found in imports_of(name))]


def test_tests_share_only_helpers() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r"^\s*(?:from|import) (?:conftest|test_\w+)\b", text, re.MULTILINE), path
