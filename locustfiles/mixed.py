"""An example of a custom load: rounds of a scenario, and single questions in between.

.venv/bin/locust -f locustfiles/mixed.py --scenario scenarios/a2a-tuned.yaml --headless -u 2 --run-time 30s
"""

from locust import between, task

from fanout.locust_plugin.user import CoordinatorUser


class CuriousCoordinator(CoordinatorUser):
    """Mostly follows the scenario; sometimes asks one agent an extra question."""

    wait_time = between(0.1, 0.5)

    @task(3)
    def round(self) -> None:
        self.client.round()

    @task
    def ask_the_first_agent(self) -> None:
        self.client.ask("What did the others find out?", agent=1)
