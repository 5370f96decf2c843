"""The commit that recorded a study's results, and files as they were in it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from gsf.errors import ProvenanceError
from gsf.project import Project
from gsf.proof.chain import REPORT_RECEIPT


@dataclass(frozen=True)
class Recorded:
    """The commit that last changed the receipt of a study's report."""

    commit: str  # its hash
    time: str  # when it was made, ISO 8601 with the zone: the only time that git records of results


def recorded(project: Project, study: str) -> Recorded:
    """The commit that recorded the results of a study as they are here.

    Raises:
        ProvenanceError: the results are not committed, or the clone is too shallow to tell.
    """
    path = project.relative(project.results(study) / REPORT_RECEIPT)
    if (listing := git_bytes(project, "status", "--porcelain", "--", path)) is None:
        raise ProvenanceError(f"{project.root}: git has no answer, must be a work tree of git: its commit is the date")
    found = (git_bytes(project, "log", "-1", "--format=%H %cI", "--", path) or b"").decode().split()
    if listing or not found:
        raise ProvenanceError(f"{path}: is not committed as it is here, must be: its commit is the date of the results")
    commit, time = found
    shallow = (git_bytes(project, "rev-parse", "--git-path", "shallow") or b"").decode().strip()
    boundary = project.root / shallow
    if shallow and boundary.is_file() and commit in boundary.read_text(encoding="ascii").split():
        raise ProvenanceError(
            f"{path}: its commit lies beyond the history of this shallow clone, must be here: `git fetch --unshallow`"
        )
    return Recorded(commit=commit, time=time)


def file_at(project: Project, commit: str, path: str) -> bytes | None:
    """The bytes of a file of the project in a commit; None where it has no such file."""
    return git_bytes(project, "show", f"{commit}:./{path}")


def git_bytes(project: Project, *words: str) -> bytes | None:
    """What git prints; None where it fails."""
    command = ["git", "--no-optional-locks", "-C", str(project.root), *words]
    try:
        return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return None
