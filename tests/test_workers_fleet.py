"""workers.fleet: what the agents' processes share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fanout import protocols
from helpers.paths import ROOT
from helpers.scenarios import scenario_of

pytestmark = pytest.mark.process

IMPORTS_OF_AGENTS = """
import os, sys
from pathlib import Path
from fanout.scenario import load_scenario
from workers.fleet import Fleet

parent, output = os.getpid(), os.dup(1)  # an agent's own standard output is closed

def note(event, args):
    if event == "import" and os.getpid() != parent:
        os.write(output, f"{args[0]}\\n".encode())

sys.addaudithook(note)
fleet = Fleet(load_scenario(Path(sys.argv[1])))
try:
    fleet.start()
finally:
    fleet.stop()
"""


@pytest.mark.parametrize("server", ["gevent", "werkzeug"])
@pytest.mark.parametrize("protocol", protocols.names())
def test_agents_import_nothing_that_the_fleet_could_share(protocol: str, server: str, tmp_path: Path) -> None:
    scenario = tmp_path / "small.yaml"
    scenario.write_text(scenario_of(agents=2, protocol=protocol, workers={"server": server}).to_yaml())
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS_OF_AGENTS, str(scenario)],
        capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
