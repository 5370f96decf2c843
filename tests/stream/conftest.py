from __future__ import annotations

from collections.abc import Callable

import pytest

from gsf.project import Project
from tests.stream.typed import write_network


@pytest.fixture
def project(small_project: Callable[[], Project], monkeypatch: pytest.MonkeyPatch) -> Project:
    """The current folder: the small project with the run gsf-causal-s0 of the study `s`."""
    made = small_project()
    made.plan_file.write_text("study: s\n")
    write_network(made, "gsf-causal-s0", causal=True)
    monkeypatch.chdir(made.root)
    return made


@pytest.fixture
def video(project: Project) -> str:
    """Of 8 to 10 frames, 12 a second."""
    return str(min((project.root / "data/arrow/videos/up").glob("*.mp4")))
