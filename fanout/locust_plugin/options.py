"""What fanout adds to Locust's command line, and the two defaults of Locust's that it changes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from locust.argument_parser import LocustArgumentParser

from fanout.paths import SCENARIOS

DRAIN_S = "30"
_PUBLISHED = SCENARIOS / "published.yaml"
DEFAULT_SCENARIO = os.path.relpath(_PUBLISHED) if _PUBLISHED.is_relative_to(Path.cwd()) else str(_PUBLISHED)
"""For a first look: it shows the published fault."""

_OPTIONS: dict[str, dict[str, Any]] = {
    "--scenario": {
        "metavar": "FILE",
        "env_var": "FANOUT_SCENARIO",
        "default": DEFAULT_SCENARIO,
        "include_in_web_ui": True,
        "help": f"The scenario to run; without it, {DEFAULT_SCENARIO}",
    },
    "--run-dir": {
        "metavar": "DIR",
        "env_var": "FANOUT_RUN_DIR",
        "help": "Where the run's results go; left out: a new directory in results/",
    },
    "--gate": {
        "metavar": "GATE",
        "action": "append",
        "default": [],
        "help": "What has to hold besides the scenario's gates, e.g. 'adapter.p95 < 50 ms'; may be repeated",
    },
    "--baseline": {
        "metavar": "RUN|NAME",
        "env_var": "FANOUT_BASELINE",
        "help": "The stored run that gates such as 'adapter.mean < 1.2 * baseline' compare with",
    },
    "--strict-gates": {
        "env_var": "FANOUT_STRICT_GATES",
        "action": "store_true",
        "default": False,
        "help": "Gates against a baseline fail unless the run shows that they hold",
    },
    "--junit": {"metavar": "FILE", "env_var": "FANOUT_JUNIT", "help": "Writes what the gates say as JUnit XML"},
}


def add_options(parser: LocustArgumentParser, **_: Any) -> None:  # noqa: ANN401
    for name, options in _OPTIONS.items():
        parser.add_argument(name, **{"default": "", "include_in_web_ui": False, **options})
    # Locust would listen on every interface, and drop the questions in flight at the end.
    parser.set_defaults(web_host="127.0.0.1", stop_timeout=DRAIN_S)
