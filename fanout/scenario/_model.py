"""The frozen objects that a scenario file is parsed into.

Each field's description says what is allowed. Error messages and docs/scenario.md take it from here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    Strict,
    Tag,
    model_validator,
)

from fanout import protocols
from fanout.scenario import client_libraries, servers, topology
from fanout.scenario._address import checked_address, is_loopback
from fanout.scenario._arrivals import Arrivals
from fanout.scenario._part import Part
from fanout.scenario._service_time import Constant, ServiceTime
from fanout.scenario._shape import Shape
from fanout.scenario.faults import AnyCoordinatorFault, AnyFault
from fanout.scenario.gate_syntax import ALLOWED, parse_gate
from fanout.scenario.questions import MAX_QUESTIONS

MAX_GATES = 100
MOST_PER_AGENT = 1024
MAX_THREADS = 1024
"""The most threads of an executor."""
BlockingCalls = Literal["none", "per_question", "per_question_and_pause"]


def _word(word: str) -> tuple[BeforeValidator, PlainSerializer]:
    """The validator and serializer of a value that is `word` in the file and None in Python."""

    def read(value: object) -> object:
        return None if value == word else value

    def write(value: object) -> object:
        return word if value is None else value

    return BeforeValidator(read), PlainSerializer(write)


_from_unlimited, _to_unlimited = _word("unlimited")
_from_none, _to_none = _word("none")
_from_default, _to_default = _word("default")

Count = Annotated[Annotated[int, Field(ge=1)] | None, _from_unlimited, _to_unlimited]
CountOrZero = Annotated[Annotated[int, Field(ge=0)] | None, _from_unlimited, _to_unlimited]
Expiry = Annotated[Annotated[float, Field(ge=0)] | None, _from_unlimited, _to_unlimited]
Seconds = Annotated[float, Field(gt=0)]
Timeout = Annotated[Seconds | None, _from_none, _to_none]


def _protocol(value: str) -> str:
    if value not in protocols.names():
        raise ValueError("no such protocol")
    return value


def _library(value: str) -> str:
    if value not in client_libraries.names():
        raise ValueError("no such client library")
    return value


def _worker_host(value: str) -> str:
    if value != "localhost" and not (is_loopback(value) and "." in value):
        raise ValueError("agents started for a run listen on the loopback interface only")
    return value


def _few(value: object) -> object:
    """Limits the number of gates before any is parsed, since describing each one's problems takes time."""
    if isinstance(value, list) and len(value) > MAX_GATES:
        raise ValueError(f"{len(value)} gates are too many; allowed: up to {MAX_GATES}")
    return value


def _gate(value: str) -> str:
    return str(parse_gate(value))


def _is_list(value: object) -> str:
    return "addresses" if isinstance(value, list | tuple) else "number"


def _is_mapping(value: object) -> str:
    return "each" if isinstance(value, dict | Timeouts) else "all"


def _is_text(value: object) -> str:
    return "file" if isinstance(value, str) else "number"


class Limits(Part):
    """httpx's three limits, with httpx's defaults."""

    max_connections: Count = Field(100, description="a whole number, 1 or more, or unlimited")
    max_keepalive_connections: CountOrZero = Field(20, description="a whole number, 0 or more, or unlimited")
    keepalive_expiry_s: Expiry = Field(5.0, description="seconds, 0 or more, or unlimited")

    @model_validator(mode="before")
    @classmethod
    def _as_httpcore_does(cls, data: Any) -> Any:  # noqa: ANN401
        """Lowers the default of 20 to a smaller max_connections, as httpcore does, rather than call it too large."""
        if isinstance(data, dict) and "max_keepalive_connections" not in data:
            most = data.get("max_connections", 100)
            if isinstance(most, int) and not isinstance(most, bool) and 1 <= most < 20:
                return {**data, "max_keepalive_connections": most}
        return data


class Timeouts(Part):
    """httpx's four timeouts, with httpx's defaults."""

    connect: Timeout = Field(5.0, description="seconds, more than 0, or none")
    read: Timeout = Field(5.0, description="seconds, more than 0, or none")
    write: Timeout = Field(5.0, description="seconds, more than 0, or none")
    pool: Timeout = Field(5.0, description="seconds, more than 0, or none")


