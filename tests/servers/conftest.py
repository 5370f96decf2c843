from __future__ import annotations

import pytest

from gsf.project import Project
from tests.tracking.with_networks import finish_with_networks


@pytest.fixture(scope="session")
def finished_with_networks(small_data: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return finish_with_networks(small_data, tmp_path_factory.mktemp("networks") / "project")
