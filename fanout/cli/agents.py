"""fanout agents: runs a scenario's agents for others to ask, such as on a machine of their own."""

from __future__ import annotations

import ipaddress
import socket
import time
from pathlib import Path

import click
import yaml

from fanout.agents.handle import Agents, require_agents
from fanout.cli import returns_exit_code
from fanout.errors import CouldNotRunError, ExitCode, UsageError
from fanout.files import write
from fanout.processes.extras import provide
from fanout.processes.fd_limits import make_room, needed_by_fleet
from fanout.processes.machine_room import check_room
from fanout.scenario import Scenario, is_loopback, load_scenario

POLL_S = 0.2
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(context_settings={"max_content_width": 100})
@click.argument("scenario", type=_FILE)
@click.option(
    "--bind",
    metavar="ADDRESS",
    help="The IPv4 address of this machine to listen on; 0.0.0.0 for all.  [default: the scenario's workers.host]",
)
@click.option("--name", metavar="HOST", help="The name by which others reach this machine.  [default: ADDRESS]")
@click.option("--users", type=click.IntRange(1), default=1, show_default=True, help="How many coordinators will ask.")
@click.option("--ca-file", type=_FILE, help="Where to write the certificate to trust, if the agents use HTTPS.")
@returns_exit_code
def main(scenario: Path, *, bind: str | None, name: str | None, users: int, ca_file: Path | None) -> ExitCode:
    """Run SCENARIO's agents until Ctrl-C, and print the scenario that asks them.

    Give the printed scenario to Locust, or to any other command, on the machine that asks.
    """
    loaded = load_scenario(scenario)
    if not isinstance(loaded.agents, int):
        raise UsageError(f"{scenario} lists addresses of running agents: there is nothing to start")
    require_agents(loaded)
    provide([loaded])
    if loaded.workers.tls and ca_file is None:
        raise UsageError(f"{scenario}: the agents use HTTPS: name a file for their certificate with --ca-file")
    host = _host(bind, name)
    options = [*(("--bind", bind) if bind else ()), *(("--name", host) if host else ())]
    make_room(needed_by_fleet(loaded, users))
    check_room(loaded, coordinators=0)
    with Agents(loaded, scenario, lambda death: click.echo(death, err=True), options) as agents:
        if agents.ca_pem is not None and ca_file is not None:
            write(agents.ca_pem, ca_file)
        click.echo(_asking(loaded, agents.addresses, allow_remote=bind is not None and not is_loopback(host or bind)))
        if bind is not None and not is_loopback(bind):
            click.echo(
                f"the agents listen on {bind} without a password: anyone who can reach them can ask them. Use them "
                "only in networks you trust",
                err=True,
            )
        if isinstance(loaded.questions, str):
            click.echo(f"put {loaded.questions} beside the printed scenario, which names it", err=True)
        count = loaded.agent_count
        click.echo(f"{count} agent{'s' * (count != 1)} of {loaded.name}, until Ctrl-C", err=True)
        _wait(agents)
        if (counts := agents.counts()) is not None:
            click.echo(f"accepted {sum(counts.accepted)} connections and served {counts.served} questions", err=True)
    return ExitCode.PASSED


def _host(bind: str | None, name: str | None) -> str | None:
    """The host for the agents' addresses; None for the scenario's. Raises UsageError."""
    if bind is None:
        if name is not None:
            raise UsageError("--name needs --bind, the address of this machine that the agents listen on")
        return None
    try:
        address = ipaddress.IPv4Address(bind)
    except ValueError:
        raise UsageError(f"--bind {bind}: not an IPv4 address of this machine, such as 10.0.0.5 or 0.0.0.0") from None
    return name or (socket.gethostname() if address.is_unspecified else bind)


def _asking(scenario: Scenario, addresses: tuple[str, ...], *, allow_remote: bool) -> str:
    """The YAML of the scenario that asks these agents, without what has its default."""
    keys = scenario.model_dump(mode="json", exclude_defaults=True, exclude={"workers", "agents"})
    if isinstance(scenario.questions, str):
        keys["questions"] = Path(scenario.questions).name
    if allow_remote:
        keys["allow_remote"] = True
    return yaml.safe_dump({**keys, "agents": list(addresses)}, sort_keys=False)


def _wait(agents: Agents) -> None:
    """Returns at Ctrl-C or SIGTERM. Raises CouldNotRunError if the fleet dies."""
    try:
        while not agents.gone:
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        return
    raise CouldNotRunError(f"the fleet of agents died{agents.last_words}")
