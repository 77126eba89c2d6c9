"""Runs scenarios one after another in one Locust process, and reports what Locust recorded.

    python tests/helpers/fault_driver.py FOLDER NAME …

FOLDER contains NAME.yaml for each name. The output is one JSON line for each.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections import Counter
from pathlib import Path
from typing import Any

import locust
from locust.env import Environment

from fanout.locust_plugin.listeners import session_of
from fanout.locust_plugin.user import CoordinatorUser


class Coordinator(CoordinatorUser):
    @locust.task
    def round(self) -> None:
        self.client.round()


def run(folder: Path, name: str) -> dict[str, Any]:
    """Makes one run, in its own Locust environment."""
    none = Namespace(
        run_time=None, baseline="", junit="", csv_prefix=None, gate=[], strict_gates=False, exit_code_on_error=1
    )
    options = Namespace(scenario=str(folder / f"{name}.yaml"), run_dir=str(folder / name), headless=True, **vars(none))
    environment = Environment(user_classes=[Coordinator], parsed_options=options, stop_timeout=5)
    runner = environment.create_local_runner()
    events: Counter[str] = Counter()
    failures: Counter[str] = Counter()

    @environment.events.request.add_listener  # type: ignore[untyped-decorator]
    def count(context: dict[str, Any], exception: Exception | None, **_: object) -> None:
        events[context["question_id"]] += 1
        failures[context["question_id"]] += exception is not None

    locust.events.init.fire(environment=environment, runner=runner, web_ui=None)
    runner.start(1, spawn_rate=1)
    runner.greenlet.join()
    return {
        "name": name,
        "exit_code": session_of(environment).exit_code,
        "events": events,
        "failed_events": failures,
        "locust": [environment.stats.total.num_requests, environment.stats.total.num_failures],
    }


if __name__ == "__main__":
    for argument in sys.argv[2:]:
        print(json.dumps(run(Path(sys.argv[1]), argument)), flush=True)  # noqa: T201
