from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from fanout.errors import ExitCode, ScenarioError
from fanout.scenario import Constant, LogNormal, load_scenario, origin_of, parse_scenario
from helpers.paths import ROOT

MINIMAL = "protocol: a2a\nagents: 8\nquestions: 40\n"
SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))


def problems_of(text: str, path: str = "s.yaml") -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, path)
    assert caught.value.exit_code == ExitCode.WRONG_USAGE
    return [str(problem) for problem in caught.value.problems]


def test_a_minimal_scenario_has_httpx_own_defaults() -> None:
    scenario = parse_scenario(MINIMAL, "dir/minimal.yaml")
    assert (scenario.name, scenario.agent_count, scenario.questions) == ("minimal", 8, 40)
    limits = scenario.client.limits
    assert (limits.max_connections, limits.max_keepalive_connections, limits.keepalive_expiry_s) == (100, 20, 5.0)
    assert scenario.client.timeouts().read == 5.0
    assert not scenario.client.trust_env


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_loads_resolves_and_says_what_it_asks(path: Path, tmp_path: Path) -> None:
    scenario = load_scenario(path)
    assert scenario.name == path.stem
    assert path.read_text(encoding="utf-8").startswith("# ")
    resolved = tmp_path / "scenario.yaml"
    resolved.write_text(scenario.to_yaml(), encoding="utf-8")
    assert load_scenario(resolved) == scenario


