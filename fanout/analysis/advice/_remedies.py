"""Changes to a scenario, each with the code that does the same.

Each function is the only place that knows how its keys are written with httpx 0.28 or in Python. for_clients() adapts
them to the clients of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import polars as pl

from fanout.analysis.advice._advice import Change
from fanout.analysis.advice._facts import Facts
from fanout.scenario import MOST_PER_AGENT, Limits, Timeouts, is_ip_address
from fanout.scenario.faults import CoordinatorFault

KEPT, MOST_OPEN, EXPIRY = (
    "client.limits.max_keepalive_connections",
    "client.limits.max_connections",
    "client.limits.keepalive_expiry_s",
)
TOPOLOGY, SHARDS = "client.topology", "client.shards"
HOST, RESOLVER = "workers.host", "coordinator.resolver"
THREADS, CALLS = "coordinator.executor.threads", "coordinator.executor.blocking_calls"
PAUSE, FAULTS, ANSWER_BYTES = "coordinator.pause_s", "workers.faults", "workers.answer_bytes"
LOOP_FAULTS = "coordinator.faults"
RETRIES, RETRY = "client.retries", "dispatch.retry"
PER_AGENT, RATE = "dispatch.per_agent", "arrivals.rate"
_LIMITS = {"max_connections": MOST_OPEN, "max_keepalive_connections": KEPT, "keepalive_expiry_s": EXPIRY}


_CLIENTS = {"httpx-aiohttp": "httpx_aiohttp.HttpxAiohttpClient("}
"""How a library's client is called, where it isn't AsyncClient of a module with the library's name."""


def for_clients(change: Change, facts: Facts) -> Change:
    """The same change, with its code for the run's client library. A factory's clients are changed in its code only."""
    library = facts.client.library
    if library in _CLIENTS:
        code = change.code.replace("httpx.AsyncClient(", _CLIENTS[library])
    else:
        code = change.code.replace("httpx.", f"{library}.")
    is_of_factory = facts.client.factory is not None and any(key.startswith("client.") for key in change.values)
    return Change({} if is_of_factory else change.values, code)


def per_agent(facts: Facts) -> Change:
    """Makes a client for each agent."""
    values: dict[str, Any] = {TOPOLOGY: "per_agent"} | ({} if facts.client.shards is None else {SHARDS: None})
    return Change(values, "clients = {url: httpx.AsyncClient(base_url=url) for url in agents}")


def limits(facts: Facts, **changed: float | None) -> Change:
    """Sets limits by their names in the scenario. The code names all three where they differ from httpx's defaults."""
    values = {name: getattr(facts.client.limits, name) for name in _LIMITS} | changed
    defaults = Limits()
    written = ", ".join(
        f"{name.removesuffix('_s')}={'None' if value is None else f'{value:g}'}"
        for name, value in values.items()
        if name in changed or value != getattr(defaults, name)
    )
    return Change(
        {_LIMITS[name]: "unlimited" if value is None else value for name, value in changed.items()},
        f"httpx.AsyncClient(limits=httpx.Limits({written}))",
    )


def keep(facts: Facts, connections: int) -> Change:
    """Lets each pool keep so many connections, and open as many."""
    most = facts.client.limits.max_connections
    room = {} if most is None or most >= connections else {"max_connections": connections}
    return limits(facts, **room, max_keepalive_connections=connections)


def open_more(facts: Facts, connections: int) -> Change:
    """Lets each pool open so many connections, and keep as many, since it would close the others immediately."""
    kept = facts.client.limits.max_keepalive_connections
    room = {} if kept is None or kept >= connections else {"max_keepalive_connections": connections}
    return limits(facts, max_connections=connections, **room)


def keep_all(facts: Facts, connections: int | None = None) -> tuple[Change, ...]:
    """Lets each pool keep so many connections, by default all that it wants, unless it may do that already."""
    wanted = facts.connections_wanted if connections is None else connections
    now = facts.client.limits
    known = [count for count in (now.max_connections, now.max_keepalive_connections) if count is not None]
    return (keep(facts, wanted),) if known and min(known) < wanted else ()


