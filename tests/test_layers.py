"""Data flows one way through the packages of gsf: none imports another that imports it, also where it imports late."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import gsf

ROOT = Path(gsf.__file__).parent
LEAVES = {"errors", "project"}  # which any package may use


def imported(path: Path) -> Iterator[str]:
    """The modules and names of gsf that a file imports, wherever in it: `gsf.data.loader`, `gsf.errors.DataError`."""
    package = ("gsf", *path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{module}.{name.name}" for name in node.names)


def package_of(module: str) -> str | None:
    """`data` for `gsf.data.loader`; None for what is no package or module of gsf, such as `gsf.__version__`."""
    top, _, rest = module.partition(".")
    name = rest.partition(".")[0]
    return name if top == "gsf" and ((ROOT / name).is_dir() or (ROOT / f"{name}.py").is_file()) and name else None


@cache
def packages() -> dict[str, set[str]]:
    """What each package, or module that is in none, imports of the others."""
    found: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.py"):
        own = path.relative_to(ROOT).parts[0].removesuffix(".py")
        others = {name for module in imported(path) if (name := package_of(module)) and name != own}
        found.setdefault(own, set()).update(others)
    return found


def test_no_package_imports_what_imports_it() -> None:
    try:
        order = list(TopologicalSorter(packages()).static_order())
    except CycleError as error:
        pytest.fail(f"imports in a circle: {' <- '.join(error.args[1])}")
    way = ["video", "store", "data", "train", "evaluate", "report"]
    assert sorted(way, key=order.index) == way


def test_what_all_packages_use_uses_none_of_them() -> None:
    assert packages()["params"] <= LEAVES
    assert packages()["provenance"] <= LEAVES | {"params"}


def test_networks_know_nothing_of_the_rest() -> None:
    assert packages()["nn"] == set()