def test_words_stand_for_what_has_no_number(tmp_path: Path) -> None:
    text = MINIMAL + (
        "client:\n  limits: {max_connections: unlimited, max_keepalive_connections: unlimited,"
        " keepalive_expiry_s: unlimited}\n  timeout_s: {read: none}\n"
    )
    scenario = parse_scenario(text, "s.yaml")
    assert set(scenario.client.limits.model_dump(mode="python").values()) == {"unlimited"}
    assert scenario.client.limits.max_connections is None
    assert scenario.client.timeouts().read is None
    assert scenario.client.timeouts().connect == 5.0
    assert parse_scenario(scenario.to_yaml(), "s.yaml") == scenario


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "protocol: smtp\nagents: 1",
            "s.yaml:1: protocol: 'smtp' is not allowed (no such protocol); allowed: one of a2a",
        ),
        ("protocol: a2a", "s.yaml:1: agents: is missing; allowed: a number to start"),
        ("protocol: a2a\nagents: 0", "s.yaml:2: agents: 0 is not allowed; allowed: a number to start, 1 to 4096"),
        ("protocol: a2a\nagents: true", "s.yaml:2: agents: true is not allowed; allowed: a number"),
        ("protocol: a2a\nagents: []", "s.yaml:2: agents: [] is not allowed"),
        ("protocol: a2a\nagents: '8'", "s.yaml:2: agents: '8' is not allowed"),
        (MINIMAL + "seed: -1", "s.yaml:4: seed: -1 is not allowed; allowed: a whole number"),
        (MINIMAL + "name: ../up", "s.yaml:4: name: '../up' is not allowed"),
        (
            MINIMAL + "agnets: 3",
            "s.yaml:4: agnets: unknown key; did you mean agents? allowed here: agents, allow_remote",
        ),
        (MINIMAL + "client: 3", "s.yaml:4: client: 3 is not allowed; allowed: a mapping"),
        (
            MINIMAL + "client:\n  trust_env: 'no'",
            "s.yaml:5: client.trust_env: 'no' is not allowed; allowed: true or false",
        ),
        (MINIMAL + "client:\n  topology: both", "s.yaml:5: client.topology: 'both' is not allowed; allowed: shared"),
        (
            MINIMAL + "client:\n  limits: {max_connections: 10, max_keepalive_connections: 20}",
            "s.yaml:5: client.limits.max_keepalive_connections: 20 is more than max_connections, 10",
        ),
        (
            MINIMAL + "client:\n  limits: {max_keepalive_connections: 0, keepalive_expiry_s: 60}",
            "s.yaml:5: client.limits.keepalive_expiry_s: 60.0 would be ignored",
        ),
        (MINIMAL + "client: {timeout_s: 300}", "s.yaml:4: client.timeout_s: 300 would be ignored, since deadline_s"),
        (MINIMAL + "client: {timeout_s: {pool: 300}}", "s.yaml:4: client.timeout_s.pool: 300 would be ignored"),
        (
            MINIMAL + "client: {timeout_s: 0}",
            "s.yaml:4: client.timeout_s: 0 is not allowed; allowed: seconds, more than 0",
        ),
        (MINIMAL + "client: {deadline_s: .nan}", "s.yaml:4: client.deadline_s: nan is not allowed"),
        (
            MINIMAL + "workers: {first_port: 70000}",
            "s.yaml:4: workers.first_port: 70000 is not allowed; allowed: a port",
        ),
        (MINIMAL + "workers: {first_port: 65530}", "s.yaml:4: workers.first_port: 65530 leaves no room for 8 agents"),
        (MINIMAL + "workers: {host: example.com}", "s.yaml:4: workers.host: 'example.com' is not allowed"),
        (
            MINIMAL + "client: {deadline_s: 2, timeout_s: 3}",
            "s.yaml:4: client.timeout_s: 3 would be ignored, since deadline",
        ),
        (
            MINIMAL + "client: {limits: {max_keepalive_connections: 0, keepalive_expiry_s: 0}}",
            "s.yaml:4: client.limits.keepalive_expiry_s: 0.0 would be ignored",
        ),
        (
            MINIMAL + "workers: {service_time: {distribution: gaussian}}",
            "s.yaml:4: workers.service_time.distribution: 'gaussian' is not allowed; allowed: constant,",
        ),
        (MINIMAL + "workers: {service_time: {value_s: 1}}", "s.yaml:4: workers.service_time.distribution: is missing"),
        (
            MINIMAL + "workers: {service_time: {distribution: lognormal, sigma: 1}}",
            "s.yaml:4: workers.service_time.median_s: is missing; allowed: seconds, more than 0",
        ),
        (
            MINIMAL + "workers: {service_time: {distribution: constant, value_s: 1, sigma: 1}}",
            "s.yaml:4: workers.service_time.sigma: unknown key; allowed here: distribution, scale, value_s",
        ),
        (
            "protocol: a2a\nagents: [http://localhost:99999]",
            "s.yaml:2: agents.0: 'http://localhost:99999' is not allowed (its port is not a number up to 65535)",
        ),
        (
            "protocol: a2a\nagents: ['localhost:80']",
            "s.yaml:2: agents.0: 'localhost:80' is not allowed (not an http://",
        ),
        (
            "protocol: a2a\nagents: ['http://a:80/x?y']",
            "s.yaml:2: agents.0: 'http://a:80/x?y' is not allowed (only scheme",
        ),
        ("protocol: a2a\nagents: [http://a:80/a/../b]", "s.yaml:2: agents.0: 'http://a:80/a/../b' is not allowed (its"),
        (
            "protocol: a2a\nagents: ['http://a:80/a b']",
            "s.yaml:2: agents.0: 'http://a:80/a b' is not allowed (an address",
        ),
        (
            MINIMAL + "client: {retries: 1, trust_env: true}",
            "s.yaml:4: client.retries: 1 needs a transport of its own",
        ),
        (
            "protocol: a2a\nagents: [http://10.0.0.1]",
            "s.yaml:2: agents.0: 'http://10.0.0.1' may be on another machine",
        ),
        (
            "protocol: a2a\nagents: [http://localhost:1, http://localhost:1]",
            "s.yaml:2: agents.1: 'http://localhost:1' is a duplicate",
        ),
        (
            "protocol: a2a\nagents: [http://localhost:1]\nworkers: {first_port: 5000}",
            "s.yaml:3: workers.first_port: would be ignored, since agents lists addresses",
        ),
        (
            "protocol: health\nagents: 1\nworkers: {answer_bytes: 9}",
            "s.yaml:3: workers.answer_bytes: 9 would be ignored, since an answer in health has no text",
        ),
        (
            MINIMAL + "workers:\n  server: werkzeug\n  faults:\n    - {kind: delayed_ack}",
            "s.yaml:7: workers.faults.0.kind: delayed_ack would be ignored, since werkzeug keeps no connection",
        ),
        (
            MINIMAL + "workers:\n  server: uvicorn\n  faults:\n    - {kind: no_answer}",
            "s.yaml:7: workers.faults.0.kind: no_answer needs the connection's own socket, which uvicorn does not "
            "give; allowed: only with server: gevent or gunicorn or werkzeug",
        ),
        (
            MINIMAL + "workers: {server: werkzeug, keep_alive_s: 3}",
            "s.yaml:4: workers.keep_alive_s: 3 would be ignored, since werkzeug keeps no connection; allowed: leave it "
            "out (or set it to null if it is inherited), or server: gevent or gunicorn or hypercorn or uvicorn",
        ),
        (
            MINIMAL + "workers:\n  server: uvicorn\n  faults:\n    - {kind: close_when_idle, idle_s: 6}",
            "s.yaml:7: workers.faults.0.idle_s: 6 would be ignored, since uvicorn closes an idle connection after 5 s; "
            "allowed: less than 5, or a longer workers.keep_alive_s",
        ),
        (
            MINIMAL + "workers:\n  faults:\n    - {kind: wrong_service_time, times: 1}",
            "s.yaml:6: workers.faults.0.times: 1 is not allowed (that is no fault)",
        ),
        (
            MINIMAL + "workers: {host: 127.0.0.1}\ncoordinator:\n  faults:\n    - {kind: slow_lookups, delay_s: 1}",
            "s.yaml:7: coordinator.faults.0.kind: slow_lookups would be ignored, since the agents have IP addresses",
        ),
        (
            "protocol: a2a\nagents: ['http://[::1]:1']\ncoordinator:\n  faults:\n    - {kind: silent_first_address}",
            "s.yaml:5: coordinator.faults.0.kind: silent_first_address would be ignored, since the agents have IP",
        ),
        (
            MINIMAL + "coordinator:\n  faults:\n    - {kind: silent_agents, agents: [99]}",
            "s.yaml:6: coordinator.faults.0.agents: there is no agent 99; allowed: 1 to ",
        ),
        (
            MINIMAL + "coordinator:\n  faults:\n    - {kind: silent_agents}",
            "s.yaml:6: coordinator.faults.0.agents: is missing; allowed: a list of agent numbers",
        ),
        (
            MINIMAL + "coordinator:\n  faults:\n    - {kind: blocked_loop, block_s: 2, every_s: 2}",
            "s.yaml:6: coordinator.faults.0.block_s: 2 leaves no time for questions, since every_s is 2; allowed: less",
        ),
        (
            MINIMAL + "coordinator:\n  faults:\n    - {kind: crash}",
            "s.yaml:6: coordinator.faults.0.kind: 'crash' is not allowed; allowed: slow_lookups, failing_lookups, ",
        ),
    ],
)
def test_one_mistake_gives_one_line_with_place_key_value_and_what_is_allowed(text: str, expected: str) -> None:
    (problem,) = problems_of(text)
    assert problem.startswith(expected)
    assert "allowed" in problem