class ClientSettings(Part):
    """The coordinator's HTTP clients. A timeout defaults to httpx's 5 s, or to the deadline if that is shorter."""

    library: Annotated[str, AfterValidator(_library)] = Field(
        client_libraries.DEFAULT, description=f"one of {', '.join(client_libraries.names())}"
    )
    factory: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$",
        description="module:function, whose clients are used instead (docs/your-agents.md); it needs --allow-factory",
    )
    http2: bool = Field(
        False, description="true or false (whether clients offer HTTP/2 in TLS handshakes; agents choose)"
    )
    topology: str = Field("shared", pattern=topology.PATTERN, description=topology.DESCRIPTION)
    shards: int | None = Field(
        None, ge=1, le=4096, description="a whole number, 1 to the number of agents: the clients of a sharded topology"
    )
    limits: Limits = Field(
        default_factory=Limits, description="a mapping: max_connections, max_keepalive_connections, keepalive_expiry_s"
    )
    timeout_s: Annotated[
        Annotated[Timeout, Tag("all")] | Annotated[Timeouts, Tag("each")],
        Discriminator(_is_mapping),
    ] = Field(
        5.0,
        description="seconds, more than 0, or none; or a mapping with such values for connect, read, write and pool",
    )
    deadline_s: Seconds = Field(120.0, description="seconds for a whole question, more than 0")
    max_response_bytes: int = Field(
        16_777_216,
        ge=1024,
        le=1_073_741_824,
        description="bytes of a response's body, both compressed and decompressed, 1024 to 1073741824",
    )
    trust_env: bool = Field(
        False, description="true or false (whether clients use HTTP_PROXY and similar environment variables)"
    )
    retries: int = Field(
        0,
        ge=0,
        le=10,
        description="a whole number, 0 to 10: how often a client tries again to connect, as in "
        "httpx.AsyncHTTPTransport(retries=…), which ignores all other errors",
    )
    follow_redirects: bool = Field(
        False,
        description="true or false (whether a client follows redirects to its own agents; it never follows others)",
    )
    tls_context: Literal["shared", "per_client"] = Field(
        "shared",
        description="shared (one for all clients) or per_client (each builds its own, as httpx does by default)",
    )

    @model_validator(mode="before")
    @classmethod
    def _default_timeouts_within_the_deadline(cls, data: Any) -> Any:  # noqa: ANN401
        """Lowers default timeouts of 5 s to a shorter deadline, rather than call them too long."""
        deadline_s = data.get("deadline_s") if isinstance(data, dict) else None
        if not isinstance(deadline_s, int | float) or isinstance(deadline_s, bool) or not 0 < deadline_s < 5:
            return data
        written = data.get("timeout_s", {})
        if not isinstance(written, dict):
            return data
        return {**data, "timeout_s": {**dict.fromkeys(Timeouts.model_fields, float(deadline_s)), **written}}

    def agents_by_client(self, agents: int) -> list[list[int]]:
        """The agents that each client talks to. Clients and agents count from 0."""
        return topology.TOPOLOGIES[self.topology].agents_by_client(agents, self.shards or 1)

    @property
    def is_kept(self) -> bool:
        """Whether a client lives as long as its coordinator; if not, each question has a new one."""
        return topology.TOPOLOGIES[self.topology].is_kept

    def timeouts(self) -> Timeouts:
        """All four timeouts, whether the scenario gives one value or a mapping."""
        if isinstance(self.timeout_s, Timeouts):
            return self.timeout_s
        return Timeouts(connect=self.timeout_s, read=self.timeout_s, write=self.timeout_s, pool=self.timeout_s)


class Executor(Part):
    """asyncio's default executor, whose threads run a coordinator's blocking calls and its name lookups."""

    threads: Annotated[Annotated[int, Field(ge=1, le=MAX_THREADS)] | None, _from_default, _to_default] = Field(
        None, description=f"a whole number, 1 to {MAX_THREADS}, or default (asyncio's own: CPUs + 4, at most 32)"
    )
    blocking_calls: BlockingCalls = Field(
        "none",
        description="none, per_question (each question in flight holds a thread, like a blocking LLM call in "
        "to_thread) or per_question_and_pause (each pause holds one, too)",
    )


class CoordinatorSettings(Part):
    """The coordinator's settings besides HTTP."""

    executor: Executor = Field(default_factory=Executor, description="a mapping: threads, blocking_calls")
    resolver: Literal["default", "own_executor"] = Field(
        "default", description="default (name lookups run on asyncio's default executor) or own_executor"
    )
    pause_s: float = Field(0.0, ge=0, description="seconds, 0 or more, between an agent's answer and its next question")
    faults: Annotated[tuple[AnyCoordinatorFault, ...], Strict(False)] = Field(
        (), description="a list of mappings, each with a kind (docs/reliability.md lists all) and the kind's keys"
    )


