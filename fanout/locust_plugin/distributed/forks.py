"""Ties the workers that Locust forks (--processes) to their master, which otherwise leaves them behind if it fails."""

from __future__ import annotations

import os
import signal

from fanout.processes.child_side import tie_to_parent


class _Forks:
    """Forks before Locust's `init` event are those of --processes."""

    parent: int | None = None
    over = False


def _note_parent() -> None:
    _Forks.parent = os.getpid()


def _tie() -> None:
    if not _Forks.over:
        tie_to_parent(_Forks.parent, signal.SIGTERM)  # Locust then ends the run cleanly


def tie_forked_workers() -> None:
    """Call it before Locust forks."""
    os.register_at_fork(before=_note_parent, after_in_child=_tie)


def forks_are_over() -> None:
    """Call it when Locust has forked: what is forked later is none of ours."""
    _Forks.over = True