@pytest.mark.parametrize(
    "text",
    [
        MINIMAL + "workers: {host: localhost}\n",
        "protocol: a2a\nagents: ['http://127.0.0.1:1', 'http://localhost:2']\n",
        MINIMAL + "workers: {host: 127.0.0.1}\nclient: {trust_env: true}\n",
    ],
)
def test_slow_lookups_need_one_name_or_a_proxy_that_may_have_one(text: str) -> None:
    scenario = parse_scenario(text + "coordinator: {faults: [{kind: slow_lookups, delay_s: 1}]}", "s.yaml")
    assert parse_scenario(scenario.to_yaml(), "s.yaml") == scenario


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file() -> None:
    found = problems_of(
        "protocl: a2a\nagents: 0\nclient:\n  timeout_s: {read: 300, conect: 3}\n"
        "  limits: {max_connections: 10, max_keepalive_connections: 11}\nworkers: {first_port: -1}\n"
    )
    assert [line.split(": ")[:2] for line in found] == [
        ["s.yaml:1", "protocol"],
        ["s.yaml:1", "protocl"],
        ["s.yaml:2", "agents"],
        ["s.yaml:4", "client.timeout_s.conect"],
        ["s.yaml:4", "client.timeout_s.read"],
        ["s.yaml:5", "client.limits.max_keepalive_connections"],
        ["s.yaml:6", "workers.first_port"],
    ]