def one_client(facts: Facts, connections: int) -> Change:
    """Makes one client for all questions, which keeps so many connections."""
    change = next(iter(keep_all(facts, connections)), Change({}, "httpx.AsyncClient()"))
    return Change({TOPOLOGY: "shared", **change.values}, f"client = {change.code}  # once, not for each question")


def timeouts(facts: Facts, **seconds: float) -> Change:
    """Sets timeouts by their names, and a deadline that leaves room for them."""
    now = facts.client.timeouts()
    after = {name: seconds.get(name, getattr(now, name)) for name in Timeouts.model_fields}
    values: dict[str, Any] = {"client.timeout_s": {k: "none" if v is None else v for k, v in after.items()}}
    longest = max(seconds.values())
    if longest > facts.client.deadline_s:
        values["client.deadline_s"] = longest
    written = ", ".join(f"{name}={value:g}" for name, value in seconds.items())
    return Change(values, f"httpx.AsyncClient(timeout=httpx.Timeout(5.0, {written}))")


def deadline(seconds: float) -> Change:
    return Change({"client.deadline_s": seconds}, f"async with asyncio.timeout({seconds:g}): ...")


class Limit(NamedTuple):
    """A limit to a question's time."""

    key: str
    seconds: float
    """0 if there is none."""
    raised: Callable[[float], Change]
    """Sets it to so many seconds."""


def limit_of(facts: Facts, failed: pl.DataFrame, timeout: str) -> Limit:
    """What ended most of these questions: the deadline, or else the timeout of this name."""
    if (failed["error_kind"] == "deadline").sum() > failed.height / 2:
        return Limit("client.deadline_s", facts.client.deadline_s, deadline)
    seconds = getattr(facts.client.timeouts(), timeout) or 0.0
    return Limit(f"client.timeout_s.{timeout}", seconds, lambda wanted_s: timeouts(facts, **{timeout: wanted_s}))


def by_address(facts: Facts) -> tuple[Change, ...]:
    """Replaces the agents' host name by an address, unless it is one already, or another machine's."""
    agents = facts.scenario.agents
    if isinstance(agents, int):
        if is_ip_address(facts.scenario.workers.host):
            return ()
        code = 'httpx.AsyncClient(base_url="http://127.0.0.1:PORT")'
        return (Change({HOST: "127.0.0.1", **_without_lookups(facts)}, code),)
    changed = [_by_address(agent) for agent in agents]
    if changed == list(agents) or len(set(changed)) < len(changed):
        return ()
    code = f'httpx.AsyncClient(base_url="{changed[0]}")'
    return (Change({"agents": changed, **_without_lookups(facts)}, code),)


def _without_lookups(facts: Facts) -> dict[str, Any]:
    """The coordinator's faults without those of lookups, which scenarios without names refuse."""
    return _loop_faults_without(facts, lambda fault: fault.needs_lookups)


def _by_address(agent: str) -> str:
    url = urlsplit(agent)
    if url.hostname != "localhost":
        return agent
    port = "" if url.port is None else f":{url.port}"
    return urlunsplit(url._replace(netloc=f"127.0.0.1{port}"))


OWN_RESOLVER = Change(
    {RESOLVER: "own_executor"},
    "asyncio.Runner(loop_factory=OwnLoop)  # whose getaddrinfo runs socket.getaddrinfo on an executor of its own",
)


def threads(count: int) -> Change:
    return Change({THREADS: count}, f"loop.set_default_executor(ThreadPoolExecutor({count}))")


NO_CALLS = Change({CALLS: "none"}, "await loop.run_in_executor(llm_executor, call)  # an executor of its own")


def without_faults(facts: Facts, agents: Sequence[int]) -> tuple[Change, ...]:
    """Repairs these agents, counted from 1, where their behavior is a fault of the scenario."""
    faults = facts.scenario.workers.faults
    left = [fault for fault in faults if not any(fault.concerns(agent) for agent in agents)]
    if len(left) == len(faults):
        return ()
    return (Change({FAULTS: [fault.model_dump(mode="json") for fault in left]}, "# in the agents, not in the client"),)


