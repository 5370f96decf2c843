"""Which modules of gsf a stage runs: the closure of the import statements, read without running them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from gsf.provenance.hashing import sha256_file

PACKAGE = Path(__file__).resolve().parents[1]


def module_files(entry: str) -> list[str]:
    """Files behind `entry` and all it imports from gsf, as sorted paths like `gsf/nn/gsf.py`.

    Imports inside functions count. The `__init__.py` of every package on the way counts too: Python runs it.
    """
    found: set[Path] = set()
    waiting = [entry]
    while waiting:
        for path in _files_of(waiting.pop()):
            if path not in found:
                found.add(path)
                waiting.extend(_imports(path))
    return sorted(path.relative_to(PACKAGE.parent).as_posix() for path in found)


def code_digests(entry: str) -> dict[str, str]:
    """sha256 of each of the `module_files` of `entry`."""
    return {name: sha256_file(PACKAGE.parent / name) for name in module_files(entry)}


def _files_of(module: str) -> list[Path]:
    """The file of a module (if there is one) and the `__init__.py` of the packages that hold it."""
    parts = module.split(".")
    if parts[0] != PACKAGE.name:
        return []
    files = []
    for end in range(1, len(parts) + 1):
        base = PACKAGE.parent.joinpath(*parts[:end])
        if (base / "__init__.py").is_file():
            files.append(base / "__init__.py")
        elif base.with_suffix(".py").is_file():
            files.append(base.with_suffix(".py"))
    return files


@cache
def _imports(path: Path) -> tuple[str, ...]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(PACKAGE.parent).parent.parts
            prefix = list(package[: len(package) + 1 - node.level]) if node.level else []
            base = ".".join([*prefix, *([node.module] if node.module else [])])
            names.append(base)
            names += [f"{base}.{alias.name}" for alias in node.names]
    return tuple(names)