@pytest.mark.parametrize(
    "address",
    [
        "http://999.1.1.1:80",
        "http://[::1].evil.com:80",  # urlsplit takes it for loopback
        "http://[::1",
        "http://[1:2]:80",
        "http://127.1:80",  # not all software reads this as the same address
        "http://0177.0.0.1",
        "http://a..b",
        "http://a%2eb",
        "http://ä.example",
        "http://localhost:+80",
        "http://localhost:٨٠",
    ],
)
def test_hosts_that_are_read_in_more_than_one_way_are_refused(address: str) -> None:
    text = f"protocol: a2a\nagents: ['{address}']\nallow_remote: true\n"
    with pytest.raises(ScenarioError, match=r"s\.yaml:2: agents\.0: .* is not allowed \((its (host|port) is|not an) "):
        parse_scenario(text, "s.yaml")


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost",
        "https://a_b-c.example.:443",
        "http://127.0.0.2:1",
        "http://[::1]:80",
        "http://[fe80::1%eth0]",
    ],
)
def test_hosts_are_names_or_ip_addresses(address: str) -> None:
    text = f"protocol: a2a\nagents: ['{address}']\nallow_remote: true\n"
    assert parse_scenario(text, "s.yaml").agents == (address,)
    assert httpx.URL(address).host == urlsplit(address).hostname


def test_remote_agents_need_to_be_allowed() -> None:
    text = "protocol: a2a\nagents: [http://10.0.0.1:80]\nallow_remote: true\n"
    assert parse_scenario(text, "s.yaml").agents == ("http://10.0.0.1:80",)


def test_a_small_pool_keeps_no_more_than_it_holds() -> None:
    scenario = parse_scenario(MINIMAL + "client: {limits: {max_connections: 10}}", "s.yaml")
    assert scenario.client.limits.max_keepalive_connections == 10


def test_a_short_deadline_shortens_the_timeouts_that_were_never_written() -> None:
    client = parse_scenario(MINIMAL + "client: {deadline_s: 2}", "s.yaml").client
    assert set(client.timeouts().model_dump().values()) == {2}
    client = parse_scenario(MINIMAL + "client: {deadline_s: 2, timeout_s: {read: 1}}", "s.yaml").client
    assert (client.timeouts().read, client.timeouts().connect) == (1, 2)
    scenario = parse_scenario(MINIMAL + "client: {deadline_s: 2}", "s.yaml")
    assert parse_scenario(scenario.to_yaml(), "s.yaml") == scenario


def test_a_name_that_was_never_written_is_the_file_s() -> None:
    (problem,) = problems_of(MINIMAL, "my file.yaml")
    assert problem.startswith("my file.yaml:1: name: the file's name, 'my file' is not allowed")


