"""Adds options to Locust's command line, and changes two of Locust's defaults."""

from __future__ import annotations

from typing import Any

from locust.argument_parser import LocustArgumentParser

from fanout.paths import SCENARIOS, shown
from fanout.processes.own_code import OPTION, VARIABLE

DRAIN_S = "30"
DEFAULT_SCENARIO = shown(SCENARIOS / "published.yaml")
"""It shows the published fault, for a first look."""

_OPTIONS: dict[str, dict[str, Any]] = {
    "--scenario": {
        "metavar": "FILE",
        "env_var": "FANOUT_SCENARIO",
        "default": DEFAULT_SCENARIO,
        "include_in_web_ui": True,
        "help": f"The scenario to run. Default: {DEFAULT_SCENARIO}",
    },
    "--run-dir": {
        "metavar": "DIR",
        "env_var": "FANOUT_RUN_DIR",
        "help": "The directory for the run's results. Default: a new directory in results/",
    },
    "--gate": {
        "metavar": "GATE",
        "action": "append",
        "default": [],
        "help": "A gate in addition to the scenario's, such as 'adapter.p95 < 50 ms'. Can be repeated",
    },
    "--baseline": {
        "metavar": "RUN|NAME",
        "env_var": "FANOUT_BASELINE",
        "help": "The stored run for gates such as 'adapter.mean < 1.2 * baseline'",
    },
    "--strict-gates": {
        "env_var": "FANOUT_STRICT_GATES",
        "action": "store_true",
        "default": False,
        "help": "Fail gates against a baseline unless the run shows that they hold",
    },
    OPTION: {
        "action": "store_true",
        "default": False,
        "help": f"Let client.factory of the scenario run your own code, as {VARIABLE}=1 in the environment does",
    },
    "--junit": {"metavar": "FILE", "env_var": "FANOUT_JUNIT", "help": "Write the results of the gates as JUnit XML"},
}


def add_options(parser: LocustArgumentParser, **_: Any) -> None:  # noqa: ANN401
    for name, options in _OPTIONS.items():
        parser.add_argument(name, **{"default": "", "include_in_web_ui": False, **options})
    # By default, Locust listens on every interface, and abandons the questions in flight at the end.
    parser.set_defaults(web_host="127.0.0.1", master_bind_host="127.0.0.1", stop_timeout=DRAIN_S)
