"""Networks of a test's own, where the platform permits them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

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


@dataclass(frozen=True)
class TwoNetworks:
    """Two networks like those of two machines, with a cable between them."""

    first: Sequence[str]
    """A command that runs another one in the first network, where 10.77.0.1 is its address."""
    second: Sequence[str]
    """The same for the second network and 10.77.0.2."""

    def cut(self) -> None:
        _do(*self.second, "ip", "link", "set", "cable", "down")

    def reconnect(self) -> None:
        _do(*self.second, "ip", "link", "set", "cable", "up")


@contextmanager
def two_networks() -> Iterator[TwoNetworks]:
    """Skips the test where networks of one's own are not permitted."""
    if shutil.which("nsenter") is None:
        pytest.skip("needs Linux's nsenter")
    with ExitStack() as stack:
        one = _holder(stack, "unshare", "-Urn")
        first = ("nsenter", "-t", str(one), "-U", "-n", "--preserve-credentials")
        other = _holder(stack, *first, "unshare", "-n")
        second = ("nsenter", "-t", str(other), "-U", "-n", "--preserve-credentials")
        _do(*first, "ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", str(other))
        for within, address in ((first, "10.77.0.1/24"), (second, "10.77.0.2/24")):
            for device in ("lo", "cable"):
                _do(*within, "ip", "link", "set", device, "up")
            _do(*within, "ip", "addr", "add", address, "dev", "cable")
        yield TwoNetworks(first, second)


def _holder(stack: ExitStack, *within: str) -> int:
    """The process ID of a process that keeps a network."""
    process = subprocess.Popen([*within, "sh", "-c", "echo && exec sleep 300"], stdout=subprocess.PIPE)
    stack.callback(process.wait)
    stack.callback(process.kill)
    assert process.stdout is not None
    with process.stdout as ready:
        if not ready.readline():
            pytest.skip("a network of one's own is not permitted here")
    return process.pid


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=10)