def test_extends_lays_key_over_key(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        "protocol: agora\nagents: 8\nname: base\nclient: {timeout_s: 30, topology: per_agent}\n"
        "workers: {host: 127.0.0.1, service_time: {distribution: lognormal, median_s: 1, sigma: 0.5}}\n"
    )
    (tmp_path / "child.yaml").write_text(
        "extends: base.yaml\nclient: {topology: shared}\nworkers: {service_time: {scale: 0.5}}\n"
    )
    (tmp_path / "grandchild.yaml").write_text(
        "extends: child.yaml\nagents: 4\nworkers: {host: null, service_time: {distribution: constant, value_s: 2}}\n"
    )
    child = load_scenario(tmp_path / "child.yaml")
    assert (child.name, child.protocol, child.client.timeout_s, child.client.topology) == (
        "child",
        "agora",
        30,
        "shared",
    )
    assert child.workers.service_time == LogNormal(median_s=1, sigma=0.5, scale=0.5)
    grandchild = load_scenario(tmp_path / "grandchild.yaml")
    assert (grandchild.agents, grandchild.workers.host) == (
        4,
        "localhost",
    )  # null has the same effect as leaving the key out
    assert grandchild.workers.service_time == Constant(value_s=2)  # another distribution replaces the whole mapping


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").rglob("*.yaml")), ids=lambda path: path.stem)
def test_extends_can_name_any_of_ours_from_anywhere(house: Path, path: Path) -> None:
    ours = path.relative_to(ROOT / "scenarios").with_suffix("")
    file = house / "mine" / "s.yaml"
    file.write_text(f"extends: fanout:{ours}\nseed: 8\n")
    expected = load_scenario(path).model_copy(update={"name": "s", "seed": 8})
    assert load_scenario(file) == expected


def test_what_extends_one_of_ours_reaches_its_own_folder_as_before(house: Path) -> None:
    file = house / "mine" / "s.yaml"
    agents = "agents: [http://127.0.0.1:5001]\nworkers: null\n"
    file.write_text(f"extends: fanout:a2a-tuned\n{agents}questions: asked.jsonl\n")
    scenario = load_scenario(file)
    assert (scenario.agents, scenario.client.limits.max_keepalive_connections) == (("http://127.0.0.1:5001",), 200)
    assert scenario.questions == str(house / "mine" / "asked.jsonl")
    file.write_text(f"extends: fanout:a2a-tuned\n{agents}questions: ../theirs/asked.jsonl\n")
    with pytest.raises(ScenarioError, match=r"s\.yaml:4: questions: .* leads out of .*mine"):
        load_scenario(file)


@pytest.mark.parametrize(
    "name", ["a2a-tunde", "", "../README", "../scenarios/a2a-tuned", "a2a-tuned.yaml", "/etc/passwd", "README", "a\\0"]
)
def test_no_other_name_is_one_of_ours(house: Path, name: str) -> None:
    file = house / "mine" / "s.yaml"
    file.write_text(f'extends: "fanout:{name}"\n')
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.key) == (str(file), 1, "extends")
    assert "is not one of fanout's scenarios; " in problem.message and "a2a-default, " in problem.message
    assert ("did you mean fanout:a2a-tuned? " in problem.message) == (name in ("a2a-tunde", "a2a-tuned.yaml"))


def test_a_mistake_in_a_base_is_reported_with_the_base_s_place(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("protocol: a2a\n\nagents: 0\n")
    (tmp_path / "child.yaml").write_text("extends: base.yaml\nseed: x\n")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(tmp_path / "child.yaml")
    assert [(Path(p.file).name, p.line, p.key) for p in caught.value.problems] == [
        ("base.yaml", 3, "agents"),
        ("child.yaml", 2, "seed"),
    ]


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("missing.yaml", "'missing.yaml' is not a file"),
        ("a.yaml", "'a.yaml' makes the chain of files circular"),
        ("3", "3; allowed: a scen"),
    ],
)
def test_extends_that_leads_nowhere(tmp_path: Path, base: str, expected: str) -> None:
    (tmp_path / "a.yaml").write_text(f"protocol: a2a\nextends: {base}\n")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(tmp_path / "a.yaml")
    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (2, "extends")
    assert expected in problem.message


