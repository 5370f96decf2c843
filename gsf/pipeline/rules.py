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
from gsf.pipeline.writable import make_writable
from gsf.project import Project
from gsf.provenance.hashing import canonical_json, sha256_bytes, sha256_file
from gsf.provenance.receipt import hash_cache

# A function of a job's wildcards: the only argument that Snakemake hands over for all of the directives below.
OfWildcards = Callable[[Any], Any]

ABSENT = "absent"  # instead of a digest


class Rules:
    """The graph in Snakemake's terms.

    Files that a stage writes are inputs, compared as Snakemake does; a listing is written only when it changes. Files
    that none writes (code, annotations) are compared by content, as parameters: `git checkout` gives them new times
    without a change.
    """

    def __init__(self, project: Project, resolved: Graph) -> None:
        self.project = project
        self.graph = resolved
        self._hashes = hash_cache(project)
        self.sha256 = cache(self._sha256)
        self.code_sha256 = cache(self._code_sha256)

    @classmethod
    def start(cls, folder: str, *, main: bool) -> Rules:
        """The rules of the project in `folder`.

        In Snakemake's main process the folders of videos are listed first, and outputs made such that it may replace
        them.
        """
        project = Project(Path(folder))
        if main:
            refresh_listings(project)
        resolved = graph.load(project)
        if main:
            make_writable(project, resolved)
        return cls(project, resolved)

    def outputs(self, group: str) -> list[str]:
        """`output:` of a rule, with wildcards."""
        return [directory(path) if is_folder(path) else path for path in self.graph.templates[group]]

    def inputs(self, group: str, *, after: Any = None) -> OfWildcards:
        """`input:` of a rule.

        `after` is a checkpoint that writes folders of which these jobs read a part each. Once it is complete, a job
        waits for its own parts alone: the folder is new whenever the checkpoint ran, and says nothing.
        """

        def of(wildcards: Any) -> list[str]:
            stage = self.stage(group, wildcards)
            by_digest = set(self.graph.sources(stage))
            receipts: list[str] = []
            if after is not None:
                after.get(benchmark=wildcards.benchmark)  # raises while it has yet to run, and Snakemake asks again
                parts = self.graph.parts(stage)
                by_digest.update(parts.values())
                receipts = [part for part in parts if part.endswith("receipt.json") and self._is_file(part)]
            return [ancient(path) if path in by_digest else path for path in self.graph.inputs(stage)] + receipts

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

    def parts(self, group: str) -> OfWildcards:
        """Digests of the files in folders of other rules that a job reads, so that a change of one runs it again.

        They are read each time: the rule that writes them may have run since.
        """

        def of(wildcards: Any) -> str:
            parts = self.graph.parts(self.stage(group, wildcards))
            return _text({p: sha256_file(self.project.root / p) if self._is_file(p) else ABSENT for p in parts})

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

    def _is_file(self, path: str) -> bool:
        return (self.project.root / path).is_file()

    def _sha256(self, path: str) -> str:
        return self._hashes.sha256(self.project.root / path) if self._is_file(path) else ABSENT

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