def without_agents(facts: Facts, agents: Sequence[int]) -> tuple[Change, ...]:
    """Asks only the other agents, counted from 1, where the scenario lists addresses and some are left."""
    addresses = facts.scenario.agents
    left = [] if isinstance(addresses, int) else [n for n in range(1, len(addresses) + 1) if n not in agents]
    if isinstance(addresses, int) or not left:
        return ()
    values = {"agents": [addresses[agent - 1] for agent in left], **_of_agents(facts, left)}
    return (Change(values, "# ask the other agents only"),)


def _of_agents(facts: Facts, agents: Sequence[int]) -> dict[str, Any]:
    """The scenario's faults for these agents only, and no more shards than agents."""
    shards = facts.client.shards
    fewer = {} if shards is None or shards <= len(agents) else {SHARDS: len(agents)}
    return {**_faults_of(facts, agents), **fewer}


def _faults_of(facts: Facts, agents: Sequence[int]) -> dict[str, Any]:
    """The scenario's faults for these agents only, which get new numbers; empty if none names an agent."""
    number_of = {agent: number for number, agent in enumerate(agents, 1)}
    found: dict[str, Any] = {}
    for key, faults in ((FAULTS, facts.scenario.workers.faults), (LOOP_FAULTS, facts.scenario.coordinator.faults)):
        if any(getattr(fault, "agents", None) for fault in faults):
            written = [fault.model_dump(mode="json") for fault in faults]
            found[key] = [
                {**each, "agents": left} if each.get("agents") else each
                for each in written
                if (left := [number_of[agent] for agent in each.get("agents") or () if agent in number_of])
                or not each.get("agents")
            ]
    return found


def without_loop_faults(facts: Facts, code: str, ends: Callable[[CoordinatorFault], bool]) -> tuple[Change, ...]:
    """Leaves out the scenario's faults of the coordinator that this ends. `code` does the same in a real one."""
    values = _loop_faults_without(facts, ends)
    return (Change(values, code),) if values else ()


def _loop_faults_without(facts: Facts, ends: Callable[[CoordinatorFault], bool]) -> dict[str, Any]:
    """The key of the coordinator's faults with those that are left; empty if none ends."""
    faults = facts.scenario.coordinator.faults
    left = [fault.model_dump(mode="json") for fault in faults if not ends(fault)]
    return {LOOP_FAULTS: left} if len(left) < len(faults) else {}


def pause(seconds: float) -> Change:
    return Change({PAUSE: seconds}, f"await asyncio.sleep({seconds:g})  # before the next question to the same agent")


def rounded_up(seconds: float) -> float:
    """A round number of seconds, not below this."""
    for step in (0.01, 0.1, 1, 10, 60):
        if seconds <= step * 30:
            break
    return round(-(-seconds // step) * step, 2)


def fewer_agents(facts: Facts) -> tuple[Change, ...]:
    """Asks half of the agents, as each of two coordinators would."""
    agents = facts.scenario.agents
    half = agents // 2 if isinstance(agents, int) else list(agents[: len(agents) // 2])
    values = {"agents": half, **_of_agents(facts, range(1, facts.agents // 2 + 1))}
    return (Change(values, "# the other half in another process"),) if half else ()


def more_in_flight(each: int) -> tuple[Change, ...]:
    """Lets each agent have so many questions in flight, if a scenario can say so."""
    change = Change({PER_AGENT: each}, f"slots = {{url: asyncio.Semaphore({each}) for url in agents}}")
    return (change,) if each <= MOST_PER_AGENT else ()


def ask_slower(rate: float) -> Change:
    """Lets questions arrive less often."""
    shown = float(f"{rate:.2g}")
    return Change({RATE: shown}, f"await asyncio.sleep({1 / shown:.3g})  # between two questions")