def test_a_file_of_questions_is_relative_to_the_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "base.yaml").write_text("protocol: a2a\nagents: 1\nquestions: mine.jsonl\n")
    (tmp_path / "child.yaml").write_text("extends: deep/base.yaml\n")
    with pytest.raises(ScenarioError, match=r"base.yaml:3: questions: .* is not a file; allowed: a number"):
        load_scenario(tmp_path / "child.yaml")
    (tmp_path / "deep" / "mine.jsonl").write_text("")
    mine = str((tmp_path / "deep" / "mine.jsonl").resolve())
    assert load_scenario(tmp_path / "deep" / "base.yaml").questions == mine
    assert load_scenario(tmp_path / "child.yaml").questions == mine


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("protocol: [a2a\nagents: 1", "s.yaml:2: not YAML"),
        ("- a2a", "s.yaml:1: not a mapping"),
        ("", "s.yaml:1: protocol: is missing"),
        ("protocol: a2a\nprotocol: anp\nagents: 1", "s.yaml:2: protocol: duplicate key"),
        ("1: a2a", "s.yaml:1: a key that is not text"),
        ("protocol: &p a2a\nname: *p", "s.yaml:1: not YAML: an alias (*name)"),
        ("protocol: !!python/object/apply:os.getcwd []", "s.yaml:1: not YAML"),
        ("protocol: !!seq a2a", "s.yaml:1: protocol: "),
        ("protocol: !!map a2a", "s.yaml:1: protocol: "),
        ("protocol: a2a\x07", "s.yaml:1: not YAML"),
        ('name: "\\UFFFFFFFF"', "s.yaml:1: not YAML"),
        ("a: 1\nseed: 2001-13-45", "s.yaml:2: not YAML: '2001-13-45' is not a valid value: month must be in 1..12"),
        ("a: 1\nseed: 0x" + "f" * 6000, "s.yaml:2: not YAML: more than 100 characters, and not text"),
        ("seed: 1" + ":59" * 170_000, "s.yaml:1: not YAML: more than 100 characters, and not text"),
        ("a: [" + "1," * 21_000 + "]", "s.yaml:1: not YAML: more than 20000 keys and values"),
        ("#" * 600_000, "s.yaml: longer than 524288 characters"),
        ("a: &a [*a]", "s.yaml:1: not YAML: an alias (*name)"),
        ("a: {<<: {b: 1}}", "s.yaml:1: a: a key that is not text"),
        ("a: !!set {b}", "s.yaml:1: not YAML: the tag tag:yaml.org,2002:set; allowed: no tags"),
        ('protocol: a2a\nagents: ["http://x\\e2J:80"]', "s.yaml:2: agents.0: 'http://x\\x1b2J:80' is not allowed"),
        (MINIMAL + "gates: [" + "'a < 1', " * 101 + "]", "s.yaml:4: gates: "),
        (MINIMAL + "gates: ['a <" + " " * 400_000 + "x']", "s.yaml:4: gates.0: "),
        ("a: " + "[" * 1000, "s.yaml:1: nested too deeply"),
        ("protocol: a2a\n---\nprotocol: anp", "s.yaml:2: not YAML"),
    ],
)
def test_what_is_not_a_scenario_at_all(text: str, expected: str) -> None:
    assert problems_of(text)[0].startswith(expected)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    huge = tmp_path / "huge.yaml"
    huge.write_text("#" * 1_048_577)
    for path, expected in ((tmp_path / "no.yaml", "No such file"), (binary, "not UTF-8"), (huge, "larger than")):
        with pytest.raises(ScenarioError, match=expected):
            load_scenario(path)


