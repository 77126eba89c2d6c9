"""The wheel: its content, its requirements, and its use in an empty folder of a fresh environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from fanout import __version__
from fanout.runs.reader import read_run
from fanout.scenario import client_libraries
from fanout.scenario.servers import SERVERS
from helpers.distributed import Process, free_port
from helpers.modules import MODULES, libraries_of
from helpers.paths import ROOT
from helpers.runs import written
from helpers.scenarios import scenario_of

CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
REQUIREMENTS = map(Requirement, CONFIG["project"]["dependencies"])
DEPENDENCIES = {canonicalize_name(each.name): each for each in REQUIREMENTS}
DISTRIBUTIONS = {"jinja2": "jinja2", "jwt": "pyjwt", "yaml": "pyyaml"}
"""The distributions of packages that have another name."""
INDIRECT = {"cryptography", "httpcore", "werkzeug"}
"""The distributions that PyJWT[crypto], httpx and Flask require."""
MINE = """
from locust import task
from fanout.locust_plugin.user import CoordinatorUser

class Mine(CoordinatorUser):
    @task
    def round(self):
        self.client.round()
"""


def pins(name: str) -> Iterator[Requirement]:
    """The requirements in a requirement file."""
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if (text := line.partition("#")[0].strip()) and not text.startswith("-"):
            yield Requirement(text)


def imported_by(room: str) -> set[str]:
    """The distributions that the modules of a top-level package import."""
    modules = [module for module in MODULES if module.split(".")[0] == room]
    found = {name for module in modules for name in libraries_of(module)} - set(sys.stdlib_module_names)
    return {DISTRIBUTIONS.get(name, name) for name in found - {"fanout", "workers"}} - INDIRECT


def test_the_package_requires_what_it_imports_and_a_checkout_also_its_agents() -> None:
    only_some = {name.replace("-", "_") for name in client_libraries.names()} - {"httpx"} | {"aiohttp"}
    assert imported_by("fanout") == set(DEPENDENCIES) - {"sniffio"} | only_some  # httpcore looks for sniffio
    required = {canonicalize_name(pin.name) for pin in pins("requirements.txt")}
    assert required == set(DEPENDENCIES) | imported_by("workers") - set(SERVERS)


def test_each_server_that_is_a_package_of_its_own_has_a_pin() -> None:
    pinned = {
        canonicalize_name(pin.name) for name in ("requirements.txt", "requirements-extras.txt") for pin in pins(name)
    }
    assert set(SERVERS) - INDIRECT <= pinned


def test_each_client_library_but_the_default_is_an_extra_with_a_pin() -> None:
    extras = {name: Requirement(only) for name, (only,) in CONFIG["project"]["optional-dependencies"].items()}
    pinned = {canonicalize_name(pin.name): pin for pin in pins("requirements-extras.txt")}
    assert set(client_libraries.names()) - {client_libraries.DEFAULT} <= set(extras)
    for name, extra in extras.items():
        (version,) = pinned[canonicalize_name(extra.name)].specifier
        assert extra.specifier.contains(version.version), name


def test_the_versions_of_a_checkout_are_allowed_by_the_package() -> None:
    locked = [pin for pin in pins("constraints.txt") if canonicalize_name(pin.name) in DEPENDENCIES]
    assert {canonicalize_name(pin.name) for pin in locked} == set(DEPENDENCIES)
    for pin in locked:
        (version,) = (specifier.version for specifier in pin.specifier)
        assert DEPENDENCIES[canonicalize_name(pin.name)].specifier.contains(version), pin


def test_the_oldest_python_is_the_same_everywhere() -> None:
    oldest = CONFIG["project"]["requires-python"].removeprefix(">=")
    assert CONFIG["tool"]["mypy"]["python_version"] == oldest
    for file, said in {"_venv": f"oldest={oldest} ", "lock": f"--python-version {oldest} "}.items():
        assert said in (ROOT / "scripts" / file).read_text(encoding="utf-8")
    assert f"With Python {oldest} or newer" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (built,) = folder.iterdir()
    return built


@pytest.mark.process
def test_the_wheel_holds_the_package_and_nothing_beside_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names} == {"fanout", f"fanout-{__version__}.dist-info"}
    data = {f"fanout/_data/{path.relative_to(ROOT)}" for path in (ROOT / "scenarios").rglob("*") if path.is_file()}
    data.add("fanout/_data/locustfiles/coordinator.py")
    source = {str(path.relative_to(ROOT)) for path in (ROOT / "fanout").rglob("*") if path.is_file()}
    source = {name for name in source if "__pycache__" not in name}
    assert {name for name in names if name.startswith("fanout/")} == data | source
    kinds = {Path(name).suffix for name in source}
    assert kinds == {".py", ".j2", ".json", ".typed", ".html", ".css", ".js", ".svg", ""}  # uPlot's licence has none


class Installed:
    """A fresh environment with the wheel, and an empty folder in which to use it."""

    def __init__(self, environment: Path, folder: Path) -> None:
        self._scripts = environment / "bin"
        self.folder = folder

    def run(self, *command: object) -> subprocess.CompletedProcess[str]:
        """Runs `python …` or `fanout …`, without access to the checkout."""
        name, *args = map(str, command)
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "FANOUT", "GITHUB"))}
        return subprocess.run(
            [str(self._scripts / name), *args],
            cwd=self.folder, env=env, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment in another repository, with the packages of this one but without the checkout.

    pip checks that their versions are those that the wheel requires.
    """
    folder = tmp_path_factory.mktemp("environment")
    git = ["git", "-C", str(folder), "-c", "user.name=somebody", "-c", "user.email=somebody@example.invalid"]
    subprocess.run([*git, "init", "--quiet"], check=True, timeout=20)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message", "theirs"], check=True, timeout=20)
    venv.create(folder, symlinks=True)
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    # Python doesn't look for .pth files in a path from a .pth file, so it doesn't find the one for the checkout.
    (Path(paths["purelib"]) / "packages.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "--python", str(folder), "install", "--quiet", "--no-index", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True, timeout=120)
    return folder


@pytest.fixture
def installed(environment: Path, tmp_path: Path) -> Installed:
    folder = tmp_path / "empty"
    folder.mkdir()
    return Installed(environment, folder)


@pytest.mark.process
def test_it_is_the_wheel_that_is_used(installed: Installed, environment: Path) -> None:
    assert installed.run("fanout", "--version").stdout == f"fanout {__version__}\n"
    where = installed.run("python", "-c", "import fanout; print(fanout.__file__)").stdout
    assert Path(where).is_relative_to(environment)
    assert "No module named 'workers'" in installed.run("python", "-c", "import workers").stderr
    # Site-packages must not come before the standard library.
    path = "from fanout.processes.child import child_environment as env; print(env().get('PYTHONPATH'))"
    assert installed.run("python", "-c", path).stdout == "None\n"
    assert installed.run("fanout", "compare", "--help").stdout.startswith("Usage: fanout compare [OPTIONS]")


@pytest.mark.process
def test_stored_runs_are_compared_judged_and_reported(installed: Installed) -> None:
    for name in ("one", "two"):
        written(installed.folder / name, name=name)
    done = installed.run("fanout", "compare", "one", "two", "--gate", "failed == 0", "--report", "report.html")
    assert done.returncode == 1, done.stderr  # a question failed
    assert "failed == 0" in done.stdout
    assert "<svg" in (installed.folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def given(installed: Installed, four_agents: tuple[str, ...]) -> str:
    """A scenario for two agents that run already, which extends one of ours; beside it a locustfile."""
    (installed.folder / "mine.py").write_text(MINE)
    (installed.folder / "given.yaml").write_text(
        f"extends: fanout:a2a-tuned\nagents: {json.dumps(four_agents[:2])}\nworkers: null\nquestions: 6\n"
    )
    return "given.yaml"


def test_a_user_s_locustfile_asks_given_agents(installed: Installed, given: str) -> None:
    locust = ("python", "-m", "locust", "-f", "mine.py", "--headless", "--run-dir", "run", "--scenario", given)
    done = installed.run(*locust, "--gate", "connections.opened <= agents")
    assert done.returncode == 0, done.stderr[-3000:]
    run = read_run(installed.folder / "run")
    assert (run.questions.height, run.info.agents, run.info.git) == (6, run.scenario.agents, None)
    assert run.scenario.client.limits.max_keepalive_connections == 200
    assert "1 gate passed" in done.stderr


def test_a_coordinator_and_a_bench_ask_given_agents(installed: Installed, given: str) -> None:
    done = installed.run("python", "-m", "fanout.coordinator", given, "--rounds", 1)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"is": "outcome"') == 6
    done = installed.run("fanout", "bench", given, "--format", "json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["rows"]
    assert (row["questions"], row["failed"]) == (6, 0)
    assert "fanout compare results/" in done.stderr


@pytest.mark.process
def test_a_worker_needs_only_the_package_and_runs_the_locustfile_of_its_master(
    installed: Installed, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    scenario = tmp_path / "small.yaml"
    scenario.write_text(scenario_of().to_yaml())
    port = free_port()
    locust = [sys.executable, "-m", "locust", "-f", tmp_path / "mine.py", "--scenario", scenario]
    options = ["--headless", "--run-dir", tmp_path / "run", "--master", "--master-bind-port", port]
    master = Process(tmp_path / "log", [*locust, *options, "--expect-workers", 1])
    try:
        done = installed.run("python", "-m", "locust", "-f", "-", "--worker", "--master-port", port)
        assert done.returncode == 0, done.stderr
        assert master.wait() == 0, master.output
    finally:
        master.kill_all()
    run = read_run(tmp_path / "run")
    assert (run.questions.height, set(run.questions["locust_worker"])) == (12, {1})
    assert '"Mine": 1' in master.output


STARTED = {
    "bench": ("fanout", "bench"),
    "headline": ("fanout", "bench", "--headline"),
    "a scenario": ("fanout", "bench", "started.yaml"),
    "a preset": ("fanout", "sweep", "--preset", "published"),
    "ablation": ("fanout", "ablation"),
    "soak": ("fanout", "soak"),
    "locust": ("python", "-m", "locust", "-f", "mine.py", "--headless", "--scenario", "started.yaml"),
}


@pytest.mark.process
@pytest.mark.parametrize("what", STARTED)
def test_commands_that_would_start_agents_refer_to_a_checkout(installed: Installed, what: str) -> None:
    (installed.folder / "mine.py").write_text(MINE)
    (installed.folder / "started.yaml").write_text("protocol: a2a\nagents: 2\n")
    before = set(installed.folder.iterdir())
    done = installed.run(*STARTED[what])
    assert (done.returncode, done.stdout) == (3, "")
    *others, line = done.stderr.splitlines()
    assert "run it from a checkout" in line
    assert not [other for other in others if "locust.main: Starting Locust" not in other]
    assert set(installed.folder.iterdir()) - before <= {installed.folder / "__pycache__"}
