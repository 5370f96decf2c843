"""Tables of a study's page that are shown elsewhere too: in README.md and in `results/README.md`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gsf.project import Project
from gsf.provenance.findings import Finding
from gsf.provenance.hashing import sha256_file
from gsf.provenance.receipt import Receipt
from gsf.report.pages import index_title, markers, page_tables


def check_shown(project: Project, study: str, report: Receipt) -> Iterator[Finding]:
    """Where the tables of a study are shown, they are those of its page; that of an intact page, others are said."""
    page = project.results(study) / "README.md"
    if not page.is_file() or sha256_file(page) != report.outputs.get(project.relative(page)):
        return
    wanted = page_tables(page.read_text(encoding="utf-8"))
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
