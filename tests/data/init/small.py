"""Files with the suffix of a video, and what `gsf init` wrote of them."""

from __future__ import annotations

from pathlib import Path

from gsf.project import Project
from gsf.tables import read_table


def fill(root: Path, *names: str) -> Path:
    """Files that have the suffix of a video, each with bytes of its own: init does not look into them."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"{name:>40}".encode())
    return root


def written(project: Project) -> dict[str, bytes]:
    """The parameter files, by their path below the project."""
    files = sorted(path for path in (project.root / "params").rglob("*") if path.is_file())
    return {project.relative(path): path.read_bytes() for path in files}


def split_by_id(project: Project, *, columns: tuple[str, ...] = ()) -> dict[str, str]:
    """The splits in the annotations of `mine`, by id where there is one, else by path."""
    rows = read_table(project.root / "params/benchmarks/mine.csv", ("path", "label", "split", *columns))
    return {row.get("id", row["path"]): row["split"] for row in rows}
