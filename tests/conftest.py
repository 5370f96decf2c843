from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gsf.project import Project
from tests.mlflow_tables import MadeOnce, unsynced
from tests.required import lacking
from tests.shared import shared_folder
from tests.small_project import make_data


def pytest_collection_finish() -> None:
    """From now on garbage is looked for among what tests make, and not, each time, in all libraries."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _no_wait_for_the_disk() -> Iterator[None]:
    """No test ends in a loss of power: what a process wrote is there for others, and after its end, without a sync."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The real data beside the project: what `needs_shared` asks for."""
    folder = shared_folder()
    if folder is None:
        lacking("shared", "NOT TESTED on real data: set GSF_SHARED, or put its folder at ../shared")
    return folder


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A small project with its data; read only: take `small_project` to change it."""
    return make_data(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def untrained(small_data: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small project with an untrained network, the run `gsf-s0` of the study `s`; read only."""
    from tests.untrained import write_training  # imports torch

    made = Project(Path(shutil.copytree(small_data.root, tmp_path_factory.mktemp("untrained") / "project")))
    write_training(made)
    return made


@pytest.fixture(scope="session")
def mlflow_tables() -> Iterator[None]:
    """From now on MLflow makes its tables once; every later SQLite database of this process gets a copy of them."""
    from mlflow.store.db import utils
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    event.listen(Engine, "connect", unsynced)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "_initialize_tables", MadeOnce(utils._initialize_tables))
        yield
    event.remove(Engine, "connect", unsynced)


@pytest.fixture
def small_project(small_data: Project, tmp_path: Path) -> Callable[[], Project]:
    """Makes copies of the small project."""
    copies = iter(range(100))

    def copy() -> Project:
        root = tmp_path / f"project{next(copies)}"
        shutil.copytree(small_data.root, root)
        return Project(root)

    return copy
