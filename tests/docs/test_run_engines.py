"""What the documentation says of DVC and Snakemake, done in a clone: whole pages, in order.

Blocks of `gsf` alone are run in this process, since it takes longer to start one than most of them take.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, blocks
from tests.docs.running import call_here, in_folder, run, runs_engines, shell_word, to_run
from tests.docs.scratch import add_files, shrink
from tests.pipeline.tiny import BENCHMARK, RENDER, Clone

pytestmark = pytest.mark.pipeline

ENGINE_PAGES = [page for page in PAGES if any(runs_engines(block) for block in to_run(blocks(page)))]


def test_the_pages_of_the_runners_are_among_them() -> None:
    assert {"README.md", "docs/demo.md", "docs/pipeline.md", "docs/your-videos.md"} <= set(ENGINE_PAGES)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which `dvc repro` has run the small demo; every page goes on from a copy of its state."""
    clone = Clone(tmp_path_factory.mktemp("engines") / "project")
    shrink(clone.root)
    arrow = BENCHMARK.format(name="arrow", videos="data/arrow/videos", render=RENDER)
    clone.project.params_file("benchmarks", "arrow").write_text(arrow, encoding="utf-8")
    for name in ("LICENSE", "README.md"):
        shutil.copy(ROOT / name, clone.root)
    clone.start()
    clone.dvc("repro")
    clone.commit("results")
    for state in clone.project.work("train").rglob("state.safetensors"):  # to go on from; larger than all the rest
        state.unlink()
    return clone


@pytest.mark.parametrize("page", ENGINE_PAGES)
def test_what_a_page_says_of_the_runners_can_be_done(page: str, done: Clone, tmp_path: Path) -> None:
    clone = done.copied(tmp_path / "project")
    home = tmp_path / "home"
    add_files(clone.root, home, clone.root / "data/arrow/videos")

    def call(words: list[str]) -> None:
        if not shell_word(words):
            clone.run(*words, HOME=str(home))

    with in_folder(clone.root, HOME=str(home), GSF_WORKERS="0", GSF_MLFLOW="off"):
        for block in to_run(blocks(page)):
            if block.language == "sh":
                run([block], call if runs_engines(block) else call_here)
