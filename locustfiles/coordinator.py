"""The standard load: each user is a coordinator that dispatches its scenario's questions.

.venv/bin/locust --scenario scenarios/a2a-tuned.yaml                    # web UI on 127.0.0.1:8089
.venv/bin/locust --scenario scenarios/a2a-tuned.yaml --headless -u 1    # one round, then exits by itself
"""

from locust import task

from fanout.locust_plugin.user import CoordinatorUser


class Coordinator(CoordinatorUser):
    """Dispatches all of the scenario's questions, round after round."""

    @task
    def round(self) -> None:
        self.client.round()
