from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gsf.project import Project
from tests.proof.finished import commit, finish, git


@pytest.fixture(scope="session")
def finished(small_data: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished study in one commit, with a licence; read only."""
    project = finish(small_data, tmp_path_factory.mktemp("exchange") / "project")
    (project.root / "LICENSE").write_text("a licence\n", encoding="utf-8")
    git(project, "update-ref", "-d", "HEAD")
    commit(project)
    return project


@pytest.fixture
def finished_copy(finished: Project, tmp_path: Path) -> Callable[[], Project]:
    """Makes copies of the finished study."""
    copies = iter(range(100))

    def copy() -> Project:
        return Project(Path(shutil.copytree(finished.root, tmp_path / f"project{next(copies)}", symlinks=True)))

    return copy
