"""What git says about files of the project; nothing where the project is not in a git repository."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from gsf.project import Project


def tracked_files(project: Project, paths: Sequence[str]) -> set[str] | None:
    """Which of `paths` git has; None outside a repository."""
    listing = _git(project, "ls-files", "-z", "--", *paths)
    return None if listing is None else {path for path in listing.split("\0") if path}


def changed_files(project: Project, folder: str) -> list[str] | None:
    """Paths below `folder` that differ from the last commit, or that it lacks; None outside a repository."""
    if _git(project, "rev-parse", "--verify", "--quiet", "HEAD") is None:
        return None
    listing = _git(project, "status", "--porcelain", "--no-renames", "-z", "--", folder)
    return None if listing is None else sorted(entry[3:] for entry in listing.split("\0") if entry)


def head_commit(project: Project) -> str | None:
    """The last commit; None outside a repository, or in one without commits."""
    found = _git(project, "rev-parse", "--verify", "--quiet", "HEAD")
    return found.strip() if found else None


def _git(project: Project, *words: str) -> str | None:
    command = ["git", "--no-optional-locks", "-C", str(project.root), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
