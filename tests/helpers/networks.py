"""Networks of a test's own, where the platform permits them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

import pytest

from helpers.paths import ROOT

needs_networks = pytest.mark.skipif(shutil.which("unshare") is None, reason="needs Linux's unshare")


def run_with_few_ports(command: Sequence[str], *, first: int, last: int) -> subprocess.CompletedProcess[str]:
    """Runs a command in a network whose loopback gives out only these local ports."""
    network = f"ip link set lo up && echo {first} {last} >/proc/sys/net/ipv4/ip_local_port_range"
    if subprocess.run(["unshare", "-Urn", "sh", "-c", network], capture_output=True, check=False).returncode:
        pytest.skip("a network of one's own is not permitted here")
    within = ["unshare", "-Urn", "sh", "-c", f'{network} && exec "$0" "$@"', *command]
    return subprocess.run(within, capture_output=True, text=True, timeout=30, check=False, cwd=ROOT)
