"""deploy/: what its files say fits together, and the commands in them make a run."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from fanout.runs.reader import read_run
from fanout.scenario import load_scenario
from helpers.distributed import Process, free_port
from helpers.paths import ROOT

DEPLOY = ROOT / "deploy"
Commands = dict[str, tuple[list[str], int]]
"""The command of each service, and in how many containers it runs."""


def of_compose() -> Commands:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return {
        name: (shlex.split(service["command"]), service.get("deploy", {}).get("replicas", 1))
        for name, service in services.items()
    }


def of_kubernetes() -> Commands:
    found = {}
    for document in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()):
        if document["kind"] in ("Deployment", "Job"):
            (container,) = document["spec"]["template"]["spec"]["containers"]
            found[container["name"]] = (container["args"], document["spec"].get("parallelism", 1))
    return found


FORMS = [pytest.param(of_compose, id="compose"), pytest.param(of_kubernetes, id="kubernetes")]


def test_the_scenarios_name_each_other_s_agents() -> None:
    agents, asking = load_scenario(DEPLOY / "agents.yaml"), load_scenario(DEPLOY / "asking.yaml")
    assert isinstance(asking.agents, tuple) and isinstance(agents.agents, int)
    first = agents.workers.first_port
    assert asking.agents == tuple(f"http://agents:{first + number}" for number in range(agents.agents))
    assert agents.protocol == asking.protocol


def test_both_forms_run_the_same_commands() -> None:
    def without_run_dir(commands: Commands) -> Commands:
        return {
            name: ([arg for arg in args if arg not in ("results/compose", "/results/run")], count)
            for name, (args, count) in commands.items()
        }

    assert without_run_dir(of_compose()) == without_run_dir(of_kubernetes())


def test_names_labels_and_ports_of_the_manifest_agree() -> None:
    documents = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
    labels = [d["spec"]["template"]["metadata"]["labels"] for d in documents if "template" in d["spec"]]
    for document in documents:
        assert document["apiVersion"] and document["metadata"]["name"]
        if document["kind"] == "Service":
            assert document["spec"]["selector"] in labels
        if document["kind"] == "Deployment":
            assert document["spec"]["selector"]["matchLabels"] == document["spec"]["template"]["metadata"]["labels"]
            (container,) = document["spec"]["template"]["spec"]["containers"]
            last = load_scenario(DEPLOY / "asking.yaml").agents[-1]  # type: ignore[index]
            assert last.endswith(f":{container['readinessProbe']['tcpSocket']['port']}")
    services = {d["metadata"]["name"] for d in documents if d["kind"] == "Service"}
    assert services == set(of_compose()) - {"worker"}


def test_the_image_has_what_the_commands_name() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    for line in lines:
        if line.startswith("COPY"):
            assert all((ROOT / name).exists() for name in line.split()[1:-1])
    for args, _ in of_compose().values():
        assert all((ROOT / arg).exists() for arg in args if arg.startswith("deploy/"))


@pytest.mark.process
@pytest.mark.parametrize("form", FORMS)
def test_the_commands_make_a_run(form: Callable[[], Commands], tmp_path: Path) -> None:
    commands, port, run = form(), free_port(), str(tmp_path / "run")
    here = {"0.0.0.0": "127.0.0.1", "master": "127.0.0.1", "python": sys.executable}  # noqa: S104 (is replaced)
    here |= {"results/compose": run, "/results/run": run, "deploy/asking.yaml": str(tmp_path / "asking.yaml")}
    agents_here = {**here, "agents": "127.0.0.1", "deploy/agents.yaml": str(tmp_path / "agents.yaml")}
    base = {"name": "agents", "extends": "fanout:a2a-tuned", "agents": 8, "questions": 40}
    service_time = {"distribution": "constant", "value_s": 0.02}
    (tmp_path / "agents.yaml").write_text(yaml.safe_dump({**base, "workers": {"service_time": service_time}}))
    with ExitStack() as stack:

        def start(name: str, args: Sequence[str], places: Mapping[str, str]) -> Process:
            module, rest = args[:4], args[4:]  # python -m MODULE, and a command or an option
            command = (
                [places.get(arg, arg) for arg in module[:3]] + [module[3]] + [places.get(arg, arg) for arg in rest]
            )
            process = Process(tmp_path / f"{name}.log", command)
            stack.callback(process.kill_all)
            return process

        agents = start("agents", commands["agents"][0], agents_here)
        (tmp_path / "asking.yaml").write_text(agents.printed("agents:", lines=8))
        master = start("master", [*commands["master"][0], "--master-bind-port", str(port)], here)
        args, replicas = commands["worker"]
        workers = [start(f"worker{n}", [*args, "--master-port", str(port)], here) for n in range(replicas)]
        assert master.wait() == 0, master.output
        assert [worker.wait() for worker in workers] == [0] * replicas
    counts = read_run(tmp_path / "run").info.questions
    assert (counts.planned, counts.ok) == (160, 160)
