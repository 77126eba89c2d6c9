"""fanout audit: says which settings of scenarios contradict each other, without sending anything."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from fanout.analysis.advice import Advice
from fanout.analysis.audit import audit
from fanout.analysis.row_advice import line_of
from fanout.cli import returns_exit_code
from fanout.cli._runs import factory_option
from fanout.coordinator.clients import make_clients
from fanout.errors import ExitCode
from fanout.processes.extras import provide
from fanout.processes.own_code import require_allowed
from fanout.runs.schema import ClientInfo
from fanout.scenario import Scenario, load_scenario
from fanout.text import printable


@click.command(context_settings={"max_content_width": 100})
@click.argument("scenarios", nargs=-1, required=True, type=click.Path(path_type=Path))
@factory_option
@returns_exit_code
def main(scenarios: tuple[Path, ...]) -> ExitCode:
    """Say which settings of SCENARIOS contradict the fan-out, the timeouts or the agents' keep-alive.

    No question is sent, and no agent started: the clients are made, their settings read back, and closed. With
    client.factory, they are your own. Exit codes: 0 nothing contradicts, 1 something does, 2 wrong usage or scenario.
    """
    loaded = [load_scenario(path) for path in scenarios]
    for scenario in loaded:
        require_allowed(scenario)
    provide(loaded)
    found = False
    for scenario in loaded:
        addresses = _addresses(scenario)
        said = audit(scenario, addresses, asyncio.run(_settings(scenario, addresses)))
        found = found or bool(said)
        for advice in said:
            _print(scenario.name, advice)
        if not said:
            click.echo(f"{scenario.name}: nothing contradicts")
    return ExitCode.FAILED if found else ExitCode.PASSED


def _addresses(scenario: Scenario) -> tuple[str, ...]:
    """The agents' addresses, made up where they would be started."""
    if not isinstance(scenario.agents, int):
        return scenario.agents
    scheme = "https" if scenario.workers.tls else "http"
    return tuple(f"{scheme}://{scenario.workers.host}:{port}" for port in range(1, scenario.agents + 1))


async def _settings(scenario: Scenario, addresses: tuple[str, ...]) -> ClientInfo:
    clients = make_clients(scenario.client, addresses, "/", allow_remote=scenario.allow_remote)
    await clients.close()
    return clients.info


def _print(name: str, advice: Advice) -> None:
    click.echo(printable(f"{name}: {advice.finding}: {advice.remedy}"))
    for change in advice.changes:
        click.echo(printable(f"        {line_of(change)}"))
