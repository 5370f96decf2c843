from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gsf.project import Project
from tests.stream.typed import write_network


@pytest.fixture(scope="session")
def followed(small_data: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(Path(shutil.copytree(small_data.root, tmp_path_factory.mktemp("stream") / "project")))
    made.plan_file.write_text("study: s\n")
    write_network(made, "gsf-causal-s0", causal=True)
    write_network(made, "gsf-s0", causal=False)
    return made


@pytest.fixture
def project(followed: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The current folder: the small project with the runs gsf-causal-s0 and gsf-s0 of the study `s`; read only."""
    monkeypatch.chdir(followed.root)
    return followed


@pytest.fixture
def video(project: Project) -> str:
    """Of 8 to 10 frames, 12 a second."""
    return str(min((project.root / "data/arrow/videos/up").glob("*.mp4")))
