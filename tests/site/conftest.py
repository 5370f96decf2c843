from __future__ import annotations

import pytest

from gsf.project import Project
from gsf.site.build import site_files
from gsf.site.draw_frames import draw_frames
from gsf.site.draw_gates import Asked, draw_gates
from gsf.site.measure_speed import measure_speed
from tests.site.made import make_hostile, make_shown


@pytest.fixture(scope="session")
def shown(small_data: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished study with its pictures; read only."""
    project = make_shown(small_data, tmp_path_factory.mktemp("shown") / "project")
    draw_frames(project, "demo")
    draw_gates(project, Asked("demo"))
    measure_speed(project, "demo", device="cpu", threads=1, rounds=1)
    return project


@pytest.fixture(scope="session")
def site(shown: Project) -> dict[str, bytes]:
    """All files of its site."""
    return dict(site_files(shown, ["demo"]))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """All files of the site of a study whose names are out to harm."""
    return dict(site_files(make_hostile(tmp_path_factory.mktemp("hostile")), ["bad"]))
