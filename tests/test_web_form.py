from __future__ import annotations

from pathlib import Path

import pytest

from fanout.errors import ScenarioError
from fanout.scenario import load_scenario, parse_values
from fanout.web import form
from helpers.scenarios import MakeScenario


def problems_of(file: Path, *settings: str) -> list[tuple[str, str]]:
    """The keys and messages that the form shows."""
    with pytest.raises(ScenarioError) as refused:
        form.load(str(file), form.settings_of(settings))
    return [(each["key"], each["message"]) for each in form.as_json(refused.value.problems)]


def test_each_field_is_a_key_of_the_form_with_what_is_allowed(make_scenario: MakeScenario) -> None:
    values = form.picked(str(make_scenario()), "small", "What?")["values"]
    for field in form.FIELDS:
        described = field.to_json()
        assert described["help"] and described["key"] in values
        assert described["choices"] is None or values[field.key] in described["choices"]


def test_the_values_shown_are_accepted_as_they_are(make_scenario: MakeScenario) -> None:
    file = make_scenario(client={"limits": {"max_connections": "unlimited", "max_keepalive_connections": 5}})
    shown = form.values_of(load_scenario(file))
    again = form.load(str(file), form.settings_of([f"{key}={value}" for key, value in shown.items()]))
    assert again.client == load_scenario(file).client
    assert again.agents == load_scenario(file).agents


def test_the_whole_scenario_is_shown_with_all_its_keys(make_scenario: MakeScenario, tmp_path: Path) -> None:
    file = make_scenario(arrivals={"rate": 5}, client={"timeout_s": 3})
    shown = tmp_path / "shown.yaml"
    shown.write_text(form.picked(str(file), "", "")["whole"], encoding="utf-8")
    assert load_scenario(shown) == load_scenario(file)
    assert "follow_redirects: false" in shown.read_text(encoding="utf-8")


def test_settings_replace_what_the_file_says(make_scenario: MakeScenario) -> None:
    settings = form.settings_of(["client.limits.max_connections=70", "workers.faults=[{kind: delay, delay_s: 0.1}]"])
    scenario = form.load(str(make_scenario()), settings)
    assert scenario.client.limits.max_connections == 70 and scenario.workers.faults[0].kind == "delay"
    changed = form.changed(settings)
    assert {key: parse_values(value, "")[0] for key, value in changed.items()} == {
        setting.key: setting.value for setting in settings
    }


def test_an_empty_value_leaves_the_key_out(make_scenario: MakeScenario) -> None:
    file = make_scenario(client={"topology": "sharded", "shards": 2})
    scenario = form.load(str(file), form.settings_of(["client.topology=shared", "client.shards="]))
    assert (scenario.client.topology, scenario.client.shards) == ("shared", None)


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("client.limits.max_connections=0", "client.limits.max_connections"),
        ("client.limits.max_connections=lots", "client.limits.max_connections"),
        ("client.limits.max_keepalive_connections=101", "client.limits.max_keepalive_connections"),
        ("client.topology=ring", "client.topology"),
        ("client.topology=sharded", "client.topology"),
        ("agents=0", "agents"),
        ("agents=1,2", "agents"),
        ("agents=[1", "agents"),
        ("agents=[ftp://127.0.0.1]", "agents"),
        ("workers.host=example.org", "workers.host"),
        ("workers.service_time.scale=-1", "workers.service_time.scale"),
        ("coordinator.executor.threads=.inf", "coordinator.executor.threads"),
        ("nonsense=1", "nonsense"),
        ("nonsense=", "nonsense"),
        ("client.nonsense=null", "client.nonsense"),
        ("client.limits.max_connections=", "client.limits.max_connections"),
        ("allow_remote=true", "allow_remote"),
        ("extends=/etc/passwd", "extends"),
        ("questions=/etc/passwd", "questions"),
        ("not a key=1", ""),
        ("../x=1", ""),
        ("=1", ""),
        ("", ""),
        ("x" * 100 + "=1", ""),
        ("agents=!!python/object:os.system", "agents"),
        ("agents=" + "[" * 1000, "agents"),
    ],
)
def test_a_mistake_is_reported_at_its_field(make_scenario: MakeScenario, setting: str, key: str) -> None:
    found = problems_of(make_scenario(), setting)
    assert key in [where for where, _ in found]
    assert all(len(message) < 1000 for _, message in found)


def test_a_key_can_be_set_once(make_scenario: MakeScenario) -> None:
    with pytest.raises(ScenarioError):
        form.settings_of(["seed=1", "agents=2", "seed=2"])


def test_addresses_can_be_written_without_brackets(make_scenario: MakeScenario) -> None:
    addresses = "http://127.0.0.1:5001, http://127.0.0.1:5002"
    scenario = form.load(str(make_scenario()), form.settings_of([f"agents={addresses}"]))
    assert scenario.agents == tuple(addresses.split(", "))


def test_all_mistakes_are_reported_together(make_scenario: MakeScenario) -> None:
    found = problems_of(make_scenario(), "client.limits.max_connections=0", "coordinator.resolver=mine")
    assert {key for key, _ in found} == {"client.limits.max_connections", "coordinator.resolver"}


def test_too_many_settings_are_refused() -> None:
    with pytest.raises(ScenarioError):
        form.settings_of(["="] * (form.MAX_SETTINGS + 1))


@pytest.mark.parametrize(
    "text",
    ["agents=http://u:secret@127.0.0.1:1, http://127.0.0.1:2", "seed=http://u:secret@h, 2", "http://u:secret@h=1"],
)
def test_a_login_is_not_repeated(make_scenario: MakeScenario, text: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        form.load(str(make_scenario()), form.settings_of([text]))
    assert "secret" not in str(form.as_json(refused.value.problems)) and "secret" not in str(refused.value)


def test_a_mistake_in_the_file_has_its_place(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("protocol: a2a\nagents: 0\n")
    picked = form.picked(str(tmp_path / "bad.yaml"), "bad", "")
    (problem,) = picked["problems"]
    assert picked["values"] == {} and problem["key"] == "" and "bad.yaml:2" in problem["message"]


def test_settings_reach_no_machine_that_the_file_does_not_name(tmp_path: Path) -> None:
    file = tmp_path / "remote.yaml"
    file.write_text("protocol: a2a\nagents: [http://192.0.2.1:1]\nallow_remote: true\n")
    assert form.load(str(file), form.settings_of(["questions=3"])).agents == ("http://192.0.2.1:1",)
    assert "agents" in dict(problems_of(file, "agents=[http://192.0.2.2:1]"))
    assert form.load(str(file), form.settings_of(["agents=[http://127.0.0.1:1]"])).agents == ("http://127.0.0.1:1",)


def test_settings_run_no_code_that_the_file_does_not_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("protocol: a2a\nagents: 2\nclient: {factory: my:make}\n")
    assert form.load(str(file), form.settings_of(["questions=3"])).client.factory == "my:make"
    for setting in ("client.factory=os:abort", "client={factory: os:abort}"):
        assert "client.factory" in dict(problems_of(file, setting))


def test_settings_can_repair_a_file_that_is_refused_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "remote.yaml"
    file.write_text("protocol: a2a\nagents: [http://192.0.2.1:1]\n")
    assert form.load(str(file), form.settings_of(["agents=4"])).agents == 4
