"""Locust's dispatcher of users, for runs whose workers are known."""

from __future__ import annotations

from typing import Protocol

from locust.dispatch import UsersDispatcher
from locust.runners import WorkerNode
from locust.user import User


class Admission(Protocol):
    """Decides which workers get users."""

    users: dict[str, int]
    """How many users each worker was last to have, by its client id."""
    dispatcher: UsersDispatcher | None
    """The current dispatcher."""
    has_new_worker: bool
    """Set when a worker is added."""

    @property
    def is_closed(self) -> bool:
        """Whether the run's users stay where they are, since each does one round."""

    def admits(self, client_id: str) -> bool:
        """Whether a worker takes part in the run."""


def dispatcher_for(admission: Admission, base: type[UsersDispatcher]) -> type[UsersDispatcher]:
    """A dispatcher like `base` that gives users to admitted workers only.

    Locust adds a worker as soon as it connects, before it has said its version.
    """

    class AdmittingDispatcher(base):  # type: ignore[misc, valid-type]
        def __init__(self, worker_nodes: list[WorkerNode], user_classes: list[type[User]]) -> None:
            super().__init__(worker_nodes, user_classes)
            admission.dispatcher = self

        def __next__(self) -> dict[str, dict[str, int]]:
            try:
                given: dict[str, dict[str, int]] = super().__next__()
            except StopIteration:
                self._dispatch_in_progress = False  # after moving users, Locust 2.47 leaves it set
                raise
            admission.users.update({worker: sum(counts.values()) for worker, counts in given.items()})
            return given

        def add_worker(self, worker_node: WorkerNode) -> None:
            known = {worker.id for worker in self._worker_nodes}
            if worker_node.id not in known and not admission.is_closed and admission.admits(worker_node.id):
                super().add_worker(worker_node)
                admission.has_new_worker = True

        def remove_worker(self, worker_node: WorkerNode) -> None:
            if not admission.is_closed:
                super().remove_worker(worker_node)

    return AdmittingDispatcher