class WorkerSettings(Part):
    """The agents that are started for the run."""

    host: Annotated[str, AfterValidator(_worker_host)] = Field(
        "localhost",
        description="localhost (needs a name lookup) or a 127.x.x.x address (needs none), as the coordinator's URLs "
        "have it",
    )
    first_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="a port for the first agent, 1 to 65535, the others use the ports after it; or 0 for free ports",
    )
    service_time: ServiceTime = Field(
        default_factory=lambda: Constant(value_s=0.1),
        description="a mapping with distribution: constant (value_s), lognormal (median_s, sigma) or exponential "
        "(mean_s), and a scale",
    )
    server: str = Field("gevent", pattern=servers.PATTERN, description=servers.DESCRIPTION)
    keep_alive_s: float | None = Field(
        None,
        gt=0,
        le=3600,
        description="seconds, more than 0, up to 3600, after which an agent closes an idle connection; or null for the "
        f"server's own ({servers.KEEP_ALIVE}, gevent never)",
    )
    per_process: int = Field(
        1, ge=1, le=4096, description="a whole number, 1 to 4096: the agents in each process, which share one CPU"
    )
    tls: bool = Field(False, description="true or false (whether the agents use HTTPS, with a CA created for the run)")
    max_request_bytes: int = Field(
        1_048_576, ge=1024, le=1_073_741_824, description="bytes of a request's body, 1024 to 1073741824"
    )
    answer_bytes: int = Field(
        0,
        ge=0,
        le=1_073_741_824,
        description="bytes that an answer's text has at least, 0 to 1073741824; a shorter one is filled up",
    )
    restart: Literal["never", "once", "always"] = Field(
        "never", description="never, once or always (how often an agent is restarted when its process dies)"
    )
    faults: Annotated[tuple[AnyFault, ...], Strict(False)] = Field(
        (),
        description="a list of mappings, each with a kind (docs/reliability.md lists all), the kind's keys, and agents",
    )

    @property
    def idle_s(self) -> float | None:
        """How long agents keep an idle connection; None means forever, 0 that they close each after one answer."""
        return servers.SERVERS[self.server].keep_alive_s if self.keep_alive_s is None else self.keep_alive_s


class DispatchSettings(Part):
    """How a coordinator gives its questions to the agents."""

    per_agent: int = Field(
        1,
        ge=1,
        le=MOST_PER_AGENT,
        description=f"a whole number, 1 to {MOST_PER_AGENT}: questions in flight at each agent",
    )
    on_failure: Literal["continue", "back_off", "drop"] = Field(
        "back_off",
        description="continue (the next question follows immediately), back_off (after waits of 0.1 s, 0.2 s and so on "
        "up to 10 s, with jitter) or drop (no more questions after three failures in a row)",
    )
    retry: int = Field(
        0,
        ge=0,
        le=10,
        description="a whole number, 0 to 10: how often a failed question is asked again, by the agent that is free "
        "next",
    )


MAX_NAME = 80
NAME_PATTERN = rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_NAME - 1}}}"
NAME_ALLOWED = f"1 to {MAX_NAME} letters, digits, dots, dashes and underscores, the first a letter or digit"


class Scenario(Part):
    """One experiment: who is asked what, how often, through which client."""

    name: str = Field(
        pattern=rf"^{NAME_PATTERN}$",
        description=NAME_ALLOWED,
    )
    protocol: Annotated[str, AfterValidator(_protocol)] = Field(description=f"one of {', '.join(protocols.names())}")
    agents: Annotated[
        Annotated[int, Field(ge=1, le=4096), Tag("number")]
        | Annotated[
            tuple[Annotated[str, AfterValidator(checked_address)], ...],
            Field(min_length=1, max_length=4096),
            Strict(False),
            Tag("addresses"),
        ],
        Discriminator(_is_list),
    ] = Field(
        description="a number to start, 1 to 4096, or a list of addresses such as http://127.0.0.1:5001 or "
        "http://127.0.0.1:8000/agents/1"
    )
    questions: Annotated[
        Annotated[int, Field(ge=1, le=MAX_QUESTIONS), Tag("number")] | Annotated[str, Field(min_length=1), Tag("file")],
        Discriminator(_is_text),
    ] = Field(100, description=f"a number, 1 to {MAX_QUESTIONS}, or a JSON-lines file of {{id, text}} objects")
    seed: int = Field(0, ge=0, lt=2**63, description="a whole number, 0 or more")
    arrivals: Arrivals | None = Field(None, description="a mapping: rate, pattern")
    shape: Shape | None = Field(None, description="a mapping with kind: ramp, steps or spike, and the kind's keys")
    allow_remote: bool = Field(False, description="true or false (whether agents may be on other machines)")
    client: ClientSettings = Field(
        default_factory=ClientSettings, description="a mapping: topology, limits, timeout_s, deadline_s, …"
    )
    coordinator: CoordinatorSettings = Field(
        default_factory=CoordinatorSettings, description="a mapping: executor, resolver, pause_s, faults"
    )
    dispatch: DispatchSettings = Field(
        default_factory=DispatchSettings, description="a mapping: per_agent, on_failure, retry"
    )
    workers: WorkerSettings = Field(
        default_factory=WorkerSettings, description="a mapping: host, first_port, service_time, …"
    )

    gates: Annotated[tuple[Annotated[str, AfterValidator(_gate)], ...], Strict(False), BeforeValidator(_few)] = Field(
        (), description=f"a list of up to {MAX_GATES} conditions: {ALLOWED}"
    )

    @property
    def agent_count(self) -> int:
        return self.agents if isinstance(self.agents, int) else len(self.agents)

    def to_yaml(self) -> str:
        """The resolved scenario: every key with its value, in a form that load_scenario reads."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)
