from __future__ import annotations

from fanout.scenario import LogNormal
from fanout.studies.presets import AGENTS, PRESETS, PROTOCOLS
from fanout.studies.published import published


def test_the_published_grid() -> None:
    plan = PRESETS["published"]()
    combinations = {each.values: each for each in plan.combinations}
    assert list(combinations) == [(agents, protocol) for agents in AGENTS for protocol in PROTOCOLS]
    assert [parameter.key for parameter in plan.parameters] == ["agents", "protocol"]
    for (agents, protocol), combination in combinations.items():
        scenario = combination.scenario
        assert (scenario.agents, scenario.protocol, scenario.questions) == (agents, protocol, 100)
        assert (scenario.workers.host, scenario.workers.service_time.scale) == ("localhost", 1.0)
        assert (scenario.client.limits.max_connections, scenario.client.limits.max_keepalive_connections) == (100, 20)
        assert scenario.client.topology == ("per_agent" if protocol == "agora" else "shared")
        assert scenario.workers.server == ("werkzeug" if protocol == "agora" else "gevent")
        assert scenario.coordinator.executor.threads == 24

    def service(agents: int, protocol: str) -> tuple[float, float]:
        found = combinations[agents, protocol].scenario.workers.service_time
        assert isinstance(found, LogNormal)
        return found.median_s, found.sigma

    assert service(8, "a2a") == (7.4, 0.128)
    assert service(32, "a2a") == (11, 0.26)
    assert service(32, "anp") == service(64, "anp") == (11.5, 0.477)
    assert service(32, "agora") == service(64, "agora")


def test_its_reference_is_what_was_published_at_full_length() -> None:
    plan = PRESETS["published"]()
    assert plan.reference is not None
    assert (plan.reference.label, plan.reference.service_time_scale) == ("published", 1)
    mean_ms = dict(zip((each.values for each in plan.combinations), plan.reference.mean_ms, strict=True))
    assert mean_ms[32, "a2a"] == published("a2a", 32, "default").mean_ms
    assert mean_ms[32, "anp"] == published("anp", 32, "default").mean_ms
    assert mean_ms[16, "anp"] == published("anp", 16, None).mean_ms
    assert mean_ms[64, "anp"] is None
