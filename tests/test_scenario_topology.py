from __future__ import annotations

import pytest

from fanout.errors import ScenarioError
from fanout.processes.fd_limits import needed_by_coordinator
from fanout.scenario.topology import TOPOLOGIES
from helpers.scenarios import scenario_of


@pytest.mark.parametrize("name", TOPOLOGIES)
@pytest.mark.parametrize("agents", [1, 2, 7])
@pytest.mark.parametrize("shards", [1, 2, 7])
def test_each_agent_has_one_client_and_each_client_an_agent(name: str, agents: int, shards: int) -> None:
    clients = TOPOLOGIES[name].agents_by_client(agents, min(shards, agents))
    assert all(clients)
    assert sorted(agent for client in clients for agent in client) == list(range(agents))


def test_which_agents_share_a_client() -> None:
    assert TOPOLOGIES["shared"].agents_by_client(3) == [[0, 1, 2]]
    assert TOPOLOGIES["per_agent"].agents_by_client(3) == [[0], [1], [2]]
    client = scenario_of(agents=5, client={"topology": "sharded", "shards": 2}).client
    assert client.agents_by_client(5) == [[0, 2, 4], [1, 3]]


@pytest.mark.parametrize(
    ("client", "key"),
    [
        ({"topology": "sharded"}, "client.topology"),
        ({"topology": "sharded", "shards": 5}, "client.shards"),
        ({"topology": "sharded", "shards": 0}, "client.shards"),
        ({"shards": 2}, "client.shards"),
        ({"topology": "per_agent", "shards": 2}, "client.shards"),
    ],
)
def test_shards_are_the_clients_of_a_sharded_topology(client: dict[str, object], key: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        scenario_of(agents=4, client=client)
    assert [problem.key for problem in refused.value.problems] == [key]


@pytest.mark.parametrize("value", ["both", "shared\n", "sharedper_agent", "", 1, None])
def test_the_form_allows_the_topologies_there_are(value: object) -> None:
    if value is None:  # the same as leaving the key out
        assert scenario_of(client={"topology": value}).client.topology == "shared"
        return
    with pytest.raises(ScenarioError) as refused:
        scenario_of(client={"topology": value})
    assert all(name in str(refused.value) for name in TOPOLOGIES)


def test_limits_are_each_client_s_own() -> None:
    def needed(topology: str) -> int:
        client = {"topology": topology, "limits": {"max_connections": 10}}
        return max(needed_by_coordinator(scenario_of(agents=100, client=client)).values())

    assert needed("shared") < 100 < needed("per_agent") == needed("per_question")