def test_of_very_many_mistakes_the_first_are_reported() -> None:
    assert len(problems_of(MINIMAL + "".join(f"k{n}: 1\n" for n in range(150)))) == 100


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two neighbouring folders. The current folder is neither of them."""
    for room in ("mine", "theirs"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "base.yaml").write_text("protocol: a2a\nagents: 1\n")
        (tmp_path / room / "asked.jsonl").write_text('{"text": "why?"}\n')
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


OUTSIDE = ["../theirs/base.yaml", "/dev/zero", "/etc/passwd", "link.yaml", "link/base.yaml", "../theirs/missing"]


@pytest.mark.parametrize("key", ["extends", "questions"])
@pytest.mark.parametrize("name", OUTSIDE)
def test_a_scenario_reaches_nothing_outside_its_folder(house: Path, key: str, name: str) -> None:
    (house / "mine" / "link.yaml").symlink_to(house / "theirs" / "base.yaml")
    (house / "mine" / "link").symlink_to(house / "theirs")
    file = house / "mine" / "s.yaml"
    file.write_text(f"protocol: a2a\nagents: 1\n{key}: {name}\n")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.key) == (str(file), 3, key)
    assert f"leads out of {house / 'mine'}; allowed: " in problem.message


def test_what_a_base_names_has_to_lie_in_the_folder_of_the_file_that_was_named(house: Path) -> None:
    (house / "mine" / "deep").mkdir()
    (house / "mine" / "deep" / "up.yaml").write_text("extends: ../base.yaml\nquestions: ../asked.jsonl\n")
    (house / "mine" / "s.yaml").write_text("extends: deep/up.yaml\n")
    assert load_scenario(house / "mine" / "s.yaml").questions == str(house / "mine" / "asked.jsonl")
    with pytest.raises(ScenarioError, match=r"up\.yaml:1: extends: .* leads out of .*deep; allowed: a scenario file"):
        load_scenario(house / "mine" / "deep" / "up.yaml")


def test_below_the_current_folder_it_reaches_all_of_that(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (house / "mine" / "s.yaml").write_text("extends: ../theirs/base.yaml\nquestions: ../theirs/asked.jsonl\n")
    monkeypatch.chdir(house)
    assert load_scenario(Path("mine/s.yaml")).questions == str(house / "theirs" / "asked.jsonl")
    with pytest.raises(ScenarioError, match="leads out of"):
        load_scenario(Path("mine/s.yaml"), reach=house / "mine")


@pytest.mark.parametrize("key", ["extends", "questions"])
@pytest.mark.parametrize("name", ["pipe", ".", '"a\\0b"', "x" * 5000, "loop"])
def test_what_is_no_file_is_refused_at_once(house: Path, key: str, name: str) -> None:
    os.mkfifo(house / "mine" / "pipe")
    (house / "mine" / "loop").symlink_to("loop")
    file = house / "mine" / "s.yaml"
    file.write_text(f"protocol: a2a\nagents: 1\n{key}: {name}\n")
    with pytest.raises(ScenarioError, match=rf"s\.yaml:3: {key}: .* is not a file; allowed: "):
        load_scenario(file)


BOMBS = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
from fanout.errors import ScenarioError
from fanout.scenario import load_scenario, parse_scenario
laughs = "a: &a [x,x,x,x,x,x,x,x,x]\\n" + "".join(
    f"{'abcdefghij'[n]}: &{'abcdefghij'[n]} [{','.join(['*' + 'abcdefghij'[n - 1]] * 9)}]\\n" for n in range(1, 10)
)
bombs = [laughs, "a: [" * 10_000, "{" * 10_000, "a: 0x" + "f" * 500_000, "a: [" + "1," * 250_000 + "]"]
bombs.append("name: " + "://" * 170_000)  # "://" makes it look like URLs, which may contain a login
for bomb in bombs:
    try:
        parse_scenario(bomb, "bomb.yaml")
    except ScenarioError:
        continue
    sys.exit("it was accepted as a scenario")
try:
    load_scenario("/dev/zero")
except ScenarioError as error:
    print(error)
"""


@pytest.mark.process
def test_bombs_take_no_more_than_a_gigabyte() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BOMBS], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "/dev/zero: can't be read: not a regular file\n", "")


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("http://127.0.0.1/a", "http://127.0.0.1:80"),
        ("http://127.0.0.1:80/b/c", "http://127.0.0.1:80"),
        ("https://Some.Host", "https://some.host:443"),
        ("http://[::1]:5001/", "http://::1:5001"),
    ],
)
def test_an_origin_is_scheme_host_and_port(address: str, origin: str) -> None:
    assert origin_of(address) == origin
