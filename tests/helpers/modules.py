"""The modules of the project, and their imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from helpers.paths import ROOT

FILES = sorted(path for folder in ("fanout", "workers", "locustfiles") for path in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    """The dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


def imported_names(path: Path) -> Iterator[tuple[str, bool]]:
    """Every dotted name that a file imports, and whether it does so at run time, not only for type checkers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        real = id(node) not in for_types
        if isinstance(node, ast.Import):
            yield from ((name.name, real) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, real
            yield from ((f"{node.module}.{name.name}", real) for name in node.names)


def libraries_of(module: str) -> set[str]:
    return {name.split(".")[0] for name, real in imported_names(MODULES[module]) if real}
