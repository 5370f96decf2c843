"""The tables on a study's page, and where they are shown besides: in README.md and in `results/README.md`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gsf.project import Project
from gsf.proof.findings import Finding
from gsf.provenance.pages import index_title, markers, page_tables
from gsf.provenance.records import METRICS, percent


def check_shown(project: Project, study: str, cells: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """The page of a study shows what its cells say, and README.md and `results/README.md` what the page shows."""
    page = project.results(study) / "README.md"
    wanted = page_tables(page.read_text(encoding="utf-8", errors="replace")) if page.is_file() else ""
    if not wanted:
        return
    name = project.relative(page)
    lacking = [row for row in accuracy_rows(cells) if row not in wanted]
    for row in lacking:
        what = f"does not show what results/{study}/results.json says: it must have {row!r}"
        yield Finding("broken", name, what, f"restore it from git, or run `gsf report {study}`")
    if lacking:
        return
    start, end = markers(study)
    readme, index = project.root / "README.md", project.root / "results" / "README.md"
    for file, shown in (
        (readme, _between(readme, start, end)),
        (index, _between(index, index_title(study), "\n## ")),
    ):
        if shown is not None and shown.strip() != wanted.strip():
            name = project.relative(file)
            what = f"{name} does not show the tables of {study} as {project.relative(page)} has them"
            yield Finding("broken", name, what, f"restore it from git, or run `gsf report {study}`")


def _between(path: Path, start: str, end: str) -> str | None:
    """The text after `start` up to `end`, or to the end of the file; None where `start` does not stand there."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    _, found, after = text.partition(start)
    return after.partition(end)[0] if found else None


def accuracy_rows(cells: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What must stand in each row of the page's tables: accuracies as people read them, and the number of videos."""
    tables: dict[tuple[str, str], dict[str, dict[str, dict[str, Any]]]] = {}
    for cell in cells:
        table = tables.setdefault((cell["benchmark"], cell["protocol"]), {})
        experiment = re.sub(r"-s\d+$", "", cell["experiment"])
        run = table.setdefault(experiment, {}).setdefault(cell["experiment"], {"intervals": {}})
        run[cell["metric"]] = cell["value"]
        if cell.get("low") is not None:
            run["intervals"][cell["metric"]] = (cell["low"], cell["high"])
        if cell["metric"] in METRICS and cell["metric"] != "pair_accuracy":  # which counts the videos of a pair only
            run["n"] = cell["n"]
    for table in tables.values():
        rows = [list(runs.values()) for runs in table.values()]
        shown = [metric for metric in METRICS if any(metric in run for runs in rows for run in runs)]
        for runs in rows:
            yield f"| {' | '.join(percent(runs, metric) for metric in shown)} | {runs[0].get('n', '')} |"
