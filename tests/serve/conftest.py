from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gsf.project import Project
from tests.serve.made import PROTOCOL, write_model
from tests.untrained import write_training


@pytest.fixture(scope="session")
def project(small_data: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small project with an untrained run gsf-s0 of the study `s`."""
    made = Project(Path(shutil.copytree(small_data.root, tmp_path_factory.mktemp("served") / "project")))
    write_training(made)
    return made


@pytest.fixture(scope="session")
def model(project: Project) -> Path:
    """The folder of its model; read only."""
    return write_model(project, project.root / "model", protocol=PROTOCOL)


@pytest.fixture(scope="session")
def video(project: Project) -> Path:
    return min((project.root / "data/arrow/videos/up").glob("*.mp4"))
