"""A master whose port is taken: one line instead of the traceback that Locust 2.47 shows."""

from __future__ import annotations

import errno
import functools
import sys

from locust.env import Environment
from locust.exception import RPCError
from locust.runners import MasterRunner

from fanout.errors import CouldNotRunError


def explain_taken_port() -> None:
    """Call it before Locust makes its runner."""
    create = Environment.create_master_runner

    @functools.wraps(create)
    def explained(self: Environment, master_bind_host: str = "*", master_bind_port: int = 5557) -> MasterRunner:
        try:
            return create(self, master_bind_host, master_bind_port)
        except RPCError as error:
            where = f"{master_bind_host}:{master_bind_port}"
            failure = CouldNotRunError(f"the master can't listen on {where}: {_remedy(error)}")
            sys.stderr.write(f"{failure}\n")
            sys.exit(failure.exit_code)

    Environment.create_master_runner = explained  # type: ignore[method-assign]


def _remedy(error: RPCError) -> str:
    """Why it failed, and what to do."""
    cause = error.__context__
    if getattr(cause, "errno", None) == errno.EADDRINUSE:
        return "another process does; end it, or choose another port with --master-bind-port (and --master-port)"
    return f"{cause or error}; name an address of this machine with --master-bind-host"
