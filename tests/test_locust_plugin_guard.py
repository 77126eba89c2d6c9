"""fanout.locust_plugin.guard: which requests the web UI answers, checked by real requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from fanout.locust_plugin.guard import is_own
from fanout.soak import WebLocust
from helpers.paths import ROOT
from helpers.scenarios import scenario_of

pytestmark = pytest.mark.process

EVIL = "http://evil.example"
NAVIGATION = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
LOGIN = """
import json, os
from pathlib import Path
from urllib.parse import urlsplit
from locust import events
from fanout.locust_plugin.user import CoordinatorUser

class Idle(CoordinatorUser):
    pass

@events.init.add_listener
def log_in(environment, **_):
    environment.web_ui.login_manager.user_loader(lambda user_id: None)
    environment.web_ui.app.secret_key = "a secret of the locustfile's"
    rules = [(rule.rule, sorted(rule.methods)) for rule in environment.web_ui.app.url_map.iter_rules()]
    Path(os.environ["RULES"]).write_text(json.dumps(rules))
"""


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a Locust with its web UI, without a run."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "small.yaml").write_text(scenario_of().to_yaml())
    locust = WebLocust(folder / "small.yaml", ROOT / "locustfiles" / "coordinator.py", folder)
    with locust, httpx.Client(base_url=locust.url, trust_env=False, timeout=20) as client:
        yield client


def own_origin(ui: httpx.Client) -> str:
    return str(ui.base_url).rstrip("/")


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/swarm", {"Origin": EVIL}),
        ("POST", "/swarm", {"Origin": "null"}),
        ("POST", "/swarm", {"Origin": EVIL, **NAVIGATION}),  # a form on another page
        ("POST", "/swarm", {"Origin": "http://127.0.0.1:1"}),  # another port is another site
        ("POST", "/stop", {"Sec-Fetch-Site": "same-site"}),
        ("GET", "/stop", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}),
        ("GET", "/stop", NAVIGATION),  # a link
        ("GET", "/stats/reset", NAVIGATION),
        ("GET", "/exceptions/csv", NAVIGATION),
        ("GET", "/stats/requests", {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}),
        ("GET", "/", {**NAVIGATION, "Sec-Fetch-Dest": "iframe"}),
        ("OPTIONS", "/swarm", {"Origin": EVIL, "Access-Control-Request-Method": "POST"}),
        ("GET", "/", {"Host": "evil.example:{port}"}),
        ("POST", "/swarm", {"Host": "127.0.0.1:9000", "Origin": "http://127.0.0.1:{port}"}),
        ("GET", "/assets/nothing.js", {"Host": "127.0.0.1.evil.example:{port}"}),
        ("GET", "/no-such-page", {"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}"}),
    ],
)
def test_requests_from_another_site_are_refused(
    ui: httpx.Client, method: str, path: str, headers: dict[str, str]
) -> None:
    form = {"user_count": "1", "spawn_rate": "1"} if path == "/swarm" else None
    sent = {name: value.format(port=ui.base_url.port) for name, value in headers.items()}
    response = ui.request(method, path, headers=sent, data=form)
    assert response.status_code == 403
    assert response.text.startswith("refused: ") and response.text.count("\n") == 1
    assert not [name for name in response.headers if name.startswith("access-control")]
    assert ui.get("/stats/requests").json()["state"] == "ready"


def test_requests_from_the_ui_and_from_programs_pass(ui: httpx.Client) -> None:
    port = ui.base_url.port
    for headers in (
        {},
        NAVIGATION,  # a link to the page
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},  # typed
        {"Origin": own_origin(ui), "Sec-Fetch-Site": "same-origin"},
        {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"},
        {"Host": f"[::1]:{port}"},
        {"Host": "localhost:9000", "Origin": "http://localhost:9000"},  # ssh -L 9000:127.0.0.1:8089
        {"Host": "127.0.0.1"},  # on port 80
    ):
        assert ui.get("/", headers=headers).headers["location"] == "/fanout/start"
        for page in ("/locust", "/fanout/start", "/fanout/live.json"):
            assert ui.get(page, headers=headers).status_code == 200
    own = {"Origin": own_origin(ui), "Sec-Fetch-Site": "same-origin"}
    # Locust itself refuses such a number.
    assert ui.post("/swarm", data={"user_count": "many", "spawn_rate": "1"}, headers=own).status_code != 403


@pytest.mark.parametrize("path", ["/stop", "/stats/reset", "/swarm"])
def test_a_get_changes_nothing(ui: httpx.Client, path: str) -> None:
    assert ui.get(path).status_code == 405


@pytest.mark.parametrize("path", ["/", "/fanout/live.json", "/stats/requests", "/no-such-page", "/assets/no-such-file"])
def test_another_origin_cannot_read_answers(ui: httpx.Client, path: str) -> None:
    response = ui.get(path, headers={"Origin": own_origin(ui)})
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("host", "web_host", "own"),
    [
        ("127.0.0.1:80", "127.0.0.1", True),
        ("127.0.0.1:9000", "127.0.0.1", True),  # a forwarded port
        ("[::1", "127.0.0.1", False),
        ("lab.example", "lab.example", True),
        ("LAB.example:80", "lab.example", True),
        ("other.example", "lab.example", False),
        ("10.0.0.7", "127.0.0.1", False),
        ("10.0.0.7", "", True),  # if the UI listens on every interface, any address is this machine's
        ("other.example", "::", False),
        ("", "127.0.0.1", False),
    ],
)
def test_the_hosts_of_the_ui(host: str, web_host: str, own: bool) -> None:
    assert is_own(host, web_host) is own


def test_behind_a_login_no_route_works_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RULES", str(tmp_path / "rules.json"))
    monkeypatch.setenv("LOCUST_WEB_LOGIN", "true")
    (tmp_path / "login.py").write_text(LOGIN)
    (tmp_path / "small.yaml").write_text(scenario_of().to_yaml())
    locust = WebLocust(tmp_path / "small.yaml", tmp_path / "login.py", tmp_path)
    with locust, httpx.Client(base_url=locust.url, trust_env=False, timeout=20) as ui:
        rules = [
            (rule, method)
            for rule, methods in json.loads((tmp_path / "rules.json").read_text())
            for method in methods
            if method != "OPTIONS" and "<" not in rule and not rule.endswith("/login")  # assets, and the login itself
        ]
        ours = ("start", "live", "runs", "compare", "report", "csv", "scenario.json", "live.json", "runs.json")
        assert {("/swarm", "POST"), ("/", "GET"), *((f"/fanout/{name}", "GET") for name in ours)} <= set(rules)
        for rule, method in rules:
            response = ui.request(method, rule, data={"user_count": 1, "spawn_rate": 1} if method == "POST" else None)
            assert response.status_code == 302, rule
            assert urlsplit(response.headers["location"]).path == "/login"
        login = ui.get("/login")
        assert login.status_code == 200
        assert "a secret of the locustfile's" not in login.text
    assert not (tmp_path / "results").exists()
