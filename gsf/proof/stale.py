"""Whether parameters, code and environment are still those that the receipts name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from gsf.errors import ParamsError
from gsf.params.base import read_yaml
from gsf.project import Project
from gsf.proof.chain import Command
from gsf.proof.content import EQUAL_REMEDY, same_content_of
from gsf.proof.findings import Finding
from gsf.provenance import code
from gsf.provenance.hashing import canonical_json, sha256_file
from gsf.provenance.params_used import portable
from gsf.provenance.receipt import Receipt

_RERUN = "run `dvc repro` to make the results anew, or go back to the commit that they were made from"
_GONE = object()


def check_params(project: Project, receipts: Iterable[Receipt]) -> Iterator[Finding]:
    """The values in the parameter files are those that each stage ran with."""
    declared = _declared_keys(project)
    current = cache(lambda path: _current(project.root / path))
    for receipt in receipts:
        for path, values in receipt.content["params"].items():
            now = current(path)
            if now is None:
                yield Finding("stale_params", receipt.stage, f"{path} cannot be read any more", _RERUN)
                continue
            listed = declared.get((receipt.stage.split("@")[0], Path(path).parent.name), frozenset())
            names = values.keys() | (now.keys() if listed is None else now.keys() & listed)
            for key in sorted(names):
                if now.get(key, _GONE) != values.get(key, _GONE):
                    what = f"{path}: {key} is {_shown(now.get(key, _GONE))}, was {_shown(values.get(key, _GONE))}"
                    yield Finding("stale_params", receipt.stage, what, _RERUN)


def check_plan(project: Project, study: str, receipts: Iterable[Receipt]) -> Iterator[Finding]:
    """Parameter files that a stage read as a whole; the plan only while the study is the active one."""
    for receipt in receipts:
        for item in receipt.inputs:
            file = project.root / item.path
            if item.receipt is not None or not item.path.startswith("params/"):
                continue
            if file == project.plan_file and another_is_active(project, study):
                continue
            if file.is_file() and sha256_file(file) == item.sha256:
                continue
            what = f"{item.path} is no longer what it read ({item.sha256[:12]})"
            how = same_content_of(file, item.path, item.sha256)
            if how:
                yield Finding("equal", receipt.stage, f"{what} by its bytes: {how}", EQUAL_REMEDY)
            else:
                yield Finding("stale_params", receipt.stage, what, _RERUN)


def check_ensembles(project: Project, study: str, receipts: Iterable[Receipt]) -> Iterator[Finding]:
    """Members, weights and average of the active study's ensembles are those of the plan: no file of their own."""
    plan = _current(project.plan_file) if study else None
    if plan is None or plan.get("study") != study:
        return
    ensembles = plan.get("ensembles")
    planned = {item.get("run"): item for item in ensembles.values()} if isinstance(ensembles, dict) else {}
    for receipt in receipts:
        command = Command.of(receipt)
        if command.verb != "ensemble":
            continue
        now = planned.get(command.options.get("run"), {})
        for key in ("members", "average"):
            if now.get(key) != command.options.get(key):
                what = f"{key} is {_shown(now.get(key, _GONE))}, was {_shown(command.options.get(key))}"
                yield Finding("stale_params", receipt.stage, f"params/plan.yaml: {what}", _RERUN)


def is_active(project: Project, study: str) -> bool:
    """Whether params/plan.yaml runs this study."""
    values = _current(project.plan_file)
    return values is not None and values.get("study") == study


def another_is_active(project: Project, study: str) -> bool:
    """Whether params/plan.yaml runs another study; not where it is gone or cannot be read."""
    values = _current(project.plan_file)
    return values is not None and values.get("study") != study


def check_code(receipts: Iterable[Receipt]) -> Iterator[Finding]:
    """The modules that each stage ran are still the same; one finding a stage, which names all that changed."""
    current, same_text = cache(_module_digest), cache(_same_text)
    for receipt in receipts:
        others = [(name, digest) for name, digest in receipt.content["code"].items() if current(name) != digest]
        same = [name for name, digest in others if same_text(name, digest)]
        changed = [name for name, _ in others if name not in same]
        if same:
            what = f"the same text with other line ends: {', '.join(sorted(same))}"
            yield Finding("equal", receipt.stage, what, EQUAL_REMEDY)
        if changed:
            yield Finding("stale_code", receipt.stage, f"changed since: {', '.join(sorted(changed))}", _RERUN)


def check_environment(project: Project, receipts: Sequence[Receipt]) -> Iterator[Finding]:
    """The lock of the environment is the one that the stages ran in."""
    lock = project.root / "requirements.lock"
    now = sha256_file(lock) if lock.is_file() else None
    others = [receipt.stage for receipt in receipts if receipt.content.get("environment") != now]
    promised = {str(receipt.content.get("environment")) for receipt in receipts}
    if others and len(promised) == 1 and (how := same_content_of(lock, lock.name, *promised)):
        yield Finding("equal", "requirements.lock", f"is not what the stages ran in by its bytes: {how}", EQUAL_REMEDY)
    elif others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        what = f"{'changed' if now else 'is missing'} since {', '.join(others[:3])}{more} ran"
        yield Finding("stale_code", "requirements.lock", what, _RERUN)


def _module_digest(name: str) -> str | None:
    path = code.PACKAGE.parent / name
    return sha256_file(path) if path.is_file() else None


def _same_text(name: str, promised: str) -> bool:
    return same_content_of(code.PACKAGE.parent / name, name, promised) is not None


def _current(path: Path) -> dict[str, Any] | None:
    """A parameter file as JSON values, which is how receipts hold them; None where it cannot be read."""
    try:
        values: dict[str, Any] = json.loads(canonical_json(portable(read_yaml(path))))
    except (ParamsError, OSError, ValueError, TypeError):
        return None
    return values


def _declared_keys(project: Project) -> dict[tuple[str, str], frozenset[str] | None]:
    """Keys that dvc.yaml lists, by stage group and kind of parameter file; None for a whole file."""
    try:
        text = (project.root / "dvc.yaml").read_bytes()
    except FileNotFoundError:
        return {}
    found: dict[tuple[str, str], frozenset[str] | None] = {}
    for group, stage in (yaml.load(text, Loader=_LOADER) or {}).get("stages", {}).items():
        for entry in stage.get("do", stage).get("params", []):
            if isinstance(entry, dict):
                for path, keys in entry.items():
                    found[group, Path(path).parent.name] = None if keys is None else frozenset(keys)
    return found


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _shown(value: Any) -> str:
    if value is _GONE:
        return "not there"
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 60 else text[:57] + "..."
