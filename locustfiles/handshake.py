"""Measures the cost of a connection: requests to the agents' /health over reused or new connections.

.venv/bin/locust -f locustfiles/handshake.py --scenario scenarios/handshake/tls-sequential-new.yaml --headless -u 1

At the end it logs how much of a request's time went into opening connections. `scripts/bench --handshake` runs all
eight scenarios and prints them as a table.
"""

import logging
from typing import Any

from locust import events, task

from fanout.locust_plugin.user import CoordinatorUser
from fanout.text import format_ms

spent: list[tuple[float, float]] = []
"""For each request its adapter latency and, of that, the time to open a connection, in ms."""


class HealthChecker(CoordinatorUser):
    """Requests every agent's health, round after round."""

    @task
    def round(self) -> None:
        self.client.round()


def note(request_type: str, response_time: float | None, context: dict[str, Any], **_: object) -> None:
    if request_type == "health" and response_time is not None:
        spent.append((response_time, context["connecting_ms"] + context["tls_handshaking_ms"]))


def report(**_: object) -> None:
    if spent:
        whole_ms, opening_ms = (sum(column) / len(spent) for column in zip(*spent, strict=True))
        part = f"{format_ms(opening_ms)} of them ({opening_ms / whole_ms:.0%}) for opening connections"
        logging.getLogger("fanout").info("%d requests took %s each, %s", len(spent), format_ms(whole_ms), part)
    spent.clear()


events.request.add_listener(note)
events.test_stop.add_listener(report)
