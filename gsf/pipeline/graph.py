"""The resolved graph: what `dvc.yaml` says of every stage of the active study, for Snakemake, `record` and `sync`.

The only module that asks DVC for its stages. The answer is kept in `.work/graph.json` for as long as dvc.yaml and
params/ are unchanged, so that Snakemake starts fast and its job processes never call DVC.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from gsf.errors import ParamsError
from gsf.params.base import read_yaml
from gsf.pipeline import dvc_repo
from gsf.project import Project
from gsf.provenance.hashing import canonical_json, sha256_bytes, sha256_file, write_atomically

CODE = "gsf/"  # dependencies below this folder are code

Content = Callable[[str], dict[str, Any]]  # of a parameter file, by its path in the project


def is_folder(path: str) -> bool:
    """Whether an output is a folder: in this graph, one whose name has no suffix."""
    return not PurePosixPath(path).suffix


@dataclass(frozen=True)
class Out:
    """A file or folder that a stage writes; one without a suffix is a folder."""

    path: str
    cached: bool  # kept in DVC's cache; otherwise in git

    @property
    def is_dir(self) -> bool:
        return is_folder(self.path)

    @property
    def is_receipt(self) -> bool:
        return self.path.endswith("receipt.json")

    @property
    def is_loose(self) -> bool:
        """Listings tell of a folder on this machine: they are in no receipt."""
        return PurePosixPath(self.path).name == "listing.csv"


@dataclass(frozen=True)
class Stage:
    """One stage with everything filled in."""

    name: str  # extract@arrow-00
    group: str  # extract
    key: str  # arrow-00
    cmd: str
    deps: tuple[str, ...]  # files and folders, without code
    code: tuple[str, ...]  # files and folders of gsf
    params: Mapping[str, Mapping[str, Any]]  # {file: {key: value}}, exactly what dvc.yaml lists
    keys: Mapping[str, tuple[str, ...]]  # {file: keys listed}, none: the whole file
    outs: tuple[Out, ...]
    meta: Mapping[str, Any]
    always_changed: bool

    @property
    def receipt(self) -> str | None:
        """Path of the receipt that the stage writes; None where it writes none."""
        return next((out.path for out in self.outs if out.is_receipt), None)


@dataclass(frozen=True)
class Graph:
    """The stages of the active study, in the order of dvc.yaml."""

    stages: tuple[Stage, ...]
    templates: Mapping[str, tuple[str, ...]]  # outputs of each group: data/{benchmark}/plan

    @cached_property
    def by_name(self) -> dict[str, Stage]:
        return {stage.name: stage for stage in self.stages}

    @cached_property
    def writer(self) -> dict[str, Stage]:
        """The stage that writes each output."""
        return {out.path: stage for stage in self.stages for out in stage.outs}

    def group(self, name: str) -> list[Stage]:
        return [stage for stage in self.stages if stage.group == name]

    def inputs(self, stage: Stage) -> list[str]:
        """What a stage waits for, in terms of outputs of other stages, and the files that no stage writes.

        A dependency inside an output folder stands for that folder; one that is a folder of outputs stands for all of
        them: `data/arrow/plan/00.csv` becomes `data/arrow/plan`, `data/arrow/shards` every shard of arrow.
        """
        return list(self._inputs[stage.name])

    @cached_property
    def _inputs(self) -> dict[str, tuple[str, ...]]:
        """The inputs of each stage, found once: a runner asks many times, and a folder may stand for many files."""
        below: dict[str, list[str]] = {}
        for out in self.writer:
            for folder in PurePosixPath(out).parents:
                below.setdefault(str(folder), []).append(out)
        known: dict[str, list[str]] = {}  # what a dependency stands for

        def meant(dep: str) -> list[str]:
            path = PurePosixPath(dep)
            above = [str(folder) for folder in (path, *path.parents) if str(folder) in self.writer]
            return above[:1] or below.get(dep) or [dep]

        found: dict[str, tuple[str, ...]] = {}
        for stage in self.stages:
            paths: dict[str, None] = {}
            for dep in stage.deps:
                if dep not in known:
                    known[dep] = meant(dep)
                paths.update(dict.fromkeys(known[dep]))
            found[stage.name] = tuple(paths)
        return found

    def parts(self, stage: Stage) -> dict[str, str]:
        """The dependencies of a stage that lie in a folder which another stage writes, each with that folder.

        `data/arrow/plan/00.csv` is a part of `data/arrow/plan`.
        """
        found: dict[str, str] = {}
        for dep in stage.deps:
            above = [str(folder) for folder in PurePosixPath(dep).parents if str(folder) in self.writer]
            if above:
                found[dep] = above[0]
        return found

    def sources(self, stage: Stage) -> list[str]:
        """The inputs of a stage that no stage writes."""
        return [path for path in self.inputs(stage) if path not in self.writer]

    def upstream(self, stage: Stage) -> list[Stage]:
        """The stages that write the inputs of a stage."""
        return list(self._upstream[stage.name])

    @cached_property
    def _upstream(self) -> dict[str, tuple[Stage, ...]]:
        place = {stage.name: number for number, stage in enumerate(self.stages)}
        writers = {
            name: {place[self.writer[path].name] for path in paths if path in self.writer}
            for name, paths in self._inputs.items()
        }
        return {name: tuple(self.stages[number] for number in sorted(found)) for name, found in writers.items()}

    def edges(self) -> set[tuple[str, str]]:
        """Pairs of stage names: the first writes what the second reads."""
        return {(before.name, stage.name) for stage in self.stages for before in self.upstream(stage)}

    def topological(self) -> list[Stage]:
        """The stages, each after those it waits for."""
        done: dict[str, Stage] = {}

        def visit(stage: Stage) -> None:
            if stage.name not in done:
                for before in self.upstream(stage):
                    visit(before)
                done[stage.name] = stage

        for stage in self.stages:
            visit(stage)
        return list(done.values())


def load(project: Project) -> Graph:
    """The graph of the active study, from `.work/graph.json` where that is still true."""
    key = _state(project)
    store = project.work("graph.json")
    try:
        known = json.loads(store.read_bytes())
        if known["key"] == key:
            return _graph_from_json(known)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none yet, or damaged: ask DVC
    graph = Graph(stages=tuple(_ask_dvc(project)), templates=_out_templates(project))
    write_atomically(store, canonical_json({"key": key, **asdict(graph)}))
    return graph


def _state(project: Project) -> str:
    """A digest of all that the graph is made from."""
    files = [project.root / "dvc.yaml", *sorted((project.root / "params").rglob("*.yaml")), Path(__file__)]
    return sha256_bytes(canonical_json([[os.path.relpath(p, project.root), sha256_file(p)] for p in files]))


def _graph_from_json(known: dict[str, Any]) -> Graph:
    templates = {group: tuple(paths) for group, paths in known["templates"].items()}
    return Graph(stages=tuple(_stage_from_json(item) for item in known["stages"]), templates=templates)


def _stage_from_json(item: dict[str, Any]) -> Stage:
    outs = tuple(Out(**out) for out in item["outs"])
    keys = {file: tuple(names) for file, names in item["keys"].items()}
    return Stage(**{**item, "deps": tuple(item["deps"]), "code": tuple(item["code"]), "outs": outs, "keys": keys})


def _ask_dvc(project: Project) -> list[Stage]:
    with dvc_repo.opened(project, purpose="resolve its stages") as repo:
        content = cache(lambda file: read_yaml(project.root / file))  # of a parameter file that many stages name
        return [_resolved(project, item, content) for item in dvc_repo.pipeline_stages(repo)]


def _resolved(project: Project, item: Any, content: Content) -> Stage:
    group, _, key = item.name.partition("@")
    deps: list[str] = []
    keys: dict[str, tuple[str, ...]] = {}
    for dep in item.deps:
        path = Path(os.path.relpath(dep.fs_path, project.root)).as_posix()
        if hasattr(dep, "params"):  # a parameter file: the listed keys, or all of it where the list is empty
            keys[path] = tuple(dep.params)
        else:
            deps.append(path)
    outs = {Path(os.path.relpath(out.fs_path, project.root)).as_posix(): out for out in item.outs}
    return Stage(
        name=item.name,
        group=group,
        key=key,
        cmd=item.cmd,
        deps=tuple(sorted(dep for dep in deps if not dep.startswith(CODE))),
        code=tuple(sorted(dep for dep in deps if dep.startswith(CODE))),
        params={file: _values(file, names, content(file)) for file, names in keys.items()},
        keys=keys,
        outs=tuple(Out(path=path, cached=bool(out.use_cache)) for path, out in outs.items()),
        meta=dict(item.meta or {}),
        always_changed=bool(item.always_changed),
    )


def _values(file: str, keys: tuple[str, ...], values: dict[str, Any]) -> dict[str, Any]:
    missing = [key for key in keys if key not in values]
    if missing:
        raise ParamsError(f"{file}: {', '.join(missing)} is missing, must be given: dvc.yaml lists it for a stage")
    return {key: values[key] for key in keys} if keys else values


def _out_templates(project: Project) -> dict[str, tuple[str, ...]]:
    """The outputs of each group as dvc.yaml writes them, with Snakemake's wildcards for `${...}`.

    `${item.shard}` becomes `{shard}`, `${study}` becomes `{study}`; a bare `${item}` or `${key}` is what the loop runs
    over, and in this graph the loops that write one run over benchmarks.
    """

    def wildcard(match: re.Match[str]) -> str:
        name = match.group(1).rpartition(".")[2]
        return "{" + ("benchmark" if name in ("item", "key") else name) + "}"

    templates: dict[str, tuple[str, ...]] = {}
    for group, entry in read_yaml(project.root / "dvc.yaml")["stages"].items():
        body = entry.get("do", entry)
        listed = [out for kind in ("outs", "metrics", "plots") for out in body.get(kind, [])]
        paths = [out if isinstance(out, str) else next(iter(out)) for out in listed]
        templates[group] = tuple(re.sub(r"\$\{([\w.]+)\}", wildcard, path) for path in paths)
    return templates
