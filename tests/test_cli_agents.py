"""fanout.cli.agents: agents for others to ask."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import yaml

from helpers.distributed import Command
from helpers.networks import needs_networks, two_networks
from helpers.processes import command, family_of, still_running
from helpers.scenarios import MakeScenario
from helpers.texts import numbers

pytestmark = pytest.mark.process


def test_what_it_prints_is_the_scenario_that_asks_its_agents(make_scenario: MakeScenario, tmp_path: Path) -> None:
    keys = {"client": {"timeout_s": 7}, "gates": ["failed == 0"], "workers": {"host": "127.0.0.1"}}
    agents = Command(tmp_path / "log", "agents", make_scenario(**keys))
    try:
        asking = tmp_path / "asking.yaml"
        asking.write_text(agents.printed("agents:", lines=4))
        printed = yaml.safe_load(asking.read_text())
        assert "allow_remote" not in printed and "workers" not in printed
        assert printed["client"]["timeout_s"] == 7 and printed["gates"] == ["failed == 0"]
        assert all(address.startswith("http://127.0.0.1:") for address in printed["agents"])
        done = command("bench", asking, "--results", tmp_path / "results")
        assert done.returncode == 0, done.stderr
        os.kill(agents.process.pid, signal.SIGINT)
        assert agents.wait() == 0
        assert numbers(agents.output.splitlines()[-1])[-1] == 12
    finally:
        agents.kill_all()
    assert not still_running(family_of(tmp_path))


@needs_networks
def test_what_others_can_reach_is_announced(make_scenario: MakeScenario, tmp_path: Path) -> None:
    with two_networks() as networks:
        args = ("agents", make_scenario(), "--bind", "0.0.0.0", "--name", "agents.test")  # noqa: S104 (another network)
        agents = Command(tmp_path / "log", *args, within=networks.first)
        try:
            printed = yaml.safe_load(agents.printed("agents:", lines=4))
            assert printed["allow_remote"] is True
            assert all(address.startswith("http://agents.test:") for address in printed["agents"])
            os.kill(agents.process.pid, signal.SIGTERM)
            assert agents.wait() == 0 and "without a password" in agents.output
        finally:
            agents.kill_all()


def test_the_certificate_of_agents_with_https_is_written(make_scenario: MakeScenario, tmp_path: Path) -> None:
    scenario = make_scenario(workers={"tls": True})
    assert command("agents", scenario).returncode == 2
    agents = Command(tmp_path / "log", "agents", scenario, "--ca-file", tmp_path / "ca.pem")
    try:
        asking = tmp_path / "asking.yaml"
        text = agents.printed("agents:", lines=4)
        asking.write_text(yaml.safe_dump({**yaml.safe_load(text), "client": {"trust_env": True}}))
        trusting = {"SSL_CERT_FILE": str(tmp_path / "ca.pem"), "NO_PROXY": "*"}
        done = command("bench", asking, "--results", tmp_path / "results", env=trusting)
        assert done.returncode == 0, done.stderr
    finally:
        agents.kill_all()


@pytest.mark.parametrize(
    ("args", "wrong"),
    [
        (("--bind", "nowhere"), "--bind nowhere"),
        (("--bind", "::1"), "--bind ::1"),
        (("--name", "a"), "--name needs --bind"),
    ],
)
def test_wrong_usage_is_one_line(make_scenario: MakeScenario, args: tuple[str, ...], wrong: str) -> None:
    done = command("agents", make_scenario(), *args)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "") and wrong in line


def test_an_address_of_another_machine_is_refused_in_words(make_scenario: MakeScenario) -> None:
    done = command("agents", make_scenario(), "--bind", "192.0.2.77")
    assert done.returncode == 3 and "192.0.2.77" in done.stderr and "Traceback" not in done.stderr
