"""What the rules of `workflow/rules/*.smk` ask of the graph: one set of small functions a stage group."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from snakemake.io import ancient, directory

from gsf.errors import PipelineError
from gsf.pipeline import graph
from gsf.pipeline.code_deps import expand
from gsf.pipeline.graph import Graph, Stage, is_folder
from gsf.pipeline.listings import refresh_listings
from gsf.project import Project
from gsf.provenance.hashing import canonical_json, sha256_bytes, sha256_file
from gsf.provenance.receipt import hash_cache

# A function of a job's wildcards: the only argument that Snakemake hands over for all of the directives below.
OfWildcards = Callable[[Any], Any]


class Rules:
    """The graph in Snakemake's terms.

    Files that a rule writes are inputs, compared as Snakemake does. Files that none writes (code, annotations,
    listings) are compared by content, as parameters: `git checkout` gives them new times without a change.
    """

    def __init__(self, project: Project, resolved: Graph) -> None:
        self.project = project
        self.graph = resolved
        self._hashes = hash_cache(project)
        self.sha256 = cache(self._sha256)
        self.code_sha256 = cache(self._code_sha256)

    @classmethod
    def start(cls, folder: str, *, main: bool) -> Rules:
        """The rules of the project in `folder`; in Snakemake's main process the folders of videos are listed first."""
        project = Project(Path(folder))
        if main:
            refresh_listings(project)
        return cls(project, graph.load(project))

    def outputs(self, group: str) -> list[str]:
        """`output:` of a rule, with wildcards."""
        return [directory(path) if is_folder(path) else path for path in self.graph.templates[group]]

    def inputs(self, group: str) -> OfWildcards:
        """`input:` of a rule."""

        def of(wildcards: Any) -> list[str]:
            stage = self.stage(group, wildcards)
            sources = set(self.graph.sources(stage))
            return [ancient(path) if path in sources else path for path in self.graph.inputs(stage)]

        return of

    def cmd(self, group: str) -> OfWildcards:
        """The command of a job, as dvc.yaml has it."""
        return lambda wildcards: self.stage(group, wildcards).cmd

    def values(self, group: str) -> OfWildcards:
        """The parameter values of a job, so that a change of one runs it again."""
        return lambda wildcards: _text(self.stage(group, wildcards).params)

    def code(self, group: str) -> OfWildcards:
        """A digest of the code of a job, so that a change of it runs it again."""
        return lambda wildcards: self.code_sha256(self.stage(group, wildcards).code)

    def sources(self, group: str) -> OfWildcards:
        """Digests of the inputs that no rule writes, so that a change of one runs the job again."""

        def of(wildcards: Any) -> str:
            paths = self.graph.sources(self.stage(group, wildcards))
            return _text({path: self.sha256(path) for path in paths})

        return of

    def resource(self, group: str, name: str) -> OfWildcards:
        """A number from `meta:` in dvc.yaml, for all processes of a job; 0 where it is not given."""
        return lambda wildcards: _needed(self.stage(group, wildcards), name)

    def memory(self, group: str) -> Callable[[Any, int], int]:
        """`mem_mb` from `meta:` in dvc.yaml, once more with every attempt: what ran out of memory gets more."""
        return lambda wildcards, attempt: attempt * _needed(self.stage(group, wildcards), "mem_mb")

    def names(self, group: str, wildcard: str) -> str:
        """A pattern of the values that a wildcard has in a group's stages, for `wildcard_constraints:`.

        Where two rules write alike, it tells them apart. Without any stage it is one that fits nothing.
        """
        parts = re.split(r"\{(\w+)\}", self.graph.templates[group][0])  # text and names by turns
        named = [f"(?P<{part}>[^/]+)" if number % 2 else re.escape(part) for number, part in enumerate(parts)]
        pattern = re.compile("".join(named))
        found = [pattern.fullmatch(out.path) for stage in self.graph.group(group) for out in stage.outs]
        return "|".join(sorted(match[wildcard] for match in found if match)) or "(?!)"

    def everything(self) -> list[str]:
        """All outputs of all stages that Snakemake runs: the targets of `rule all`."""
        return [out.path for stage in runnable(self.graph) for out in stage.outs]

    def stage(self, group: str, wildcards: Any) -> Stage:
        """The stage of a job, found by its first output."""
        path = self.graph.templates[group][0].format(**dict(wildcards.items()))
        try:
            return self.graph.writer[path]
        except KeyError:
            raise PipelineError(
                f"{path}: no stage of the active study writes it, must be an output of one; see params/plan.yaml"
            ) from None

    def _sha256(self, path: str) -> str:
        file = self.project.root / path
        return self._hashes.sha256(file) if file.is_file() else "absent"

    def _code_sha256(self, paths: tuple[str, ...]) -> str:
        files = expand(self.project, paths)
        root = self.project.root
        return sha256_bytes(canonical_json([[file.relative_to(root).as_posix(), sha256_file(file)] for file in files]))


def runnable(resolved: Graph) -> list[Stage]:
    """The stages that Snakemake runs as jobs: all but the listings, which its main process renews at the start."""
    return [stage for stage in resolved.stages if not stage.always_changed]


def _needed(stage: Stage, name: str) -> int:
    """What a job needs: of threads, memory and GPUs as much as each of its processes does."""
    of_each = name in ("threads", "mem_mb", "gpu")
    return int(stage.meta.get(name, 0)) * (int(stage.meta.get("processes", 1)) if of_each else 1)


def _text(value: Any) -> str:
    return canonical_json(value).decode("utf-8").rstrip("\n")
