"""Every command and every line of Python in the documentation that needs nothing special does what it says.

Blocks with DVC, Snakemake or MLflow's own commands are run by test_run_engines.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gsf.project import Project
from tests.docs.pages import PAGES, blocks
from tests.docs.running import call_here, in_folder, run, runs_engines, to_run
from tests.docs.scratch import add_files, copy_demo, make_demo

QUICK = {page: found for page in PAGES if (found := [b for b in to_run(blocks(page)) if not runs_engines(b)])}


@pytest.fixture(scope="module")
def demo(small_data: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The finished demo, small; read only."""
    return make_demo(small_data, tmp_path_factory.mktemp("documented") / "demo")


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers that no page checks take less time: speeds, and shapes that pass through a network a block at a time."""
    monkeypatch.setattr("gsf.site.measure_speed.CLIPS", 1)
    monkeypatch.setattr("gsf.nn.blocks.BLOCK", 1 << 40)


@pytest.mark.usefixtures("hurried", "mlflow_tables")
@pytest.mark.parametrize("page", QUICK)
def test_what_a_page_says_can_be_done(page: str, demo: Project, tmp_path: Path) -> None:
    root, home = tmp_path / "project", tmp_path / "home"
    copy_demo(demo, root)
    add_files(root, home, demo.root / "data/arrow/videos")
    with in_folder(root, HOME=str(home), GSF_WORKERS="0", GSF_MLFLOW="off"):
        run(QUICK[page], call_here)
