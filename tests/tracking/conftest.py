"""A project of each test's own; the database's tables are created once and copied."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gsf.project import Project
from tests.tracking.fabricated import make_project
from tests.tracking.with_networks import finish_with_networks


@pytest.fixture(scope="session")
def empty_database(mlflow_tables: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from gsf.tracking.connection import connect

    root = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        connect(Project(root))
    return root / "mlflow.db"


@pytest.fixture(scope="session")
def networks(small_data: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished study whose checkpoints can be registered; read only."""
    return finish_with_networks(small_data, tmp_path_factory.mktemp("networks") / "project")


@pytest.fixture
def project(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("MLFLOW_TRACKING_URI", "GSF_MLFLOW"):
        monkeypatch.delenv(name, raising=False)
    made = make_project(tmp_path / "project")
    shutil.copy(empty_database, made.root / "mlflow.db")
    return made
