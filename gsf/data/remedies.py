"""What to do about an error in published files: their readers name place and rule, and this adds the remedy.

In one place, since it is nearly always the same: these files are not for people to mend. An error that has a remedy
already keeps it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gsf.data.published import stage
from gsf.data.published.formats import BENCHMARKS
from gsf.errors import DataError
from gsf.params.base import load
from gsf.params.benchmark import Benchmark, Format
from gsf.project import Project
from gsf.provenance.receipt import Receipt

_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")  # what a message shows of a file
# How those of the readers begin, and those of a scan
_REMEDY = re.compile(r"; ((check|get|remove|save|see) |rename them$|every folder must be readable$)")


def annotate(project: Project, benchmark: str) -> Receipt:
    """The annotate stage, with a remedy for each error in the published files."""
    published = load(Benchmark, project.params_file("benchmarks", benchmark)).published
    if published is None:
        return stage.run(project, benchmark)
    with remedied(project.root / published.files, published.format):
        return stage.run(project, benchmark)


@contextmanager
def remedied(folder: Path, format: Format) -> Iterator[None]:
    """An error about the published files in `folder` that is raised inside says what to do."""
    try:
        yield
    except DataError as error:
        raise DataError(with_remedy(str(error), folder, format)) from error


def with_remedy(message: str, folder: Path, format: Format) -> str:
    """The message of an error, with a remedy if it is about `folder` or a file in it and has none."""
    said = next((rest for shown in _forms(folder) if (rest := message.removeprefix(shown)) != message), "")
    if not said.startswith(("/", ":")) or _REMEDY.search(_QUOTED.sub("", said)):
        return message
    what = "get the file again from its makers" if said.startswith("/") else "remove the files that are not meant"
    return f"{message}; {what}: docs/benchmarks.md#{anchor(format)}"


def anchor(format: Format) -> str:
    """Of the benchmark's own part of docs/benchmarks.md."""
    words = f"{BENCHMARKS[format].title} {format}".lower().split()
    return "-".join(words)


def _forms(folder: Path) -> tuple[str, str]:
    return str(folder), os.path.abspath(folder)  # noqa: PTH100  (links stay: as `gsf init` names the folder)
