"""The Flask app of the agents: their protocol's route and /health.

The route is also below /agents/NAME, so that one app can be several agents of a scenario that lists their addresses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from fanout import protocols
from fanout.protocols import QUESTION_ID_HEADER, BadRequest, Message, Protocol
from fanout.scenario import Scenario
from workers.server import Environ, WsgiApp
from workers.service_time import draw_s

Sleep = Callable[[float], Any]

BELOW = "/agents/"
"""The beginning of the paths below which the protocol's route is found, too."""
HEALTH_PATH = "/health"
WARM_UP_HEADER = "Fanout-Warm-Up"
"""A question with this header is answered immediately, without a service time."""


AGENT = "fanout.agent"
"""The key of the request's Agent in its WSGI environment."""


class Agent:
    """The identity of an agent, and its end of the protocol."""

    def __init__(self, protocol: Protocol, agent_id: str) -> None:
        self.id = agent_id
        self.end = protocol.agent(agent_id)


def as_agent(app: WsgiApp, agent: Agent) -> WsgiApp:
    """The app as this agent. Building an app is slower than building an agent, so all agents have the same one."""

    def serve(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        return app({**environ, AGENT: agent}, start_response)

    return serve


def create_app(scenario: Scenario, sleep: Sleep = time.sleep) -> Flask:
    """The app of the agents of a scenario, for its protocol. It spends a question's service time with `sleep`.

    An agent is the app that as_agent() returns. The app by itself is an agent without a name.
    """
    app = Flask(__name__, static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.config["MAX_CONTENT_LENGTH"] = scenario.workers.max_request_bytes
    protocol = protocols.load(scenario.protocol)
    unnamed = Agent(protocol, "unnamed")

    def current() -> Agent:
        agent: Agent = request.environ.get(AGENT, unnamed)
        return agent

    @app.route(protocol.path, methods=[protocol.method])
    @app.route(f"{BELOW}<path:_agent>{protocol.path}", methods=[protocol.method])
    def answer(_agent: str = "") -> Response:
        message = Message({name.lower(): value for name, value in request.headers.items()}, request.get_data())
        agent = current()
        text = agent.end.read(message)
        given_id = message.headers.get(QUESTION_ID_HEADER.lower())
        if given_id is not None and not given_id.isprintable():  # such as in a folded header; it can't be sent back
            raise BadRequest(f"{QUESTION_ID_HEADER} is not printable text")
        question_id = text if given_id is None else given_id
        warm_up = WARM_UP_HEADER.lower() in message.headers
        service_ms = _spend_ms(
            0 if warm_up else draw_s(scenario.workers.service_time, scenario.seed, question_id), sleep
        )
        reply = agent.end.write(_filled_up(f"{agent.id} answers: {text}", scenario.workers.answer_bytes))
        response = jsonify(reply.body)
        response.headers["Server-Timing"] = server_timing({"service": service_ms, **reply.spent_ms})
        if given_id is not None:
            response.headers[QUESTION_ID_HEADER] = given_id
        return response

    if protocol.path != HEALTH_PATH:

        @app.get(HEALTH_PATH)
        def health() -> Response:
            return jsonify(ok=True, agent_id=current().id)

    @app.errorhandler(BadRequest)
    def refuse(refusal: BadRequest) -> tuple[Response, int]:
        return jsonify(current().end.refuse(refusal)), refusal.status

    @app.errorhandler(HTTPException)
    def refuse_http(error: HTTPException) -> tuple[Response, int]:
        """Handles what Flask itself refuses: a request that is too large, an unknown path, another method."""
        return refuse(BadRequest(str(error.description), status=error.code or 500))

    return app


def _spend_ms(service_s: float, sleep: Sleep) -> float:
    """Spends a service time, and returns its actual duration."""
    began = time.perf_counter()
    if service_s:
        sleep(service_s)
    return (time.perf_counter() - began) * 1000


def _filled_up(text: str, least_bytes: int) -> str:
    missing = least_bytes - len(text.encode(errors="surrogatepass"))  # JSON can contain half of a surrogate pair
    return text + missing * "."


def server_timing(spent_ms: Mapping[str, float]) -> str:
    """The header's value, e.g. `service;dur=553.212, event_queue;dur=0.004`."""
    return ", ".join(f"{name};dur={value:.3f}" for name, value in spent_ms.items())
