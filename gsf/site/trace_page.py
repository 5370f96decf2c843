"""The page of one evaluation: its numbers, the way down to the videos, and the commands that make them again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gsf.errors import GsfError
from gsf.project import Project
from gsf.proof.trace import File, Step, Trace, trace
from gsf.proof.trace_text import alike
from gsf.site.study import BenchmarkInfo, Evaluation, StudyData
from gsf.site.videos import class_page

_FILES = 12  # named of many that are alike


@dataclass(frozen=True)
class Group:
    """Stages that differ in their shard alone, shown as one."""

    steps: tuple[Step, ...]
    read: tuple[File, ...]
    read_more: int
    wrote: tuple[File, ...]
    wrote_more: int

    @property
    def first(self) -> Step:
        return self.steps[0]

    @property
    def title(self) -> str:
        return self.first.stage if len(self.steps) == 1 else f"{self.first.stage} to {self.steps[-1].stage}"

    @property
    def facts(self) -> dict[str, Any]:
        """What all of them say alike."""
        found = self.first.facts
        return {key: value for key, value in found.items() if all(step.facts.get(key) == value for step in self.steps)}


@dataclass(frozen=True)
class ClassRow:
    """A class on the way to its videos."""

    name: str
    page: str | None  # None where its videos are not listed here
    videos: int  # 0 where it is not known
    recall: float | None


def trace_context(
    project: Project, study: StudyData, item: Evaluation, *, videos: Mapping[str, Counter[str]], listed: bool
) -> dict[str, Any]:
    """What the page shows.

    Args:
        project: the project.
        study: of the evaluation.
        item: the evaluation.
        videos: test videos by class, by benchmark.
        listed: whether the site has pages of the benchmark's videos.
    """
    found: Trace | None = None
    problem = ""
    cell = next(iter(item.cells.values()))
    try:
        found = trace(project, f"{study.name}/{cell.name}")
    except GsfError as error:
        problem = str(error)
    groups = [_group(group) for group in alike(found.steps)] if found is not None else []
    info = study.benchmarks[item.benchmark]
    return {
        "study": study,
        "item": item,
        "trace": found,
        "problem": problem,
        "groups": groups,
        "anchors": {step.receipt: group.first.receipt[:12] for group in groups for step in group.steps},
        "stages": {step.receipt: step.stage for step in found.steps} if found is not None else {},
        "commands": commands(found.steps if found is not None else ()),
        "classes": _classes(study, item, info, videos.get(item.benchmark, Counter()), listed=listed),
        "info": info,
        "listed": listed,
    }


def commands(steps: Sequence[Step]) -> list[str]:
    """The commands of the stages in the order in which they run, each once."""
    return list(dict.fromkeys(step.command for step in reversed(steps)))


def _group(steps: Sequence[Step]) -> Group:
    read = list({(file.path, file.sha256): file for step in steps for file in step.inputs}.values())
    read.sort(key=lambda file: not file.path.startswith("runs/"))  # networks and scores before the many shards
    wrote = [file for step in steps for file in step.outputs]
    return Group(
        tuple(steps),
        tuple(read[:_FILES]),
        max(0, len(read) - _FILES),
        tuple(wrote[:_FILES]),
        max(0, len(wrote) - _FILES),
    )


def _classes(
    study: StudyData, item: Evaluation, info: BenchmarkInfo, videos: Counter[str], *, listed: bool
) -> list[ClassRow]:
    recalls = item.metrics.get("per_class", {})
    names = list(info.classes) or list(recalls)
    return [
        ClassRow(
            name,
            class_page(study.name, info.name, number) if listed and videos[name] else None,
            videos[name],
            recalls.get(name),
        )
        for number, name in enumerate(names)
        if videos[name] or name in recalls
    ]
