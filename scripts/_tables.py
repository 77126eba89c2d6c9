"""The tables in docs/ that follow from declarations in the code; scripts/docs writes them.

Each stands between `<!-- scripts/docs: NAME -->` and `<!-- end -->`. To add one, add an entry to TABLES.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import get_args

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pydantic import BaseModel  # noqa: E402
from pydantic_core import PydanticUndefined  # noqa: E402

from fanout import outcome, report  # noqa: E402
from fanout.scenario import (  # noqa: E402
    Arrivals,
    ClientSettings,
    Constant,
    CoordinatorSettings,
    DispatchSettings,
    Executor,
    Exponential,
    Limits,
    LogNormal,
    Ramp,
    Scenario,
    Spike,
    Steps,
    Timeouts,
    WorkerSettings,
    faults,
)

PARTS: list[tuple[str, type[BaseModel]]] = [
    ("", Scenario),
    ("arrivals.", Arrivals),
    ("shape.", Ramp),
    ("shape.", Steps),
    ("shape.", Spike),
    ("dispatch.", DispatchSettings),
    ("client.", ClientSettings),
    ("client.limits.", Limits),
    ("client.timeout_s.", Timeouts),
    ("coordinator.", CoordinatorSettings),
    ("coordinator.executor.", Executor),
    *(("coordinator.faults.", fault) for fault in faults.COORDINATOR_KINDS),
    ("workers.", WorkerSettings),
    ("workers.service_time.", Constant),
    ("workers.service_time.", LogNormal),
    ("workers.service_time.", Exponential),
    *(("workers.faults.", fault) for fault in faults.KINDS),
]
"""The parts of the scenario form, by the keys that they are under."""
_MARKED = re.compile(r"(<!-- scripts/docs: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def scenario_keys() -> Iterator[str]:
    yield "| key | allowed | default |"
    yield "|---|---|---|"
    fields = ((prefix, part, name, field) for prefix, part in PARTS for name, field in part.model_fields.items())
    rows = (
        f"| `{prefix}{name}`{_kind(part)} | {_allowed(name, field.description)} | "
        f"{_default(prefix, name, field.default)} |"
        for prefix, part, name, field in fields
        if field.description and "a mapping:" not in field.description
    )
    yield from dict.fromkeys(rows)


def _kind(part: type[BaseModel]) -> str:
    """The kind of load shape that a key belongs to, since two of them have the same keys with other values."""
    return f" ({part.model_fields['kind'].default})" if part in (Ramp, Steps, Spike) else ""


def _allowed(name: str, description: str) -> str:
    return "the name of a file in `fanout/protocols/`" if name == "protocol" else description


def _default(prefix: str, name: str, value: object) -> str:
    special = {"name": "the file's name", "service_time": "constant, 0.1 s", "threads": "default"}
    if name == "agents" and prefix and value is None:
        return "all agents"
    if name in special:
        return special[name]
    return "required" if value is PydanticUndefined else str(value).lower()


def fault_kinds() -> Iterator[str]:
    yield "| kind | what the agent does | keys besides `agents` |"
    yield "|---|---|---|"
    yield from _kinds(faults.KINDS, "agents")


def coordinator_fault_kinds() -> Iterator[str]:
    yield "| kind | what happens | keys |"
    yield "|---|---|---|"
    yield from _kinds(faults.COORDINATOR_KINDS)


def _kinds(found: Iterable[type[BaseModel]], *left_out: str) -> Iterator[str]:
    for fault in found:
        (kind,) = get_args(fault.model_fields["kind"].annotation)
        own = [f"`{name}`" for name in fault.model_fields if name not in ("kind", *left_out)]
        yield f"| `{kind}` | {fault.__doc__} | {', '.join(own) or '–'} |"


def question_columns() -> Iterator[str]:
    yield "| column | values | what it is |"
    yield "|---|---|---|"
    for column in outcome.COLUMNS:
        yield f"| `{column.name}` | {column.values} | {column.about} |"


def summary_columns() -> Iterator[str]:
    yield ", ".join(f"`{column.key}`" for column in report.COLUMNS)


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "scenario-keys": scenario_keys,
    "fault-kinds": fault_kinds,
    "coordinator-fault-kinds": coordinator_fault_kinds,
    "question-columns": question_columns,
    "summary-columns": summary_columns,
}


def written(text: str) -> str:
    """A document with its tables as the code has them. Raises KeyError for an unknown table."""
    return _MARKED.sub(lambda found: found[1] + "\n".join(TABLES[found[2]]()) + "\n" + found[3], text)


def main() -> None:
    for path in sorted((ROOT / "docs").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if written(text) != text:
            path.write_text(written(text), encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
