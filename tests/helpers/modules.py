"""The modules of the project, and their imports."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

from helpers.paths import ROOT

FILES = sorted(path for folder in ("fanout", "workers", "locustfiles") for path in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    """The dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


@functools.cache
def imported_names(path: Path) -> tuple[tuple[str, bool], ...]:
    """Every dotted name that a file imports, and whether it does so at run time, not only for type checkers."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    for_types = {
        id(inner)
        for node in nodes
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found: list[tuple[str, bool]] = []
    for node in nodes:
        real = id(node) not in for_types
        if isinstance(node, ast.Import):
            found.extend((name.name, real) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.module, real))
            found.extend((f"{node.module}.{name.name}", real) for name in node.names)
    return tuple(found)


def libraries_of(module: str) -> set[str]:
    return {name.split(".")[0] for name, real in imported_names(MODULES[module]) if real}
