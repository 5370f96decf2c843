from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gsf.project import Project
from tests.proof.finished import finish


@pytest.fixture(scope="session")
def finished(small_data: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished study; read only, or restored after a change."""
    return finish(small_data, tmp_path_factory.mktemp("finished") / "project")


@pytest.fixture
def finished_copy(finished: Project, tmp_path: Path) -> Callable[[], Project]:
    """Makes copies of the finished study."""

    def copy() -> Project:
        return Project(Path(shutil.copytree(finished.root, tmp_path / "project")))

    return copy
